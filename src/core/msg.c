/* SPDX-License-Identifier: MIT
 *
 * What makes a JSON object a message, and a signature over it.
 */
#include "core/msg.h"

#include "base/text.h"
#include "core/signed.h"

const char *
lcp_msg_fault_name(enum lcp_msg_fault fault)
{
    static const char *const names[] = {
        [LCP_MSG_OK] = "ok",
        [LCP_MSG_BAD_JSON] = "bad-json",
        [LCP_MSG_BAD_MEMBER] = "bad-member",
        [LCP_MSG_BAD_ID] = "bad-id",
        [LCP_MSG_BAD_SECURITY] = "bad-security",
    };
    unsigned at = (unsigned)fault;

    return at < sizeof(names) / sizeof(names[0]) ? names[at] : "?";
}

/* Their types separate the domains: what is signed as one is never taken for another.
 */
static bool
is_foreign(const struct lcp_msg *msg)
{
    return lcp_msg_is(msg, msg->type, "hello") || lcp_msg_is(msg, msg->type, "receipt");
}

static bool
find_members(struct lcp_msg *msg)
{
    const struct lcp_json *doc = &msg->doc;

    return lcp_signed_string(doc, "from", &msg->from) && msg->from != 0 &&
           lcp_signed_string(doc, "to", &msg->to) && msg->to != 0 &&
           lcp_signed_string(doc, "timestamp", &msg->timestamp) &&
           msg->timestamp != 0 && lcp_signed_string(doc, "type", &msg->type) &&
           msg->type != 0 && lcp_signed_string(doc, "message", &msg->message) &&
           msg->message != 0 && lcp_signed_string(doc, "replyTo", &msg->reply_to) &&
           !is_foreign(msg);
}

static enum lcp_msg_fault
read_id(struct lcp_msg *msg)
{
    uint32_t at = lcp_json_member(&msg->doc, 0, "id");
    enum lcp_err err;
    size_t len;

    if (at == 0 || !lcp_json_is(&msg->doc, at, LCP_JSON_STRING))
        return LCP_MSG_BAD_MEMBER;
    err = lcp_json_string(&msg->doc, at, msg->id, sizeof(msg->id), &len);
    return err == LCP_OK && lcp_id_is_valid(lcp_span(msg->id, len)) ? LCP_MSG_OK
                                                                    : LCP_MSG_BAD_ID;
}

enum lcp_msg_fault
lcp_msg_parse(struct lcp_span raw, struct lcp_msg_scratch *scratch, struct lcp_msg *msg)
{
    enum lcp_msg_fault fault;

    memset(msg, 0, sizeof(*msg));
    msg->raw = raw;
    msg->doc.nodes = scratch->nodes;
    msg->doc.cap = LCP_JSON_NODES_MAX;
    if (raw.len > LCP_PAYLOAD_MAX) /* the rooms behind this are made for no more */
        msg->json_fault = LCP_JSON_FAULT_NODES;
    else
        msg->json_fault = lcp_json_parse(raw, &msg->doc);
    if (msg->json_fault != LCP_JSON_FAULT_NONE)
        return LCP_MSG_BAD_JSON;
    fault = read_id(msg);
    if (fault != LCP_MSG_OK)
        return fault;
    if (!find_members(msg))
        return LCP_MSG_BAD_MEMBER;
    msg->is_marked = lcp_signed_is_1_2(&msg->doc);
    return lcp_signed_security(&msg->doc, &msg->key, msg->signature)
               ? LCP_MSG_OK
               : LCP_MSG_BAD_SECURITY;
}

enum lcp_err
lcp_msg_canon(const struct lcp_msg *msg, struct lcp_msg_scratch *scratch,
              struct lcp_span *out)
{
    return lcp_signed_canon(&msg->doc, scratch, out);
}

bool
lcp_msg_verify(const struct lcp_msg *msg, struct lcp_msg_scratch *scratch,
               uint8_t digest[LCP_DIGEST_BYTES])
{
    struct lcp_span canon;

    if (lcp_msg_canon(msg, scratch, &canon) != LCP_OK) {
        if (digest != NULL)
            memset(digest, 0, LCP_DIGEST_BYTES);
        return false;
    }
    if (digest != NULL)
        lcp_digest(canon, digest);
    return lcp_verify(&msg->key, canon, msg->signature);
}

