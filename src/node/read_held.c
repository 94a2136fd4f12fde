/* SPDX-License-Identifier: MIT
 *
 * Answers to HELD and AUDIT. Of a held message only a preview leaves, made safe:
 * whoever decides about it must not be moved by it.
 */
#include "node/read.h"

#include <string.h>

#include "base/text.h"

enum {
    PREVIEW_CHARACTERS = 200,
    PREVIEW_BYTES = PREVIEW_CHARACTERS * 4, /* escapes may take it up sooner */
    AUDIT_ROWS = 100,
    AUDIT_ROWS_MAX = 10000,
};

struct held {
    const struct lcp_row *row;
    const char *preview;
    uint64_t life_ms;
};

static void
write_held(struct lcp_writer *w, const void *what)
{
    const struct held *held = what;
    const struct lcp_row *row = held->row;
    char at[40];

    lcp_iso8601_print(row->wall_ms, at);
    lcp_write_object(w);
    lcp_write_member_int(w, "number", (int64_t)row->number);
    lcp_write_member_string(w, "id", row->id);
    lcp_write_member_string(w, "from", row->peer);
    lcp_write_member_string(w, "type", row->type);
    lcp_write_member_string(w, "at", at);
    lcp_write_member_string(w, "reason", row->reason);
    lcp_write_member_string(w, "detail", row->detail);
    lcp_write_key(w, "expires_s");
    if (row->expires_life_ms == 0)
        lcp_write_null(w);
    else
        lcp_write_int(w, row->expires_life_ms > held->life_ms
                             ? (int64_t)((row->expires_life_ms - held->life_ms) / 1000)
                             : 0);
    lcp_write_member_int(w, "bytes", (int64_t)row->raw.len);
    lcp_write_member_string(w, "preview", held->preview);
    lcp_write_object_end(w);
}

/* The first characters of the message on one line. What would act on a terminal or hide
 * is shown as an escape. */
static void
print_preview(const struct lcp_read *read, const struct lcp_row *row, char *out,
              size_t cap)
{
    struct lcp_json doc = {.nodes = read->nodes, .cap = LCP_JSON_NODES_MAX};
    char text[PREVIEW_BYTES];
    struct lcp_span body;
    size_t at = 0, len = 0;
    uint32_t message;

    out[0] = '\0';
    if (lcp_json_parse(row->raw, &doc) != LCP_JSON_FAULT_NONE)
        return;
    message = lcp_json_member(&doc, 0, "message");
    if (message == 0 || !lcp_json_is(&doc, message, LCP_JSON_STRING))
        return;
    body = lcp_json_body(&doc, message);
    for (int i = 0; i < PREVIEW_CHARACTERS && at < body.len; i++) {
        uint32_t c = lcp_json_next(body, &at);

        len += lcp_utf8_put(c == '\n' || c == '\r' || c == '\t' ? ' ' : c, text + len);
    }
    lcp_text_escape(lcp_span(text, len), false, out, cap);
}

static bool
held_row(void *ctx, const struct lcp_row *row)
{
    struct lcp_read *read = ctx;
    char preview[PREVIEW_BYTES + 1];
    struct held held = {row, preview, read->life_ms};

    if (read->number_count == read->limit) {
        read->is_full = true;
        return false;
    }
    print_preview(read, row, preview, sizeof(preview));
    read->next_after = row->number;
    return lcp_read_append_comma(read) && lcp_read_append(read, write_held, &held) &&
           lcp_read_keep_number(read, row->number);
}

void
lcp_read_held(struct lcp_read *read)
{
    struct lcp_query query = {
        .dir = LCP_IN,
        .after = read->after,
        .state_min = LCP_IN_HELD,
        .state_max = LCP_IN_HELD,
    };
    enum lcp_err err;

    if (read->limit == 0 || read->limit > LCP_CHECK_PAGE)
        read->limit = LCP_CHECK_PAGE;
    err = read->store->ops->each(read->store, &query, held_row, read);
    if (err != LCP_OK)
        read->err = err;
    if (read->err == LCP_OK &&
        lcp_read_append_next(read, read->is_full ? read->next_after : 0))
        lcp_read_wrap(read, "{\"messages\":[", "}");
}

static void
write_audit(struct lcp_writer *w, const void *what)
{
    const struct lcp_audit *audit = what;
    char at[40];

    lcp_iso8601_print(audit->wall_ms, at);
    lcp_write_object(w);
    lcp_write_member_int(w, "number", (int64_t)audit->number);
    lcp_write_member_string(w, "at", at);
    lcp_write_member_string(w, "who", audit->who);
    lcp_write_member_string(w, "what", audit->what);
    lcp_write_member_string(w, "detail", audit->detail);
    lcp_write_object_end(w);
}

static bool
audit_row(void *ctx, const struct lcp_audit *audit)
{
    struct lcp_read *read = ctx;

    return lcp_read_append_comma(read) && lcp_read_append(read, write_audit, audit);
}

void
lcp_read_audit(struct lcp_read *read)
{
    enum lcp_err err;

    if (read->limit == 0)
        read->limit = AUDIT_ROWS;
    if (read->limit > AUDIT_ROWS_MAX)
        read->limit = AUDIT_ROWS_MAX;
    err = read->store->ops->each_audit(read->store, (uint32_t)read->limit, audit_row,
                                       read);
    if (err != LCP_OK)
        read->err = err;
    if (read->err == LCP_OK)
        lcp_read_wrap(read, "{\"audit\":[", "]}");
}
