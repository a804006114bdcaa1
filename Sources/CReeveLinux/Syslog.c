/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CReeveLinux.h"

#include <errno.h>
#include <sys/socket.h>

int reeve_syslog_socket(void) {
    int one = 1;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    /* Without it who has sent is not known; the message is read all the same. */
    (void)setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
    reeve_refuse_descriptors(fd);
    return fd;
}
