/* SPDX-License-Identifier: MIT
 *
 * Answers to CHECK, READ and SENT straight from the record, and the counts for STATUS
 * and PEERS.
 */
#include "node/read.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"

void
lcp_read_free(struct lcp_read *read)
{
    if (read == NULL)
        return;
    free(read->out);
    free(read->numbers);
    free(read->peers);
    if (read->conf != NULL)
        lcp_conf_free(read->conf);
    free(read->conf);
    free(read);
}

/* Appends what write() puts out, growing the answer until it fits. */
static bool
append(struct lcp_read *read, void (*write)(struct lcp_writer *w, const void *what),
       const void *what)
{
    for (;;) {
        struct lcp_writer w;
        struct lcp_span text;
        size_t cap = read->out_cap == 0 ? 4096 : read->out_cap * 2;
        char *grown;

        /* One byte is kept free for the newline behind the answer. */
        if (read->out_cap > read->out_len + 1) {
            lcp_writer_init(&w, read->out + read->out_len,
                            read->out_cap - read->out_len - 1, 0);
            write(&w, what);
            if (lcp_writer_end(&w, &text) == LCP_OK) {
                read->out_len += text.len;
                return true;
            }
        }
        grown = realloc(read->out, cap);
        if (grown == NULL) {
            read->err = LCP_ENOMEM;
            return false;
        }
        read->out = grown;
        read->out_cap = cap;
    }
}

static void
write_text(struct lcp_writer *w, const void *what)
{
    lcp_write_raw(w, lcp_span_str(what));
}

static bool
append_text(struct lcp_read *read, const char *text)
{
    return append(read, write_text, text);
}

static void
write_number(struct lcp_writer *w, const void *what)
{
    const uint64_t *number = what;

    if (*number == 0)
        lcp_write_null(w);
    else
        lcp_write_int(w, (int64_t)*number);
}

/* One message as the answers show it. */
struct show {
    const struct lcp_json *doc;
    struct lcp_shown shown;
};

static void
write_shown(struct lcp_writer *w, const void *what)
{
    const struct show *show = what;

    lcp_ipc_write_message(w, show->doc, &show->shown);
}

static const char *
folder_of(const struct lcp_row *row)
{
    if (row->dir == LCP_OUT)
        return "outbox";
    return row->state >= LCP_IN_ARCHIVED ? "inbox_archive" : "inbox";
}

static bool
has_file(const struct lcp_row *row)
{
    return row->raw.len > 0 && (row->dir == LCP_OUT || row->state < LCP_IN_CONSUMED);
}

static void
name_file(const struct lcp_read *read, const struct lcp_row *row, char *out, size_t cap)
{
    char folder[LCP_PATH_MAX];

    out[0] = '\0';
    if (!read->with_path || !has_file(row) ||
        lcp_path_join(folder, sizeof(folder), read->data_path, folder_of(row)) !=
            LCP_OK ||
        lcp_path_join(out, cap, folder, row->file) != LCP_OK)
        out[0] = '\0';
}

static bool
append_message(struct lcp_read *read, const struct lcp_row *row)
{
    struct lcp_json doc = {.nodes = read->nodes, .cap = LCP_JSON_NODES_MAX};
    char path[LCP_PATH_MAX], fingerprint[LCP_FINGERPRINT_CHARS + 1];
    struct show show = {.doc = &doc};

    if (lcp_json_parse(row->raw, &doc) != LCP_JSON_FAULT_NONE)
        return true; /* purged: nothing to show */
    name_file(read, row, path, sizeof(path));
    lcp_fingerprint(&row->key, fingerprint);
    show.shown = (struct lcp_shown){
        .number = row->number,
        .filepath = path[0] != '\0' ? path : NULL,
        .peer = row->peer,
        .fingerprint = fingerprint,
        .version = "1.1",
        .received_wall_ms = row->wall_ms,
        .sent_state = row->dir == LCP_OUT ? lcp_ipc_sent_state_name(row->state) : NULL,
    };
    if (!read->is_first && !append_text(read, ","))
        return false;
    read->is_first = false;
    if (row->changed > read->changed)
        read->changed = row->changed;
    return append(read, write_shown, &show);
}

