/* SPDX-License-Identifier: MIT
 *
 * UDP over a socket of our own and uv_poll: libuv's uv_udp_t reads at most 32 datagrams
 * a wake-up. No SO_REUSEADDR: two nodes on one port would steal each other's mail.
 */
#define _GNU_SOURCE
#include "uv/udp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/os.h"
#include "base/text.h"

enum {
    BATCH_MAX = 256, /* datagrams a wake-up: the loop has other guests */
    BUFFER_WANTED = 4 * 1024 *
                    1024, /* each way; a burst of a full window from every peer */
    LOOK_AGAIN_MS = 1000,
    SAY_DROPPED_EVERY_MS = 60 * 1000,
    LINE_MAX_BYTES = 256,
};

static socklen_t
to_sockaddr(const struct lcp_endpoint *ep, struct sockaddr_storage *out)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(ep->port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(ep->port)};

    memset(out, 0, sizeof(*out));
    if (lcp_endpoint_is_ipv4(ep)) {
        memcpy(&in.sin_addr, ep->ip + 12, sizeof(in.sin_addr));
        memcpy(out, &in, sizeof(in));
        return sizeof(in);
    }
    memcpy(&in6.sin6_addr, ep->ip, sizeof(in6.sin6_addr));
    memcpy(out, &in6, sizeof(in6));
    return sizeof(in6);
}

static bool
from_sockaddr(const struct sockaddr_storage *from, struct lcp_endpoint *out)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    *out = (struct lcp_endpoint){.ip = {[10] = 0xff, [11] = 0xff}};
    if (from->ss_family == AF_INET) {
        memcpy(&in, from, sizeof(in));
        memcpy(out->ip + 12, &in.sin_addr, sizeof(in.sin_addr));
        out->port = ntohs(in.sin_port);
        return true;
    }
    if (from->ss_family == AF_INET6) {
        memcpy(&in6, from, sizeof(in6));
        memcpy(out->ip, &in6.sin6_addr, sizeof(in6.sin6_addr));
        out->port = ntohs(in6.sin6_port);
        return true;
    }
    return false;
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
    struct lcp_uv_udp *udp = poll->data;
    struct sockaddr_storage from;
    struct lcp_endpoint endpoint;
    socklen_t from_len;
    ssize_t got;

    (void)status;
    (void)events;
    for (int i = 0; i < BATCH_MAX; i++) {
        from_len = sizeof(from);
        from.ss_family = AF_UNSPEC;
        /* One byte more than is legal, so that what is too long is not taken for whole.
         */
        got = recvfrom(udp->fd, udp->buffer, LCP_DATAGRAM_MAX + 1, 0,
                       (struct sockaddr *)&from, &from_len);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        /* Other errors are news about earlier sends (ICMP); the next read goes on. */
        if (got >= 0 && from_sockaddr(&from, &endpoint))
            udp->events->datagram(udp->ctx, &endpoint,
                                  lcp_span(udp->buffer, (size_t)got));
    }
}

static int
ask_buffer(int fd, int option)
{
    int wanted = BUFFER_WANTED, granted = 0;
    socklen_t len = sizeof(granted);

    (void)setsockopt(fd, SOL_SOCKET, option, &wanted, sizeof(wanted));
    if (getsockopt(fd, SOL_SOCKET, option, &granted, &len) != 0)
        return 0;
    return granted;
}

/* LCP_EAGAIN: the address is not up. */
static enum lcp_err
bind_error(int number)
{
    switch (number) {
    case EADDRINUSE:
        return LCP_EBUSY;
    case EADDRNOTAVAIL:
    case ENETDOWN:
        return LCP_EAGAIN;
    case EACCES:
    case EPERM:
        return LCP_EPERM;
    default:
        return LCP_EIO;
    }
}

static enum lcp_err
start_reading(struct lcp_uv_udp *udp)
{
    if (uv_poll_start(&udp->poll, UV_READABLE, on_readable) != 0)
        return LCP_EIO;
    udp->events->bound(udp->ctx, true, udp->rcv_bytes, udp->snd_bytes);
    return LCP_OK;
}

