/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's interfaces that Swift cannot call by itself: variadic functions, macros, structures
 * with unions, and what glibc hides behind _GNU_SOURCE (which is never defined here, because fd_set
 * would then clash with the system module).
 *
 * Convention: a result below zero is a negated errno, so that nothing between the call and the
 * check can overwrite it. Calls that a signal interrupted are repeated, unless said otherwise.
 */
#ifndef CREEVELINUX_H
#define CREEVELINUX_H

#include <stddef.h>
#include <stdint.h>

/* Errors. NULL for an unknown number; the strings live for ever. */
const char *reeve_errno_name(int number);
const char *reeve_errno_words(int number);

/* Files and descriptors. */
int reeve_open(const char *path, int flags, unsigned mode);
int reeve_close(int fd);
int64_t reeve_read(int fd, void *buffer, size_t count);
int64_t reeve_write(int fd, const void *buffer, size_t count);
int64_t reeve_pread(int fd, void *buffer, size_t count, int64_t offset);
int64_t reeve_pwrite(int fd, const void *buffer, size_t count, int64_t offset);
int reeve_truncate(int fd, int64_t size);
int reeve_rename(const char *old_path, const char *new_path);
int reeve_set_close_on_exec(int fd, int enabled);
int reeve_set_nonblocking(int fd, int enabled);
/* A duplicate above 2 with close-on-exec. */
int reeve_duplicate(int fd);
int reeve_is_open(int fd);
int reeve_pipe(int *read_end, int *write_end);
/* Entries as the kernel writes them (struct linux_dirent64). */
int64_t reeve_getdents(int fd, void *buffer, size_t count);
/* fdatasync in the background, through the kernel's own asynchronous I/O (io_submit(2)): no thread.
 * The descriptor becomes readable when a sync is over; `collect` is 1 where one was, 0 = none yet. */
int reeve_sync_setup(uint64_t *context);
int reeve_sync_destroy(uint64_t context);
int reeve_sync_event(void);
int reeve_sync_submit(uint64_t context, int fd, int event);
int reeve_sync_collect(uint64_t context, int event, int64_t *result);
/* 1 = taken, 0 = another open file holds it. */
int reeve_lock(int fd);
/* The events of poll(2) that hold within the given time; 0 = none. */
int reeve_poll(int fd, int events, int milliseconds);

struct reeve_file_facts {
    uint32_t mode;
    uint32_t user;
    uint32_t group;
    uint64_t device;
    uint64_t inode;
    int64_t size;
    uint64_t links;
};
int reeve_stat(const char *path, int follow, struct reeve_file_facts *facts);
int reeve_fstat(int fd, struct reeve_file_facts *facts);
int reeve_is_same_file(int first, int second);
int reeve_mkdir(const char *path, unsigned mode);
int reeve_unlink(const char *path);
int reeve_fchmod(int fd, unsigned mode);
int reeve_chmod(const char *path, unsigned mode);
int reeve_fchown(int fd, int64_t user, int64_t group);
int reeve_lchown(const char *path, int64_t user, int64_t group);
/* May the effective user execute (a file) or search (a directory) this? */
int reeve_may_execute(const char *path);
/* 1 where the file system of the path is mounted noexec. */
int reeve_is_noexec(const char *path);

int reeve_memfd(const char *name);
int reeve_seal(int fd);
int reeve_is_sealed(int fd);

/* epoll, timerfd, signalfd. */
struct reeve_epoll_event {
    uint32_t events;
    uint64_t token;
};
int reeve_epoll_create(void);
int reeve_epoll_add(int epoll, int fd, uint32_t events, uint64_t token);
int reeve_epoll_modify(int epoll, int fd, uint32_t events, uint64_t token);
int reeve_epoll_remove(int epoll, int fd);
/* Waits at most `nanoseconds`, for ever where that is below zero. -EINTR is passed on, so that the
 * caller computes the time left. */
int reeve_epoll_wait(int epoll, struct reeve_epoll_event *events, int count, int64_t nanoseconds);
int reeve_wall_timer_create(void);
/* Absolute, CLOCK_REALTIME; 0 disarms. Reading fails with ECANCELED after that clock was set. */
int reeve_wall_timer_arm(int timer, int64_t nanoseconds);

struct reeve_received_signal {
    int32_t signal;
    int32_t code;
    int32_t pid;
    uint32_t user;
};
/* Bit n-1 stands for signal n. */
int reeve_signals_block(uint64_t set);
int reeve_signals_unblock_all(void);
int reeve_signals_prepare(void);
int reeve_signal_descriptor(uint64_t set);
int reeve_signal_read(int fd, struct reeve_received_signal *signals, int count);

