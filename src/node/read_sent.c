/* SPDX-License-Identifier: MIT
 *
 * Answers to SENT: what became of our messages, who says so, and the proof of it.
 * docs/ipc.md.
 */
#include "node/read.h"

#include <stdlib.h>

#include "base/text.h"

/* Two texts of the record, just as they are. */
struct proof {
    struct lcp_span message, receipt;
};

static void
write_proof(struct lcp_writer *w, const void *what)
{
    const struct proof *proof = what;

    lcp_write_object(w);
    lcp_write_key(w, "message");
    lcp_write_raw(w, proof->message);
    lcp_write_key(w, "receipt");
    lcp_write_raw(w, proof->receipt);
    lcp_write_object_end(w);
}

/* A reply is one line. Raw line ends are white space between the values of a receipt
 * that somebody laid out in lines; strings have none. */
static void
make_one_line(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n' || text[i] == '\r')
            text[i] = ' ';
    }
}

static bool
proof_row(void *ctx, const struct lcp_row *row)
{
    struct lcp_read *read = ctx;
    struct proof proof = {row->raw, row->evidence};

    if (row->evidence.len > 0 && row->raw.len > 0) {
        if (lcp_read_append(read, write_proof, &proof))
            make_one_line(read->out, read->out_len);
    } else if (row->evidence.len > 0) {
        lcp_read_refuse(read, "no-proof", "the text of %s was purged",
                        "without the message its receipt proves nothing");
    } else if (row->state == LCP_SENT_ACKED) {
        lcp_read_refuse(read, "no-proof",
                        "%s was acknowledged in LCP/1.1, which signs no receipts",
                        "a peer that speaks LCP/1.2 signs what it says");
    } else {
        lcp_read_refuse(read, "no-proof", "the receiver of %s has signed nothing yet",
                        "lcp sent ID shows its state");
    }
    return false;
}

/* A row of SENT, and whose signature stands behind its state ("": nobody's). */
struct sent {
    const struct lcp_row *row;
    char signer[LCP_FINGERPRINT_CHARS + 1];
};

static void
write_or_null(struct lcp_writer *w, const char *name, const char *text)
{
    lcp_write_key(w, name);
    if (text[0] != '\0')
        lcp_write_string(w, text);
    else
        lcp_write_null(w);
}

static void
write_sent(struct lcp_writer *w, const void *what)
{
    const struct sent *sent = what;
    const struct lcp_row *row = sent->row;
    char at[40];

    lcp_iso8601_print(row->state_wall_ms, at);
    lcp_write_object(w);
    lcp_write_member_string(w, "id", row->id);
    lcp_write_member_int(w, "number", (int64_t)row->number);
    lcp_write_member_string(w, "to", row->peer);
    lcp_write_member_string(w, "type", row->type);
    lcp_write_member_string(w, "state",
                            lcp_ipc_sent_state_name(row->state, row->was_transmitted));
    lcp_write_member_string(w, "at", at);
    lcp_write_member_string(w, "by", row->state >= LCP_SENT_ACKED ? row->peer : "us");
    lcp_write_member_bool(w, "signed", sent->signer[0] != '\0');
    write_or_null(w, "signer", sent->signer);
    write_or_null(w, "reason", row->reason);
    write_or_null(w, "detail", row->detail);
    lcp_write_object_end(w);
}

/* The receipt was verified before it was stored: what it says of its key is true. */
static void
name_signer(const struct lcp_read *read, struct sent *sent)
{
    struct lcp_json doc = {.nodes = read->nodes, .cap = LCP_JSON_NODES_MAX};
    char text[LCP_KEY_B64 + 1];
    struct lcp_key key;
    uint32_t at;
    size_t len;

    sent->signer[0] = '\0';
    if (sent->row->evidence.len == 0 ||
        lcp_json_parse(sent->row->evidence, &doc) != LCP_JSON_FAULT_NONE)
        return;
    at = lcp_json_member(&doc, 0, "security");
    if (at != 0 && lcp_json_is(&doc, at, LCP_JSON_OBJECT))
        at = lcp_json_member(&doc, at, "pubkey");
    if (at != 0 && lcp_json_is(&doc, at, LCP_JSON_STRING) &&
        lcp_json_string(&doc, at, text, sizeof(text), &len) == LCP_OK &&
        lcp_key_parse(lcp_span(text, len), &key) == LCP_OK)
        lcp_fingerprint(&key, sent->signer);
}

