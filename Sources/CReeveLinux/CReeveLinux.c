/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CReeveLinux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <link.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Newer than the headers this must build with. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#define RESULT(call)                                                                               \
    ({                                                                                             \
        __typeof__(call) result;                                                                   \
        do                                                                                         \
            result = (call);                                                                       \
        while (result < 0 && errno == EINTR);                                                      \
        result < 0 ? -errno : result;                                                              \
    })

/* MARK: Errors */

const char *reeve_errno_name(int number) { return strerrorname_np(number); }
const char *reeve_errno_words(int number) { return strerrordesc_np(number); }

/* MARK: Files and descriptors */

int reeve_open(const char *path, int flags, unsigned mode) {
    return RESULT(open(path, flags, mode));
}

/* Not repeated: Linux has given the descriptor back even where it reports EINTR. */
int reeve_close(int fd) { return close(fd) < 0 ? -errno : 0; }

int64_t reeve_read(int fd, void *buffer, size_t count) { return RESULT(read(fd, buffer, count)); }

int64_t reeve_write(int fd, const void *buffer, size_t count) {
    return RESULT(write(fd, buffer, count));
}

int64_t reeve_pread(int fd, void *buffer, size_t count, int64_t offset) {
    return RESULT(pread(fd, buffer, count, offset));
}

int64_t reeve_pwrite(int fd, const void *buffer, size_t count, int64_t offset) {
    return RESULT(pwrite(fd, buffer, count, offset));
}

static int change_flag(int fd, int get, int set, int flag, int enabled) {
    int flags = fcntl(fd, get);
    if (flags < 0) return -errno;
    int wanted = enabled ? flags | flag : flags & ~flag;
    if (wanted == flags) return 0;
    return fcntl(fd, set, wanted) < 0 ? -errno : 0;
}

int reeve_set_close_on_exec(int fd, int enabled) {
    return change_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, enabled);
}

int reeve_set_nonblocking(int fd, int enabled) {
    return change_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, enabled);
}

int reeve_duplicate(int fd) { return RESULT(fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

int reeve_is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

int reeve_pipe(int *read_end, int *write_end) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    *read_end = ends[0];
    *write_end = ends[1];
    return 0;
}

int64_t reeve_getdents(int fd, void *buffer, size_t count) {
    return RESULT(getdents64(fd, buffer, count));
}

int reeve_lock(int fd) {
    int result = RESULT(flock(fd, LOCK_EX | LOCK_NB));
    if (result == -EWOULDBLOCK) return 0;
    return result < 0 ? result : 1;
}

int reeve_poll(int fd, int events, int milliseconds) {
    struct pollfd entry = {.fd = fd, .events = (short)events};
    int result = RESULT(poll(&entry, 1, milliseconds));
    return result <= 0 ? result : entry.revents;
}

static int copy_facts(int result, const struct stat *status, struct reeve_file_facts *facts) {
    if (result < 0) return result;
    facts->mode = status->st_mode;
    facts->user = status->st_uid;
    facts->group = status->st_gid;
    facts->device = status->st_dev;
    facts->inode = status->st_ino;
    facts->size = status->st_size;
    facts->links = status->st_nlink;
    return 0;
}

int reeve_stat(const char *path, int follow, struct reeve_file_facts *facts) {
    struct stat status;
    int flags = follow ? 0 : AT_SYMLINK_NOFOLLOW;
    return copy_facts(RESULT(fstatat(AT_FDCWD, path, &status, flags)), &status, facts);
}

int reeve_fstat(int fd, struct reeve_file_facts *facts) {
    struct stat status;
    return copy_facts(RESULT(fstat(fd, &status)), &status, facts);
}

int reeve_is_same_file(int first, int second) {
    struct stat one, other;
    if (fstat(first, &one) < 0 || fstat(second, &other) < 0) return 0;
    return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

int reeve_mkdir(const char *path, unsigned mode) { return RESULT(mkdir(path, mode)); }
int reeve_unlink(const char *path) { return RESULT(unlink(path)); }
int reeve_fchmod(int fd, unsigned mode) { return RESULT(fchmod(fd, mode)); }
int reeve_chmod(const char *path, unsigned mode) { return RESULT(chmod(path, mode)); }

int reeve_fchown(int fd, int64_t user, int64_t group) {
    return RESULT(fchown(fd, (uid_t)user, (gid_t)group));
}

int reeve_lchown(const char *path, int64_t user, int64_t group) {
    return RESULT(lchown(path, (uid_t)user, (gid_t)group));
}

int reeve_may_execute(const char *path) {
    return RESULT(faccessat(AT_FDCWD, path, X_OK, AT_EACCESS));
}

int reeve_is_noexec(const char *path) {
    struct statvfs status;
    int result = RESULT(statvfs(path, &status));
    return result < 0 ? result : (status.f_flag & ST_NOEXEC) != 0;
}

/* Kernels before 6.3 know no MFD_NOEXEC_SEAL (EINVAL); later ones ask for it. */
int reeve_memfd(const char *name) {
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL) fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd < 0 ? -errno : fd;
}

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

int reeve_seal(int fd) { return fcntl(fd, F_ADD_SEALS, ALL_SEALS) < 0 ? -errno : 0; }

int reeve_is_sealed(int fd) {
    int seals = fcntl(fd, F_GET_SEALS);
    return seals < 0 ? -errno : (seals & ALL_SEALS) == ALL_SEALS;
}

/* MARK: epoll, timerfd, signalfd */

int reeve_epoll_create(void) { return RESULT(epoll_create1(EPOLL_CLOEXEC)); }

static int control(int epoll, int operation, int fd, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data.u64 = token};
    return RESULT(epoll_ctl(epoll, operation, fd, &event));
}

