/* SPDX-License-Identifier: MIT
 *
 * The blocking local stream from a command to its daemon, and the question who sits at
 * the other end of a Unix socket. The daemon's own end belongs to the event loop.
 */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include "base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/os_error.h"

/* How long a daemon that is stopped or stuck may hold a command in connect or write. */
enum { STREAM_STUCK_S = 10 };

#if defined(MSG_NOSIGNAL)
enum { SEND_FLAGS = MSG_NOSIGNAL };
#else
enum { SEND_FLAGS = 0 }; /* SO_NOSIGPIPE instead, see open_stream() */
#endif

static enum lcp_err
peer_uid(int fd, uid_t *uid)
{
#if defined(SO_PEERCRED) && defined(__linux__)
    struct ucred cred;
    socklen_t len = sizeof(cred);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
        return lcp_os_fail();
    *uid = cred.uid;
    return LCP_OK;
#else
    gid_t gid;

    /* macOS and the BSDs; on macOS it reads LOCAL_PEERCRED. */
    return getpeereid(fd, uid, &gid) == 0 ? LCP_OK : lcp_os_fail();
#endif
}

enum lcp_err
lcp_os_check_peer(int fd)
{
    uid_t uid = (uid_t)-1;
    enum lcp_err err = peer_uid(fd, &uid);

    if (err != LCP_OK)
        return err;
    /* Root can read our memory; refusing it the socket would protect nothing. */
    return uid == geteuid() || uid == 0 ? LCP_OK : lcp_os_fail_as(EPERM);
}

static enum lcp_err
open_stream(int *out)
{
    const struct timeval stuck = {.tv_sec = STREAM_STUCK_S};
    int fd;

#if defined(SOCK_CLOEXEC)
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
#else
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
#endif
    if (fd < 0) {
        int number = errno;
        enum lcp_err err = lcp_os_fail_as(number);

        /* No Unix sockets at all: the way systemd's RestrictAddressFamilies says no. */
        return number == EAFNOSUPPORT ? LCP_EPERM : err;
    }
#if !defined(SOCK_CLOEXEC)
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
#endif
#if defined(SO_NOSIGPIPE)
    (void)setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
#endif
    /* On Linux this bounds connect() as well. Best effort: without it we wait longer.
     */
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &stuck, sizeof(stuck));
    *out = fd;
    return LCP_OK;
}

/* A connect that a signal interrupted goes on by itself on some systems and has to be
 * asked again on others; asking again is right on both. */
static int
connect_patiently(int fd, const struct sockaddr_un *address)
{
    for (;;) {
        if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
            return 0;
        if (errno == EISCONN)
            return 0;
        if (errno == EALREADY) {
            struct pollfd poller = {.fd = fd, .events = POLLOUT};

            (void)poll(&poller, 1, STREAM_STUCK_S * 1000);
        } else if (errno != EINTR) {
            return errno;
        }
    }
}

static enum lcp_err
connect_error(int number)
{
    enum lcp_err err = lcp_os_fail_as(number);

    switch (number) {
    case ENOENT:
    case ENOTDIR:
    case ECONNREFUSED:
    case ENOTSOCK: /* a plain file of that name: macOS says it so, Linux refuses */
        return LCP_ECLOSED;
    case EAGAIN: /* the backlog stayed full */
        return LCP_ETIMEOUT;
    default:
        return err;
    }
}

enum lcp_err
lcp_os_connect(const char *path, intptr_t *handle)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    enum lcp_err err;
    int fd = -1, number;

    *handle = -1;
    if (len == 0)
        return LCP_EINVAL;
    if (len >= sizeof(address.sun_path))
        return LCP_EFULL;
    memcpy(address.sun_path, path, len + 1);
    err = open_stream(&fd);
    if (err != LCP_OK)
        return err;
    number = connect_patiently(fd, &address);
    if (number != 0) {
        err = connect_error(number);
        goto out;
    }
    /* What we write may be secret: no stranger who took the path gets to read it. Root
     * may talk to anybody's daemon whose home it names. */
    if (geteuid() != 0)
        err = lcp_os_check_peer(fd);

out:
    if (err != LCP_OK)
        close(fd);
    else
        *handle = fd;
    return err;
}

enum lcp_err
lcp_os_stream_write(intptr_t handle, struct lcp_span data)
{
    size_t done = 0;

    while (done < data.len) {
        ssize_t put = send((int)handle, data.data + done, data.len - done, SEND_FLAGS);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            enum lcp_err err = lcp_os_fail();

            return err == LCP_EAGAIN ? LCP_ETIMEOUT : err;
        }
        done += (size_t)put;
    }
    return LCP_OK;
}

/* Waits until there is something to read. */
static enum lcp_err
wait_readable(int fd, uint64_t timeout_ms)
{
    uint64_t start_ms = lcp_os_mono_ms();

    for (;;) {
        struct pollfd poller = {.fd = fd, .events = POLLIN};
        uint64_t spent_ms = lcp_os_mono_ms() - start_ms;
        uint64_t left_ms = spent_ms < timeout_ms ? timeout_ms - spent_ms : 0;
        int ready = poll(&poller, 1, left_ms < INT_MAX ? (int)left_ms : INT_MAX);

        if (ready > 0)
            return LCP_OK;
        if (ready < 0 && errno != EINTR)
            return lcp_os_fail();
        if (ready == 0 && left_ms < INT_MAX)
            return LCP_ETIMEOUT;
    }
}

enum lcp_err
lcp_os_stream_read(intptr_t handle, void *out, size_t cap, uint64_t timeout_ms,
                   size_t *len)
{
    for (;;) {
        enum lcp_err err = wait_readable((int)handle, timeout_ms);
        ssize_t got;

        if (err != LCP_OK)
            return err;
        got = recv((int)handle, out, cap, 0);
        if (got >= 0) {
            *len = (size_t)got;
            return LCP_OK;
        }
        if (errno != EINTR)
            return lcp_os_fail();
    }
}

void
lcp_os_stream_close(intptr_t handle)
{
    if (handle >= 0)
        close((int)handle);
}
