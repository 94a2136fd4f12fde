/* SPDX-License-Identifier: MIT
 *
 * Answers to CHECK and READ straight from the record, and the counts for STATUS and
 * PEERS. Nothing that is held or paused leaves here.
 */
#include "node/read.h"

#include <assert.h>
#include <stdio.h>
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
    free(read->paused);
    if (read->conf != NULL)
        lcp_conf_free(read->conf);
    free(read->conf);
    free(read);
}

bool
lcp_read_append(struct lcp_read *read,
                void (*write)(struct lcp_writer *w, const void *what), const void *what)
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

bool
lcp_read_append_text(struct lcp_read *read, const char *text)
{
    return lcp_read_append(read, write_text, text);
}

bool
lcp_read_append_comma(struct lcp_read *read)
{
    bool was_first = read->is_first;

    read->is_first = false;
    return was_first || lcp_read_append_text(read, ",");
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

bool
lcp_read_append_next(struct lcp_read *read, uint64_t next)
{
    return lcp_read_append_text(read, "],\"next\":") &&
           lcp_read_append(read, write_number, &next);
}

void
lcp_read_refuse(struct lcp_read *read, const char *code, const char *message,
                const char *hint)
{
    const char *gap = strstr(message, "%s");

    read->err = LCP_EINVAL;
    read->code = code;
    read->hint = hint;
    if (gap == NULL)
        snprintf(read->message, sizeof(read->message), "%s", message);
    else
        snprintf(read->message, sizeof(read->message), "%.*s%s%s", (int)(gap - message),
                 message, read->id, gap + 2);
}

/* ---- what is paused ---- */

static bool
keep_paused(void *ctx, const char *peer)
{
    struct lcp_read *read = ctx;

    if (peer[0] == '\0')
        read->is_node_paused = true;
    if (read->paused_count == read->paused_cap) {
        uint32_t cap = read->paused_cap == 0 ? 16 : read->paused_cap * 2;
        void *grown = realloc(read->paused, cap * sizeof(read->paused[0]));

        if (grown == NULL) {
            read->err = LCP_ENOMEM;
            return false;
        }
        read->paused = grown;
        read->paused_cap = cap;
    }
    snprintf(read->paused[read->paused_count++], sizeof(read->paused[0]), "%s", peer);
    return true;
}

static void
load_paused(struct lcp_read *read)
{
    enum lcp_err err = read->store->ops->each_paused(read->store, keep_paused, read);

    if (err != LCP_OK)
        read->err = err;
}

static bool
is_paused(const struct lcp_read *read, const char *peer)
{
    for (uint32_t i = 0; i < read->paused_count; i++) {
        if (strcmp(read->paused[i], peer) == 0)
            return true;
    }
    return read->is_node_paused;
}

static void
write_paused(struct lcp_writer *w, const void *what)
{
    const struct lcp_read *read = what;

    lcp_write_array(w);
    for (uint32_t i = 0; i < read->paused_count; i++)
        lcp_write_string(w, read->paused[i]);
    lcp_write_array_end(w);
}

/* ---- messages ---- */

/* What the peer is known to speak. Rows of one peer often stand together. */
static const char *
version_of(struct lcp_read *read, const char *peer)
{
    struct lcp_store_peer known = {0};

    if (strcmp(read->version_peer, peer) != 0) {
        if (read->store->ops->peer_get(read->store, peer, &known) != LCP_OK)
            known.version = 0;
        snprintf(read->version_peer, sizeof(read->version_peer), "%s", peer);
        read->version = known.version;
    }
    return read->version == LCP_VERSION_1_2 ? "1.2" : "1.1";
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
        .version = row->dir == LCP_IN ? version_of(read, row->peer) : "",
        .received_wall_ms = row->wall_ms,
        .sent_state = row->dir == LCP_OUT
                          ? lcp_ipc_sent_state_name(row->state, row->was_transmitted)
                          : NULL,
    };
    if (!lcp_read_append_comma(read))
        return false;
    if (row->changed > read->changed)
        read->changed = row->changed;
    return lcp_read_append(read, write_shown, &show);
}

bool
lcp_read_keep_number(struct lcp_read *read, uint64_t number)
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
    return lcp_read_keep_number(read, row->number);
}

void
lcp_read_wrap(struct lcp_read *read, const char *before, const char *after)
{
    size_t body = read->out_len, head = strlen(before);

    if (!lcp_read_append_text(read, before))
        return;
    memmove(read->out + head, read->out, body);
    memcpy(read->out, before, head);
    lcp_read_append_text(read, after);
}

static bool
count_row(void *ctx, const struct lcp_row *row)
{
    (void)row;
    ++*(uint64_t *)ctx;
    return true;
}