/* Files that change: see Inotify.c. */
int reeve_inotify_create(void);
int reeve_inotify_add(int fd, const char *path, uint32_t mask);
int reeve_inotify_remove(int fd, int watch);
struct reeve_file_stamp {
    uint64_t device;
    uint64_t inode;
    int64_t size;
    int64_t modified; /* nanoseconds since 1970 */
    int64_t changed;
};
/* Follows symbolic links. */
int reeve_file_stamp(const char *path, struct reeve_file_stamp *stamp);
/* -EINVAL where it is no symbolic link. */
int64_t reeve_read_link(const char *path, char *buffer, size_t count);

/* Processes. */
struct reeve_exit {
    int32_t pid;
    int32_t status; /* exit code or signal */
    int32_t how;    /* 0 = exited, 1 = killed, 2 = killed with a core dump */
    uint32_t user;
    int64_t user_nanoseconds;
    int64_t system_nanoseconds;
};
/* 1 = filled, 0 = nobody has ended. pid 0: any child. */
int reeve_wait(int32_t pid, int keep, struct reeve_exit *ended);
int reeve_kill(int32_t pid, int signal);
int reeve_killpg(int32_t group, int signal);
/* Session and process group by the kernel, not by /proc. */
int32_t reeve_session(int32_t pid);
int32_t reeve_group(int32_t pid);
int reeve_pidfd_open(int32_t pid);
int reeve_pidfd_send(int pidfd, int signal);
int reeve_set_subreaper(void);
int reeve_set_name(const char *name);
int reeve_set_soft_nofile(uint64_t soft);
int reeve_get_nofile(uint64_t *soft, uint64_t *hard);

/* ROOT/PID/LEAF, or ROOT/PID/task/TASK/LEAF where the task is above zero. */
int reeve_proc_open(const char *root, int32_t pid, int32_t task, const char *leaf, int directory);
int reeve_proc_stat(
    const char *root, int32_t pid, const char *leaf, struct reeve_file_facts *facts);

struct reeve_spawn {
    const char *program;
    char *const *arguments;
    char *const *environment;
    const char *directory; /* or NULL */
    int streams[3];        /* descriptors that become 0, 1 and 2 */
    int has_nofile;
    uint64_t nofile; /* soft limit of the child */
    int has_extras;
    int extras[2]; /* descriptors that become 3 and 4 */
};
int reeve_spawn(const struct reeve_spawn *request, int32_t *pid);

/* The launcher: see Launch.c. Unlimited is UINT64_MAX. */
struct reeve_launch_limit {
    int resource; /* RLIMIT_ */
    uint64_t soft;
    uint64_t hard;
};
enum {
    REEVE_LAUNCH_GROUPS = 1,
    REEVE_LAUNCH_GROUP = 2,
    REEVE_LAUNCH_USER = 3,
    REEVE_LAUNCH_DIRECTORY = 4,
    REEVE_LAUNCH_PROGRAM = 5
};
struct reeve_launch {
    char *const *programs; /* tried in this order; ended by NULL */
    char *const *arguments;
    char *const *environment;
    const char *directory; /* or NULL */
    const struct reeve_launch_limit *limits;
    size_t limit_count;
    int has_user;
    uint32_t user;
    int has_group;
    uint32_t group;
    int has_groups;
    const uint32_t *groups;
    size_t group_count;
    int report; /* descriptor for lines: "limit INDEX ERRNO SOFT HARD", "exec" */
};
/* Comes back only with a negated errno and the step that failed. */
int reeve_launch(const struct reeve_launch *launch, int *step);
int reeve_set_umask(unsigned mask);
int reeve_set_nice(int value);
/* The number of a resource by its name in the configuration; below zero for none. */
int reeve_limit_number(const char *name);

int reeve_exec_self(char *const *arguments, char *const *environment);
char **reeve_environment(void);
/* The arguments that the kernel gave to this process, without /proc. */
int reeve_argument_count(void);
char **reeve_arguments(void);
size_t reeve_length(const char *text);
void reeve_release_memory(void);

/* An init: see Init.c. Blocks every signal and gives SIGCHLD its default action; tells the mask as it
 * was, and whether SIGCHLD was ignored. */
int reeve_init_take_signals(uint64_t *blocked, int *child_ignored);
/* The next pending signal of the mask: 1 = filled, 0 = none within the time, or woken up for nothing.
 * Below zero nanoseconds: without end. */
int reeve_signal_wait(
    uint64_t mask, int64_t nanoseconds, struct reeve_received_signal *received);
/* As reeve_wait, for any child and without its usage; how 3 = stopped by the signal `status`. */
int reeve_wait_change(struct reeve_exit *change);
int reeve_set_parent_death_signal(int signal);
/* Gives up the controlling terminal. */
int reeve_terminal_detach(int fd);

