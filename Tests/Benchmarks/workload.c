// SPDX-License-Identifier: Apache-2.0
//
// The one program that every supervisor under measurement runs.
//
//   workload RECORDS INDEX MODE [ARGUMENT]
//
// RECORDS is the shared file in which each start leaves its time ("-": none), INDEX the number of the service,
// MODE one of
//   sleep          wait for ever; SIGTERM has its default action
//   ignore         the same, but SIGTERM is ignored
//   storm COUNT    wait for the word to go, make COUNT double-forked orphans, note the end, wait for ever
//
// Called without arguments, as the `run` file of a service directory, it takes them from the file `pbargs`, so
// that no shell stands in between.
//
// The file begins with a page of counters (struct header) and goes on with slots (struct record); a slot counts
// when its `kind`, which is written last, is not zero.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct header { uint64_t count, go, storm_start, storm_end, forkfail; };
struct record { uint64_t mono, real; uint32_t idx, pid, kind, pad; };

static uint64_t now(clockid_t c) {
    struct timespec t;
    clock_gettime(c, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void nap_ms(long ms) {
    struct timespec t = { ms / 1000, (ms % 1000) * 1000000L };
    while (nanosleep(&t, &t) && errno == EINTR) {}
}

static void forever(void) { for (;;) pause(); }

static void storm(struct header *h, long count) {
    while (!__atomic_load_n(&h->go, __ATOMIC_ACQUIRE)) nap_ms(1);
    h->storm_start = now(CLOCK_MONOTONIC);
    long fails = 0;
    for (long i = 0; i < count; ) {
        pid_t p = fork();
        if (p < 0) {
            h->forkfail++;
            if (++fails > 20000) break;
            nap_ms(1);
            continue;
        }
        if (p == 0) {
            pid_t g;
            while ((g = fork()) < 0) nap_ms(1);
            _exit(0);              /* intermediate and orphan both end here */
        }
        while (waitpid(p, NULL, 0) < 0 && errno == EINTR) {}
        i++;
    }
    h->storm_end = now(CLOCK_MONOTONIC);
}

int main(int argc, char **argv) {
    uint64_t mono = now(CLOCK_MONOTONIC), real = now(CLOCK_REALTIME);
    char buf[4096], *av[16];
    if (argc <= 2 && access("pbargs", R_OK) == 0) {   /* s6 passes the service name */
        int fd = open("pbargs", O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf - 1);
        if (n < 0) return 64;
        close(fd);
        buf[n] = 0;
        argc = 1;
        for (char *s = strtok(buf, " \n"); s && argc < 15; s = strtok(NULL, " \n"))
            av[argc++] = s;
        av[argc] = NULL;
        argv = av;
    }
    const int a = 1;
    if (argc - a < 3) { fputs("usage: workload RECORDS INDEX MODE [ARGUMENT]\n", stderr); return 64; }
    const char *path = argv[a], *mode = argv[a + 2];
    uint32_t idx = (uint32_t)strtoul(argv[a + 1], NULL, 10);
    long arg = argc - a > 3 ? strtol(argv[a + 3], NULL, 10) : 0;

    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGTERM, !strcmp(mode, "ignore") ? SIG_IGN : SIG_DFL);

    struct header *h = NULL;
    if (strcmp(path, "-")) {
        int fd = open(path, O_RDWR | O_CLOEXEC);
        struct stat st;
        if (fd < 0 || fstat(fd, &st)) return 66;
        h = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (h == MAP_FAILED) return 67;
        close(fd);
        uint64_t slot = __atomic_fetch_add(&h->count, 1, __ATOMIC_ACQ_REL);
        if (4096 + (slot + 1) * sizeof(struct record) <= (uint64_t)st.st_size) {
            struct record *r = (struct record *)((char *)h + 4096) + slot;
            r->mono = mono;
            r->real = real;
            r->idx = idx;
            r->pid = (uint32_t)getpid();
            __atomic_store_n(&r->kind, 1, __ATOMIC_RELEASE);
        }
        if (strcmp(mode, "storm")) { munmap(h, (size_t)st.st_size); h = NULL; }
    }
    if (!strcmp(mode, "sleep") || !strcmp(mode, "ignore")) forever();
    if (!strcmp(mode, "storm") && h) { storm(h, arg); forever(); }
    return 64;
}