static enum lcp_err
bind_now(struct lcp_uv_udp *udp)
{
    struct sockaddr_storage address;
    socklen_t len = to_sockaddr(&udp->address, &address);
    int on = 1;
    enum lcp_err err = LCP_EIO;
    int fd;

    /* Bound, but the loop did not take it: no second socket could have the port. */
    if (udp->fd >= 0)
        return start_reading(udp);
    fd = socket(address.ss_family, SOCK_DGRAM, 0);
    if (fd < 0)
        return LCP_EIO;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        goto out;
    if (address.ss_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    udp->rcv_bytes = ask_buffer(fd, SO_RCVBUF);
    udp->snd_bytes = ask_buffer(fd, SO_SNDBUF);
    if (bind(fd, (struct sockaddr *)&address, len) != 0) {
        err = bind_error(errno);
        goto out;
    }
    if (uv_poll_init(udp->loop, &udp->poll, fd) != 0)
        goto out;
    udp->poll.data = udp;
    udp->fd = fd;
    fd = -1;
    err = start_reading(udp);

out:
    if (fd >= 0)
        close(fd);
    return err;
}

LCP_PRINTF(3, 4)
static void
say(struct lcp_uv_udp *udp, enum lcp_level level, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    udp->events->log(udp->ctx, level, line);
}

/* Could a socket be bound to our address now? */
static bool
is_address_up(const struct lcp_uv_udp *udp)
{
    struct lcp_endpoint any_port = udp->address;
    struct sockaddr_storage address;
    socklen_t len;
    int fd;
    bool is_up;

    any_port.port = 0;
    len = to_sockaddr(&any_port, &address);
    fd = socket(address.ss_family, SOCK_DGRAM, 0);
    if (fd < 0)
        return true; /* not the address's fault */
    is_up = bind(fd, (struct sockaddr *)&address, len) == 0 || errno != EADDRNOTAVAIL;
    close(fd);
    return is_up;
}

static void
on_look_again(uv_timer_t *timer)
{
    struct lcp_uv_udp *udp = timer->data;
    char text[LCP_ENDPOINT_TEXT_MAX + 1];

    /* The port may be taken by now; even so the node serves its local clients and
     * keeps trying. */
    if (udp->is_gone ? !is_address_up(udp) : bind_now(udp) != LCP_OK)
        return;
    (void)uv_timer_stop(&udp->timer);
    lcp_endpoint_print(&udp->address, text);
    say(udp, LCP_LOG_INFO, "udp %s: the address is up, listening", text);
    if (udp->is_gone)
        udp->events->bound(udp->ctx, true, udp->rcv_bytes, udp->snd_bytes);
    udp->is_gone = false;
}

enum lcp_err
lcp_uv_udp_open(struct lcp_uv_udp *udp, uv_loop_t *loop,
                const struct lcp_endpoint *address,
                const struct lcp_uv_udp_events *events, void *ctx)
{
    char text[LCP_ENDPOINT_TEXT_MAX + 1];
    enum lcp_err err;

    *udp = (struct lcp_uv_udp){
        .loop = loop, .address = *address, .events = events, .ctx = ctx, .fd = -1};
    udp->buffer = malloc(LCP_DATAGRAM_MAX + 1);
    if (udp->buffer == NULL)
        return LCP_ENOMEM;
    if (uv_timer_init(loop, &udp->timer) != 0)
        return LCP_EIO;
    udp->timer.data = udp;
    err = bind_now(udp);
    if (err != LCP_EAGAIN)
        return err;
    lcp_endpoint_print(address, text);
    say(udp, LCP_LOG_WARN, "udp %s: this address is not up yet, waiting for it", text);
    return uv_timer_start(&udp->timer, on_look_again, LOOK_AGAIN_MS, LOOK_AGAIN_MS) == 0
               ? LCP_OK
               : LCP_EIO;
}

static void
on_poll_closed(uv_handle_t *handle)
{
    struct lcp_uv_udp *udp = handle->data;

    close(udp->fd);
    udp->fd = -1;
}

void
lcp_uv_udp_close(struct lcp_uv_udp *udp)
{
    if (udp->loop == NULL)
        return;
    if (udp->fd >= 0 && !uv_is_closing((uv_handle_t *)&udp->poll)) {
        (void)uv_poll_stop(&udp->poll);
        uv_close((uv_handle_t *)&udp->poll, on_poll_closed);
    }
    if (udp->timer.data != NULL && !uv_is_closing((uv_handle_t *)&udp->timer))
        uv_close((uv_handle_t *)&udp->timer, NULL);
    free(udp->buffer);
    udp->buffer = NULL;
}

static void
count_dropped(struct lcp_uv_udp *udp)
{
    uint64_t now_ms = lcp_os_mono_ms();

    udp->dropped++;
    if (udp->dropped_said_ms != 0 &&
        now_ms - udp->dropped_said_ms < SAY_DROPPED_EVERY_MS)
        return;
    udp->dropped_said_ms = now_ms;
    say(udp, LCP_LOG_WARN,
        "udp: send buffer full, %" PRIu64 " datagrams dropped so far", udp->dropped);
}

/* The address may leave and come back (a tunnel restarts); the bound socket outlives
 * that. Systems differ in what they say to a send from an address that is gone, so any
 * failure makes us look. */
static void
note_failure(struct lcp_uv_udp *udp)
{
    uint64_t now_ms = lcp_os_mono_ms();
    char text[LCP_ENDPOINT_TEXT_MAX + 1];

    if (udp->is_gone || now_ms - udp->looked_ms < LOOK_AGAIN_MS)
        return;
    udp->looked_ms = now_ms;
    if (is_address_up(udp))
        return;
    udp->is_gone = true;
    lcp_endpoint_print(&udp->address, text);
    say(udp, LCP_LOG_WARN,
        "udp %s: the address is gone, waiting for it; mail stays queued", text);
    udp->events->bound(udp->ctx, false, udp->rcv_bytes, udp->snd_bytes);
    (void)uv_timer_start(&udp->timer, on_look_again, LOOK_AGAIN_MS, LOOK_AGAIN_MS);
}

void
lcp_uv_udp_send(struct lcp_uv_udp *udp, const struct lcp_endpoint *to,
                struct lcp_span header, struct lcp_span payload)
{
    struct sockaddr_storage address;
    struct iovec parts[2] = {
        {.iov_base = (void *)(uintptr_t)header.data, .iov_len = header.len},
        {.iov_base = (void *)(uintptr_t)payload.data, .iov_len = payload.len},
    };
    struct msghdr message = {
        .msg_name = &address, .msg_iov = parts, .msg_iovlen = payload.len > 0 ? 2 : 1};
    ssize_t sent;

    if (udp->fd < 0 || lcp_endpoint_is_ipv4(to) != lcp_endpoint_is_ipv4(&udp->address))
        return;
    message.msg_namelen = to_sockaddr(to, &address);
    do {
        sent = sendmsg(udp->fd, &message, 0);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
        count_dropped(udp);
    else
        note_failure(udp);
}
