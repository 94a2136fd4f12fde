/* SPDX-License-Identifier: MIT
 *
 * Rows put straight into the record of a rig, in any state, and what the record says of
 * them afterwards.
 */
#ifndef LCP_TESTS_NODE_ROWS_H
#define LCP_TESTS_NODE_ROWS_H

#include "rig.h"

#define UUID(n) "00000000-0000-4000-8000-00000000000" #n

/* What a test says of a row; the rest has a usual value. */
struct put {
    enum lcp_direction dir;
    int state;
    const char *id, *peer, *type, *text, *reply_to, *reason, *detail;
    const char *raw;      /* instead of a message of this text */
    const char *evidence; /* out: the receipt, as a change to this state brought it */
    bool wants_receipts, was_transmitted, has_no_body;
    uint64_t expires_life_ms;
};

static inline const char *
or_else(const char *text, const char *otherwise)
{
    return text != NULL ? text : otherwise;
}

static inline struct lcp_span
raw_of(const struct rig *r, const struct put *put)
{
    static char raw[LCP_PAYLOAD_MAX];
    bool is_in = put->dir == LCP_IN;
    struct lcp_draft draft = {.id = put->id,
                              .from = is_in ? or_else(put->peer, "bob") : "alice",
                              .to = is_in ? "alice" : or_else(put->peer, "bob"),
                              .type = or_else(put->type, "chat"),
                              .timestamp = "2026-03-28T12:00:00Z",
                              .reply_to = put->reply_to,
                              .message = lcp_span_str(or_else(put->text, "hello"))};
    uint8_t digest[LCP_DIGEST_BYTES];
    size_t len;

    if (put->has_no_body)
        return lcp_span(NULL, 0);
    if (put->raw != NULL)
        return lcp_span_str(put->raw);
    REQUIRE(lcp_msg_build(&draft, is_in ? &r->bob : &r->us, &scratch, raw, &len,
                          digest) == LCP_OK);
    return lcp_span(raw, len);
}

/* In a transaction of its own; the pump must be idle. Returns the number. */
static inline uint64_t
put_row(struct rig *r, const struct put *put)
{
    const struct lcp_store_ops *store = r->writer->ops;
    bool is_signed = put->evidence != NULL, moved;
    struct lcp_row row = {.dir = put->dir,
                          .state = is_signed ? LCP_SENT_QUEUED : put->state,
                          .peer = or_else(put->peer, "bob"),
                          .key = put->dir == LCP_IN ? r->bob.key : r->us.key,
                          .id = put->id,
                          .type = or_else(put->type, "chat"),
                          .reply_to = or_else(put->reply_to, ""),
                          .reason = or_else(put->reason, ""),
                          .detail = or_else(put->detail, ""),
                          .raw = raw_of(r, put),
                          .wants_receipts = put->wants_receipts,
                          .wall_ms = 1000,
                          .state_wall_ms = 2000,
                          .was_transmitted = put->was_transmitted,
                          .expires_life_ms = put->expires_life_ms};
    struct lcp_change change = {.state = put->state,
                                .reason = put->reason,
                                .detail = put->detail,
                                .wall_ms = 3000};
    uint64_t number;

    REQUIRE(store->begin(r->writer) == LCP_OK);
    REQUIRE(store->add(r->writer, &row, &number) == LCP_OK);
    if (is_signed) {
        change.evidence = lcp_span_str(put->evidence);
        REQUIRE(store->change(r->writer, LCP_OUT, number, &change, &moved) == LCP_OK &&
                moved);
    }
    REQUIRE(store->commit(r->writer) == LCP_OK);
    return number;
}

/* What the record says of a row now. */
struct seen {
    int state;
    bool owes;
    char reason[LCP_REASON_MAX + 1], detail[LCP_DETAIL_MAX + 1];
    char id[LCP_ID_MAX + 1], type[LCP_TYPE_MAX + 1], reply_to[LCP_ID_MAX + 1];
    char raw[4096];
};

static inline bool
keep_seen(void *ctx, const struct lcp_row *row)
{
    struct seen *seen = ctx;

    seen->state = row->state;
    seen->owes = row->owes;
    snprintf(seen->reason, sizeof(seen->reason), "%s", row->reason);
    snprintf(seen->detail, sizeof(seen->detail), "%s", row->detail);
    snprintf(seen->id, sizeof(seen->id), "%s", row->id);
    snprintf(seen->type, sizeof(seen->type), "%s", row->type);
    snprintf(seen->reply_to, sizeof(seen->reply_to), "%s", row->reply_to);
    snprintf(seen->raw, sizeof(seen->raw), "%.*s", (int)row->raw.len,
             row->raw.len > 0 ? (const char *)row->raw.data : "");
    return false;
}

static inline struct seen
look(struct rig *r, uint64_t number)
{
    struct seen seen = {0};

    REQUIRE(r->reader->ops->get(r->reader, number, keep_seen, &seen) == LCP_OK);
    return seen;
}

/* Asks as one of ours and lets everything run. */
static inline const char *
call(struct rig *r, const char *text)
{
    ask(r, text, true);
    run_tasks(r);
    return r->f.reply;
}

static inline bool
says(struct rig *r, const char *text)
{
    bool is_there = strstr(r->f.reply, text) != NULL;

    if (!is_there)
        fprintf(stderr, "  reply: %s  lacks: %s\n", r->f.reply, text);
    return is_there;
}

/* The audit record, newest first, a line each: what|who|detail. */
static inline bool
keep_audit(void *ctx, const struct lcp_audit *audit)
{
    char *text = ctx;
    size_t len = strlen(text);

    snprintf(text + len, 4096 - len, "%s|%s|%s\n", audit->what, audit->who,
             audit->detail);
    return true;
}

static inline const char *
audit_of(struct rig *r)
{
    static char text[4096];

    text[0] = '\0';
    REQUIRE(r->reader->ops->each_audit(r->reader, 100, keep_audit, text) == LCP_OK);
    return text;
}

#endif
