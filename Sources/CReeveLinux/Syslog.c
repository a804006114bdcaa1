/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CReeveLinux.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

int reeve_syslog_socket(void) {
    int one = 1;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    /* Without it who has sent is not known; the message is read all the same. */
    (void)setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
    return fd;
}

int64_t reeve_syslog_receive(
    int fd, void *buffer, size_t count, int32_t *pid, int *is_cut) {
    char control[CMSG_SPACE(sizeof(struct ucred))] __attribute__((aligned(8)));
    struct iovec piece = {.iov_base = buffer, .iov_len = count};
    struct msghdr message = {
        .msg_iov = &piece,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof control,
    };
    ssize_t length;
    do
        /* Descriptors that somebody sends along find no room, and are closed by the kernel. */
        length = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (length < 0 && errno == EINTR);
    if (length < 0) return -errno;
    *is_cut = (message.msg_flags & MSG_TRUNC) != 0;
    *pid = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
        struct ucred sender;
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS) continue;
        memcpy(&sender, CMSG_DATA(part), sizeof sender);
        *pid = sender.pid;
    }
    return length;
}
