/* SPDX-License-Identifier: Apache-2.0
 *
 * For programs that reeve runs and libraries that speak to it: signals as bytes in a pipe, what sd_notify(3)
 * sends, sockets without a file, a thread. */
#define _GNU_SOURCE
#include "CReeveLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* MARK: Signals */

/* Where the handler writes; set once, before any handler is. */
static volatile int relay = -1;
static sigset_t relayed;

static void pass_on(int signal) {
    int error = errno;
    unsigned char byte = (unsigned char)signal;
    /* A full pipe holds thousands that nobody has read yet: one more would say nothing new. */
    (void)!write(relay, &byte, 1);
    errno = error;
}

int reeve_relay_signals(uint64_t always, uint64_t unless_ignored, int *read_end) {
    if (relay >= 0) return -EBUSY;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return -errno;
    relay = ends[1];
    *read_end = ends[0];
    struct sigaction passing = {.sa_handler = pass_on, .sa_flags = SA_RESTART};
    sigemptyset(&relayed);
    for (int signal = 1; signal <= 64; signal++) {
        uint64_t bit = (uint64_t)1 << (signal - 1);
        if (!((always | unless_ignored) & bit)) continue;
        struct sigaction before;
        if (sigaction(signal, NULL, &before) < 0) return -errno;
        if (!(always & bit) && before.sa_handler == SIG_IGN) continue;
        if (sigaction(signal, &passing, NULL) < 0) return -errno;
        sigaddset(&relayed, signal);
    }
    return 0;
}

int reeve_relay_here(void) { return -pthread_sigmask(SIG_UNBLOCK, &relayed, NULL); }

/* MARK: Sockets */

static socklen_t make_address(
    struct sockaddr_un *address, const char *name, size_t length, int is_abstract) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (length == 0 || length > sizeof address->sun_path - 1) return 0;
    memcpy(address->sun_path + (is_abstract ? 1 : 0), name, length);
    return offsetof(struct sockaddr_un, sun_path) + 1 + length;
}

int reeve_notify_sender_socket(void) {
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

int64_t reeve_notify_send(
    int fd, const char *name, size_t length, int is_abstract, const void *bytes, size_t count) {
    struct sockaddr_un address;
    socklen_t size = make_address(&address, name, length, is_abstract);
    if (!size) return -ENAMETOOLONG;
    ssize_t sent;
    do
        sent = sendto(fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&address,
                      size);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

int reeve_abstract_listen(const char *name, size_t length, int backlog) {
    struct sockaddr_un address;
    socklen_t size = make_address(&address, name, length, 1);
    if (!size) return -ENAMETOOLONG;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, backlog) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int reeve_abstract_connect(const char *name, size_t length) {
    struct sockaddr_un address;
    socklen_t size = make_address(&address, name, length, 1);
    if (!size) return -ENAMETOOLONG;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (connect(fd, (struct sockaddr *)&address, size) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int reeve_socket_shutdown(int fd) { return shutdown(fd, SHUT_RDWR) < 0 ? -errno : 0; }

/* MARK: Threads and memory */

struct thread {
    void (*body)(void *context);
    void *context;
    sigset_t mask;
};

static void *run_thread(void *argument) {
    struct thread thread = *(struct thread *)argument;
    free(argument);
    pthread_sigmask(SIG_SETMASK, &thread.mask, NULL);
    thread.body(thread.context);
    return NULL;
}

/* The new thread is born with everything blocked and then has the mask. */
static int start_thread(const struct thread *wanted, const pthread_attr_t *attributes, pthread_t *started) {
    struct thread *thread = malloc(sizeof *thread);
    if (!thread) return -ENOMEM;
    *thread = *wanted;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(started, attributes, run_thread, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) free(thread);
    return -error;
}

int reeve_thread_start(void (*body)(void *context), void *context) {
    struct thread thread = {.body = body, .context = context};
    /* Signals are for the program's own threads. */
    sigfillset(&thread.mask);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t started;
    int result = start_thread(&thread, &attributes, &started);
    pthread_attr_destroy(&attributes);
    return result;
}

int reeve_thread_run(void (*body)(void *context), void *context) {
    /* A heap of its own for each thread would keep what the other one freed. */
    mallopt(M_ARENA_MAX, 1);
    struct thread thread = {.body = body, .context = context};
    /* What the body does not block would otherwise come to the thread that waits. */
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &thread.mask);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    /* Address space only; without a size it would depend on the caller's limit of the stack. */
    pthread_attr_setstacksize(&attributes, (size_t)8 << 20);
    pthread_t started;
    int result = start_thread(&thread, &attributes, &started);
    pthread_attr_destroy(&attributes);
    if (!result) pthread_join(started, NULL);
    pthread_sigmask(SIG_SETMASK, &thread.mask, NULL);
    return result;
}

void reeve_trim_heap(void) { malloc_trim(0); }

void reeve_buffer_lines(void) { setvbuf(stdout, NULL, _IOLBF, 0); }
