/* SPDX-License-Identifier: Apache-2.0
 *
 * What an init needs beyond a supervisor: to read every signal there is, to see its child stop, and
 * to start a program that finds signals, environment and terminal as if there were no init between.
 */
#define _GNU_SOURCE
#include "CReeveLinux.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* The system calls rather than glibc's functions, which leave out two signals that glibc keeps for
 * itself: no handler of ours needs them, and a program may have been given them blocked. */
static int set_mask(uint64_t mask, uint64_t *before) {
    return syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, before, sizeof mask) < 0 ? -errno : 0;
}

int reeve_init_take_signals(uint64_t *blocked, int *child_ignored) {
    int error = set_mask(~(uint64_t)0, blocked);
    if (error) return error;
    struct sigaction before, standard = {.sa_handler = SIG_DFL};
    if (sigaction(SIGCHLD, &standard, &before) < 0) return -errno;
    *child_ignored = before.sa_handler == SIG_IGN;
    return 0;
}

int reeve_signal_wait(
    uint64_t mask, int64_t nanoseconds, struct reeve_received_signal *received) {
    siginfo_t info = {0};
    struct timespec timeout = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    long result = syscall(
        SYS_rt_sigtimedwait, &mask, &info, nanoseconds < 0 ? NULL : &timeout, sizeof mask);
    if (result < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    received->signal = (int32_t)result;
    received->code = info.si_code;
    received->pid = info.si_pid;
    received->user = info.si_uid;
    return 1;
}

int reeve_wait_change(struct reeve_exit *change) {
    siginfo_t info = {0};
    int flags = WEXITED | WSTOPPED | WNOHANG | __WALL;
    int result;
    do
        result = waitid(P_ALL, 0, &info, flags);
    while (result < 0 && errno == EINTR);
    if (result < 0) return -errno;
    if (info.si_pid == 0) return 0;
    change->pid = info.si_pid;
    change->status = info.si_status;
    change->how = info.si_code == CLD_EXITED    ? 0
                  : info.si_code == CLD_KILLED  ? 1
                  : info.si_code == CLD_DUMPED  ? 2
                                                : 3;
    return 1;
}

int reeve_set_parent_death_signal(int signal) {
    return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0) < 0 ? -errno : 0;
}

int reeve_terminal_detach(int fd) { return ioctl(fd, TIOCNOTTY) < 0 ? -errno : 0; }

static void say(const char *program, const char *words, const char *name) {
    dprintf(2, "reeve init: %s: cannot be executed: %s (%s)\n", program, words, name);
}

/* Runs in the child, in our memory while we wait (vfork): system calls and nothing that would be
 * left behind. A failure to move to another group or to take the terminal is none of the program's:
 * it runs where it is. */
static void become(const struct reeve_init_start *start) {
    if (start->placement == REEVE_INIT_SESSION) {
        setsid();
        if (start->terminal) ioctl(0, TIOCSCTTY, 0);
    }
    if (start->placement == REEVE_INIT_GROUP) {
        setpgid(0, 0);
        /* Every signal is blocked, SIGTTOU among them, so this does not stop us. */
        if (start->terminal) tcsetpgrp(0, getpid());
    }
    if (start->dies_with_us) prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    struct sigaction ignored = {.sa_handler = SIG_IGN};
    if (start->child_ignored) sigaction(SIGCHLD, &ignored, NULL);
    set_mask(start->blocked, NULL);
    execvp(start->arguments[0], start->arguments);
    int error = errno;
    const char *words = strerrordesc_np(error), *name = strerrorname_np(error);
    say(start->arguments[0], words ? words : "unknown error", name ? name : "?");
    _exit(error == ENOENT ? 127 : 126);
}

int reeve_init_start(const struct reeve_init_start *start, int32_t *pid) {
    pid_t child = vfork();
    if (child == 0) become(start);
    if (child < 0) return -errno;
    *pid = child;
    return 0;
}
