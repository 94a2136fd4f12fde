/* SPDX-License-Identifier: MIT
 *
 * RECEIPT, both ways between bytes and struct.
 */
#include "core/receipt.h"

#include "base/text.h"

static const char receipt_type[] = "receipt";

static const char *const word_names[LCP_WORD_COUNT] = {
    [LCP_WORD_HELD] = "held",       [LCP_WORD_STORED] = "stored",
    [LCP_WORD_READ] = "read",       [LCP_WORD_DONE] = "done",
    [LCP_WORD_REFUSED] = "refused", [LCP_WORD_LATER] = "later",
};

const char *
lcp_word_name(enum lcp_word word)
{
    unsigned at = (unsigned)word;

    return at < LCP_WORD_COUNT ? word_names[at] : "?";
}

enum lcp_err
lcp_word_parse(struct lcp_span name, enum lcp_word *word)
{
    for (unsigned i = 0; i < LCP_WORD_COUNT; i++)
        if (lcp_span_eq(name, lcp_span_str(word_names[i]))) {
            *word = (enum lcp_word)i;
            return LCP_OK;
        }
    return LCP_EFORMAT;
}

static bool
read_word(const struct lcp_json *doc, enum lcp_word *word)
{
    uint32_t at = lcp_json_member(doc, 0, "state");
    char name[16];
    size_t len;

    return at != 0 && lcp_json_string(doc, at, name, sizeof(name), &len) == LCP_OK &&
           lcp_word_parse(lcp_span(name, len), word) == LCP_OK;
}