enum { REEVE_INIT_SHARED = 0, REEVE_INIT_GROUP = 1, REEVE_INIT_SESSION = 2 };
struct reeve_init_start {
    char *const *arguments; /* searched for in PATH; ended by NULL */
    uint64_t blocked;       /* the program's mask */
    int child_ignored;      /* the program gets SIGCHLD ignored */
    int placement;          /* our group, one of its own, or a session of its own */
    int terminal;           /* descriptor 0 is a terminal: the program gets it */
    int dies_with_us;       /* SIGKILL to the program when we die */
};
/* A program that cannot be executed says so itself and ends with 127 (there is none) or 126. */
int reeve_init_start(const struct reeve_init_start *start, int32_t *pid);

/* Sockets. */
int reeve_socket_unix(int nonblocking);
int reeve_socket_bind(int fd, const char *path, size_t length);
int reeve_socket_connect(int fd, const char *path, size_t length);
int reeve_socket_listen(int fd, int backlog);
int reeve_socket_accept(int fd);
int reeve_socket_pair(int *first, int *second);
int reeve_socket_credentials(int fd, int32_t *pid, uint32_t *user, uint32_t *group);
/* Supplementary groups of the peer; their number. */
int64_t reeve_socket_peer_groups(int fd, uint32_t *groups, size_t count);
int64_t reeve_socket_send(int fd, const void *bytes, size_t count, int wait);
int64_t reeve_socket_receive(int fd, void *buffer, size_t count);
/* Longest wait of one send or receive; 0 = without end. */
int reeve_socket_timeout(int fd, int64_t nanoseconds);
int reeve_socket_shutdown_write(int fd);

/* A socket for syslog(3): see Syslog.c. */
int reeve_syslog_socket(void);

/* Datagrams with their sender's credentials: see Sockets.c. */
struct reeve_datagram_sender {
    int has_credentials;
    int has_descriptors; /* then the datagram is still there: reeve_discard */
    uint32_t user;
    int32_t pid; /* 0: outside our pid namespace */
};
/* The length of the datagram, which may be more than `size`: the rest of it is lost. */
int64_t reeve_datagram_receive(
    int fd, void *buffer, size_t size, struct reeve_datagram_sender *sender);
/* Takes the next datagram with its descriptors, which end with this process. */
int reeve_discard(int fd);
/* Takes no datagrams any more; 1 where some wait. */
int reeve_close_queue(int fd);
/* Nobody can send descriptors to it, where the kernel can do that (Linux 6.16). */
void reeve_refuse_descriptors(int fd);

/* Connections by numeric address. */
int reeve_is_numeric_address(const char *host);
/* A non-blocking socket whose connection is under way, or made. -EINVAL: no numeric address. */
int reeve_connect_numeric(const char *host, uint16_t port, int *is_connected);
/* 0, or what a connection that was under way failed with, negated. */
int reeve_socket_error(int fd);
/* Asks the name services, which may take long. Numeric addresses, each ended by NUL; their number, or -1
 * and why. */
int reeve_resolve(const char *host, char *addresses, size_t size, const char **why);

/* Notify sockets. */
int reeve_notify_socket(const char *name, size_t length, int is_abstract);
/* Removes every socket of a directory; their number. */
int reeve_remove_sockets(const char *directory);

/* Programs that reeve runs, and libraries: see Programs.c. Signals as bytes, each its number, in a pipe whose
 * read end does not block; bit n-1 stands for signal n. Once in a process, else -EBUSY. Those of the second
 * set are left alone where they are ignored. */
int reeve_relay_signals(uint64_t always, uint64_t unless_ignored, int *read_end);
/* Unblocks them in this thread. */
int reeve_relay_here(void);
int reeve_notify_sender_socket(void);
/* Never waits: -EAGAIN where the receiver's queue is full. */
int64_t reeve_notify_send(
    int fd, const char *name, size_t length, int is_abstract, const void *bytes, size_t count);
int reeve_abstract_listen(const char *name, size_t length, int backlog);
int reeve_abstract_connect(const char *name, size_t length);
int reeve_socket_shutdown(int fd);
/* A detached thread that gets no signals. */
int reeve_thread_start(void (*body)(void *context), void *context);
/* Runs the body on another thread, with the caller's signal mask, and waits for its end with all signals
   blocked. Returns 0, or -EAGAIN or -ENOMEM where no thread could be made and the body did not run. */
int reeve_thread_run(void (*body)(void *context), void *context);
void reeve_trim_heap(void);
/* stdout of the C library, which print() uses; before anything is written. */
void reeve_buffer_lines(void);

/* The host. */
int64_t reeve_clock(int clock);
int64_t reeve_random(void *buffer, size_t count);
int64_t reeve_hostname(char *buffer, size_t count);
long reeve_ticks_per_second(void);
long reeve_page_size(void);
int reeve_is_terminal(int fd);
/* -ENOENT where there is no such group. */
int reeve_group_id(const char *name, uint32_t *group);

#endif
