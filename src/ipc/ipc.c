/* SPDX-License-Identifier: MIT
 *
 * Cuts a byte stream into requests without parsing them, and writes what both sides of
 * the local protocol show: errors, messages, names of states. docs/ipc.md.
 */
#include "ipc/ipc.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"

void
lcp_ipc_stream_init(struct lcp_ipc_stream *s, char *buf)
{
    *s = (struct lcp_ipc_stream){.buf = buf};
}

size_t
lcp_ipc_stream_put(struct lcp_ipc_stream *s, struct lcp_span bytes)
{
    size_t room = LCP_IPC_REQUEST_MAX - s->len;
    size_t take = bytes.len < room ? bytes.len : room;

    if (take > 0)
        memcpy(s->buf + s->len, bytes.data, take);
    s->len += take;
    return take;
}

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
drop(struct lcp_ipc_stream *s, size_t count)
{
    memmove(s->buf, s->buf + count, s->len - count);
    s->len -= count;
}

/* Goes on with the scan; true when the object that began at buf[0] has ended
 * at scanned. */
static bool
scan(struct lcp_ipc_stream *s)
{
    while (s->scanned < s->len) {
        char c = s->buf[s->scanned++];

        if (s->in_string) {
            if (s->escaped)
                s->escaped = false;
            else if (c == '\\')
                s->escaped = true;
            else if (c == '"')
                s->in_string = false;
        } else if (c == '"') {
            s->in_string = true;
        } else if (c == '{' || c == '[') {
            s->depth++;
        } else if ((c == '}' || c == ']') && --s->depth == 0) {
            return true;
        }
    }
    return false;
}

bool
lcp_ipc_has_version(struct lcp_span object)
{
    uint32_t depth = 0;
    size_t at = 0;

    while (at < object.len) {
        uint8_t c = object.data[at++];

        if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
        } else if (c == '"') {
            size_t start = at;

            while (at < object.len && object.data[at] != '"')
                at += object.data[at] == '\\' ? 2 : 1;
            if (at >= object.len)
                return false;
            at++;
            if (depth != 1 || at - start != 2 || object.data[start] != 'v')
                continue;
            while (at < object.len && is_space((char)object.data[at]))
                at++;
            if (at < object.len && object.data[at] == ':')
                return true;
        }
    }
    return false;
}

/* Is the first byte behind the object that is no blank a newline? */
static bool
newline_follows(const struct lcp_ipc_stream *s)
{
    for (size_t at = s->scanned; at < s->len; at++) {
        if (s->buf[at] == '\n')
            return true;
        if (!is_space(s->buf[at]))
            return false;
    }
    return false;
}

enum lcp_ipc_verdict
lcp_ipc_stream_get(struct lcp_ipc_stream *s, struct lcp_span *request, bool *is_ours)
{
    if (!s->is_open) {
        size_t blank = 0;

        while (blank < s->len && is_space(s->buf[blank]))
            blank++;
        drop(s, blank);
        if (s->len == 0)
            return LCP_IPC_MORE;
        if (s->buf[0] != '{')
            return LCP_IPC_REJECT;
        s->is_open = true;
        s->scanned = 0;
        s->depth = 0;
        s->in_string = s->escaped = false;
    }
    /* A request that ended is asked for again until lcp_ipc_stream_next: depth says so.
     */
    if ((s->scanned == 0 || s->depth != 0) && !scan(s))
        return s->len == LCP_IPC_REQUEST_MAX ? LCP_IPC_REJECT : LCP_IPC_MORE;
    *request = lcp_span(s->buf, s->scanned);
    *is_ours = newline_follows(s) || lcp_ipc_has_version(*request);
    return LCP_IPC_REQUEST;
}

void
lcp_ipc_stream_next(struct lcp_ipc_stream *s)
{
    assert(s->is_open && s->depth == 0);
    drop(s, s->scanned);
    s->is_open = false;
    s->scanned = 0;
}

void
lcp_ipc_write_error(struct lcp_writer *w, bool is_ours, const char *code,
                    const char *message, const char *hint)
{
    lcp_write_object(w);
    if (!is_ours) {
        lcp_write_member_string(w, "error", message);
        lcp_write_object_end(w);
        return;
    }
    lcp_write_key(w, "error");
    lcp_write_object(w);
    lcp_write_member_string(w, "code", code);
    lcp_write_member_string(w, "message", message);
    lcp_write_member_string(w, "hint", hint == NULL ? "" : hint);
    lcp_write_object_end(w);
    lcp_write_object_end(w);
}

static void
write_escaped_key(struct lcp_writer *w, const struct lcp_json *doc, uint32_t at)
{
    char name[LCP_PAYLOAD_MAX + 1]; /* decoded text is never longer than its escapes */
    size_t len;
    enum lcp_err err = lcp_json_key(doc, at, name, sizeof(name), &len);

    assert(err == LCP_OK);
    (void)err;
    lcp_write_key_span(w, lcp_span(name, len));
}

