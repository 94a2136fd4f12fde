/* SPDX-License-Identifier: MIT
 *
 * The caller's side of the local protocol: one blocking stream, a line out, a line in.
 * After a failure the stream is of no use, because a late reply could answer the wrong
 * question: it is closed, and the next call opens another.
 */
#include "lcp/client.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/os.h"
#include "ipc/ipc.h"
#include "ipc/reply.h"

enum {
    REPLY_FIRST_BYTES = 16 * 1024,
    REPLY_MAX_BYTES = 64 * 1024 *
                      1024, /* a page of 100 messages has at most about 10 MiB */
    ERROR_MAX = 512,
    QUICK_MS = 10000,
    SEND_MS = 20000, /* the daemon answers after 9.5 s at the latest */
};

struct lcp_client {
    char path[LCP_PATH_MAX];
    intptr_t handle; /* -1: closed after a failure */
    char *reply;
    size_t len, cap;
    char error[ERROR_MAX];
};

static void
set_error(struct lcp_client *c, const char *text)
{
    snprintf(c->error, sizeof(c->error), "%s", text);
}

static const char *
connect_sentence(enum lcp_err err)
{
    switch (err) {
    case LCP_ECLOSED:
    case LCP_ENOTFOUND:
        return "no daemon runs for this home";
    case LCP_EPERM:
        return "the system forbids this process the daemon's socket";
    case LCP_EFULL:
        return "the path of the daemon's socket is too long";
    case LCP_ETIMEOUT:
        return "the daemon does not answer";
    default:
        return "the daemon's socket cannot be opened";
    }
}

static enum lcp_err
connect_to(struct lcp_client *c)
{
    enum lcp_err err = lcp_os_connect(c->path, &c->handle);

    if (err != LCP_OK) {
        c->handle = -1;
        set_error(c, connect_sentence(err));
    }
    return err;
}

static void
hang_up(struct lcp_client *c, const char *why)
{
    lcp_os_stream_close(c->handle);
    c->handle = -1;
    set_error(c, why);
}

enum lcp_err
lcp_client_open(const char *home, struct lcp_client **out)
{
    char folder[LCP_PATH_MAX];
    struct lcp_client *c = NULL;
    enum lcp_err err = LCP_OK;

    if (home == NULL) {
        err = lcp_os_default_home(folder, sizeof(folder));
        home = folder;
    }
    if (err != LCP_OK)
        return err;
    c = calloc(1, sizeof(*c));
    if (c == NULL)
        return LCP_ENOMEM;
    c->handle = -1;
    err = lcp_path_join(c->path, sizeof(c->path), home, "lcp.sock");
    if (err == LCP_OK)
        err = connect_to(c);
    if (err != LCP_OK) {
        free(c);
        return err;
    }
    *out = c;
    return LCP_OK;
}

void
lcp_client_close(struct lcp_client *c)
{
    if (c == NULL)
        return;
    if (c->handle >= 0)
        lcp_os_stream_close(c->handle);
    free(c->reply);
    free(c);
}

const char *
lcp_client_error(const struct lcp_client *c)
{
    return c->error;
}

/* The request with "v":1 in front, so that it is ours even when its newline comes late.
 */
static enum lcp_err
write_request(struct lcp_client *c, const char *request)
{
    struct lcp_span text = lcp_span_str(request);
    bool has_version = lcp_ipc_has_version(text);
    char *line;
    int len;
    enum lcp_err err;

    if (text.len < 2 || text.data[0] != '{') {
        set_error(c, "a request is a JSON object");
        return LCP_EINVAL;
    }
    if (text.len + 8 > LCP_IPC_REQUEST_MAX) {
        set_error(c, "the request is too big");
        return LCP_EFULL;
    }
    line = malloc(text.len + 16);
    if (line == NULL)
        return LCP_ENOMEM;
    len = has_version ? snprintf(line, text.len + 16, "%s\n", request)
                      : snprintf(line, text.len + 16, "{\"v\":1%s%s\n",
                                 request[1] == '}' ? "" : ",", request + 1);
    err = lcp_os_stream_write(c->handle, lcp_span(line, (size_t)len));
    free(line);
    return err;
}

static bool
make_room(struct lcp_client *c)
{
    size_t cap = c->cap == 0 ? REPLY_FIRST_BYTES : 2 * c->cap;
    char *bigger;

    if (c->len + 1 < c->cap)
        return true;
    bigger = cap <= REPLY_MAX_BYTES ? realloc(c->reply, cap) : NULL;
    if (bigger == NULL)
        return false;
    c->reply = bigger;
    c->cap = cap;
    return true;
}