/* A string that may be absent, cut to max bytes at a character, or at a NUL. */
static bool
read_text(const struct lcp_json *doc, const char *name, size_t max, char *out)
{
    char text[LCP_SIGNED_PAYLOAD_MAX + 1];
    uint32_t at;
    size_t len;

    *out = '\0';
    if (!lcp_signed_string(doc, name, &at))
        return false;
    if (at == 0)
        return true;
    if (lcp_json_string(doc, at, text, sizeof(text), &len) != LCP_OK)
        return false;
    len = lcp_utf8_cut(lcp_span_str(text), max);
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

static bool
read_retry(const struct lcp_json *doc, uint32_t *out)
{
    uint32_t at = lcp_json_member(doc, 0, "retryS");
    int64_t value;

    if (at == 0 || lcp_json_int(doc, at, &value) != LCP_OK || value < 0)
        return false;
    *out = value < LCP_RETRY_S_MAX ? (uint32_t)value : LCP_RETRY_S_MAX;
    return true;
}

/* [id, digest] or [id, digest, seq] */
static bool
read_entry(const struct lcp_json *doc, uint32_t at, struct lcp_receipt_entry *out)
{
    char digest[2 * LCP_DIGEST_BYTES + 1];
    uint32_t id = lcp_json_first(doc, at), digest_at, seq_at;
    int64_t seq;
    size_t len;

    if (!lcp_json_is(doc, at, LCP_JSON_ARRAY) || doc->nodes[at].count < 2 ||
        doc->nodes[at].count > 3)
        return false;
    digest_at = doc->nodes[id].next;
    seq_at = doc->nodes[digest_at].next;
    if (lcp_json_string(doc, id, out->id, sizeof(out->id), &len) != LCP_OK ||
        !lcp_id_is_valid(lcp_span(out->id, len)) ||
        lcp_json_string(doc, digest_at, digest, sizeof(digest), &len) != LCP_OK ||
        lcp_hex_parse(lcp_span(digest, len), out->digest, LCP_DIGEST_BYTES) != LCP_OK)
        return false;
    out->has_seq = seq_at != 0;
    if (!out->has_seq)
        return true;
    if (lcp_json_int(doc, seq_at, &seq) != LCP_OK || seq < 0 || seq > UINT32_MAX)
        return false;
    out->seq = (uint32_t)seq;
    return true;
}

static bool
read_entries(const struct lcp_json *doc, struct lcp_receipt *out)
{
    uint32_t at = lcp_json_member(doc, 0, "of");

    if (at == 0 || !lcp_json_is(doc, at, LCP_JSON_ARRAY) || doc->nodes[at].count == 0 ||
        doc->nodes[at].count > LCP_RECEIPT_ENTRIES_MAX)
        return false;
    for (at = lcp_json_first(doc, at); at != 0; at = doc->nodes[at].next)
        if (!read_entry(doc, at, &out->entries[out->count++]))
            return false;
    return true;
}

enum lcp_msg_fault
lcp_receipt_parse(struct lcp_span raw, struct lcp_msg_scratch *scratch,
                  struct lcp_receipt *out)
{
    const struct lcp_json *doc = &out->object.doc;
    enum lcp_msg_fault fault;

    memset(out, 0, sizeof(*out));
    fault = lcp_signed_parse(raw, receipt_type, scratch, &out->object);
    if (fault != LCP_MSG_OK)
        return fault;
    if (!read_word(doc, &out->word) ||
        !read_text(doc, "reason", LCP_REASON_MAX, out->reason) ||
        !read_text(doc, "text", LCP_DETAIL_MAX, out->text) ||
        (out->word == LCP_WORD_LATER && !read_retry(doc, &out->retry_s)) ||
        !read_entries(doc, out))
        return LCP_MSG_BAD_MEMBER;
    return LCP_MSG_OK;
}

static struct lcp_span
text_or_none(const char *text)
{
    return lcp_span_str(text != NULL ? text : "");
}

static bool
draft_is_valid(const struct lcp_receipt_draft *d)
{
    struct lcp_span reason = text_or_none(d->reason);
    int64_t wall_ms;

    for (uint32_t i = 0; i < d->count; i++)
        if (!lcp_id_is_valid(lcp_span_str(d->entries[i].id)))
            return false;
    return d->count > 0 && (unsigned)d->word < LCP_WORD_COUNT &&
           lcp_name_is_valid(lcp_span_str(d->from)) &&
           lcp_name_is_valid(lcp_span_str(d->to)) &&
           lcp_iso8601_parse(lcp_span_str(d->timestamp), &wall_ms) == LCP_OK &&
           reason.len <= LCP_REASON_MAX && lcp_utf8_valid(reason) &&
           lcp_utf8_valid(text_or_none(d->text));
}

static void
write_entry(struct lcp_writer *w, const struct lcp_receipt_entry *entry)
{
    char digest[2 * LCP_DIGEST_BYTES + 1];

    lcp_hex_print(entry->digest, LCP_DIGEST_BYTES, digest);
    lcp_write_array(w);
    lcp_write_string(w, entry->id);
    lcp_write_string(w, digest);
    if (entry->has_seq)
        lcp_write_int(w, entry->seq);
    lcp_write_array_end(w);
}

static void
write_draft(struct lcp_writer *w, const struct lcp_receipt_draft *d,
            struct lcp_span text, uint32_t count)
{
    struct lcp_span reason = text_or_none(d->reason);

    lcp_write_object(w);
    lcp_write_member_string(w, "type", receipt_type);
    lcp_write_member_string(w, "from", d->from);
    lcp_write_member_string(w, "to", d->to);
    lcp_write_member_string(w, "timestamp", d->timestamp);
    lcp_write_member_string(w, "state", lcp_word_name(d->word));
    if (reason.len > 0)
        lcp_write_member_string(w, "reason", d->reason);
    if (text.len > 0) {
        lcp_write_key(w, "text");
        lcp_write_string_span(w, text);
    }
    if (d->word == LCP_WORD_LATER)
        lcp_write_member_int(
            w, "retryS", d->retry_s < LCP_RETRY_S_MAX ? d->retry_s : LCP_RETRY_S_MAX);
    lcp_write_key(w, "of");
    lcp_write_array(w);
    for (uint32_t i = 0; i < count; i++)
        write_entry(w, &d->entries[i]);
    lcp_write_array_end(w);
}

static bool
fits(const struct lcp_receipt_draft *d, struct lcp_span text, uint32_t count)
{
    struct lcp_writer w;

    lcp_writer_init(&w, NULL, 0, 0); /* only counts */
    write_draft(&w, d, text, count);
    return w.len + lcp_signed_end_bytes() <= LCP_SIGNED_PAYLOAD_MAX;
}

enum lcp_err
lcp_receipt_build(const struct lcp_receipt_draft *draft,
                  const struct lcp_identity *identity, struct lcp_msg_scratch *scratch,
                  char *out, size_t *len, uint32_t *used)
{
    struct lcp_span text = text_or_none(draft->text);
    uint32_t count = draft->count < LCP_RECEIPT_ENTRIES_MAX ? draft->count
                                                            : LCP_RECEIPT_ENTRIES_MAX;
    uint8_t digest[LCP_DIGEST_BYTES];
    struct lcp_writer w;
    enum lcp_err err;

    if (!draft_is_valid(draft))
        return LCP_EFORMAT;
    text.len = lcp_utf8_cut(text, LCP_DETAIL_MAX);
    while (count > 1 && !fits(draft, text, count))
        count--;
    while (text.len > 0 && !fits(draft, text, count))
        text.len = lcp_utf8_cut(text, text.len - 1);
    lcp_writer_init(&w, out, LCP_SIGNED_PAYLOAD_MAX, 0);
    write_draft(&w, draft, text, count);
    err = lcp_signed_end(&w, identity, scratch, len, digest);
    if (err == LCP_OK)
        *used = count;
    return err;
}