bool
lcp_msg_is(const struct lcp_msg *msg, uint32_t at, const char *text)
{
    return at != 0 && lcp_json_equals(&msg->doc, at, text);
}

/* "name" or "name/mailbox", both halves names. name_len: up to the slash. */
static bool
is_address(struct lcp_span text, size_t *name_len)
{
    const uint8_t *slash = text.len > 0 ? memchr(text.data, '/', text.len) : NULL;
    size_t at = slash != NULL ? (size_t)(slash - text.data) : text.len;

    *name_len = at;
    return lcp_name_is_valid(lcp_span(text.data, at)) &&
           (slash == NULL || lcp_name_is_valid(lcp_span(slash + 1, text.len - at - 1)));
}

bool
lcp_msg_to_is(const struct lcp_json *doc, uint32_t to, const char *name)
{
    char text[2 * LCP_NAME_MAX + 2];
    size_t len, name_len;

    return lcp_json_string(doc, to, text, sizeof(text), &len) == LCP_OK &&
           is_address(lcp_span(text, len), &name_len) &&
           lcp_span_eq(lcp_span(text, name_len), lcp_span_str(name));
}

uint32_t
lcp_msg_hops(const struct lcp_msg *msg)
{
    uint32_t at = lcp_json_member(&msg->doc, 0, "hops");
    int64_t hops;

    if (at == 0 || lcp_json_int(&msg->doc, at, &hops) != LCP_OK || hops < 0)
        return 0;
    return hops < UINT32_MAX ? (uint32_t)hops : UINT32_MAX;
}

static bool
is_address_text(const char *text)
{
    size_t name_len;

    return is_address(lcp_span_str(text), &name_len);
}

static bool
is_type(const char *text)
{
    struct lcp_span type = lcp_span_str(text);

    return type.len > 0 && type.len <= LCP_TYPE_MAX && lcp_utf8_valid(type) &&
           strcmp(text, "hello") != 0 && strcmp(text, "receipt") != 0;
}

static bool
draft_is_valid(const struct lcp_draft *d)
{
    int64_t wall_ms;

    return lcp_id_is_valid(lcp_span_str(d->id)) && is_address_text(d->from) &&
           is_address_text(d->to) && is_type(d->type) &&
           lcp_iso8601_parse(lcp_span_str(d->timestamp), &wall_ms) == LCP_OK &&
           (d->reply_to == NULL || lcp_id_is_valid(lcp_span_str(d->reply_to))) &&
           lcp_utf8_valid(d->message);
}

static void
write_draft(struct lcp_writer *w, const struct lcp_draft *d)
{
    lcp_write_object(w);
    lcp_write_member_string(w, "id", d->id);
    lcp_write_member_string(w, "from", d->from);
    lcp_write_member_string(w, "to", d->to);
    lcp_write_member_string(w, "timestamp", d->timestamp);
    lcp_write_member_string(w, "type", d->type);
    lcp_write_key(w, "message");
    lcp_write_string_span(w, d->message);
    if (d->reply_to != NULL)
        lcp_write_member_string(w, "replyTo", d->reply_to);
    if (d->hops > 0)
        lcp_write_member_int(w, "hops", d->hops);
    lcp_write_member_string(w, "lcp", "1.2");
}

enum lcp_err
lcp_msg_build(const struct lcp_draft *draft, const struct lcp_identity *identity,
              struct lcp_msg_scratch *scratch, char *out, size_t *len,
              uint8_t digest[static LCP_DIGEST_BYTES])
{
    struct lcp_writer w;

    if (!draft_is_valid(draft))
        return LCP_EFORMAT;
    lcp_writer_init(&w, out, LCP_PAYLOAD_MAX, 0);
    write_draft(&w, draft);
    return lcp_signed_end(&w, identity, scratch, len, digest);
}
