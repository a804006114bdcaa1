/* SPDX-License-Identifier: Apache-2.0
 *
 * libsystemd on demand: the library is loaded with dlopen(3) at the first use, so that a process
 * that no service manager started never carries it. Types and names are checked against its
 * headers when this is compiled. Not thread-safe; one thread of the supervisor role uses it. */
#ifndef REEVE_CSYSTEMD_H
#define REEVE_CSYSTEMD_H

#include <stddef.h>
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

/* As sd_listen_fds_with_names(3), which also takes LISTEN_* out of the environment: how many
 * sockets the manager handed over, from descriptor 3 on and closed on exec from now on, or a
 * negative errno. -ENOSYS when the library is not loaded. */
int reeve_systemd_listen(void);

/* The name of one of them, "unknown" where it has none; NULL when the index is out of range. Valid for
 * ever. */
const char *reeve_systemd_listen_name(int index);

/* Whether the descriptor is a stream socket of AF_UNIX that listens. */
int reeve_systemd_is_listening(int fd);

/* Sends one entry to the journal, as sd_journal_sendv(3): `fields` holds the fields ("KEY=value", any
 * bytes in the value) one after the other, `lengths` their lengths. Returns 0, or a negative errno:
 * -ENOSYS when the library is not loaded, -EAGAIN when the journal's queue is full, so that sending
 * would wait, -ENOENT and -ECONNREFUSED when there is no journal. */
int reeve_journal_send(const uint8_t *fields, const size_t *lengths, int count);

#endif
