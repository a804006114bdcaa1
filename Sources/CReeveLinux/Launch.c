/* SPDX-License-Identifier: Apache-2.0
 *
 * The last steps of a launcher, from its limits to the program. They are one function without an
 * allocation, because a limit may leave no memory for any, and a user no leave.
 */
#define _GNU_SOURCE
#include "CReeveLinux.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

int reeve_set_umask(unsigned mask) {
    umask((mode_t)mask);
    return 0;
}

int reeve_set_nice(int value) { return setpriority(PRIO_PROCESS, 0, value) < 0 ? -errno : 0; }

int reeve_limit_number(const char *name) {
    static const struct {
        const char *name;
        int number;
    } known[] = {
        {"as", RLIMIT_AS},           {"core", RLIMIT_CORE},       {"cpu", RLIMIT_CPU},
        {"data", RLIMIT_DATA},       {"fsize", RLIMIT_FSIZE},     {"locks", RLIMIT_LOCKS},
        {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
        {"nofile", RLIMIT_NOFILE},   {"nproc", RLIMIT_NPROC},     {"rss", RLIMIT_RSS},
        {"rtprio", RLIMIT_RTPRIO},   {"rttime", RLIMIT_RTTIME},
        {"sigpending", RLIMIT_SIGPENDING}, {"stack", RLIMIT_STACK},
    };
    for (size_t index = 0; index < sizeof known / sizeof *known; index++)
        if (strcmp(known[index].name, name) == 0) return known[index].number;
    return -EINVAL;
}

/* A report that nobody reads any more is no reason not to go on. */
static void report(int fd, const char *text, int length) {
    if (length > 0 && write(fd, text, (size_t)length) < 0) return;
}

/* What may not be had is as near to it as may be. */
static void set_limit(const struct reeve_launch *launch, size_t index) {
    const struct reeve_launch_limit *wanted = &launch->limits[index];
    struct rlimit own, limit = {wanted->soft, wanted->hard};
    if (setrlimit(wanted->resource, &limit) == 0) return;
    int error = errno;
    if (getrlimit(wanted->resource, &own) == 0) {
        if (limit.rlim_max > own.rlim_max) limit.rlim_max = own.rlim_max;
        if (limit.rlim_cur > limit.rlim_max) limit.rlim_cur = limit.rlim_max;
        if (setrlimit(wanted->resource, &limit) < 0) limit = own;
    }
    char line[128];
    int length = snprintf(
        line, sizeof line, "limit %zu %d %llu %llu\n", index, error,
        (unsigned long long)limit.rlim_cur, (unsigned long long)limit.rlim_max);
    report(launch->report, line, length);
}

/* Without the right to change groups a process keeps its own, which is right for its own user. */
static int set_groups(const struct reeve_launch *launch) {
    if (!launch->has_groups) return 0;
    if (setgroups(launch->group_count, launch->groups) == 0) return 0;
    int error = errno;
    int is_own = !launch->has_user || geteuid() == launch->user;
    return error == EPERM && is_own && geteuid() != 0 ? 0 : -error;
}

static int execute(const struct reeve_launch *launch) {
    int refused = 0;
    report(launch->report, "exec\n", 5);
    for (char *const *program = launch->programs; *program; program++) {
        execve(*program, launch->arguments, launch->environment);
        if (errno == EACCES) refused = 1;
        int is_elsewhere = errno == ENOENT || errno == ENOTDIR || errno == EACCES;
        if (!is_elsewhere || !program[1]) return refused && is_elsewhere ? -EACCES : -errno;
    }
    return -ENOENT;
}

int reeve_launch(const struct reeve_launch *launch, int *step) {
    int error;
    for (size_t index = 0; index < launch->limit_count; index++) set_limit(launch, index);
    *step = REEVE_LAUNCH_GROUPS;
    if ((error = set_groups(launch)) < 0) return error;
    *step = REEVE_LAUNCH_GROUP;
    if (launch->has_group && setresgid(launch->group, launch->group, launch->group) < 0)
        return -errno;
    *step = REEVE_LAUNCH_USER;
    if (launch->has_user && setresuid(launch->user, launch->user, launch->user) < 0) return -errno;
    *step = REEVE_LAUNCH_DIRECTORY;
    if (launch->directory && chdir(launch->directory) < 0) return -errno;
    *step = REEVE_LAUNCH_PROGRAM;
    return execute(launch);
}