static void
write_key_of(struct lcp_writer *w, const struct lcp_json *doc, uint32_t at)
{
    const struct lcp_json_node *node = &doc->nodes[at];

    if (node->key_has_escapes)
        write_escaped_key(w, doc, at);
    else
        lcp_write_key_span(w, lcp_span(doc->text.data + node->key, node->key_len));
}

static void
write_peer(struct lcp_writer *w, const struct lcp_json *doc,
           const struct lcp_shown *shown)
{
    uint32_t from = lcp_json_member(doc, 0, "from");

    lcp_write_key(w, "_peer");
    lcp_write_object(w);
    lcp_write_member_string(w, "name", shown->peer);
    lcp_write_key(w, "callsItself");
    if (from == 0 || lcp_json_equals(doc, from, shown->peer))
        lcp_write_null(w);
    else
        lcp_write_value(w, doc, from);
    lcp_write_key(w, "fingerprint");
    if (shown->fingerprint == NULL)
        lcp_write_null(w);
    else
        lcp_write_string(w, shown->fingerprint);
    lcp_write_member_string(w, "version", shown->version);
    lcp_write_object_end(w);
}

static void
write_own(struct lcp_writer *w, const struct lcp_shown *shown, const char *time)
{
    lcp_write_key(w, "_sent");
    lcp_write_object(w);
    lcp_write_member_string(w, "to", shown->peer);
    lcp_write_member_string(w, "state", shown->sent_state);
    lcp_write_member_string(w, "at", time);
    lcp_write_object_end(w);
}

void
lcp_ipc_write_message(struct lcp_writer *w, const struct lcp_json *doc,
                      const struct lcp_shown *shown)
{
    static const char *const names[] = {"_number", "_filepath", "_peer", "_received",
                                        "_sent"};
    enum { NAMES = sizeof(names) / sizeof(names[0]) };
    uint32_t foreign[NAMES];
    char time[40];

    for (size_t i = 0; i < NAMES; i++)
        foreign[i] = lcp_json_member(doc, 0, names[i]);
    lcp_write_object(w);
    for (uint32_t at = lcp_json_first(doc, 0); at != 0; at = doc->nodes[at].next) {
        bool is_forged = false;

        for (size_t i = 0; i < NAMES; i++)
            is_forged |= at == foreign[i];
        if (is_forged)
            continue;
        write_key_of(w, doc, at);
        lcp_write_value(w, doc, at);
    }
    lcp_write_member_int(w, "_number", (int64_t)shown->number);
    if (shown->filepath != NULL)
        lcp_write_member_string(w, "_filepath", shown->filepath);
    lcp_iso8601_print(shown->received_wall_ms, time);
    if (shown->sent_state != NULL) {
        write_own(w, shown, time);
    } else {
        write_peer(w, doc, shown);
        lcp_write_member_string(w, "_received", time);
    }
    lcp_write_object_end(w);
}

struct state_name {
    int state;
    const char *name;
};

static const struct state_name sent_names[] = {
    {LCP_SENT_QUEUED, "queued"},       {LCP_IPC_STATE_SENT, "sent"},
    {LCP_SENT_CANCELLED, "cancelled"}, {LCP_SENT_CANCEL_REQUESTED, "cancel-requested"},
    {LCP_SENT_EXPIRED, "expired"},     {LCP_SENT_ACKED, "acked"},
    {LCP_SENT_HELD, "held"},           {LCP_SENT_STORED, "stored"},
    {LCP_SENT_READ, "read"},           {LCP_SENT_DONE, "done"},
    {LCP_SENT_REFUSED, "refused"},     {LCP_IPC_STATE_DEAD, "dead"},
};

static const struct state_name in_names[] = {
    {LCP_IN_HELD, "held"},       {LCP_IN_STORED, "stored"},
    {LCP_IN_HANDED, "read"},     {LCP_IN_ARCHIVED, "done"},
    {LCP_IN_REFUSED, "refused"}, {LCP_IN_CONSUMED, "consumed"},
    {LCP_IN_PURGED, "purged"},
};

enum {
    SENT_NAMES = sizeof(sent_names) / sizeof(sent_names[0]),
    IN_NAMES = sizeof(in_names) / sizeof(in_names[0]),
};

static const char *
name_of(const struct state_name *names, size_t count, int state)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i].state == state)
            return names[i].name;
    }
    return "unknown";
}

const char *
lcp_ipc_sent_state_name(int state, bool was_transmitted)
{
    if (state == LCP_SENT_QUEUED && was_transmitted)
        state = LCP_IPC_STATE_SENT;
    return name_of(sent_names, SENT_NAMES, state);
}

const char *
lcp_ipc_in_state_name(int state)
{
    return name_of(in_names, IN_NAMES, state);
}

enum lcp_err
lcp_ipc_sent_state_parse(const char *name, int *state)
{
    for (size_t i = 0; i < SENT_NAMES; i++) {
        if (strcmp(sent_names[i].name, name) == 0) {
            *state = sent_names[i].state;
            return LCP_OK;
        }
    }
    return LCP_EFORMAT;
}
