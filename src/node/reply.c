/* SPDX-License-Identifier: MIT
 *
 * Answers to local clients that the pump writes itself. Shapes: docs/ipc.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "node/state.h"

enum { REPLY_START = 16 * 1024, REPLY_MAX = 16 * 1024 * 1024 };

void
lcp_pump_reply(struct lcp_pump *p, uint64_t client, bool is_ours, lcp_reply_fn *write,
               void *ctx)
{
    size_t cap = p->reply_cap != 0 ? p->reply_cap : REPLY_START;

    for (; cap <= REPLY_MAX; cap *= 2) {
        struct lcp_writer w;
        struct lcp_span text;

        if (cap > p->reply_cap) {
            char *grown = realloc(p->reply_buf, cap);

            if (grown == NULL)
                break;
            p->reply_buf = grown;
            p->reply_cap = cap;
        }
        lcp_writer_init(&w, p->reply_buf, cap - 1, 0);
        write(&w, ctx);
        if (lcp_writer_end(&w, &text) == LCP_OK) {
            p->reply_buf[text.len] = '\n';
            p->world->ops->reply(p->world, client,
                                 lcp_span(p->reply_buf, text.len + is_ours), !is_ours,
                                 0);
            return;
        }
    }
    p->world->ops->reply(p->world, client, lcp_span("{}\n", 2 + is_ours), true, 0);
}

struct error_reply {
    const char *code, *message, *hint;
    bool is_ours;
};

static void
write_error(struct lcp_writer *w, void *ctx)
{
    const struct error_reply *e = ctx;

    lcp_ipc_write_error(w, e->is_ours, e->code, e->message, e->hint);
}

void
lcp_pump_reply_error(struct lcp_pump *p, uint64_t client, bool is_ours,
                     const char *code, const char *message, const char *hint)
{
    struct error_reply e = {code, message, hint, is_ours};

    lcp_pump_reply(p, client, is_ours, write_error, &e);
}

/* what names the thing asked for; %s stands for it. */
static const struct {
    enum lcp_err err;
    const char *code, *message, *hint;
} error_rows[] = {
    {LCP_ENOTFOUND, "not-found", "there is no message %s",
     "lcp check and lcp sent list what there is"},
    {LCP_EAMBIGUOUS, "ambiguous", "%s fits several messages",
     "give the number with its mark (\"#41\"), or more of the id"},
    {LCP_EINVAL, "bad-request", "%s is no number, id or prefix of an id",
     "a number like 41, or at least 4 characters of an id"},
    {LCP_ECONFLICT, "conflict", "the id %s was used for another message",
     "one id is one message: take a new id, or none"},
    {LCP_EFULL, "too-big", "the message does not fit into one datagram of 65498 bytes",
     "send less text, or a file's place instead of the file"},
    {LCP_EFORMAT, "bad-request",
     "the message is not valid UTF-8 or a member breaks its form", "send UTF-8 text"},
    {LCP_EPERM, "held", "%s is held: nobody has released it",
     "lcp release ID, or lcp refuse ID"},
    {LCP_ENOSPACE, "storage-full",
     "the disk is full or read-only; nothing was accepted",
     "make room; the daemon goes on by itself"},
    {LCP_ECORRUPT, "storage-damaged", "the database is damaged; nothing was accepted",
     "stop the daemon; lcp node --reseal looks it through and says what to do"},
    {LCP_ECLOSED, "no-peer",
     "there are several peers and the message answered is not known here",
     "say which: --to NAME"},
    {LCP_ENOMEM, "no-memory", "out of memory; nothing was done", "try again later"},
};

void
lcp_pump_reply_err(struct lcp_pump *p, uint64_t client, bool is_ours, enum lcp_err err,
                   const char *what)
{
    char message[LCP_REQUEST_ID_TEXT + 128];

    for (size_t i = 0; i < sizeof(error_rows) / sizeof(error_rows[0]); i++) {
        const char *text = error_rows[i].message, *gap = strstr(text, "%s");

        if (error_rows[i].err != err)
            continue;
        if (gap != NULL)
            snprintf(message, sizeof(message), "%.*s%s%s", (int)(gap - text), text,
                     what, gap + 2);
        else
            snprintf(message, sizeof(message), "%s", text);
        lcp_pump_reply_error(p, client, is_ours, error_rows[i].code, message,
                             error_rows[i].hint);
        return;
    }
    lcp_pump_reply_error(p, client, is_ours, "storage",
                         "the storage failed; nothing was done",
                         "look at the daemon's log");
}

static void
write_ok(struct lcp_writer *w, void *ctx)
{
    (void)ctx;
    lcp_write_object(w);
    lcp_write_member_bool(w, "ok", true);
    lcp_write_object_end(w);
}

