// SPDX-License-Identifier: Apache-2.0
//
// The program that the end-to-end tests give to reeve as its child. Its arguments are a small script: steps
// that are carried out from left to right, so that a test says in one line how its process behaves.
//
//   reeve-test-child STEP [ARGUMENT...] STEP [ARGUMENT...] ...
//
//   say TEXT · complain TEXT     one line to standard output, to standard error
//   flood BYTES                  that many bytes of lines to standard output, -1 for ever
//   stamp FILE WORD              append "WORD PID NANOSECONDS" (CLOCK_MONOTONIC) to FILE
//   sleep MS · forever           wait; wait without end
//   await FILE                   wait until FILE exists
//   exit CODE · crash SIGNAL     end; die by that signal with its default action and no core
//   ignore SIGNAL                from now on
//   catch SIGNAL CODE            exit with CODE on it
//   listen FILE                  stamp FILE with the number of every signal that comes, and go on
//   farewell SIGNAL FILE WORD    on it, stamp FILE with WORD and exit 0
//   linger MS                    between that stamp and that exit
//   grow MB                      hold that much more memory (10^6 bytes each), every page touched
//   free SIGNAL                  on it, give back what the last `grow` holds, and go on
//   freeze                       send SIGSTOP to itself
//   first COUNT FILE STEPS end   the steps, if FILE has fewer than COUNT bytes; each passage adds a byte
//   fork STEPS end               the steps in a child, which then ends; the parent goes on at once
//   escape STEPS end             the same in a double-forked process with its own session, its working
//                                directory / and no descriptor open
//   session                      leave for a session and group of its own (in a fork)
//   scrub                        go on as a new image of this program with an empty environment
//   name WORD                    be called that in /proc/PID/comm
//   facts FILE                   write what the process was given: environment, descriptors, signals, ids
//   orphans COUNT                that many double-forked processes which end at once
//
// A script that runs out ends with code 0. Everything unexpected ends with code 99 and says why.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static const char *farewell_file, *farewell_word, *listen_file;
static long linger_milliseconds;
static char *grown_area;
static size_t grown_size;
static volatile sig_atomic_t exit_code_on[65];

static void fail(const char *what) {
    dprintf(2, "reeve-test-child: %s: %s\n", what, strerror(errno));
    _exit(99);
}

static long long monotonic(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void nap(long milliseconds) {
    struct timespec left = { milliseconds / 1000, milliseconds % 1000 * 1000000L };
    while (nanosleep(&left, &left) < 0 && errno == EINTR) {}
}

// One write: lines of several processes in one file never mix.
static void stamp(const char *file, const char *word) {
    char line[256];
    int length = snprintf(line, sizeof line, "%s %d %lld\n", word, (int)getpid(), monotonic());
    int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, line, (size_t)length) != length) fail(file);
    close(fd);
}

static void on_farewell(int number) {
    (void)number;
    stamp(farewell_file, farewell_word);
    nap(linger_milliseconds);
    _exit(0);
}

static void on_listen(int number) {
    char word[16];
    snprintf(word, sizeof word, "%d", number);
    stamp(listen_file, word);
}

static void on_catch(int number) { _exit(exit_code_on[number]); }

static void handle(int number, void (*handler)(int)) {
    struct sigaction action = { .sa_handler = handler };
    if (sigaction(number, &action, NULL) < 0) fail("sigaction");
}

// SIGKILL and SIGSTOP cannot be caught; 32 and 33 are the C library's.
static void listen_to_all(const char *file) {
    listen_file = file;
    for (int number = 1; number <= 64; number++)
        if (number != SIGKILL && number != SIGSTOP && number != 32 && number != 33)
            handle(number, on_listen);
}

static void write_whole(int fd, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t written = write(fd, bytes, count);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail("write");
        bytes += written;
        count -= (size_t)written;
    }
}

