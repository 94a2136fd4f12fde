/* SPDX-License-Identifier: MIT
 *
 * Signed objects: their members in common, the signature over their canonical bytes,
 * and how one is closed.
 */
#include "core/signed.h"

#include "base/text.h"

static const char security_name[] = "security";
static const char security_algo[] = "ed25519";

bool
lcp_signed_string(const struct lcp_json *doc, const char *name, uint32_t *at)
{
    uint32_t found = lcp_json_member(doc, 0, name);

    if (found != 0 && lcp_json_is(doc, found, LCP_JSON_NULL))
        found = 0;
    *at = found;
    return found == 0 || lcp_json_is(doc, found, LCP_JSON_STRING);
}

bool
lcp_signed_is_1_2(const struct lcp_json *doc)
{
    uint32_t at = lcp_json_member(doc, 0, "lcp");
    char text[24]; /* "1." and any 64-bit number */
    uint64_t minor;
    size_t len;

    return at != 0 && lcp_json_string(doc, at, text, sizeof(text), &len) == LCP_OK &&
           len > 2 && memcmp(text, "1.", 2) == 0 && text[2] != '0' &&
           lcp_uint_parse(lcp_span(text + 2, len - 2), 2, UINT64_MAX, &minor) == LCP_OK;
}

static bool
read_base64(const struct lcp_json *doc, uint32_t at, uint8_t *out, size_t out_len)
{
    char text[LCP_SIG_B64 + 1];
    size_t len;

    return at != 0 && lcp_json_string(doc, at, text, sizeof(text), &len) == LCP_OK &&
           lcp_base64_parse(lcp_span(text, len), out, out_len) == LCP_OK;
}

bool
lcp_signed_security(const struct lcp_json *doc, struct lcp_key *key,
                    uint8_t signature[static LCP_SIG_BYTES])
{
    uint32_t at = lcp_json_member(doc, 0, security_name), algo;

    if (at == 0 || !lcp_json_is(doc, at, LCP_JSON_OBJECT) || doc->nodes[at].count != 3)
        return false;
    algo = lcp_json_member(doc, at, "algo");
    return algo != 0 && lcp_json_equals(doc, algo, security_algo) &&
           read_base64(doc, lcp_json_member(doc, at, "pubkey"), key->bytes,
                       sizeof(key->bytes)) &&
           read_base64(doc, lcp_json_member(doc, at, "signature"), signature,
                       LCP_SIG_BYTES);
}

enum lcp_msg_fault
lcp_signed_parse(struct lcp_span raw, const char *type, struct lcp_msg_scratch *scratch,
                 struct lcp_signed *out)
{
    uint32_t type_at;

    memset(out, 0, sizeof(*out));
    out->raw = raw;
    out->doc.nodes = scratch->nodes;
    out->doc.cap = LCP_JSON_NODES_MAX;
    if (raw.len > LCP_SIGNED_PAYLOAD_MAX ||
        lcp_json_parse(raw, &out->doc) != LCP_JSON_FAULT_NONE)
        return LCP_MSG_BAD_JSON;
    if (!lcp_signed_string(&out->doc, "type", &type_at) ||
        !lcp_signed_is(out, type_at, type) ||
        !lcp_signed_string(&out->doc, "from", &out->from) || out->from == 0 ||
        !lcp_signed_string(&out->doc, "to", &out->to) || out->to == 0 ||
        !lcp_signed_string(&out->doc, "timestamp", &out->timestamp) ||
        out->timestamp == 0)
        return LCP_MSG_BAD_MEMBER;
    return lcp_signed_security(&out->doc, &out->key, out->signature)
               ? LCP_MSG_OK
               : LCP_MSG_BAD_SECURITY;
}

enum lcp_err
lcp_signed_canon(const struct lcp_json *doc, struct lcp_msg_scratch *scratch,
                 struct lcp_span *out)
{
    size_t len;
    enum lcp_err err = lcp_canon_print(doc, security_name, scratch->canon,
                                       sizeof(scratch->canon), &len);

    if (err == LCP_OK)
        *out = lcp_span(scratch->canon, len);
    return err;
}

bool
lcp_signed_verify(const struct lcp_signed *object, struct lcp_msg_scratch *scratch)
{
    struct lcp_span canon;

    return lcp_signed_canon(&object->doc, scratch, &canon) == LCP_OK &&
           lcp_verify(&object->key, canon, object->signature);
}

bool
lcp_signed_is(const struct lcp_signed *object, uint32_t at, const char *text)
{
    return at != 0 && lcp_json_equals(&object->doc, at, text);
}

static void
write_security(struct lcp_writer *w, const struct lcp_key *key,
               const uint8_t sig[static LCP_SIG_BYTES])
{
    char key_text[LCP_KEY_B64 + 1], signature[LCP_SIG_B64 + 1];

    lcp_base64_print(key->bytes, LCP_KEY_BYTES, key_text);
    lcp_base64_print(sig, LCP_SIG_BYTES, signature);
    lcp_write_key(w, security_name);
    lcp_write_object(w);
    lcp_write_member_string(w, "algo", security_algo);
    lcp_write_member_string(w, "pubkey", key_text);
    lcp_write_member_string(w, "signature", signature);
    lcp_write_object_end(w);
}

size_t
lcp_signed_end_bytes(void)
{
    static const char end[] = ",\"security\":{\"algo\":\"ed25519\",\"pubkey\":\"\","
                              "\"signature\":\"\"}}";

    return sizeof(end) - 1 + LCP_KEY_B64 + LCP_SIG_B64;
}

/* Signs what a receiver will parse: the text itself is read back and made canonical. */
static enum lcp_err
sign_text(struct lcp_span text, const struct lcp_identity *identity,
          struct lcp_msg_scratch *scratch, uint8_t sig[static LCP_SIG_BYTES],
          uint8_t digest[static LCP_DIGEST_BYTES])
{
    struct lcp_json doc = {.nodes = scratch->nodes, .cap = LCP_JSON_NODES_MAX};
    struct lcp_span canon;
    enum lcp_err err;

    if (lcp_json_parse(text, &doc) != LCP_JSON_FAULT_NONE)
        return LCP_EFORMAT;
    err = lcp_signed_canon(&doc, scratch, &canon);
    if (err != LCP_OK)
        return err;
    lcp_digest(canon, digest);
    lcp_sign(identity, canon, sig);
    return LCP_OK;
}

enum lcp_err
lcp_signed_end(struct lcp_writer *w, const struct lcp_identity *identity,
               struct lcp_msg_scratch *scratch, size_t *len,
               uint8_t digest[static LCP_DIGEST_BYTES])
{
    struct lcp_writer closed = *w; /* closed without security; goes on below */
    uint8_t sig[LCP_SIG_BYTES];
    struct lcp_span text;
    enum lcp_err err;

    lcp_write_object_end(&closed);
    err = lcp_writer_end(&closed, &text);
    if (err == LCP_OK)
        err = sign_text(text, identity, scratch, sig, digest);
    if (err != LCP_OK)
        return err;
    write_security(w, &identity->key, sig);
    lcp_write_object_end(w);
    err = lcp_writer_end(w, &text);
    if (err == LCP_OK)
        *len = text.len;
    return err;
}