void
lcp_pump_reply_ok(struct lcp_pump *p, uint64_t client, bool is_ours)
{
    lcp_pump_reply(p, client, is_ours, write_ok, NULL);
}

struct count_reply {
    const char *member;
    uint64_t count;
};

static void
write_count(struct lcp_writer *w, void *ctx)
{
    const struct count_reply *c = ctx;

    lcp_write_object(w);
    lcp_write_member_int(w, c->member, (int64_t)c->count);
    lcp_write_object_end(w);
}

void
lcp_pump_reply_count(struct lcp_pump *p, uint64_t client, bool is_ours,
                     const char *member, uint64_t count)
{
    struct count_reply c = {member, count};

    lcp_pump_reply(p, client, is_ours, write_count, &c);
}

struct sent_reply {
    const struct lcp_waiter *waiter;
    int state;
    bool was_transmitted;
    uint64_t ms;
};

/* Has the receiver said that it has the message? */
static bool
is_received(int state)
{
    return state >= LCP_SENT_ACKED && state != LCP_SENT_REFUSED;
}

static void
write_text_or_null(struct lcp_writer *w, const char *key, const char *text)
{
    lcp_write_key(w, key);
    if (text != NULL && text[0] != '\0')
        lcp_write_string(w, text);
    else
        lcp_write_null(w);
}

static void
write_sent(struct lcp_writer *w, void *ctx)
{
    const struct sent_reply *s = ctx;

    lcp_write_object(w);
    lcp_write_member_bool(w, "ok", is_received(s->state));
    lcp_write_member_bool(w, "accepted", true);
    lcp_write_member_string(w, "id", s->waiter->id);
    lcp_write_member_int(w, "number", (int64_t)s->waiter->number);
    if (s->waiter->to[0] != '\0')
        lcp_write_member_string(w, "to", s->waiter->to);
    lcp_write_member_string(
        w, "state",
        lcp_ipc_sent_state_name(s->state, s->was_transmitted && s->waiter->is_ours));
    if (s->waiter->is_ours) {
        /* Only a signed receipt gives a message such a state. */
        lcp_write_member_bool(w, "signed", s->state >= LCP_SENT_HELD);
        write_text_or_null(w, "reason", s->waiter->reason);
        write_text_or_null(w, "detail", s->waiter->detail);
    }
    lcp_write_member_int(w, "ms", (int64_t)s->ms);
    lcp_write_object_end(w);
}

static void
write_cancelled(struct lcp_writer *w, void *ctx)
{
    const struct sent_reply *s = ctx;

    lcp_write_object(w);
    lcp_write_member_bool(w, "ok",
                          s->state == LCP_SENT_CANCELLED ||
                              s->state == LCP_SENT_CANCEL_REQUESTED);
    lcp_write_member_string(w, "id", s->waiter->id);
    lcp_write_member_int(w, "number", (int64_t)s->waiter->number);
    lcp_write_member_string(w, "state",
                            lcp_ipc_sent_state_name(s->state, s->was_transmitted));
    lcp_write_object_end(w);
}

void
lcp_pump_reply_cancelled(struct lcp_pump *p, const struct lcp_waiter *waiter, int state)
{
    struct sent_reply s = {.waiter = waiter, .state = state};

    lcp_pump_reply(p, waiter->client, waiter->is_ours, write_cancelled, &s);
}

void
lcp_pump_reply_sent(struct lcp_pump *p, const struct lcp_waiter *waiter, int state)
{
    struct sent_reply s = {
        .waiter = waiter,
        .state = state,
        .was_transmitted = waiter->was_transmitted ||
                           lcp_core_is_inflight(p->core, waiter->number),
        .ms = lcp_pump_now(p) - waiter->started_ms,
    };

    lcp_pump_reply(p, waiter->client, waiter->is_ours, write_sent, &s);
}

/* ---- STATUS and PEERS ---- */

struct overview {
    struct lcp_pump *p;
    const struct lcp_read *read;
};

static void
write_or_null(struct lcp_writer *w, const char *key, bool is_set, uint64_t value)
{
    lcp_write_key(w, key);
    if (is_set)
        lcp_write_int(w, (int64_t)value);
    else
        lcp_write_null(w);
}

/* What is known of a peer in different places. */
struct peer_row {
    struct lcp_core_peer_view view;
    const struct lcp_pump_peer *here;
    const struct lcp_read_peer *known; /* NULL: it came after the record was read */
    bool is_looping;
};