// Lines of 100 bytes, numbered.
static void flood(long long bytes) {
    for (long long number = 0; bytes < 0 || number * 100 < bytes; number++) {
        char line[128];
        memset(line, '.', sizeof line);
        line[snprintf(line, sizeof line, "flood %012lld", number)] = ' ';
        line[99] = '\n';
        write_whole(1, line, 100);
    }
}

static void grow(long megabytes) {
    size_t size = (size_t)megabytes * 1000000;
    char *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED) fail("mmap");
    for (size_t offset = 0; offset < size; offset += 4096) area[offset] = 1;
    grown_area = area;
    grown_size = size;
}

static void on_free(int number) {
    (void)number;
    if (grown_area) madvise(grown_area, grown_size, MADV_DONTNEED);
}

static void crash(int number) {
    struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);
    if (number != SIGKILL && number != SIGSTOP) handle(number, SIG_DFL);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_UNBLOCK, &all, NULL);
    raise(number);
    fail("the signal did not end the process");
}

// `name=value` lines; a list of descriptors with what they are; signals as masks of the kernel.
static void facts(const char *file) {
    int out = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (out < 0) fail(file);
    for (char **variable = environ; *variable; variable++) dprintf(out, "env %s\n", *variable);
    for (int fd = 0; fd < 1024; fd++) {
        char path[64], target[512];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t length = fd == out ? -1 : readlink(path, target, sizeof target - 1);
        if (length < 0) continue;
        target[length] = 0;
        dprintf(out, "fd %d %s\n", fd, target);
    }
    char line[512];
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof line, status))
        if (!strncmp(line, "SigBlk:", 7) || !strncmp(line, "SigIgn:", 7)) {
            line[strcspn(line, "\n")] = 0;
            dprintf(out, "%.6s %s\n", line, line + 8);
        }
    if (status) fclose(status);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    char directory[4096];
    mode_t mask = umask(0);
    umask(mask);
    dprintf(out, "pid %d\nppid %d\nsid %d\npgid %d\numask %04o\nnofile %llu\ncwd %s\n", (int)getpid(),
            (int)getppid(), (int)getsid(0), (int)getpgid(0), mask, (unsigned long long)files.rlim_cur,
            getcwd(directory, sizeof directory) ? directory : "?");
    dprintf(out, "end\n");
    close(out);
}

static void orphans(long count) {
    for (long made = 0; made < count; made++) {
        pid_t child = fork();
        if (child < 0) fail("fork");
        if (child == 0) _exit(fork() < 0 ? 99 : 0);
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    }
}

// How many arguments a step takes; -1 where no step is called that.
static int arguments_of(const char *word) {
    static const char *const steps[4] = {
        " forever freeze scrub fork escape session end ",
        " say complain flood sleep await exit crash ignore grow free name facts orphans "
        "linger listen ",
        " stamp catch first ",
        " farewell ",
    };
    char padded[32];
    snprintf(padded, sizeof padded, " %s ", word);
    for (int count = 0; count < 4; count++)
        if (strstr(steps[count], padded)) return count;
    return -1;
}

// Where the block that begins at `step` ends: the index of its own `end`.
static int block_end(char **step, int from) {
    int depth = 1;
    for (int index = from; step[index];) {
        const char *word = step[index];
        if (!strcmp(word, "fork") || !strcmp(word, "escape") || !strcmp(word, "first")) depth++;
        if (!strcmp(word, "end") && --depth == 0) return index;
        for (int rest = arguments_of(word); rest >= 0 && step[index]; rest--) index++;
        if (arguments_of(word) < 0) break;
    }
    dprintf(2, "reeve-test-child: a block has no end\n");
    _exit(99);
}

// True for the first `count` passages, over all runs that share the file.
static int is_among_first(long count, const char *file) {
    int fd = open(file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0) fail(file);
    int first = status.st_size < count;
    if (write(fd, ".", 1) != 1) fail(file);
    close(fd);
    return first;
}

