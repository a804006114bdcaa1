/* SPDX-License-Identifier: Apache-2.0
 *
 * libsystemd on demand: the library is loaded with dlopen(3) at the first use, so that a process
 * that no service manager started never carries it. Types and names are checked against its
 * headers when this is compiled. Not thread-safe; one thread of the supervisor role uses it. */
#ifndef REEVE_CSYSTEMD_H
#define REEVE_CSYSTEMD_H

#include <stdint.h>

/* Loads libsystemd.so.0 and finds what is used of it. Returns NULL when that succeeded, now or
 * before; else the dynamic linker's words, valid until the next call. */
const char *reeve_systemd_load(void);

/* Sends one notification, as sd_notify(3) with the environment left alone. Returns 1 when it was
 * sent, 0 when NOTIFY_SOCKET is not set, a negative errno otherwise: -ENOSYS when the library is
 * not loaded, -EAGAIN when the manager's queue is full, so that sending would wait. */
int reeve_systemd_notify(const char *state);

/* As sd_watchdog_enabled(3) with the environment left alone: 1 and the timeout in microseconds, 0
 * when no keep-alive is wanted from this process, or a negative errno. */
int reeve_systemd_watchdog(uint64_t *microseconds);

#endif
