/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting programs with posix_spawn(3).
 */
#define _GNU_SOURCE
#include "CReeveLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int add_actions(posix_spawn_file_actions_t *actions, const struct reeve_spawn *request) {
    int error = 0;
    for (int target = 0; target < 3 && !error; target++)
        error = posix_spawn_file_actions_adddup2(actions, request->streams[target], target);
    for (int index = 0; request->has_extras && index < 2 && !error; index++)
        error = posix_spawn_file_actions_adddup2(actions, request->extras[index], 3 + index);
    if (!error)
        error = posix_spawn_file_actions_addclosefrom_np(actions, request->has_extras ? 5 : 3);
    if (!error && request->directory)
        error = posix_spawn_file_actions_addchdir_np(actions, request->directory);
    return error;
}

static int set_attributes(posix_spawnattr_t *attributes) {
    sigset_t all, none;
    /* Not sigfillset, which leaves out the two signals that glibc keeps for itself: posix_spawn
     * would then set them to "ignored" for the child. */
    memset(&all, 0xFF, sizeof all);
    sigemptyset(&none);
    int error = posix_spawnattr_setsigdefault(attributes, &all);
    if (!error) error = posix_spawnattr_setsigmask(attributes, &none);
    if (!error)
        error = posix_spawnattr_setflags(
            attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    return error;
}

/* The child takes its limits over from us in the moment it is made (clone copies them), so ours is
 * set to the child's value for the time of the call: that alone has no race. prlimit(2) on the
 * child afterwards would come after its first instructions, when a program has already sized its
 * tables by the limit. Our own open descriptors do not mind a limit below their numbers. In the
 * child nothing is opened before the exec, only dup2 to 0, 1 and 2, so the low limit cannot fail it
 * either. */
static int spawn_within_limit(
    const struct reeve_spawn *request, const posix_spawn_file_actions_t *actions,
    const posix_spawnattr_t *attributes, int32_t *pid) {
    struct rlimit own, child;
    int lowered = 0;
    if (request->has_nofile && getrlimit(RLIMIT_NOFILE, &own) == 0) {
        child = own;
        child.rlim_cur = request->nofile < own.rlim_max ? request->nofile : own.rlim_max;
        lowered = child.rlim_cur != own.rlim_cur && setrlimit(RLIMIT_NOFILE, &child) == 0;
    }
    pid_t started = 0;
    int error = posix_spawn(
        &started, request->program, actions, attributes, request->arguments, request->environment);
    if (lowered) setrlimit(RLIMIT_NOFILE, &own);
    if (error) return -error;
    *pid = started;
    return 0;
}

static int spawn(const struct reeve_spawn *request, int32_t *pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error) return -error;
    error = posix_spawnattr_init(&attributes);
    if (error) {
        posix_spawn_file_actions_destroy(&actions);
        return -error;
    }
    error = add_actions(&actions, request);
    if (!error) error = set_attributes(&attributes);
    int result = error ? -error : spawn_within_limit(request, &actions, &attributes, pid);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return result;
}

int reeve_spawn(const struct reeve_spawn *request, int32_t *pid) {
    if (!request->has_extras) return spawn(request, pid);
    /* Above the numbers that they get, so that none is overwritten before it is duplicated. */
    struct reeve_spawn moved = *request;
    int result = 0;
    moved.extras[1] = -1;
    moved.extras[0] = fcntl(request->extras[0], F_DUPFD_CLOEXEC, 5);
    if (moved.extras[0] >= 0) moved.extras[1] = fcntl(request->extras[1], F_DUPFD_CLOEXEC, 5);
    result = moved.extras[1] < 0 ? -errno : spawn(&moved, pid);
    if (moved.extras[0] >= 0) close(moved.extras[0]);
    if (moved.extras[1] >= 0) close(moved.extras[1]);
    return result;
}
