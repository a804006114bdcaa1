// SPDX-License-Identifier: Apache-2.0
//
// Puts reeve on a machine that lacks something, and becomes reeve:
//
//   reeve-test-machine away DIR FILE COMMAND...    a file system whose server is away is mounted on DIR, until
//                                                  FILE exists: whoever asks it waits, and can be killed
//   reeve-test-machine stuck DIR FILE COMMAND...   the same, but its server has taken each request and answers none:
//                                                  whoever asks waits in state D, and no signal ends that
//   reeve-test-machine full FILE COMMAND...        no process can be made (ENOMEM), as long as FILE exists
//
// COMMAND keeps this process's pid. What serves it is an orphan, so that it is no child of COMMAND's, and ends with it. Mounts
// want a mount namespace of the caller's making. Everything unexpected ends with code 99 and says why.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/fuse.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(int isTrue, const char *words) {
    if (isTrue) return;
    fprintf(stderr, "reeve-test-machine: %s: %s\n", words, strerror(errno));
    exit(99);
}

// Goes on as an orphan in a session of its own; returns 0 in the one that is to become the command.
static int serve(void) {
    pid_t child = fork();
    check(child >= 0, "fork");
    if (child != 0) {
        waitpid(child, NULL, 0);
        return 0;
    }
    setsid();
    pid_t orphan = fork();
    if (orphan != 0) _exit(orphan < 0 ? 99 : 0);
    // Nobody is to wait for the end of our output.
    int null = open("/dev/null", O_RDWR);
    for (int stream = 0; stream < 3; stream++) dup2(null, stream);
    return 1;
}

static void become(char **command) {
    execvp(command[0], command);
    check(0, command[0]);
}

// MARK: A file system that does not answer

static int mounted(const char *directory) {
    static char request[FUSE_MIN_READ_BUFFER + 4096];
    char options[128];
    int connection = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    check(connection >= 0, "/dev/fuse");
    snprintf(options, sizeof options, "fd=%d,rootmode=40755,user_id=%d,group_id=%d", connection,
             (int)getuid(), (int)getgid());
    check(mount("reeve-test", directory, "fuse", MS_NOSUID | MS_NODEV, options) == 0, directory);
    check(read(connection, request, sizeof request) > 0, "the first request");
    struct fuse_in_header *head = (struct fuse_in_header *)request;
    struct {
        struct fuse_out_header head;
        struct fuse_init_out body;
    } answer = {{sizeof answer, 0, head->unique}, {.major = FUSE_KERNEL_VERSION}};
    answer.body.minor = FUSE_KERNEL_MINOR_VERSION;
    answer.body.max_write = 4096;
    check(head->opcode == FUSE_INIT, "the first request is another");
    check(write(connection, &answer, sizeof answer) == sizeof answer, "the first answer");
    return connection;
}

static void neglect(int connection, int takes, const char *end, int command) {
    static char request[FUSE_MIN_READ_BUFFER + 4096];
    struct pollfd sources[] = {{command, POLLIN, 0}, {takes ? connection : -1, POLLIN, 0}};
    while (access(end, F_OK) != 0) {
        poll(sources, 2, 20);
        if (sources[0].revents) break;
        if (sources[1].revents & POLLIN) (void)!read(connection, request, sizeof request);
    }
    // Everything that waits ends with ENOTCONN or ECONNABORTED.
    _exit(0);
}

// MARK: No processes

static int filtered(void) {
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof program / sizeof program[0], program};
    check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no-new-privs");
    int listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
    check(listener >= 0, "seccomp");
    return listener;
}

static void hand(int socket, int descriptor) {
    char room[CMSG_SPACE(sizeof descriptor)] = {0};
    char byte = 0;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room,
                             .msg_controllen = sizeof room};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    check(sendmsg(socket, &message, 0) == 1, "handing over");
}

static int handed(int socket) {
    char room[CMSG_SPACE(sizeof(int))] = {0};
    char byte;
    int descriptor;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room,
                             .msg_controllen = sizeof room};
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1) _exit(99);
    memcpy(&descriptor, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof descriptor);
    return descriptor;
}

static void refuse(int listener, const char *file) {
    for (;;) {
        struct pollfd source = {listener, POLLIN, 0};
        struct seccomp_notif request = {0};
        struct seccomp_notif_resp answer = {0};
        poll(&source, 1, -1);
        // Nobody is left whom the filter is about.
        if (source.revents & (POLLHUP | POLLERR)) _exit(0);
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) continue;
        answer.id = request.id;
        if (access(file, F_OK) == 0) {
            answer.error = -ENOMEM;
        } else {
            answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        }
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
}

int main(int count, char **words) {
    check(count > 2, "arguments are missing");
    int command = (int)syscall(SYS_pidfd_open, getpid(), 0);
    check(command >= 0, "pidfd_open");
    fcntl(command, F_SETFD, FD_CLOEXEC);
    if (strcmp(words[1], "full") == 0) {
        int pair[2];
        check(count > 3, "arguments are missing");
        check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
        if (serve()) {
            close(pair[0]);
            refuse(handed(pair[1]), words[2]);
        }
        int listener = filtered();
        hand(pair[0], listener);
        close(listener);
        become(words + 3);
    }
    check(count > 4, "arguments are missing");
    int connection = mounted(words[2]);
    if (serve()) neglect(connection, strcmp(words[1], "stuck") == 0, words[3], command);
    become(words + 4);
}
