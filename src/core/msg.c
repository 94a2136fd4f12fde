/* SPDX-License-Identifier: MIT
 *
 * What makes a JSON object a message, and a signature over it.
 */
#include "core/msg.h"
#include "base/text.h"

static const char security_name[] = "security";
static const char security_algo[] = "ed25519";

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

static bool
find_members(struct lcp_msg *msg)
{
    const struct {
        const char *name;
        uint32_t *at;
        bool required;
    } rows[] = {
        {"from", &msg->from, true},           {"to", &msg->to, true},
        {"timestamp", &msg->timestamp, true}, {"type", &msg->type, true},
        {"message", &msg->message, true},     {"replyTo", &msg->reply_to, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t at = lcp_json_member(&msg->doc, 0, rows[i].name);

        if (at != 0 && !rows[i].required && lcp_json_is(&msg->doc, at, LCP_JSON_NULL))
            at = 0;
        if (at == 0 ? rows[i].required : !lcp_json_is(&msg->doc, at, LCP_JSON_STRING))
            return false;
        *rows[i].at = at;
    }
    return true;
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

static bool
read_base64(const struct lcp_json *doc, uint32_t at, uint8_t *out, size_t out_len)
{
    char text[LCP_SIG_B64 + 1];
    size_t len;

    return at != 0 && lcp_json_string(doc, at, text, sizeof(text), &len) == LCP_OK &&
           lcp_base64_parse(lcp_span(text, len), out, out_len) == LCP_OK;
}

/* Exactly three members: this object is the only part of a message that is not signed.
 */
static bool
read_security(struct lcp_msg *msg)
{
    const struct lcp_json *doc = &msg->doc;
    uint32_t at = lcp_json_member(doc, 0, security_name);

    return at != 0 && lcp_json_is(doc, at, LCP_JSON_OBJECT) &&
           doc->nodes[at].count == 3 &&
           lcp_msg_is(msg, lcp_json_member(doc, at, "algo"), security_algo) &&
           read_base64(doc, lcp_json_member(doc, at, "pubkey"), msg->key.bytes,
                       sizeof(msg->key.bytes)) &&
           read_base64(doc, lcp_json_member(doc, at, "signature"), msg->signature,
                       sizeof(msg->signature));
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
    return read_security(msg) ? LCP_MSG_OK : LCP_MSG_BAD_SECURITY;
}

enum lcp_err
lcp_msg_canon(const struct lcp_msg *msg, struct lcp_msg_scratch *scratch,
              struct lcp_span *out)
{
    size_t len;
    enum lcp_err err = lcp_canon_print(&msg->doc, security_name, scratch->canon,
                                       sizeof(scratch->canon), &len);

    if (err == LCP_OK)
        *out = lcp_span(scratch->canon, len);
    return err;
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

static bool
is_type(const char *text)
{
    struct lcp_span type = lcp_span_str(text);

    return type.len > 0 && type.len <= LCP_TYPE_MAX && lcp_utf8_valid(type);
}

static bool
draft_is_valid(const struct lcp_draft *d)
{
    int64_t wall_ms;

    return lcp_id_is_valid(lcp_span_str(d->id)) &&
           lcp_name_is_valid(lcp_span_str(d->from)) &&
           lcp_name_is_valid(lcp_span_str(d->to)) && is_type(d->type) &&
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
}

static void
write_security(struct lcp_writer *w, const struct lcp_identity *identity,
               const uint8_t sig[static LCP_SIG_BYTES])
{
    char key[LCP_KEY_B64 + 1], signature[LCP_SIG_B64 + 1];

    lcp_base64_print(identity->key.bytes, LCP_KEY_BYTES, key);
    lcp_base64_print(sig, LCP_SIG_BYTES, signature);
    lcp_write_key(w, security_name);
    lcp_write_object(w);
    lcp_write_member_string(w, "algo", security_algo);
    lcp_write_member_string(w, "pubkey", key);
    lcp_write_member_string(w, "signature", signature);
    lcp_write_object_end(w);
}

/* Signs what a receiver will parse: the text itself is read back and made canonical. */
static enum lcp_err
sign_text(struct lcp_span text, const struct lcp_identity *identity,
          struct lcp_msg_scratch *scratch, uint8_t sig[static LCP_SIG_BYTES],
          uint8_t digest[static LCP_DIGEST_BYTES])
{
    struct lcp_json doc = {.nodes = scratch->nodes, .cap = LCP_JSON_NODES_MAX};
    enum lcp_err err;
    size_t len;

    if (lcp_json_parse(text, &doc) != LCP_JSON_FAULT_NONE)
        return LCP_EFORMAT;
    err = lcp_canon_print(&doc, NULL, scratch->canon, sizeof(scratch->canon), &len);
    if (err != LCP_OK)
        return err;
    lcp_digest(lcp_span(scratch->canon, len), digest);
    lcp_sign(identity, lcp_span(scratch->canon, len), sig);
    return LCP_OK;
}

enum lcp_err
lcp_msg_build(const struct lcp_draft *draft, const struct lcp_identity *identity,
              struct lcp_msg_scratch *scratch, char *out, size_t *len,
              uint8_t digest[static LCP_DIGEST_BYTES])
{
    struct lcp_writer w, closed;
    struct lcp_span text;
    uint8_t sig[LCP_SIG_BYTES];
    enum lcp_err err;

    if (!draft_is_valid(draft))
        return LCP_EFORMAT;
    lcp_writer_init(&w, out, LCP_PAYLOAD_MAX, 0);
    write_draft(&w, draft);
    closed = w; /* the object without security is closed here, and goes on below */
    lcp_write_object_end(&closed);
    err = lcp_writer_end(&closed, &text);
    if (err == LCP_OK)
        err = sign_text(text, identity, scratch, sig, digest);
    if (err != LCP_OK)
        return err;
    write_security(&w, identity, sig);
    lcp_write_object_end(&w);
    err = lcp_writer_end(&w, &text);
    if (err == LCP_OK)
        *len = text.len;
    return err;
}
