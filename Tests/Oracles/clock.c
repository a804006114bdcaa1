// SPDX-License-Identifier: Apache-2.0
//
// A clock for Debian's cron, put in front of libc with LD_PRELOAD: time stands still but for sleep(), which returns
// at once and is late by nothing. So a day takes seconds, and each run comes out the same. What cron writes to the
// system's log goes to a file, with the time on this clock in front.
//
// ORACLE_FROM and ORACLE_UNTIL are seconds since 1970, ORACLE_LOG is the file.

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static time_t now;
static pid_t daemon_pid;

static time_t variable(const char *name) {
    const char *text = getenv(name);
    return text ? strtoll(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void begin(void) {
    now = variable("ORACLE_FROM");
    daemon_pid = getpid();
}

time_t time(time_t *where) {
    if (where) *where = now;
    return now;
}

unsigned sleep(unsigned seconds) {
    // Between the runs of two minutes that were skipped, cron waits ten seconds: here they come at once.
    if (seconds != 10) now += seconds;
    // Jobs log that they begin, so they are awaited; the processor is shared with them.
    while (getpid() == daemon_pid && waitpid(-1, NULL, 0) > 0) {}
    if (getpid() == daemon_pid && now >= variable("ORACLE_UNTIL")) _exit(0);
    return 0;
}

void __syslog_chk(int priority, int flag, const char *format, ...) {
    (void)priority;
    (void)flag;
    char line[2048];
    int length = snprintf(line, sizeof line, "%lld ", (long long)now);
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(line + length, sizeof line - (size_t)length - 1, format, arguments);
    va_end(arguments);
    if (more < 0) return;
    length += more;
    if (length > (int)sizeof line - 2) length = sizeof line - 2;
    line[length++] = '\n';
    int file = open(getenv("ORACLE_LOG"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return;
    // One write a line: lines of several processes do not mix.
    ssize_t written = write(file, line, (size_t)length);
    (void)written;
    close(file);
    // The process that would become the job says so, and that is all that is asked.
    if (getpid() != daemon_pid && strstr(line, ") CMD (")) _exit(0);
}

// Sessions take longer than all the rest, and have nothing to do with time.
int pam_start(void) { return 0; }
int pam_set_item(void) { return 0; }
int pam_acct_mgmt(void) { return 0; }
int pam_setcred(void) { return 0; }
int pam_open_session(void) { return 0; }
int pam_close_session(void) { return 0; }
int pam_end(void) { return 0; }
char **pam_getenvlist(void) { return calloc(1, sizeof(char *)); }