int reeve_epoll_add(int epoll, int fd, uint32_t events, uint64_t token) {
    return control(epoll, EPOLL_CTL_ADD, fd, events, token);
}

int reeve_epoll_modify(int epoll, int fd, uint32_t events, uint64_t token) {
    return control(epoll, EPOLL_CTL_MOD, fd, events, token);
}

int reeve_epoll_remove(int epoll, int fd) { return control(epoll, EPOLL_CTL_DEL, fd, 0, 0); }

/* epoll_pwait2 takes nanoseconds (Linux 5.11). An older kernel says ENOSYS, an older container's
 * filter EPERM: then milliseconds, rounded up so that nothing wakes before its time. */
static int wait_for(int epoll, struct epoll_event *events, int count, int64_t nanoseconds) {
    static _Atomic int coarse;
    if (nanoseconds < 0) return epoll_wait(epoll, events, count, -1);
    if (!coarse) {
        struct timespec timeout = {nanoseconds / 1000000000, nanoseconds % 1000000000};
        int result = epoll_pwait2(epoll, events, count, &timeout, NULL);
        if (result >= 0 || (errno != ENOSYS && errno != EPERM)) return result;
        coarse = 1;
    }
    int64_t milliseconds = nanoseconds / 1000000 + (nanoseconds % 1000000 != 0);
    return epoll_wait(epoll, events, count, milliseconds > INT_MAX ? INT_MAX : (int)milliseconds);
}

int reeve_epoll_wait(int epoll, struct reeve_epoll_event *events, int count, int64_t nanoseconds) {
    struct epoll_event found[128];
    if (count > 128) count = 128;
    int result = wait_for(epoll, found, count, nanoseconds);
    if (result < 0) return -errno;
    for (int index = 0; index < result; index++) {
        events[index].events = found[index].events;
        events[index].token = found[index].data.u64;
    }
    return result;
}

int reeve_wall_timer_create(void) {
    return RESULT(timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK));
}

int reeve_wall_timer_arm(int timer, int64_t nanoseconds) {
    struct itimerspec when = {.it_value = {nanoseconds / 1000000000, nanoseconds % 1000000000}};
    int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
    return RESULT(timerfd_settime(timer, flags, &when, NULL));
}

static void fill_set(sigset_t *set, uint64_t bits) {
    sigemptyset(set);
    for (int number = 1; number <= 64; number++)
        if (bits >> (number - 1) & 1) sigaddset(set, number);
}

int reeve_signals_block(uint64_t bits) {
    sigset_t set;
    fill_set(&set, bits);
    return -pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int reeve_signals_unblock_all(void) {
    sigset_t set;
    sigemptyset(&set);
    return -pthread_sigmask(SIG_SETMASK, &set, NULL);
}

int reeve_signals_prepare(void) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    struct sigaction ignored = {.sa_handler = SIG_IGN};
    if (sigaction(SIGCHLD, &standard, NULL) < 0) return -errno;
    if (sigaction(SIGPIPE, &ignored, NULL) < 0) return -errno;
    /* The Swift runtime may have a crash reporter in front of these. The kernel keeps a signal that
     * somebody sends from the first process only where its action is the default; real faults end it
     * in any case. */
    static const int faults[] = {SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS};
    for (size_t index = 0; getpid() == 1 && index < sizeof faults / sizeof *faults; index++)
        if (sigaction(faults[index], &standard, NULL) < 0) return -errno;
    return 0;
}

