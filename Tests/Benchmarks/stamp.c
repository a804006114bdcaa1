/* SPDX-License-Identifier: Apache-2.0
 *
 * A job that says when it began: one line with the wall clock's nanoseconds, appended to the file. */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **words) {
    struct timespec now;
    char line[64];
    clock_gettime(CLOCK_REALTIME, &now);
    int file = count > 1 ? open(words[1], O_WRONLY | O_APPEND | O_CREAT, 0644) : 1;
    int length = snprintf(line, sizeof line, "%lld%09ld\n", (long long)now.tv_sec, now.tv_nsec);
    return file < 0 || write(file, line, length) != length;
}