static void detach(void) {
    if (setsid() < 0) fail("setsid");
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child > 0) _exit(0);
    if (chdir("/") < 0) fail("chdir");
    for (int fd = 0; fd < 1024; fd++) close(fd);
}

static const char *argument(char **step, int index, const char *word) {
    if (step[index]) return step[index];
    dprintf(2, "reeve-test-child: %s needs an argument\n", word);
    _exit(99);
}

// Carries out the steps from `at` up to `until` (exclusive; -1 is the end of the list).
static void perform(char **step, int at, int until, char *program) {
    while (step[at] && at != until) {
        const char *word = step[at++];
#define NEXT argument(step, at++, word)
#define NUMBER atol(NEXT)
        if (!strcmp(word, "say")) dprintf(1, "%s\n", NEXT);
        else if (!strcmp(word, "complain")) dprintf(2, "%s\n", NEXT);
        else if (!strcmp(word, "flood")) flood(atoll(NEXT));
        else if (!strcmp(word, "stamp")) { const char *file = NEXT; stamp(file, NEXT); }
        else if (!strcmp(word, "sleep")) nap(NUMBER);
        else if (!strcmp(word, "forever")) for (;;) pause();
        else if (!strcmp(word, "await")) { const char *file = NEXT; while (access(file, F_OK)) nap(10); }
        else if (!strcmp(word, "exit")) _exit((int)NUMBER);
        else if (!strcmp(word, "crash")) crash((int)NUMBER);
        else if (!strcmp(word, "ignore")) handle((int)NUMBER, SIG_IGN);
        else if (!strcmp(word, "catch")) {
            int number = (int)NUMBER & 63;
            exit_code_on[number] = (int)NUMBER;
            handle(number, on_catch);
        }
        else if (!strcmp(word, "farewell")) {
            int number = (int)NUMBER;
            farewell_file = NEXT;
            farewell_word = NEXT;
            handle(number, on_farewell);
        } else if (!strcmp(word, "linger")) linger_milliseconds = NUMBER;
        else if (!strcmp(word, "listen")) listen_to_all(NEXT);
        else if (!strcmp(word, "grow")) grow(NUMBER);
        else if (!strcmp(word, "free")) handle((int)NUMBER, on_free);
        else if (!strcmp(word, "freeze")) raise(SIGSTOP);
        else if (!strcmp(word, "session")) {
            if (setsid() < 0) fail("setsid");
        }
        else if (!strcmp(word, "facts")) facts(NEXT);
        else if (!strcmp(word, "orphans")) orphans(NUMBER);
        else if (!strcmp(word, "name")) prctl(PR_SET_NAME, NEXT);
        else if (!strcmp(word, "scrub")) {
            char *none[] = { NULL };
            step[at - 1] = program;
            execve("/proc/self/exe", step + at - 1, none);
            fail("execve");
        } else if (!strcmp(word, "first")) {
            long count = NUMBER;
            const char *file = NEXT;
            int end = block_end(step, at);
            if (is_among_first(count, file)) perform(step, at, end, program);
            at = end + 1;
        } else if (!strcmp(word, "fork") || !strcmp(word, "escape")) {
            int end = block_end(step, at);
            int escapes = *word == 'e';
            pid_t child = fork();
            if (child < 0) fail("fork");
            if (child == 0) {
                if (escapes) detach();
                perform(step, at, end, program);
                _exit(0);
            }
            // The process in between has ended by then; a plain fork is left to the script.
            while (escapes && waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
            at = end + 1;
        } else {
            dprintf(2, "reeve-test-child: no step is called \"%s\"\n", word);
            _exit(99);
        }
    }
}

int main(int count, char **arguments) {
    if (count < 2) {
        dprintf(2, "usage: reeve-test-child STEP [ARGUMENT...] ...\n");
        return 64;
    }
    perform(arguments, 1, -1, arguments[0]);
    return 0;
}