/* Does the message have the state that was asked for? */
static bool
fits(const struct lcp_read *read, const struct lcp_row *row)
{
    switch (read->state) {
    case -1:
        return true;
    case LCP_SENT_QUEUED:
        return row->state == LCP_SENT_QUEUED && !row->was_transmitted;
    case LCP_IPC_STATE_SENT:
        return row->state == LCP_SENT_QUEUED && row->was_transmitted;
    case LCP_IPC_STATE_DEAD:
        return row->state == LCP_SENT_EXPIRED || row->state == LCP_SENT_REFUSED;
    default:
        return row->state == read->state;
    }
}

/* Between the walk and this look the state may have changed. */
static bool
sent_row(void *ctx, const struct lcp_row *row)
{
    struct lcp_read *read = ctx;
    struct sent sent = {.row = row};

    if (!fits(read, row))
        return false;
    name_signer(read, &sent);
    if (lcp_read_append_comma(read))
        lcp_read_append(read, write_sent, &sent);
    return false;
}

/* One more than the page: then there is a next one. */
struct walk {
    struct lcp_read *read;
    uint64_t left;
};

static bool
note_row(void *ctx, const struct lcp_row *row)
{
    struct walk *walk = ctx;

    if (!fits(walk->read, row))
        return true;
    return lcp_read_keep_number(walk->read, row->number) && --walk->left > 0;
}

static void
walk_states(struct lcp_read *read, int min, int max)
{
    struct lcp_query query = {
        .dir = LCP_OUT,
        .after = read->after,
        .state_min = min,
        .state_max = max,
        .newest_first = true,
        .without_raw = true,
    };
    struct walk walk = {read, read->limit + 1};
    enum lcp_err err = read->store->ops->each(read->store, &query, note_row, &walk);

    if (read->err == LCP_OK)
        read->err = err;
}

static int
newer(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, two = *(const uint64_t *)b;

    return one < two ? 1 : -(one > two);
}

/* Each walk keeps to one state as far as it can: those that are done outnumber all the
 * others. */
static void
choose_rows(struct lcp_read *read)
{
    if (read->state == LCP_IPC_STATE_DEAD) {
        walk_states(read, LCP_SENT_EXPIRED, LCP_SENT_EXPIRED);
        walk_states(read, LCP_SENT_REFUSED, LCP_SENT_REFUSED);
        if (read->number_count > 0)
            qsort(read->numbers, read->number_count, sizeof(read->numbers[0]), newer);
    } else if (read->state == LCP_IPC_STATE_SENT) {
        walk_states(read, LCP_SENT_QUEUED, LCP_SENT_QUEUED);
    } else if (read->state >= 0) {
        walk_states(read, read->state, read->state);
    } else {
        walk_states(read, LCP_SENT_QUEUED, INT32_MAX);
    }
    if (read->number_count > read->limit) {
        read->number_count = (uint32_t)read->limit;
        read->next_after = read->numbers[read->number_count - 1];
    }
}

static void
show_one(struct lcp_read *read)
{
    const struct lcp_store_ops *ops = read->store->ops;
    uint64_t number = 0;
    enum lcp_err err = ops->resolve(read->store, lcp_span_str(read->id), 2, &number);

    if (err == LCP_OK)
        err = ops->get(read->store, number, read->proof ? proof_row : sent_row, read);
    if (err != LCP_OK)
        read->err = err;
}

static void
show_page(struct lcp_read *read)
{
    if (read->limit == 0 || read->limit > LCP_CHECK_PAGE)
        read->limit = LCP_CHECK_PAGE;
    choose_rows(read);
    for (uint32_t i = 0; read->err == LCP_OK && i < read->number_count; i++) {
        enum lcp_err err = read->store->ops->get(read->store, read->numbers[i],
                                                 sent_row, read);

        if (err != LCP_OK && err != LCP_ENOTFOUND)
            read->err = err;
    }
}

void
lcp_read_sent(struct lcp_read *read)
{
    if (read->id[0] != '\0')
        show_one(read);
    else
        show_page(read);
    if (read->err == LCP_OK && !read->proof &&
        lcp_read_append_next(read, read->next_after))
        lcp_read_wrap(read, "{\"messages\":[", "}");
}
