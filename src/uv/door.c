/* SPDX-License-Identifier: MIT
 *
 * Connections at the local door. A connection has at most one request open and at most
 * one reply on its way, so its memory is one request buffer and one reply. Whoever
 * stops in the middle of a request or does not read its reply is closed.
 */
#define _GNU_SOURCE
#include "uv/door.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/os.h"
#include "ipc/ipc.h"

enum {
    READ_BYTES = 64 * 1024,
    BACKLOG = 64,
    SWEEP_MS = 5 * 1000,
    AGAIN_MS = 100,
    PATIENCE_MS = 30 * 1000, /* for the rest of a request, and for a reply to be read */
};

struct lcp_connection {
    struct lcp_door *door;
    uint64_t client;
    uv_pipe_t pipe;
    struct lcp_ipc_stream stream;
    char *buffer;       /* LCP_IPC_REQUEST_MAX; NULL until the first byte */
    uint64_t active_ms; /* last byte in or out */
    bool has_request;   /* handed over, not answered yet */
    bool has_ended;     /* the client will write no more, but may still read */
    bool is_reading;
    /* the reply on its way */
    bool is_writing, closes_after;
    bool owes_verdict; /* of the reply: whether it got through */
    uv_write_t write;
    uint8_t *reply;
    uint64_t tag;
};

static void serve(struct lcp_connection *c);

static void
on_closed(uv_handle_t *handle)
{
    struct lcp_connection *c = handle->data;

    if (c->owes_verdict && c->tag != 0)
        c->door->events->replied(c->door->ctx, c->client, c->tag, false);
    free(c->buffer);
    free(c->reply);
    free(c);
}

static void
close_connection(struct lcp_connection *c)
{
    struct lcp_door *door = c->door;

    if (uv_is_closing((uv_handle_t *)&c->pipe))
        return;
    for (size_t i = 0; i < door->connection_count; i++) {
        if (door->connections[i] != c)
            continue;
        door->connections[i] = door->connections[--door->connection_count];
        break;
    }
    uv_close((uv_handle_t *)&c->pipe, on_closed);
    if (c->has_request) {
        c->has_request = false;
        door->events->gone(door->ctx, c->client);
    }
}

/* Both directions are shut: whatever we write, nobody reads it. */
static bool
is_hung_up(const struct lcp_connection *c)
{
    struct pollfd one = {.events = 0};
    uv_os_fd_t fd;

    if (uv_fileno((const uv_handle_t *)&c->pipe, &fd) != 0)
        return true;
    one.fd = fd;
    return poll(&one, 1, 0) > 0 && (one.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct lcp_connection *c = handle->data;
    size_t room = LCP_IPC_REQUEST_MAX - c->stream.len;

    (void)suggested;
    *buf = uv_buf_init((char *)c->door->read_buffer,
                       (unsigned)(room < READ_BYTES ? room : READ_BYTES));
}

static void
on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    struct lcp_connection *c = stream->data;

    if (got == 0)
        return;
    if (got == UV_EOF && !is_hung_up(c)) {
        c->has_ended = true;
        c->is_reading = false;
        serve(c);
        return;
    }
    if (got < 0) {
        close_connection(c);
        return;
    }
    c->active_ms = lcp_os_mono_ms();
    if (c->buffer == NULL) {
        c->buffer = malloc(LCP_IPC_REQUEST_MAX);
        if (c->buffer == NULL) {
            close_connection(c);
            return;
        }
        lcp_ipc_stream_init(&c->stream, c->buffer);
    }
    if (lcp_ipc_stream_put(&c->stream, lcp_span(buf->base, (size_t)got)) !=
        (size_t)got) {
        close_connection(c);
        return;
    }
    serve(c);
}

/* Reads on while there is room, also beside an open request: else nobody would notice
 * that its client is gone. */
static void
adjust_reading(struct lcp_connection *c)
{
    bool wants = !c->has_ended &&
                 (c->buffer == NULL || c->stream.len < LCP_IPC_REQUEST_MAX);

    if (wants == c->is_reading || uv_is_closing((uv_handle_t *)&c->pipe))
        return;
    c->is_reading = wants;
    if (!wants)
        (void)uv_read_stop((uv_stream_t *)&c->pipe);
    else if (uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read) != 0)
        close_connection(c);
}