/* Reads up to the newline that ends the reply, and puts NUL in its place. */
static enum lcp_err
read_reply(struct lcp_client *c, uint64_t timeout_ms)
{
    uint64_t deadline_ms = lcp_os_mono_ms() + timeout_ms;

    c->len = 0;
    for (;;) {
        uint64_t now_ms = lcp_os_mono_ms();
        size_t got = 0;
        char *end;
        enum lcp_err err;

        if (!make_room(c))
            return LCP_ENOMEM;
        err = lcp_os_stream_read(c->handle, c->reply + c->len, c->cap - c->len - 1,
                                 now_ms < deadline_ms ? deadline_ms - now_ms : 0, &got);
        if (err != LCP_OK)
            return err;
        if (got == 0)
            return LCP_ECLOSED;
        end = memchr(c->reply + c->len, '\n', got);
        c->len += got;
        if (end != NULL) {
            *end = '\0';
            c->len = (size_t)(end - c->reply);
            return LCP_OK;
        }
    }
}

static struct lcp_span
reply_of(const struct lcp_client *c)
{
    return lcp_span(c->reply, c->len);
}

static bool
is_error(struct lcp_client *c)
{
    struct lcp_span error;

    if (!lcp_reply_member(reply_of(c), "error", &error))
        return false;
    lcp_reply_text(error, "message", c->error, sizeof(c->error));
    return true;
}

enum lcp_err
lcp_client_call(struct lcp_client *c, const char *request, uint64_t timeout_ms,
                const char **reply)
{
    enum lcp_err err = c->handle >= 0 ? LCP_OK : connect_to(c);

    c->error[0] = '\0';
    if (err != LCP_OK) {
        set_error(c, connect_sentence(err));
        return err;
    }
    err = write_request(c, request);
    if (err == LCP_EINVAL || err == LCP_EFULL)
        return err; /* nothing was written */
    if (err == LCP_OK)
        err = read_reply(c, timeout_ms);
    if (err != LCP_OK) {
        hang_up(c, err == LCP_ETIMEOUT  ? "the daemon did not answer in time"
                   : err == LCP_ECLOSED ? "the daemon closed the connection"
                                        : "the connection to the daemon failed");
        return err;
    }
    (void)is_error(c);
    *reply = c->reply;
    return LCP_OK;
}

/* Writes a request with write() into memory that fits. NULL: out of memory or too big.
 */
static char *
build(void (*write)(struct lcp_writer *w, const void *what), const void *what)
{
    char *text = malloc(LCP_IPC_REQUEST_MAX);
    struct lcp_writer w;
    struct lcp_span done;

    if (text == NULL)
        return NULL;
    lcp_writer_init(&w, text, LCP_IPC_REQUEST_MAX - 1, 0);
    lcp_write_object(&w);
    write(&w, what);
    lcp_write_object_end(&w);
    if (lcp_writer_end(&w, &done) != LCP_OK) {
        free(text);
        return NULL;
    }
    text[done.len] = '\0';
    return text;
}

/* A call whose error reply is an error. */
static enum lcp_err
call(struct lcp_client *c, void (*write)(struct lcp_writer *w, const void *what),
     const void *what, uint64_t timeout_ms)
{
    char *request = build(write, what);
    const char *reply;
    enum lcp_err err;

    if (request == NULL) {
        set_error(c, "the request is too big");
        return LCP_EFULL;
    }
    err = lcp_client_call(c, request, timeout_ms, &reply);
    free(request);
    if (err == LCP_OK && is_error(c))
        err = LCP_EINVAL;
    return err;
}

struct draft {
    const char *to, *type, *message, *reply_to;
    bool wait;
};

static void
write_send(struct lcp_writer *w, const void *what)
{
    const struct draft *draft = what;

    lcp_write_member_string(w, "cmd", "SEND");
    if (draft->to != NULL)
        lcp_write_member_string(w, "to", draft->to);
    lcp_write_member_bool(w, "wait", draft->wait);
    lcp_write_key(w, "payload");
    lcp_write_object(w);
    lcp_write_member_string(w, "type", draft->type == NULL ? "chat" : draft->type);
    lcp_write_member_string(w, "message", draft->message);
    if (draft->reply_to != NULL)
        lcp_write_member_string(w, "replyTo", draft->reply_to);
    lcp_write_object_end(w);
}

enum lcp_err
lcp_client_send(struct lcp_client *c, const char *to, const char *type,
                const char *message, const char *reply_to, bool wait,
                struct lcp_sent *sent)
{
    struct draft draft = {to, type, message, reply_to, wait};
    enum lcp_err err = call(c, write_send, &draft, SEND_MS);
    struct lcp_span reply;

    if (err != LCP_OK)
        return err;
    reply = reply_of(c);
    *sent = (struct lcp_sent){.number = lcp_reply_number(reply, "number"),
                              .accepted = lcp_reply_is_true(reply, "accepted"),
                              .ok = lcp_reply_is_true(reply, "ok")};
    lcp_reply_text(reply, "id", sent->id, sizeof(sent->id));
    lcp_reply_text(reply, "state", sent->state, sizeof(sent->state));
    return LCP_OK;
}

/* Which numbers a CHECK starts behind, or SHOWN and ACK name. */
struct numbers {
    const char *cmd, *list;
    uint64_t after;
    const uint64_t *numbers;
    size_t count;
};