int reeve_signal_descriptor(uint64_t bits) {
    sigset_t set;
    fill_set(&set, bits);
    return RESULT(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int reeve_signal_read(int fd, struct reeve_received_signal *signals, int count) {
    struct signalfd_siginfo found[16];
    if (count > 16) count = 16;
    ssize_t result = RESULT(read(fd, found, (size_t)count * sizeof *found));
    if (result < 0) return (int)result;
    int received = (int)((size_t)result / sizeof *found);
    for (int index = 0; index < received; index++) {
        signals[index].signal = (int32_t)found[index].ssi_signo;
        signals[index].code = found[index].ssi_code;
        signals[index].pid = (int32_t)found[index].ssi_pid;
        signals[index].user = found[index].ssi_uid;
    }
    return received;
}

/* MARK: Processes */

static int64_t nanoseconds_of(struct timeval value) {
    return (int64_t)value.tv_sec * 1000000000 + (int64_t)value.tv_usec * 1000;
}

/* The system call rather than the function: only the call gives the usage of the very child. */
int reeve_wait(int32_t pid, int keep, struct reeve_exit *ended) {
    siginfo_t info = {0};
    struct rusage usage = {0};
    int flags = WEXITED | WNOHANG | __WALL | (keep ? WNOWAIT : 0);
    int kind = pid > 0 ? P_PID : P_ALL;
    long result = RESULT(syscall(SYS_waitid, kind, pid, &info, flags, &usage));
    if (result < 0) return (int)result;
    if (info.si_pid == 0) return 0;
    ended->pid = info.si_pid;
    ended->status = info.si_status;
    ended->how = info.si_code == CLD_EXITED ? 0 : info.si_code == CLD_DUMPED ? 2 : 1;
    ended->user = info.si_uid;
    ended->user_nanoseconds = nanoseconds_of(usage.ru_utime);
    ended->system_nanoseconds = nanoseconds_of(usage.ru_stime);
    return 1;
}

int reeve_kill(int32_t pid, int signal) { return kill(pid, signal) < 0 ? -errno : 0; }
int reeve_killpg(int32_t group, int signal) { return killpg(group, signal) < 0 ? -errno : 0; }

int reeve_pidfd_open(int32_t pid) {
    long result = syscall(SYS_pidfd_open, pid, 0);
    return result < 0 ? -errno : (int)result;
}

int reeve_pidfd_send(int pidfd, int signal) {
    return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

int reeve_set_subreaper(void) {
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ? -errno : 0;
}

int reeve_set_name(const char *name) { return prctl(PR_SET_NAME, name, 0, 0, 0) < 0 ? -errno : 0; }

int reeve_get_nofile(uint64_t *soft, uint64_t *hard) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    *soft = limit.rlim_cur;
    *hard = limit.rlim_max;
    return 0;
}

int reeve_set_soft_nofile(uint64_t soft) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

static int make_proc_path(
    char *path, size_t size, const char *root, int32_t pid, int32_t task, const char *leaf) {
    int length = task > 0 ? snprintf(path, size, "%s/%d/task/%d/%s", root, pid, task, leaf)
                          : snprintf(path, size, "%s/%d/%s", root, pid, leaf);
    return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

int reeve_proc_open(const char *root, int32_t pid, int32_t task, const char *leaf, int directory) {
    char path[512];
    int error = make_proc_path(path, sizeof path, root, pid, task, leaf);
    if (error) return error;
    return RESULT(open(path, O_RDONLY | O_CLOEXEC | (directory ? O_DIRECTORY : 0)));
}

int reeve_proc_stat(
    const char *root, int32_t pid, const char *leaf, struct reeve_file_facts *facts) {
    char path[512];
    int error = make_proc_path(path, sizeof path, root, pid, 0, leaf);
    return error ? error : reeve_stat(path, 1, facts);
}

int reeve_exec_self(char *const *arguments, char *const *environment) {
    execve("/proc/self/exe", arguments, environment);
    return -errno;
}

char **reeve_environment(void) { return environ; }
size_t reeve_length(const char *text) { return strlen(text); }

/* Only what is mapped read-only from a file: the kernel brings it back from there when it is touched. */
static int forget_pages(struct dl_phdr_info *object, size_t size, void *unused) {
    (void)size, (void)unused;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || segment->p_flags & PF_W) continue;
        uintptr_t start = (object->dlpi_addr + segment->p_vaddr + page - 1) & ~(page - 1);
        uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_filesz) & ~(page - 1);
        if (start < end) madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

void reeve_release_memory(void) {
    malloc_trim(0);
    dl_iterate_phdr(forget_pages, NULL);
}

/* MARK: Sockets */

int reeve_socket_unix(int nonblocking) {
    int extra = nonblocking ? SOCK_NONBLOCK : 0;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | extra, 0);
    if (fd < 0) return -errno;
    /* Connections that are accepted inherit it. */
    reeve_refuse_descriptors(fd);
    return fd;
}

static int make_address(struct sockaddr_un *address, const char *path, size_t length) {
    if (length == 0) return -ENOENT;
    if (length >= sizeof address->sun_path) return -ENAMETOOLONG;
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, length);
    return 0;
}