static void
write_key(struct lcp_writer *w, const struct peer_row *row)
{
    char fingerprint[LCP_FINGERPRINT_CHARS + 1] = "";
    char refused[LCP_FINGERPRINT_CHARS + 1] = "";
    const struct lcp_key *offered = &row->here->offered;
    struct lcp_key key;

    if (row->view.has_key) {
        memcpy(key.bytes, row->view.key, sizeof(key.bytes));
        lcp_fingerprint(&key, fingerprint);
        if (lcp_key_is_set(offered) && !lcp_key_eq(offered, &key))
            lcp_fingerprint(offered, refused);
    }
    write_text_or_null(w, "fingerprint", fingerprint);
    write_text_or_null(w, "pinned", row->known != NULL ? row->known->how : NULL);
    write_text_or_null(w, "refused", refused);
}

static void
write_peer(struct lcp_writer *w, const struct peer_row *row)
{
    const struct lcp_core_peer_view *view = &row->view;
    char address[LCP_ENDPOINT_TEXT_MAX + 1];

    lcp_endpoint_print(&view->endpoint, address);
    lcp_write_object(w);
    lcp_write_member_string(w, "name", view->name);
    lcp_write_member_string(w, "address", address);
    lcp_write_member_string(w, "version",
                            view->version == LCP_VERSION_1_2 ? "1.2" : "1.1");
    lcp_write_member_bool(w, "online", view->is_online);
    lcp_write_member_bool(w, "fresh", view->has_fresh_hello);
    lcp_write_member_bool(w, "away", view->is_away);
    lcp_write_member_bool(w, "paused", row->here->is_paused);
    lcp_write_member_bool(w, "looping", row->is_looping);
    write_or_null(w, "last_seen_ms", view->was_heard, view->silent_ms);
    write_or_null(w, "rtt_ms", view->rtt_ms != 0, view->rtt_ms);
    lcp_write_member_int(w, "rto_ms", view->rto_ms);
    lcp_write_member_int(w, "queued",
                         row->known != NULL ? (int64_t)row->known->queued : 0);
    lcp_write_member_int(w, "later_s", (int64_t)((view->later_ms + 999) / 1000));
    lcp_write_member_int(w, "inflight", view->inflight);
    lcp_write_member_int(w, "window", view->window);
    write_key(w, row);
    lcp_write_member_bool(w, "clear", !lcp_endpoint_is_private_path(&view->endpoint));
    lcp_write_member_int(w, "received", (int64_t)view->received);
    lcp_write_member_int(w, "rejected", (int64_t)view->rejected);
    lcp_write_object_end(w);
}

/* The record was asked about the peers in the machine's order, so the next one is
 * nearly always the one that is looked for. */
static const struct lcp_read_peer *
find_known(const struct lcp_read *read, const char *name, uint32_t *next)
{
    for (uint32_t i = 0; i < read->peer_count; i++) {
        uint32_t at = (*next + i) % read->peer_count;

        if (strcmp(read->peers[at].name, name) == 0) {
            *next = at + 1;
            return &read->peers[at];
        }
    }
    return NULL;
}

static void
write_peers(struct lcp_writer *w, const struct overview *o)
{
    uint32_t next = 0;

    lcp_write_key(w, "peers");
    lcp_write_array(w);
    for (uint32_t i = 0; i < o->p->peers_max; i++) {
        struct peer_row row = {.here = &o->p->peers[i]};

        if (!lcp_core_peer_view(o->p->core, lcp_pump_now(o->p), i, &row.view))
            continue;
        row.known = find_known(o->read, row.view.name, &next);
        row.is_looping = lcp_loop_is_closed(o->p, i, 0);
        write_peer(w, &row);
    }
    lcp_write_array_end(w);
}

/* The members of the Python node, about the first peer. */
static void
write_legacy_status(struct lcp_writer *w, const struct overview *o)
{
    struct lcp_core_peer_view view;
    bool has_peer = lcp_core_peer_view(o->p->core, lcp_pump_now(o->p), 0, &view);
    char ip[LCP_ENDPOINT_TEXT_MAX + 1] = "", seen[40] = "";

    if (has_peer)
        lcp_ip_print(&view.endpoint, ip);
    if (has_peer && view.was_heard)
        lcp_iso8601_print(
            o->p->world->ops->wall_ms(o->p->world) - (int64_t)view.silent_ms, seen);
    write_text_or_null(w, "peer", has_peer ? view.name : NULL);
    write_text_or_null(w, "peer_ip", ip);
    lcp_write_member_bool(w, "peer_online", has_peer && view.is_online);
    write_text_or_null(w, "peer_last_seen", seen);
    lcp_write_member_int(w, "inbox_count", (int64_t)o->read->counts.inbox);
    lcp_write_member_int(w, "uptime",
                         (int64_t)((lcp_pump_now(o->p) - o->p->started_ms) / 1000));
}

