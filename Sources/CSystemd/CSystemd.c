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
#include <sys/uio.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

static __typeof__(sd_notify) *notify;
static __typeof__(sd_watchdog_enabled) *watchdog_enabled;
static __typeof__(sd_listen_fds_with_names) *listen_with_names;
static __typeof__(sd_is_socket_unix) *is_socket_unix;
static __typeof__(sd_journal_sendv) *journal_sendv;

static bool is_loaded(void) {
    return notify != NULL && watchdog_enabled != NULL && listen_with_names != NULL
           && is_socket_unix != NULL && journal_sendv != NULL;
}

const char *reeve_systemd_load(void) {
    if (is_loaded())
        return NULL;
    (void)dlerror();
    void *library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
    if (library != NULL) {
        /* POSIX lets an object pointer be converted to a function pointer this way. */
        *(void **)&notify = dlsym(library, "sd_notify");
        *(void **)&watchdog_enabled = dlsym(library, "sd_watchdog_enabled");
        *(void **)&listen_with_names = dlsym(library, "sd_listen_fds_with_names");
        *(void **)&is_socket_unix = dlsym(library, "sd_is_socket_unix");
        *(void **)&journal_sendv = dlsym(library, "sd_journal_sendv");
        if (is_loaded())
            return NULL; /* The library stays for the life of the process. */
    }
    const char *words = dlerror();
    return words != NULL ? words : "libsystemd.so.0 lacks a function";
}

/* sd_notify sends with a blocking socket, and waits where the receiver's queue is full. Whether it
 * would is asked first with a socket of our own: poll(2) looks into the queue of a connected peer.
 * Between the two calls another service may fill the last place; then the wait is as long as the
 * manager takes to read one message. Addresses that are no AF_UNIX path are left to the library.
 * Returns -EAGAIN where sending would wait, another negative errno where nobody is there, else 0. */
static int probe(const char *address) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    size_t length = strlen(address);
    if ((address[0] != '/' && address[0] != '@') || length >= sizeof name.sun_path)
        return 0;
    memcpy(name.sun_path, address, length);
    if (address[0] == '@')
        name.sun_path[0] = '\0';
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length
                                 + (address[0] == '/' ? 1 : 0));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return 0; /* The library will say why. */
    int result = 0;
    if (connect(fd, (const struct sockaddr *)&name, size) == 0) {
        struct pollfd entry = {.fd = fd, .events = POLLOUT};
        if (poll(&entry, 1, 0) == 0)
            result = -EAGAIN;
    } else {
        result = -errno;
    }
    (void)close(fd);
    return result;
}

int reeve_systemd_notify(const char *state) {
    const char *address = getenv("NOTIFY_SOCKET");
    if (address == NULL)
        return 0;
    if (notify == NULL)
        return -ENOSYS;
    if (probe(address) == -EAGAIN)
        return -EAGAIN;
    return notify(0, state);
}

int reeve_systemd_watchdog(uint64_t *microseconds) {
    *microseconds = 0;
    return watchdog_enabled != NULL ? watchdog_enabled(0, microseconds) : -ENOSYS;
}

static char **listen_names;
static int listen_count;

int reeve_systemd_listen(void) {
    if (listen_with_names == NULL)
        return -ENOSYS;
    int count = listen_with_names(1, &listen_names);
    listen_count = count > 0 ? count : 0;
    return count;
}

const char *reeve_systemd_listen_name(int index) {
    return index >= 0 && index < listen_count && listen_names != NULL ? listen_names[index] : NULL;
}

int reeve_systemd_is_listening(int fd) {
    return is_socket_unix != NULL && is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) > 0;
}

enum { FIELDS_MAX = 8 };

int reeve_journal_send(const uint8_t *fields, const size_t *lengths, int count) {
    if (journal_sendv == NULL)
        return -ENOSYS;
    if (count < 1 || count > FIELDS_MAX)
        return -EINVAL;
    int result = probe("/run/systemd/journal/socket");
    if (result < 0)
        return result;
    struct iovec vector[FIELDS_MAX];
    for (int i = 0; i < count; i++) {
        vector[i] = (struct iovec){.iov_base = (void *)(uintptr_t)fields, .iov_len = lengths[i]};
        fields += lengths[i];
    }
    return journal_sendv(vector, count);
}