/* Hands over the next whole request, if it is its turn. */
static void
serve(struct lcp_connection *c)
{
    struct lcp_door *door = c->door;
    struct lcp_span request;
    bool is_ours;

    if (c->has_request || c->is_writing || uv_is_closing((uv_handle_t *)&c->pipe)) {
        adjust_reading(c);
        return;
    }
    switch (c->buffer == NULL ? LCP_IPC_MORE
                              : lcp_ipc_stream_get(&c->stream, &request, &is_ours)) {
    case LCP_IPC_MORE:
        if (c->buffer != NULL && c->stream.len == 0) {
            free(c->buffer); /* an idle connection costs next to nothing */
            c->buffer = NULL;
        }
        if (c->has_ended)
            close_connection(c);
        else
            adjust_reading(c);
        return;
    case LCP_IPC_REJECT:
        close_connection(c);
        return;
    case LCP_IPC_REQUEST:
        break;
    }
    c->has_request = true;
    door->events->request(door->ctx, c->client, request, is_ours);
    lcp_ipc_stream_next(&c->stream);
    adjust_reading(c);
}

/* A client that leaves bytes unread when it closes leaves an error behind; one that
 * read all of them and closed, however fast, does not. */
static bool
was_left_unread(const struct lcp_connection *c)
{
    int error = 0;
    socklen_t len = sizeof(error);
    uv_os_fd_t fd;

    return uv_fileno((const uv_handle_t *)&c->pipe, &fd) != 0 ||
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0;
}

static void
on_written(uv_write_t *write, int status)
{
    struct lcp_connection *c = write->data;
    struct lcp_door *door = c->door;
    bool ok = status == 0 && !uv_is_closing((uv_handle_t *)&c->pipe) &&
              !was_left_unread(c);

    c->is_writing = false;
    c->owes_verdict = false;
    c->active_ms = lcp_os_mono_ms();
    free(c->reply);
    c->reply = NULL;
    if (c->tag != 0)
        door->events->replied(door->ctx, c->client, c->tag, ok);
    if (!ok || c->closes_after)
        close_connection(c);
    else
        serve(c);
}

static struct lcp_connection *
find_connection(struct lcp_door *door, uint64_t client)
{
    for (size_t i = 0; i < door->connection_count; i++) {
        if (door->connections[i]->client == client)
            return door->connections[i];
    }
    return NULL;
}

void
lcp_door_reply(struct lcp_door *door, uint64_t client, struct lcp_span bytes, bool end,
               uint64_t tag)
{
    struct lcp_connection *c = find_connection(door, client);
    uv_buf_t buf;

    if (c == NULL || !c->has_request)
        return;
    c->has_request = false;
    c->closes_after = end;
    c->tag = tag;
    c->active_ms = lcp_os_mono_ms();
    c->owes_verdict = true;
    c->reply = malloc(bytes.len > 0 ? bytes.len : 1);
    if (c->reply == NULL) {
        close_connection(c);
        return;
    }
    memcpy(c->reply, bytes.data, bytes.len);
    buf = uv_buf_init((char *)c->reply, (unsigned)bytes.len);
    c->write.data = c;
    c->is_writing = true;
    if (uv_write(&c->write, (uv_stream_t *)&c->pipe, &buf, 1, on_written) != 0) {
        c->is_writing = false;
        close_connection(c);
    }
}

void
lcp_door_who(struct lcp_door *door, uint64_t client, char *out, size_t cap)
{
    const struct lcp_connection *c = find_connection(door, client);
    uv_os_fd_t fd;

    out[0] = '\0';
    if (c != NULL && uv_fileno((const uv_handle_t *)&c->pipe, &fd) == 0)
        lcp_os_who_peer(fd, out, cap);
}

/* The connection that waits longest without a request open makes room for a new one. */
static bool
make_room(struct lcp_door *door)
{
    struct lcp_connection *oldest = NULL;

    if (door->connection_count < door->connections_max)
        return true;
    for (size_t i = 0; i < door->connection_count; i++) {
        struct lcp_connection *c = door->connections[i];

        if (!c->has_request && !c->is_writing &&
            (oldest == NULL || c->active_ms < oldest->active_ms))
            oldest = c;
    }
    if (oldest != NULL)
        close_connection(oldest);
    return oldest != NULL;
}

static void on_again(uv_timer_t *timer);

/* libuv asks for nobody else before this one is accepted, and so must we, soon. */
static void
let_wait(struct lcp_door_listener *listener)
{
    listener->has_guest = true;
    (void)uv_timer_start(&listener->door->again, on_again, AGAIN_MS, 0);
}

