/* SPDX-License-Identifier: MIT
 *
 * HELLO, both ways between bytes and struct.
 */
#include "core/hello.h"

#include "base/text.h"

static const char hello_type[] = "hello";

enum { NONCE_CHARS = 2 * LCP_NONCE_BYTES };

/* 16 hex digits; `text` (may be NULL) gets them as they stand. */
static bool
read_hex(const struct lcp_json *doc, uint32_t at, uint8_t out[static LCP_NONCE_BYTES],
         char *text)
{
    char digits[NONCE_CHARS + 1];
    size_t len;

    if (at == 0 || lcp_json_string(doc, at, digits, sizeof(digits), &len) != LCP_OK ||
        lcp_hex_parse(lcp_span(digits, len), out, LCP_NONCE_BYTES) != LCP_OK)
        return false;
    if (text != NULL)
        memcpy(text, digits, sizeof(digits));
    return true;
}

static bool
read_caps(const struct lcp_json *doc)
{
    uint32_t at = lcp_json_member(doc, 0, "caps");

    if (at == 0)
        return true;
    if (!lcp_json_is(doc, at, LCP_JSON_ARRAY))
        return false;
    for (at = lcp_json_first(doc, at); at != 0; at = doc->nodes[at].next)
        if (!lcp_json_is(doc, at, LCP_JSON_STRING))
            return false;
    return true;
}

static bool
read_max(const struct lcp_json *doc, uint64_t *out)
{
    uint32_t at = lcp_json_member(doc, 0, "max");
    int64_t value;

    if (at == 0)
        return true;
    if (lcp_json_int(doc, at, &value) != LCP_OK || value < 0)
        return false;
    *out = (uint64_t)value;
    return true;
}

static bool
read_agent(const struct lcp_json *doc, uint32_t *out)
{
    *out = lcp_json_member(doc, 0, "agent");
    return *out == 0 || lcp_json_is(doc, *out, LCP_JSON_OBJECT);
}

static bool
read_members(struct lcp_hello *out)
{
    _Static_assert((int)LCP_BOOT_CHARS == (int)NONCE_CHARS, "read_hex reads both");
    const struct lcp_json *doc = &out->object.doc;
    uint8_t boot[LCP_NONCE_BYTES];
    uint32_t version, echo;

    if (!lcp_signed_string(doc, "lcp", &version) || version == 0 ||
        !lcp_signed_string(doc, "echo", &echo) || echo == 0)
        return false;
    out->is_1_2 = lcp_signed_is_1_2(doc);
    out->has_echo = !lcp_json_equals(doc, echo, "");
    return (!out->has_echo || read_hex(doc, echo, out->echo, NULL)) &&
           read_hex(doc, lcp_json_member(doc, 0, "nonce"), out->nonce, NULL) &&
           read_hex(doc, lcp_json_member(doc, 0, "boot"), boot, out->boot) &&
           read_caps(doc) && read_max(doc, &out->max) && read_agent(doc, &out->agent);
}

enum lcp_msg_fault
lcp_hello_parse(struct lcp_span raw, struct lcp_msg_scratch *scratch,
                struct lcp_hello *out)
{
    enum lcp_msg_fault fault;

    memset(out, 0, sizeof(*out));
    fault = lcp_signed_parse(raw, hello_type, scratch, &out->object);
    if (fault == LCP_MSG_OK && !read_members(out))
        fault = LCP_MSG_BAD_MEMBER;
    return fault;
}

static bool
draft_is_valid(const struct lcp_hello_draft *d)
{
    uint8_t boot[LCP_NONCE_BYTES];
    int64_t wall_ms;

    return lcp_name_is_valid(lcp_span_str(d->from)) &&
           lcp_name_is_valid(lcp_span_str(d->to)) &&
           lcp_iso8601_parse(lcp_span_str(d->timestamp), &wall_ms) == LCP_OK &&
           lcp_hex_parse(lcp_span_str(d->boot), boot, sizeof(boot)) == LCP_OK &&
           d->max <= INT64_MAX;
}

static void
write_hex(struct lcp_writer *w, const char *name,
          const uint8_t bytes[static LCP_NONCE_BYTES])
{
    char text[NONCE_CHARS + 1];

    lcp_hex_print(bytes, LCP_NONCE_BYTES, text);
    lcp_write_member_string(w, name, text);
}

static void
write_agent(struct lcp_writer *w, int64_t last_read_wall_ms)
{
    char text[40];

    lcp_iso8601_print(last_read_wall_ms, text);
    lcp_write_key(w, "agent");
    lcp_write_object(w);
    lcp_write_member_string(w, "lastRead", text);
    lcp_write_object_end(w);
}

enum lcp_err
lcp_hello_build(const struct lcp_hello_draft *draft,
                const struct lcp_identity *identity, struct lcp_msg_scratch *scratch,
                char *out, size_t *len)
{
    uint8_t digest[LCP_DIGEST_BYTES];
    struct lcp_writer w;

    if (!draft_is_valid(draft))
        return LCP_EFORMAT;
    lcp_writer_init(&w, out, LCP_SIGNED_PAYLOAD_MAX, 0);
    lcp_write_object(&w);
    lcp_write_member_string(&w, "type", hello_type);
    lcp_write_member_string(&w, "from", draft->from);
    lcp_write_member_string(&w, "to", draft->to);
    lcp_write_member_string(&w, "timestamp", draft->timestamp);
    lcp_write_member_string(&w, "lcp", "1.2");
    lcp_write_key(&w, "caps");
    lcp_write_array(&w);
    lcp_write_array_end(&w);
    lcp_write_member_string(&w, "boot", draft->boot);
    write_hex(&w, "nonce", draft->nonce);
    if (draft->has_echo)
        write_hex(&w, "echo", draft->echo);
    else
        lcp_write_member_string(&w, "echo", "");
    if (draft->max > 0)
        lcp_write_member_int(&w, "max", (int64_t)draft->max);
    if (draft->last_read_wall_ms != 0)
        write_agent(&w, draft->last_read_wall_ms);
    return lcp_signed_end(&w, identity, scratch, len, digest);
}
