/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections to ask for the health of a program, and the socket through which a program tells of itself. */
#define _GNU_SOURCE
#include "CReeveLinux.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

union address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

/* The length of the address; 0 where the text is no numeric address. */
static socklen_t read_address(const char *host, uint16_t port, union address *address) {
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, host, &address->four.sin_addr) == 1) {
        address->four.sin_family = AF_INET;
        address->four.sin_port = htons(port);
        return sizeof address->four;
    }
    char text[INET6_ADDRSTRLEN + 1];
    size_t length = strcspn(host, "%");
    if (length >= sizeof text) return 0;
    memcpy(text, host, length);
    text[length] = 0;
    if (inet_pton(AF_INET6, text, &address->six.sin6_addr) != 1) return 0;
    address->six.sin6_family = AF_INET6;
    address->six.sin6_port = htons(port);
    if (host[length]) address->six.sin6_scope_id = if_nametoindex(host + length + 1);
    return sizeof address->six;
}

int reeve_is_numeric_address(const char *host) {
    union address address;
    return read_address(host, 0, &address) != 0;
}

int reeve_connect_numeric(const char *host, uint16_t port, int *is_connected) {
    union address address;
    socklen_t length = read_address(host, port, &address);
    if (!length) return -EINVAL;
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    *is_connected = connect(fd, &address.any, length) == 0;
    if (!*is_connected && errno != EINPROGRESS && errno != EINTR) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int reeve_socket_error(int fd) {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) return -errno;
    if (error) return -error;
    /* Where nobody listens, a connection to a local port that the kernel has just given to ourselves meets
     * itself (RFC 9293 3.5: simultaneous open). */
    union address own, peer;
    socklen_t own_size = sizeof own, peer_size = sizeof peer;
    memset(&own, 0, sizeof own);
    memset(&peer, 0, sizeof peer);
    if (getsockname(fd, &own.any, &own_size) == 0 && getpeername(fd, &peer.any, &peer_size) == 0 &&
        own_size == peer_size && memcmp(&own, &peer, own_size) == 0)
        return -ECONNREFUSED;
    return 0;
}

int reeve_resolve(const char *host, char *addresses, size_t size, const char **why) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    int error = getaddrinfo(host, NULL, &hints, &found);
    if (error) {
        *why = error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error);
        return -1;
    }
    size_t used = 0;
    int count = 0;
    for (struct addrinfo *entry = found; entry; entry = entry->ai_next) {
        if (size - used < NI_MAXHOST + 1) break;
        if (getnameinfo(entry->ai_addr, entry->ai_addrlen, addresses + used, NI_MAXHOST, NULL, 0,
                        NI_NUMERICHOST))
            continue;
        used += strlen(addresses + used) + 1;
        count++;
    }
    freeaddrinfo(found);
    return count;
}

/* MARK: Notify sockets */

int reeve_notify_socket(const char *name, size_t length, int is_abstract) {
    struct sockaddr_un address;
    size_t room = sizeof address.sun_path - 1;
    if (length == 0) return -ENOENT;
    if (length > room) return -ENAMETOOLONG;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path + (is_abstract ? 1 : 0), name, length);
    socklen_t size = offsetof(struct sockaddr_un, sun_path) + 1 + length;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&address, size) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int reeve_remove_sockets(const char *directory) {
    DIR *entries = opendir(directory);
    if (!entries) return -errno;
    int removed = 0;
    for (struct dirent *entry; (entry = readdir(entries));) {
        struct stat facts;
        if (fstatat(dirfd(entries), entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) < 0) continue;
        if (S_ISSOCK(facts.st_mode) && unlinkat(dirfd(entries), entry->d_name, 0) == 0) removed++;
    }
    closedir(entries);
    return removed;
}

/* MARK: Datagrams of senders who may be anybody */

/* Looks first: descriptors that came along are for somebody who may wait for their end (reeve_discard), and to
 * receive them without room for them is to end them here. What is looked at again is not ended. */
int64_t reeve_datagram_receive(
    int fd, void *buffer, size_t size, struct reeve_datagram_sender *sender) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec vector = {buffer, size};
    struct msghdr message = {
        .msg_iov = &vector,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    memset(sender, 0, sizeof *sender);
    ssize_t count;
    do
        count = recvmsg(fd, &message, MSG_DONTWAIT | MSG_TRUNC | MSG_PEEK);
    while (count < 0 && errno == EINTR);
    if (count < 0) return -errno;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS ||
            part->cmsg_len != CMSG_LEN(sizeof(struct ucred)))
            continue;
        struct ucred credentials;
        memcpy(&credentials, CMSG_DATA(part), sizeof credentials);
        sender->has_credentials = 1;
        sender->user = credentials.uid;
        sender->pid = credentials.pid;
    }
    sender->has_descriptors = (message.msg_flags & MSG_CTRUNC) != 0;
    if (!sender->has_descriptors) (void)recv(fd, NULL, 0, MSG_DONTWAIT);
    return count;
}

int reeve_discard(int fd) {
    /* With room for all that one message can carry (SCM_MAX_FD): they end with this process, for which the
     * kernel does not linger. */
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(253 * sizeof(int))];
    } control;
    char byte;
    struct iovec vector = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &vector,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    return recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0 ? -errno : 0;
}

int reeve_close_queue(int fd) {
    char byte;
    if (shutdown(fd, SHUT_RD) < 0) return -errno;
    return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) >= 0;
}

void reeve_refuse_descriptors(int fd) {
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif
    int off = 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof off);
}
