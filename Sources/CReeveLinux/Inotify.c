/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CReeveLinux.h"

#include <errno.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

int reeve_inotify_create(void) {
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int reeve_inotify_add(int fd, const char *path, uint32_t mask) {
    int watch = inotify_add_watch(fd, path, mask);
    return watch < 0 ? -errno : watch;
}

int reeve_inotify_remove(int fd, int watch) {
    return inotify_rm_watch(fd, watch) < 0 ? -errno : 0;
}

static int64_t nanoseconds(struct timespec time) {
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int reeve_file_stamp(const char *path, struct reeve_file_stamp *stamp) {
    struct stat found;
    if (stat(path, &found) < 0) return -errno;
    stamp->device = found.st_dev;
    stamp->inode = found.st_ino;
    stamp->size = found.st_size;
    stamp->modified = nanoseconds(found.st_mtim);
    stamp->changed = nanoseconds(found.st_ctim);
    return 0;
}

int64_t reeve_read_link(const char *path, char *buffer, size_t count) {
    ssize_t length = readlink(path, buffer, count);
    return length < 0 ? -errno : length;
}