static bool
keep_number(struct lcp_read *read, uint64_t number)
{
    if (read->number_count == read->number_cap) {
        uint32_t cap = read->number_cap == 0 ? 128 : read->number_cap * 2;
        uint64_t *grown = realloc(read->numbers, cap * sizeof(grown[0]));

        if (grown == NULL) {
            read->err = LCP_ENOMEM;
            return false;
        }
        read->numbers = grown;
        read->number_cap = cap;
    }
    read->numbers[read->number_count++] = number;
    return true;
}

/* Room that a legacy reply needs around its messages. */
enum { LEGACY_FRAME_BYTES = 128 };

/* A legacy client takes its whole reply with one recv: a message that would not fit is
 * left for another time and does not stand in the way of the next ones. */
static bool
check_row(void *ctx, const struct lcp_row *row)
{
    struct lcp_read *read = ctx;
    size_t before = read->out_len;
    bool was_first = read->is_first;

    if (read->number_count == read->limit || read->out_len > LCP_CHECK_PAGE_BYTES) {
        read->is_full = true;
        return false;
    }
    if (!append_message(read, row))
        return false;
    if (!read->is_ours &&
        read->out_len > LCP_IPC_LEGACY_REPLY_MAX - LEGACY_FRAME_BYTES) {
        read->out_len = before;
        read->is_first = was_first;
        read->is_full = true;
        return ++read->left_out < LCP_CHECK_PAGE;
    }
    read->next_after = row->number;
    return keep_number(read, row->number);
}

static void
wrap(struct lcp_read *read, const char *before, const char *after)
{
    size_t body = read->out_len, head = strlen(before);

    if (!append_text(read, before))
        return;
    memmove(read->out + head, read->out, body);
    memcpy(read->out, before, head);
    append_text(read, after);
}

static void
run_check(struct lcp_read *read)
{
    struct lcp_query query = {
        .dir = LCP_IN,
        .after = read->after,
        .state_min = LCP_IN_STORED,
        .state_max = LCP_IN_HANDED,
        .peer = read->peer[0] != '\0' ? read->peer : NULL,
        .type = read->type[0] != '\0' ? read->type : NULL,
    };
    uint64_t count, next;

    if (read->limit == 0 || (read->is_ours && read->limit > LCP_CHECK_PAGE))
        read->limit = LCP_CHECK_PAGE;
    if (!read->is_ours)
        read->limit = UINT64_MAX;
    read->err = read->store->ops->each(read->store, &query, check_row, read);
    if (read->err != LCP_OK)
        return;
    count = read->number_count;
    next = read->is_full && read->is_ours ? read->next_after : 0;
    read->next_after = next;
    if (!append_text(read, "],\"next\":") || !append(read, write_number, &next))
        return;
    wrap(read, ",\"messages\":[",
         !read->is_ours && read->is_full ? ",\"more\":true,\"_source\":\"daemon\"}"
                                         : ",\"_source\":\"daemon\"}");
    if (count == 0) {
        wrap(read, "{\"count\":0", "");
    } else {
        char head[40] = "{\"count\":";
        struct lcp_writer w;

        lcp_writer_init(&w, head + strlen(head), sizeof(head) - strlen(head), 0);
        lcp_write_int(&w, (int64_t)count);
        head[strlen("{\"count\":") + w.len] = '\0';
        wrap(read, head, "");
    }
}

static bool
read_row(void *ctx, const struct lcp_row *row)
{
    return append_message(ctx, row);
}

static void
run_read(struct lcp_read *read)
{
    const struct lcp_store_ops *ops = read->store->ops;
    uint64_t number = 0;

    read->err = ops->resolve(read->store, lcp_span_str(read->id), 3, &number);
    if (read->err == LCP_OK)
        read->err = read->thread
                        ? ops->each_in_thread(read->store, number, read_row, read)
                        : ops->get(read->store, number, read_row, read);
    if (read->err == LCP_OK && read->out_len == 0)
        read->err = LCP_ENOTFOUND; /* purged */
    if (read->err == LCP_OK)
        wrap(read, "{\"messages\":[", "]}");
}