/* How many wait for a person, with the first page: nobody would look for them. */
static bool
append_held(struct lcp_read *read)
{
    struct lcp_query query = {
        .dir = LCP_IN,
        .state_min = LCP_IN_HELD,
        .state_max = LCP_IN_HELD,
        .without_raw = true,
    };
    char text[40];
    uint64_t count = 0;

    if (read->after != 0)
        return true;
    read->err = read->store->ops->each(read->store, &query, count_row, &count);
    snprintf(text, sizeof(text), ",\"held\":%llu", (unsigned long long)count);
    return read->err == LCP_OK && lcp_read_append_text(read, text);
}

static bool
finish_list(struct lcp_read *read, uint64_t next)
{
    if (!read->is_ours) /* knows nothing of pauses */
        return lcp_read_append_next(read, next);
    return lcp_read_append_text(read, "],\"paused\":") &&
           lcp_read_append(read, write_paused, read) && append_held(read) &&
           lcp_read_append_text(read, ",\"next\":") &&
           lcp_read_append(read, write_number, &next);
}

static void
wrap_check(struct lcp_read *read)
{
    bool has_more = !read->is_ours && read->is_full;
    char head[48];

    snprintf(head, sizeof(head), "{\"count\":%u,\"messages\":[", read->number_count);
    lcp_read_wrap(read, head,
                  has_more ? ",\"more\":true,\"_source\":\"daemon\"}"
                           : ",\"_source\":\"daemon\"}");
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
        .without_paused = true,
    };
    uint64_t next = 0;
    enum lcp_err err;

    load_paused(read);
    if (read->err != LCP_OK)
        return;
    if (read->limit == 0 || (read->is_ours && read->limit > LCP_CHECK_PAGE))
        read->limit = LCP_CHECK_PAGE;
    if (!read->is_ours)
        read->limit = UINT64_MAX;
    err = read->store->ops->each(read->store, &query, check_row, read);
    if (read->err == LCP_OK)
        read->err = err;
    if (read->is_ours && read->is_full)
        next = read->next_after;
    read->next_after = next;
    if (read->err == LCP_OK && finish_list(read, next))
        wrap_check(read);
}

static bool
is_withheld(const struct lcp_read *read, const struct lcp_row *row)
{
    return row->dir == LCP_IN &&
           (row->state == LCP_IN_HELD ||
            (row->state <= LCP_IN_HANDED && is_paused(read, row->peer)));
}

/* Of a thread what is withheld stays out. */
static bool
read_row(void *ctx, const struct lcp_row *row)
{
    struct lcp_read *read = ctx;

    return is_withheld(read, row) || append_message(read, row);
}

/* The one that was asked for. */
static bool
asked_row(void *ctx, const struct lcp_row *row)
{
    struct lcp_read *read = ctx;

    if (row->dir == LCP_IN && row->state == LCP_IN_HELD)
        lcp_read_refuse(read, "held", "%s is held until a person releases it",
                        "lcp held shows what it is; lcp release ID or lcp refuse ID");
    else if (is_withheld(read, row))
        lcp_read_refuse(read, "paused", "%s is from a peer that is paused",
                        "lcp resume PEER; lcp status shows what is paused");
    else if (!read->thread)
        append_message(read, row);
    return false;
}

static void
run_read(struct lcp_read *read)
{
    const struct lcp_store_ops *ops = read->store->ops;
    uint64_t number = 0;
    enum lcp_err err;

    load_paused(read);
    if (read->err != LCP_OK)
        return;
    err = ops->resolve(read->store, lcp_span_str(read->id), 3, &number);
    if (err == LCP_OK)
        err = ops->get(read->store, number, asked_row, read);
    if (err == LCP_OK && read->err == LCP_OK && read->thread)
        err = ops->each_in_thread(read->store, number, read_row, read);
    if (read->err == LCP_OK)
        read->err = err;
    if (read->err == LCP_OK && read->out_len == 0)
        lcp_read_refuse(read, "not-found", "the text of %s was purged",
                        "lcp sent still says what became of what was sent");
    if (read->err == LCP_OK)
        lcp_read_wrap(read, "{\"messages\":[", "]}");
}

/* For STATUS, PEERS and RELOAD; the pump knows the rest. */
static void
run_overview(struct lcp_read *read)
{
    const struct lcp_store_ops *ops = read->store->ops;
    struct lcp_store_peer known = {0};

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
        if (read->err == LCP_OK)
            read->err = ops->peer_get(read->store, peer->name, &known);
        peer->version = known.version;
        peer->is_paused = known.is_paused;
    }
    if (read->err == LCP_OK)
        read->err = ops->peer_get(read->store, "", &known);
    read->is_node_paused = known.is_paused;
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
    read->code = NULL;
    read->paused_count = 0;
    read->is_node_paused = false;
    read->version_peer[0] = '\0';
    read->version = 0;
    switch (read->verb) {
    case LCP_VERB_CHECK:
        run_check(read);
        break;
    case LCP_VERB_READ:
        run_read(read);
        break;
    case LCP_VERB_SENT:
        lcp_read_sent(read);
        break;
    case LCP_VERB_HELD:
        lcp_read_held(read);
        break;
    case LCP_VERB_AUDIT:
        lcp_read_audit(read);
        break;
    default:
        run_overview(read);
        break;
    }
}
