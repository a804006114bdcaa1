/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CReeveLinux.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int reeve_sync_setup(uint64_t *context) {
    aio_context_t made = 0;
    if (syscall(SYS_io_setup, 1, &made) < 0) return -errno;
    *context = made;
    return 0;
}

int reeve_sync_destroy(uint64_t context) {
    return syscall(SYS_io_destroy, (aio_context_t)context) < 0 ? -errno : 0;
}

int reeve_sync_event(void) {
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return event < 0 ? -errno : event;
}

/* The kernel copies the request before the call returns, so that it may live on the stack. */
int reeve_sync_submit(uint64_t context, int fd, int event) {
    struct iocb request;
    memset(&request, 0, sizeof request);
    request.aio_lio_opcode = IOCB_CMD_FDSYNC;
    request.aio_fildes = (uint32_t)fd;
    request.aio_flags = IOCB_FLAG_RESFD;
    request.aio_resfd = (uint32_t)event;
    struct iocb *requests[1] = {&request};
    return syscall(SYS_io_submit, (aio_context_t)context, 1L, requests) < 0 ? -errno : 0;
}

int reeve_sync_collect(uint64_t context, int event, int64_t *result) {
    uint64_t count;
    /* Nothing there (EAGAIN) is fine: the completion is asked for below. */
    if (read(event, &count, sizeof count) < 0 && errno != EAGAIN && errno != EINTR) return -errno;
    struct io_event done;
    struct timespec none = {0, 0};
    long found;
    do
        found = syscall(SYS_io_getevents, (aio_context_t)context, 0L, 1L, &done, &none);
    while (found < 0 && errno == EINTR);
    if (found < 0) return -errno;
    if (found == 1) *result = done.res;
    return (int)found;
}

int reeve_truncate(int fd, int64_t size) {
    int result;
    do
        result = ftruncate(fd, size);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : 0;
}

int reeve_rename(const char *old_path, const char *new_path) {
    return rename(old_path, new_path) < 0 ? -errno : 0;
}