static void
write_sent(struct lcp_writer *w, const void *what)
{
    const struct lcp_row *row = what;
    bool by_peer = row->state == LCP_SENT_ACKED;
    char at[40];

    lcp_iso8601_print(row->state_wall_ms, at);
    lcp_write_object(w);
    lcp_write_member_string(w, "id", row->id);
    lcp_write_member_int(w, "number", (int64_t)row->number);
    lcp_write_member_string(w, "to", row->peer);
    lcp_write_member_string(w, "type", row->type);
    lcp_write_member_string(w, "state", lcp_ipc_sent_state_name(row->state));
    lcp_write_member_string(w, "at", at);
    lcp_write_member_string(w, "by", by_peer ? row->peer : "us");
    lcp_write_key(w, "reason");
    if (row->reason[0] != '\0')
        lcp_write_string(w, row->reason);
    else
        lcp_write_null(w);
    lcp_write_object_end(w);
}

static bool
sent_row(void *ctx, const struct lcp_row *row)
{
    struct lcp_read *read = ctx;

    if (read->number_count == read->limit) {
        read->is_full = true;
        return false;
    }
    if (!read->is_first && !append_text(read, ","))
        return false;
    read->is_first = false;
    read->next_after = row->number;
    return append(read, write_sent, row) && keep_number(read, row->number);
}

static void
run_sent(struct lcp_read *read)
{
    const struct lcp_store_ops *ops = read->store->ops;
    struct lcp_query query = {
        .dir = LCP_OUT,
        .after = read->after,
        .state_min = read->state >= 0 ? read->state : LCP_SENT_QUEUED,
        .state_max = read->state >= 0 ? read->state : INT32_MAX,
        .peer = read->peer[0] != '\0' ? read->peer : NULL,
        .newest_first = true,
        .without_raw = true,
    };
    uint64_t number = 0, next;

    if (read->limit == 0 || read->limit > LCP_CHECK_PAGE)
        read->limit = LCP_CHECK_PAGE;
    if (read->id[0] != '\0') {
        read->err = ops->resolve(read->store, lcp_span_str(read->id), 2, &number);
        if (read->err == LCP_OK)
            read->err = ops->get(read->store, number, sent_row, read);
    } else {
        read->err = ops->each(read->store, &query, sent_row, read);
    }
    if (read->err != LCP_OK)
        return;
    next = read->is_full ? read->next_after : 0;
    if (append_text(read, "],\"next\":") && append(read, write_number, &next))
        wrap(read, "{\"messages\":[", "}");
}

/* For STATUS, PEERS and RELOAD; the pump knows the rest. */
static void
run_overview(struct lcp_read *read)
{
    const struct lcp_store_ops *ops = read->store->ops;

    read->err = ops->counts(read->store, &read->counts);
    for (uint32_t i = 0; read->err == LCP_OK && i < read->peer_count; i++) {
        struct lcp_read_peer *peer = &read->peers[i];
        int64_t when;
        enum lcp_err err = ops->pin_get(read->store, peer->name, &peer->key, peer->how,
                                        &when);

        if (err == LCP_ENOTFOUND)
            peer->how[0] = '\0';
        else if (err != LCP_OK)
            read->err = err;
        if (read->err == LCP_OK)
            read->err = ops->queued_to(read->store, peer->name, &peer->queued);
    }
}

void
lcp_read_run(struct lcp_task *task)
{
    struct lcp_read *read = (struct lcp_read *)task;

    read->err = LCP_OK;
    read->out_len = 0;
    read->number_count = 0;
    read->changed = 0;
    read->next_after = 0;
    read->is_first = true;
    read->is_full = false;
    read->left_out = 0;
    switch (read->verb) {
    case LCP_VERB_CHECK:
        run_check(read);
        break;
    case LCP_VERB_READ:
        run_read(read);
        break;
    case LCP_VERB_SENT:
        run_sent(read);
        break;
    default:
        run_overview(read);
        break;
    }
}