static void
on_connection(uv_stream_t *server, int status)
{
    struct lcp_door_listener *listener = server->data;
    struct lcp_door *door = listener->door;
    struct lcp_connection *c;
    uv_os_fd_t fd;

    if (status < 0)
        return;
    c = calloc(1, sizeof(*c));
    if (c == NULL || uv_pipe_init(door->loop, &c->pipe, 0) != 0) {
        free(c);
        let_wait(listener);
        return;
    }
    c->door = door;
    c->pipe.data = c;
    c->client = ++door->next_client;
    c->active_ms = lcp_os_mono_ms();
    if (uv_accept(server, (uv_stream_t *)&c->pipe) != 0 ||
        uv_fileno((uv_handle_t *)&c->pipe, &fd) != 0 ||
        lcp_os_check_peer(fd) != LCP_OK || door->is_closing || !make_room(door)) {
        uv_close((uv_handle_t *)&c->pipe, on_closed);
        return;
    }
    door->connections[door->connection_count++] = c;
    adjust_reading(c);
}

static void
on_again(uv_timer_t *timer)
{
    struct lcp_door *door = timer->data;

    for (size_t i = 0; i < door->listener_count; i++) {
        struct lcp_door_listener *l = &door->listeners[i];

        if (!l->has_guest || uv_is_closing((uv_handle_t *)&l->pipe))
            continue;
        l->has_guest = false;
        on_connection((uv_stream_t *)&l->pipe, 0);
    }
}

static void
on_sweep(uv_timer_t *timer)
{
    struct lcp_door *door = timer->data;
    uint64_t now_ms = lcp_os_mono_ms();

    for (size_t i = door->connection_count; i-- > 0;) {
        struct lcp_connection *c = door->connections[i];
        bool is_partial = !c->has_request && c->buffer != NULL && c->stream.is_open;

        if ((c->is_writing || is_partial) && now_ms - c->active_ms >= PATIENCE_MS)
            close_connection(c);
    }
}

enum lcp_err
lcp_door_init(struct lcp_door *door, uv_loop_t *loop,
              const struct lcp_door_events *events, void *ctx)
{
    *door = (struct lcp_door){.loop = loop,
                              .events = events,
                              .ctx = ctx,
                              .connections_max = LCP_DOOR_CONNECTIONS_MAX};
    door->read_buffer = malloc(READ_BYTES);
    if (door->read_buffer == NULL)
        return LCP_ENOMEM;
    if (uv_timer_init(loop, &door->sweep) != 0 ||
        uv_timer_init(loop, &door->again) != 0)
        return LCP_EIO;
    door->sweep.data = door;
    door->again.data = door;
    return uv_timer_start(&door->sweep, on_sweep, SWEEP_MS, SWEEP_MS) == 0 ? LCP_OK
                                                                           : LCP_EIO;
}

enum lcp_err
lcp_door_listen(struct lcp_door *door, const char *path, enum lcp_listen_kind kind,
                char fault[static LCP_LISTEN_FAULT_MAX])
{
    struct lcp_door_listener *l = &door->listeners[door->listener_count];
    enum lcp_err err = lcp_listen_open(&l->listen, path, kind, fault);

    if (err != LCP_OK)
        return err;
    l->door = door;
    l->pipe.data = l;
    if (uv_pipe_init(door->loop, &l->pipe, 0) == 0) {
        door->listener_count++;
        l->pipe.data = l;
        if (uv_pipe_open(&l->pipe, l->listen.fd) == 0) {
            l->listen.fd = -1;
            if (uv_listen((uv_stream_t *)&l->pipe, BACKLOG, on_connection) == 0)
                return LCP_OK;
        }
    }
    snprintf(fault, LCP_LISTEN_FAULT_MAX, "cannot listen at %.300s", path);
    return LCP_EIO;
}

void
lcp_door_shut(struct lcp_door *door)
{
    for (size_t i = 0; i < door->listener_count; i++) {
        struct lcp_door_listener *l = &door->listeners[i];

        if (uv_is_closing((uv_handle_t *)&l->pipe))
            continue;
        lcp_listen_remove(&l->listen);
        uv_close((uv_handle_t *)&l->pipe, NULL);
    }
}

bool
lcp_door_is_writing(const struct lcp_door *door)
{
    for (size_t i = 0; i < door->connection_count; i++) {
        if (door->connections[i]->is_writing)
            return true;
    }
    return false;
}

void
lcp_door_close(struct lcp_door *door)
{
    if (door->loop == NULL)
        return;
    door->is_closing = true;
    lcp_door_shut(door);
    while (door->connection_count > 0)
        close_connection(door->connections[0]);
    if (door->sweep.data != NULL && !uv_is_closing((uv_handle_t *)&door->sweep))
        uv_close((uv_handle_t *)&door->sweep, NULL);
    if (door->again.data != NULL && !uv_is_closing((uv_handle_t *)&door->again))
        uv_close((uv_handle_t *)&door->again, NULL);
    free(door->read_buffer);
    door->read_buffer = NULL;
}
