/* SPDX-License-Identifier: Apache-2.0
 *
 * What a process knows of itself and of others without /proc.
 */
#define _GNU_SOURCE
#include "CReeveLinux.h"

#include <errno.h>
#include <unistd.h>

static int argument_count;
static char **arguments;

/* glibc hands the arguments of main to every constructor. Swift's CommandLine reads them from
 * /proc/self/cmdline, and has none where there is no /proc. */
__attribute__((constructor)) static void keep_arguments(int count, char **values) {
    argument_count = count;
    arguments = values;
}

int reeve_argument_count(void) { return argument_count; }
char **reeve_arguments(void) { return arguments; }

int32_t reeve_session(int32_t pid) {
    pid_t session = getsid(pid);
    return session < 0 ? -errno : session;
}

int32_t reeve_group(int32_t pid) {
    pid_t group = getpgid(pid);
    return group < 0 ? -errno : group;
}