int reeve_socket_bind(int fd, const char *path, size_t length) {
    struct sockaddr_un address;
    int error = make_address(&address, path, length);
    if (error) return error;
    return RESULT(bind(fd, (struct sockaddr *)&address, sizeof address));
}

int reeve_socket_connect(int fd, const char *path, size_t length) {
    struct sockaddr_un address;
    int error = make_address(&address, path, length);
    if (error) return error;
    return RESULT(connect(fd, (struct sockaddr *)&address, sizeof address));
}

int reeve_socket_listen(int fd, int backlog) { return RESULT(listen(fd, backlog)); }

int reeve_socket_accept(int fd) {
    int result;
    do
        result = RESULT(accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
    while (result == -ECONNABORTED);
    return result;
}

int reeve_socket_pair(int *first, int *second) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return -errno;
    reeve_refuse_descriptors(ends[0]);
    reeve_refuse_descriptors(ends[1]);
    *first = ends[0];
    *second = ends[1];
    return 0;
}

int reeve_socket_credentials(int fd, int32_t *pid, uint32_t *user, uint32_t *group) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) return -errno;
    *pid = peer.pid;
    *user = peer.uid;
    *group = peer.gid;
    return 0;
}

int64_t reeve_socket_peer_groups(int fd, uint32_t *groups, size_t count) {
    socklen_t size = (socklen_t)(count * sizeof *groups);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0) return -errno;
    return (int64_t)(size / sizeof *groups);
}

int64_t reeve_socket_send(int fd, const void *bytes, size_t count, int wait) {
    return RESULT(send(fd, bytes, count, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT)));
}

int64_t reeve_socket_receive(int fd, void *buffer, size_t count) {
    return RESULT(recv(fd, buffer, count, MSG_DONTWAIT));
}

int reeve_socket_timeout(int fd, int64_t nanoseconds) {
    struct timeval value = {nanoseconds / 1000000000, nanoseconds % 1000000000 / 1000};
    if (nanoseconds > 0 && value.tv_sec == 0 && value.tv_usec == 0) value.tv_usec = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value) < 0) return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value) < 0) return -errno;
    return 0;
}

int reeve_socket_shutdown_write(int fd) { return RESULT(shutdown(fd, SHUT_WR)); }

/* MARK: The host */

int64_t reeve_clock(int clock) {
    struct timespec value;
    if (clock_gettime(clock, &value) < 0) return 0;
    return (int64_t)value.tv_sec * 1000000000 + value.tv_nsec;
}

/* Right after the boot of a machine the kernel has no entropy yet, and getrandom would wait for it.
 * Run ids need not be secret: then take what there is (GRND_INSECURE, Linux 5.6). */
int64_t reeve_random(void *buffer, size_t count) {
    int64_t result = RESULT(getrandom(buffer, count, GRND_NONBLOCK));
    if (result == -EAGAIN) result = RESULT(getrandom(buffer, count, GRND_INSECURE));
    if (result == -EINVAL) result = RESULT(getrandom(buffer, count, 0));
    return result;
}

int64_t reeve_hostname(char *buffer, size_t count) {
    if (gethostname(buffer, count) < 0) return -errno;
    buffer[count - 1] = 0;
    return (int64_t)strlen(buffer);
}

long reeve_ticks_per_second(void) { return sysconf(_SC_CLK_TCK); }
long reeve_page_size(void) { return sysconf(_SC_PAGESIZE); }
int reeve_is_terminal(int fd) { return isatty(fd); }

int reeve_group_id(const char *name, uint32_t *group) {
    for (size_t size = 1024; size <= 1024 * 1024; size *= 2) {
        char *buffer = malloc(size);
        if (!buffer) return -ENOMEM;
        struct group entry, *found = NULL;
        int error = getgrnam_r(name, &entry, buffer, size, &found);
        if (!error && found) *group = found->gr_gid;
        free(buffer);
        if (error == ERANGE || error == EINTR) continue;
        /* Some name services report a missing group by one of these. */
        if (error == ENOENT || error == ESRCH || error == EBADF || error == EPERM) return -ENOENT;
        if (error) return -error;
        return found ? 0 : -ENOENT;
    }
    return -ERANGE;
}
