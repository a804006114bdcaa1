/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CSystemd.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

static __typeof__(sd_notify) *notify;
static __typeof__(sd_watchdog_enabled) *watchdog_enabled;

const char *reeve_systemd_load(void) {
    if (notify != NULL && watchdog_enabled != NULL)
        return NULL;
    (void)dlerror();
    void *library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
    if (library != NULL) {
        /* POSIX lets an object pointer be converted to a function pointer this way. */
        *(void **)&notify = dlsym(library, "sd_notify");
        *(void **)&watchdog_enabled = dlsym(library, "sd_watchdog_enabled");
        if (notify != NULL && watchdog_enabled != NULL)
            return NULL; /* The library stays for the life of the process. */
    }
    const char *words = dlerror();
    return words != NULL ? words : "libsystemd.so.0 lacks a function";
}

/* sd_notify sends with a blocking socket, and waits where the receiver's queue is full. Whether it
 * would is asked first with a socket of our own: poll(2) looks into the queue of a connected peer.
 * Between the two calls another service may fill the last place; then the wait is as long as the
 * manager takes to read one message. Addresses that are no AF_UNIX path are left to the library. */
static bool would_wait(const char *address) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    size_t length = strlen(address);
    if ((address[0] != '/' && address[0] != '@') || length >= sizeof name.sun_path)
        return false;
    memcpy(name.sun_path, address, length);
    if (address[0] == '@')
        name.sun_path[0] = '\0';
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length
                                 + (address[0] == '/' ? 1 : 0));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false; /* The library will say why. */
    bool full = false;
    if (connect(fd, (const struct sockaddr *)&name, size) == 0) {
        struct pollfd entry = {.fd = fd, .events = POLLOUT};
        full = poll(&entry, 1, 0) == 0;
    }
    (void)close(fd);
    return full;
}

int reeve_systemd_notify(const char *state) {
    const char *address = getenv("NOTIFY_SOCKET");
    if (address == NULL)
        return 0;
    if (notify == NULL)
        return -ENOSYS;
    if (would_wait(address))
        return -EAGAIN;
    return notify(0, state);
}

int reeve_systemd_watchdog(uint64_t *microseconds) {
    *microseconds = 0;
    return watchdog_enabled != NULL ? watchdog_enabled(0, microseconds) : -ENOSYS;
}
