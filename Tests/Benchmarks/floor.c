// SPDX-License-Identifier: Apache-2.0
//
// The yardstick: as little as anything that keeps programs running can do. It takes one command a line from
// a file, spawns them all, starts again whatever ends, and reaps what it inherits. SIGTERM is handed on, and
// followed by SIGKILL after two seconds. It has no output, no socket, no back-off and no memory of anything.
//
//   floor FILE
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
#define MAXN 20000
static char **av[MAXN];
static pid_t pid_of[MAXN];
static int of_pid[1 << 22];               /* pid -> service + 1, touched pages only */
static int n, live;

static void start(int i) {
    posix_spawnattr_t a;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&a);
    posix_spawnattr_setsigmask(&a, &none);
    posix_spawnattr_setsigdefault(&a, &all);
    posix_spawnattr_setflags(&a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    if (!posix_spawn(&pid_of[i], av[i][0], NULL, &a, av[i], environ)) {
        of_pid[pid_of[i]] = i + 1;
        live++;
    }
    posix_spawnattr_destroy(&a);
}

int main(int argc, char **argv) {
    if (argc < 2) return 64;
    FILE *f = fopen(argv[1], "r");
    char line[4096];
    while (f && n < MAXN && fgets(line, sizeof line, f)) {
        char **v = calloc(12, sizeof *v);
        int k = 0;
        for (char *s = strtok(line, " \n"); s && k < 11; s = strtok(NULL, " \n")) v[k++] = strdup(s);
        if (k) av[n++] = v;
    }
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < n; i++) start(i);
    int stopping = 0;
    for (;;) {
        struct timespec two = { 2, 0 };
        int sig = stopping ? sigtimedwait(&set, NULL, &two) : sigwaitinfo(&set, NULL);
        if (sig == SIGTERM || (stopping && sig < 0 && errno == EAGAIN)) {
            for (int i = 0; i < n; i++)
                if (pid_of[i] > 0) kill(pid_of[i], stopping ? SIGKILL : SIGTERM);
            stopping = 1;
        }
        for (pid_t p; (p = waitpid(-1, NULL, WNOHANG)) > 0;) {
            int i = of_pid[p] - 1;
            if (i < 0) continue;
            of_pid[p] = 0;
            pid_of[i] = 0;
            live--;
            if (!stopping) start(i);
        }
        if (stopping && !live) return 0;
    }
}