static void
write_check(struct lcp_writer *w, const void *what)
{
    const struct numbers *n = what;

    lcp_write_member_string(w, "cmd", "CHECK");
    if (n->after != 0)
        lcp_write_member_int(w, "after", (int64_t)n->after);
}

static void
write_numbers(struct lcp_writer *w, const void *what)
{
    const struct numbers *n = what;

    lcp_write_member_string(w, "cmd", n->cmd);
    lcp_write_key(w, n->list);
    lcp_write_array(w);
    for (size_t i = 0; i < n->count; i++)
        lcp_write_int(w, (int64_t)n->numbers[i]);
    lcp_write_array_end(w);
}

/* Decodes a string member of a message behind *used; "" when it is none. */
static const char *
take_string(const struct lcp_json *doc, uint32_t object, const char *name, char *text,
            size_t cap, size_t *used)
{
    uint32_t at = lcp_json_member(doc, object, name);
    char *out = text + *used;
    size_t len;

    if (at == 0 || !lcp_json_is(doc, at, LCP_JSON_STRING) ||
        lcp_json_string(doc, at, out, cap - *used, &len) != LCP_OK)
        return "";
    *used += len + 1;
    return out;
}

/* Parses one message and hands it over; *taken: each() said true. */
static enum lcp_err
hand_over(struct lcp_span raw, bool (*each)(void *, const struct lcp_received *),
          void *ctx, struct lcp_json_node *nodes, bool *taken)
{
    struct lcp_json doc = {.nodes = nodes, .cap = LCP_IPC_NODES_MAX + 16};
    struct lcp_received m = {.number = lcp_reply_number(raw, "_number")};
    size_t used = 0;
    /* Decoded strings are shorter than their text; every one has a NUL more. */
    size_t cap = raw.len + 8;
    char *text;
    uint32_t peer;

    *taken = false;
    if (lcp_json_parse(raw, &doc) != LCP_JSON_FAULT_NONE)
        return LCP_EFORMAT;
    text = malloc(cap);
    if (text == NULL)
        return LCP_ENOMEM;
    peer = lcp_json_member(&doc, 0, "_peer");
    m.id = take_string(&doc, 0, "id", text, cap, &used);
    m.peer = peer == 0 ? "" : take_string(&doc, peer, "name", text, cap, &used);
    m.type = take_string(&doc, 0, "type", text, cap, &used);
    m.reply_to = take_string(&doc, 0, "replyTo", text, cap, &used);
    m.message = take_string(&doc, 0, "message", text, cap, &used);
    *taken = each(ctx, &m);
    free(text);
    return LCP_OK;
}

enum { PAGE_MAX = 1000 };

/* Hands over the page; the numbers taken are put into numbers, their count into *count.
 */
static enum lcp_err
hand_over_all(struct lcp_span messages,
              bool (*each)(void *, const struct lcp_received *), void *ctx,
              uint64_t numbers[static PAGE_MAX], size_t *count)
{
    struct lcp_json_node *nodes = malloc((LCP_IPC_NODES_MAX + 16) * sizeof(*nodes));
    struct lcp_span raw;
    size_t at = 0;
    enum lcp_err err = nodes == NULL ? LCP_ENOMEM : LCP_OK;

    *count = 0;
    while (err == LCP_OK && *count < PAGE_MAX && lcp_reply_next(messages, &at, &raw)) {
        bool taken;

        err = hand_over(raw, each, ctx, nodes, &taken);
        if (taken)
            numbers[(*count)++] = lcp_reply_number(raw, "_number");
    }
    free(nodes);
    return err;
}

enum lcp_err
lcp_client_check(struct lcp_client *c, uint64_t after,
                 bool (*each)(void *ctx, const struct lcp_received *message), void *ctx,
                 uint64_t *next)
{
    uint64_t numbers[PAGE_MAX];
    struct numbers n = {
        .cmd = "SHOWN", .list = "numbers", .after = after, .numbers = numbers};
    struct lcp_span messages;
    char *page;
    enum lcp_err err = call(c, write_check, &n, QUICK_MS), shown = LCP_OK;

    if (err != LCP_OK)
        return err;
    *next = lcp_reply_number(reply_of(c), "next");
    if (!lcp_reply_member(reply_of(c), "messages", &messages)) {
        set_error(c, "the daemon's reply holds no messages");
        return LCP_EFORMAT;
    }
    /* each() may use the client: the page must outlive its replies. */
    page = c->reply;
    c->reply = NULL;
    c->len = c->cap = 0;
    err = hand_over_all(messages, each, ctx, numbers, &n.count);
    free(page);
    if (n.count > 0)
        shown = call(c, write_numbers, &n, QUICK_MS);
    return err != LCP_OK ? err : shown;
}

enum lcp_err
lcp_client_done(struct lcp_client *c, uint64_t number)
{
    struct numbers n = {.cmd = "ACK", .list = "ids", .numbers = &number, .count = 1};

    return call(c, write_numbers, &n, QUICK_MS);
}