static void
write_self(struct lcp_writer *w, const struct lcp_pump *p)
{
    char address[LCP_ENDPOINT_TEXT_MAX + 1], key[LCP_KEY_B64 + 1];
    char fingerprint[LCP_FINGERPRINT_CHARS + 1];

    lcp_endpoint_print(&p->address, address);
    lcp_key_print(&p->identity.key, key);
    lcp_fingerprint(&p->identity.key, fingerprint);
    lcp_write_member_string(w, "name", p->name);
    lcp_write_member_string(w, "address", address);
    lcp_write_member_string(w, "key", key);
    lcp_write_member_string(w, "fingerprint", fingerprint);
    lcp_write_member_string(w, "home", p->home);
    lcp_write_member_string(w, "version", p->version);
    lcp_write_member_int(w, "pid", lcp_os_pid());
    lcp_write_member_bool(w, "bound", p->is_bound);
    write_text_or_null(w, "degraded",
                       p->degraded != NULL ? p->degraded : p->mirror_fault);
}

/* "" is the whole node. */
static void
write_paused(struct lcp_writer *w, struct lcp_pump *p)
{
    lcp_write_key(w, "paused");
    lcp_write_array(w);
    if (p->is_paused)
        lcp_write_string(w, "");
    for (uint32_t i = 0; i < p->peers_max; i++) {
        struct lcp_core_peer_view view;

        if (p->peers[i].is_paused &&
            lcp_core_peer_view(p->core, lcp_pump_now(p), i, &view))
            lcp_write_string(w, view.name);
    }
    lcp_write_array_end(w);
}

static void
write_health(struct lcp_writer *w, const struct overview *o)
{
    lcp_write_member_int(w, "queued", (int64_t)o->read->counts.queued);
    lcp_write_member_int(w, "unread", (int64_t)o->read->counts.unhanded);
    lcp_write_member_int(w, "held", (int64_t)o->read->counts.held);
    write_paused(w, o->p);
    lcp_write_key(w, "store");
    lcp_write_object(w);
    lcp_write_member_bool(w, "ok", o->p->degraded == NULL);
    lcp_write_member_int(w, "messages", (int64_t)o->read->counts.total);
    write_text_or_null(w, "error", o->p->degraded);
    lcp_write_object_end(w);
    lcp_write_key(w, "buffers");
    lcp_write_object(w);
    lcp_write_member_int(w, "rcv", o->p->rcv_bytes);
    lcp_write_member_int(w, "snd", o->p->snd_bytes);
    lcp_write_object_end(w);
    lcp_write_key(w, "counters");
    lcp_write_object(w);
    for (int i = 0; i < LCP_COUNT_MAX; i++)
        lcp_write_member_int(
            w, lcp_counter_name((enum lcp_counter)i),
            (int64_t)lcp_core_counter(o->p->core, (enum lcp_counter)i));
    lcp_write_object_end(w);
    lcp_write_key(w, "libraries");
    lcp_write_object(w);
    lcp_write_member_string(w, "libsodium", lcp_crypto_version());
    lcp_write_member_string(w, "sqlite", lcp_store_sqlite_version());
    if (o->p->uv_version != NULL)
        lcp_write_member_string(w, "libuv", o->p->uv_version);
    lcp_write_object_end(w);
}

static void
write_overview(struct lcp_writer *w, void *ctx)
{
    const struct overview *o = ctx;

    lcp_write_object(w);
    if (o->read->verb == LCP_VERB_STATUS) {
        write_legacy_status(w, o);
        write_self(w, o->p);
        write_health(w, o);
    }
    write_peers(w, o);
    lcp_write_object_end(w);
}

void
lcp_pump_reply_overview(struct lcp_pump *p, struct lcp_read *read)
{
    struct overview o = {p, read};

    if (read->err != LCP_OK)
        lcp_pump_reply_err(p, read->client, read->is_ours, read->err, "");
    else
        lcp_pump_reply(p, read->client, read->is_ours, write_overview, &o);
}

static void
write_strangers(struct lcp_writer *w, void *ctx)
{
    struct lcp_pump *p = ctx;
    struct lcp_stranger strangers[64];
    size_t count = lcp_core_strangers(p->core, lcp_pump_now(p), strangers, 64);

    lcp_write_object(w);
    lcp_write_key(w, "unknown");
    lcp_write_array(w);
    for (size_t i = 0; i < count; i++) {
        char address[LCP_ENDPOINT_TEXT_MAX + 1];

        lcp_endpoint_print(&strangers[i].endpoint, address);
        lcp_write_object(w);
        lcp_write_member_string(w, "address", address);
        lcp_write_member_int(w, "packets", (int64_t)strangers[i].packets);
        lcp_write_member_int(w, "age_ms", (int64_t)strangers[i].age_ms);
        lcp_write_object_end(w);
    }
    lcp_write_array_end(w);
    lcp_write_object_end(w);
}

void
lcp_pump_reply_strangers(struct lcp_pump *p, uint64_t client, bool is_ours)
{
    lcp_pump_reply(p, client, is_ours, write_strangers, p);
}
