// SPDX-License-Identifier: Apache-2.0
//
// Runs one program for the end-to-end tests and tells afterwards what it left behind.
//
//   reeve-test-warden REPORT OUTPUT ERRORS DIRECTORY PROGRAM [ARGUMENT...]
//
// It is the subreaper of everything that the program starts, so that not even a double-forked process with a
// session of its own and an empty environment can get away: what outlives the program becomes the warden's
// child, is written down as a leak, and is killed. It also stands between the program and the test process,
// where another test may reap every child it sees.
//
// REPORT gets one line for each thing that happened, each written at once:
//   warden PID                      of the warden itself
//   started PID                     the program runs
//   failed ERRNO                    it could not be started
//   ended exit CODE | ended signal N
//   left PID STATE NAME             was alive a moment later
//   zombies COUNT                   children that the program itself had not reaped when it ended
//   done
//
// OUTPUT and ERRORS are files to append to, or "deaf": a pipe that nobody ever reads; or "terminal": a
// pseudo-terminal that becomes the program's controlling terminal, and is hung up on SIGUSR1 to the warden.
// The warden is nobody's child: what was started leaves at once, so that the test process never has a zombie
// that something else in it could stumble over. When the test process has gone the program is ended: SIGTERM,
// and SIGKILL after ten seconds.
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { processes_max = 65536 };

struct process { pid_t pid, parent; char state, name[16]; };

static int report = -1, terminal = -1;
static struct process table[processes_max];

static void tell(const char *format, ...) {
    char line[256];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    if (write(report, line, (size_t)length) != length) _exit(98);
}

static int read_processes(void) {
    DIR *proc = opendir("/proc");
    int count = 0;
    for (struct dirent *entry; proc && (entry = readdir(proc)) && count < processes_max;) {
        if (!isdigit((unsigned char)entry->d_name[0])) continue;
        char path[300], text[600];
        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
        if (fd >= 0) close(fd);
        if (length <= 0) continue;
        text[length] = 0;
        char *open_mark = strchr(text, '('), *close_mark = strrchr(text, ')');
        if (!open_mark || !close_mark) continue;
        struct process *process = &table[count];
        process->pid = (pid_t)atoi(text);
        snprintf(process->name, sizeof process->name, "%.*s", (int)(close_mark - open_mark - 1), open_mark + 1);
        int parent;
        if (sscanf(close_mark + 2, "%c %d", &process->state, &parent) != 2) continue;
        process->parent = (pid_t)parent;
        count++;
    }
    if (proc) closedir(proc);
    return count;
}

static int descends(int count, pid_t pid, int depth) {
    for (int index = 0; index < count && depth < 64; index++)
        if (table[index].pid == pid)
            return table[index].parent == getpid() || descends(count, table[index].parent, depth + 1);
    return 0;
}

static void nap(long milliseconds) {
    struct timespec left = { milliseconds / 1000, milliseconds % 1000 * 1000000L };
    while (nanosleep(&left, &left) < 0 && errno == EINTR) {}
}

// Reaps what is dead, kills what is not, until nothing is left. The first round is the report.
static void clear(void) {
    int zombies = 0;
    for (int index = 0, count = read_processes(); index < count; index++)
        if (table[index].state == 'Z' && table[index].parent == getpid()) zombies++;
    tell("zombies %d\n", zombies);
    // What was already dying when the program ended is no leak.
    for (int round = 0; round < 40 && waitpid(-1, NULL, WNOHANG) >= 0; round++) nap(5);
    for (int round = 0; round < 400; round++) {
        while (waitpid(-1, NULL, WNOHANG) > 0) {}
        int alive = 0;
        for (int index = 0, count = read_processes(); index < count; index++) {
            if (table[index].state == 'Z' || !descends(count, table[index].pid, 0)) continue;
            alive++;
            if (round == 0) tell("left %d %c %s\n", (int)table[index].pid, table[index].state, table[index].name);
            kill(table[index].pid, SIGKILL);
        }
        if (!alive && waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD) return;
        nap(5);
    }
}

static int outlet(const char *where) {
    int ends[2];
    if (!strcmp(where, "deaf")) {
        if (pipe2(ends, O_CLOEXEC) < 0) return -1;
        return ends[1];
    }
    if (!strcmp(where, "terminal")) {
        if (terminal < 0) {
            terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
            if (terminal < 0 || grantpt(terminal) < 0 || unlockpt(terminal) < 0) return -1;
        }
        char name[64];
        if (ptsname_r(terminal, name, sizeof name) != 0) return -1;
        return open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    }
    return open(where, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

// Runs in the child; a failure travels through `fault`, which a successful exec closes.
static void become(char **arguments, int output, int errors, int fault) {
    setsid();
    if (terminal >= 0) ioctl(output, TIOCSCTTY, 0);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(null, 0);
    dup2(output, 1);
    dup2(errors, 2);
    if (chdir(arguments[4]) == 0) execvp(arguments[5], arguments + 5);
    int code = errno;
    if (write(fault, &code, sizeof code) < 0) {}
    _exit(127);
}

static void await_end(pid_t program, int tests) {
    sigset_t waited;
    sigemptyset(&waited);
    sigaddset(&waited, SIGCHLD);
    sigaddset(&waited, SIGUSR1);
    int abandoned = 0;
    for (;;) {
        int status;
        pid_t dead;
        while ((dead = waitpid(-1, &status, WNOHANG)) > 0) {
            if (dead != program) continue;
            if (WIFEXITED(status)) tell("ended exit %d\n", WEXITSTATUS(status));
            else tell("ended signal %d\n", WTERMSIG(status));
            return;
        }
        struct timespec patience = { 0, 500000000 };
        if (sigtimedwait(&waited, NULL, &patience) == SIGUSR1 && terminal >= 0) {
            close(terminal);
            terminal = -1;
        }
        struct pollfd gone = { .fd = tests, .events = POLLIN };
        if (poll(&gone, 1, 0) > 0 && abandoned++ % 20 == 0)
            kill(program, abandoned == 1 ? SIGTERM : SIGKILL);
    }
}

int main(int count, char **arguments) {
    if (count < 6) return 64;
    close_range(3, ~0U, 0);
    int tests = (int)syscall(SYS_pidfd_open, getppid(), 0);
    pid_t self = fork();
    if (self != 0) _exit(self < 0 ? 98 : 0);
    setsid();
    report = open(arguments[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    int output = outlet(arguments[2]), errors = outlet(arguments[3]), fault[2];
    sigset_t all;
    sigfillset(&all);
    if (report < 0 || output < 0 || errors < 0 || pipe2(fault, O_CLOEXEC) < 0) return 98;
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 || sigprocmask(SIG_SETMASK, &all, NULL) < 0) return 98;
    for (int number = 1; number < 65; number++) signal(number, SIG_DFL);
    tell("warden %d\n", (int)getpid());
    pid_t program = fork();
    if (program < 0) return 98;
    if (program == 0) become(arguments, output, errors, fault[1]);
    close(fault[1]);
    close(output);
    close(errors);
    int code;
    if (read(fault[0], &code, sizeof code) == sizeof code) {
        tell("failed %d\ndone\n", code);
        return 0;
    }
    tell("started %d\n", (int)program);
    await_end(program, tests);
    clear();
    tell("done\n");
    return 0;
}
