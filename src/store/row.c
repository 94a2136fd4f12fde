/* SPDX-License-Identifier: MIT
 *
 * What both stores must do alike when they take in a message. Pure; knows base/text
 * only.
 */
#include "store/row.h"

#include <stdio.h>

#include "base/text.h"

enum lcp_err
lcp_row_check_id(const char *id)
{
    bool is_id = id != NULL && lcp_id_is_valid(lcp_span_str(id));

    return is_id ? LCP_OK : LCP_EINVAL;
}

static bool
has_length(const char *text, size_t max)
{
    return text != NULL && text[0] != '\0' && strlen(text) <= max;
}

enum lcp_err
lcp_row_check_pin(const char *peer, const char *how)
{
    bool ok = has_length(peer, LCP_NAME_MAX) && has_length(how, LCP_PIN_HOW_MAX);

    return ok ? LCP_OK : LCP_EINVAL;
}

enum lcp_err
lcp_row_check_meta(const char *name)
{
    return has_length(name, LCP_META_NAME_MAX) ? LCP_OK : LCP_EINVAL;
}

enum lcp_err
lcp_row_check_peer(const char *peer, const struct lcp_store_peer *row)
{
    if (peer == NULL || strlen(peer) > LCP_NAME_MAX)
        return LCP_EINVAL;
    return row == NULL || row->rate_life_ms <= INT64_MAX ? LCP_OK : LCP_EINVAL;
}

static const char *
text_or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static void
cut_text(const char *text, char out[static LCP_AUDIT_TEXT_MAX + 1])
{
    struct lcp_span span = lcp_span_str(text_or_empty(text));

    span.len = lcp_utf8_cut(span, LCP_AUDIT_TEXT_MAX);
    memcpy(out, span.data, span.len);
    out[span.len] = '\0';
}

enum lcp_err
lcp_audit_draft(const struct lcp_audit *in, struct lcp_audit_draft *out)
{
    if (in->what == NULL || in->what[0] == '\0')
        return LCP_EINVAL;
    out->wall_ms = in->wall_ms;
    cut_text(in->who, out->who);
    cut_text(in->what, out->what);
    cut_text(in->detail, out->detail);
    return LCP_OK;
}

struct lcp_change
lcp_change_draft(const struct lcp_change *in, enum lcp_direction dir)
{
    struct lcp_change change = *in;

    change.reason = text_or_empty(in->reason);
    change.detail = text_or_empty(in->detail);
    if (dir == LCP_IN)
        change.evidence = lcp_span("", 0);
    return change;
}

/* What only one direction, or one state, has. */
static void
clear_strange(struct lcp_row *row)
{
    if (row->dir == LCP_OUT) {
        row->wants_receipts = row->owes = false;
        return;
    }
    row->owes = row->owes && row->wants_receipts;
    row->evidence = lcp_span("", 0);
    memset(row->canon_digest, 0, sizeof(row->canon_digest));
    if (row->state != LCP_IN_HELD)
        row->expires_life_ms = 0;
}

enum lcp_err
lcp_row_draft(const struct lcp_row *in, struct lcp_row_draft *out)
{
    struct lcp_row row = *in;
    struct lcp_span type = lcp_span_str(text_or_empty(in->type));

    if (row.dir != LCP_IN && row.dir != LCP_OUT)
        return LCP_EINVAL;
    if (lcp_row_check_id(row.id) != LCP_OK || !has_length(row.peer, LCP_NAME_MAX))
        return LCP_EINVAL;
    if (row.expires_life_ms > INT64_MAX)
        return LCP_EINVAL;
    row.reply_to = text_or_empty(row.reply_to);
    if (!lcp_id_is_valid(lcp_span_str(row.reply_to)))
        row.reply_to = "";
    row.reason = text_or_empty(row.reason);
    row.detail = text_or_empty(row.detail);
    clear_strange(&row);
    if (row.state_wall_ms == 0)
        row.state_wall_ms = row.wall_ms;

    type.len = lcp_utf8_cut(type, LCP_TYPE_MAX);
    memcpy(out->type, type.data, type.len);
    out->type[type.len] = '\0';
    row.type = out->type;
    row.file = "";
    out->row = row;
    return LCP_OK;
}

static bool
is_lower_uuid(const char *id)
{
    if (!lcp_uuid_is(lcp_span_str(id)))
        return false;
    for (; *id != '\0'; id++)
        if (*id >= 'A' && *id <= 'F')
            return false;
    return true;
}

void
lcp_row_file(const char *id, uint64_t number, char out[static LCP_FILE_NAME_MAX])
{
    char hex[2 * LCP_DIGEST_BYTES + 1], suffix[24] = "";

    if (!is_lower_uuid(id)) {
        uint8_t digest[LCP_DIGEST_BYTES];

        lcp_digest(lcp_span_str(id), digest);
        lcp_hex_print(digest, sizeof(digest), hex);
        id = hex;
    }
    if (number != 0)
        snprintf(suffix, sizeof(suffix), "_%llu", (unsigned long long)number);
    snprintf(out, LCP_FILE_NAME_MAX, "msg_%s%s.json", id, suffix);
}

bool
lcp_row_file_is_ours(const char *name)
{
    size_t len = strlen(name);

    if (len < 10 || len >= LCP_FILE_NAME_MAX || memcmp(name, "msg_", 4) != 0 ||
        strcmp(name + len - 5, ".json") != 0)
        return false;
    return strspn(name + 4, "0123456789abcdef-_") == len - 9;
}

bool
lcp_row_may_purge(enum lcp_direction dir, int state)
{
    if (dir == LCP_IN)
        return state >= LCP_IN_ARCHIVED && state < LCP_IN_PURGED;
    return state != LCP_SENT_QUEUED;
}

int
lcp_row_purged_state(enum lcp_direction dir, int state)
{
    return dir == LCP_IN && state != LCP_IN_REFUSED ? LCP_IN_PURGED : state;
}

int
lcp_row_final_state(enum lcp_direction dir)
{
    return dir == LCP_IN ? LCP_IN_ARCHIVED : LCP_SENT_DONE;
}

void
lcp_row_name(struct lcp_span text, struct lcp_row_name *out)
{
    bool has_mark = text.len > 0 && text.data[0] == '#';
    struct lcp_span digits = has_mark ? lcp_span(text.data + 1, text.len - 1) : text;

    memset(out, 0, sizeof(*out));
    if (lcp_uint_parse(digits, 1, INT64_MAX, &out->number) != LCP_OK)
        out->number = 0;
    if (has_mark || !lcp_id_is_valid(text))
        return;
    memcpy(out->id, text.data, text.len);
    out->may_be_prefix = text.len >= LCP_PREFIX_MIN;
    out->is_uuid_start = out->may_be_prefix && text.len < LCP_UUID_CHARS &&
                         strspn(out->id, "0123456789abcdefABCDEF-") == text.len;
}

void
lcp_query_range(const struct lcp_query *q, uint64_t *low, uint64_t *high)
{
    *low = q->newest_first ? 0 : q->after;
    *high = q->through != 0 ? q->through : INT64_MAX;
    if (*high > INT64_MAX)
        *high = INT64_MAX;
    if (*low > INT64_MAX)
        *low = INT64_MAX;
    if (q->newest_first && q->after != 0 && q->after - 1 < *high)
        *high = q->after - 1;
}
