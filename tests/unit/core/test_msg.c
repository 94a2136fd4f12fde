/* SPDX-License-Identifier: MIT
 *
 * core/msg.h: what is a message, and whose.
 */
#include "core/msg.h"

#include "base/text.h"
#include "check.h"

#define KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define SIG                                                                            \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
    "AAAAAA=="
#define SECURITY                                                                     \
    "\"security\":{\"algo\":\"ed25519\",\"pubkey\":\"" KEY "\",\"signature\":\"" SIG \
    "\"}"
#define HEAD                                                                    \
    "{\"id\":\"i-1\",\"from\":\"A\",\"to\":\"B\",\"timestamp\":\"t\",\"type\":" \
    "\"chat\","
#define BODY HEAD "\"message\":\"m\","

static struct lcp_msg_scratch scratch;
static struct lcp_identity alice, mallory;
static char payload[LCP_PAYLOAD_MAX];

static const struct lcp_draft hello = {
    .id = "0b6f4a52-6c1e-4c59-9d36-2f5b4c7a1e11",
    .from = "AgentA",
    .to = "AgentB",
    .type = "chat",
    .timestamp = "2026-03-28T12:00:00.123+08:00",
    .message = BYTES("hello"),
};

static const struct {
    const char *label, *in;
    enum lcp_msg_fault want;
} fault_rows[] = {
    {"good", BODY SECURITY "}", LCP_MSG_OK},
    {"unknown members", BODY "\"x\":[1,{}],\"lcp\":\"1.2\"," SECURITY "}", LCP_MSG_OK},
    {"replyTo", BODY "\"replyTo\":\"q\"," SECURITY "}", LCP_MSG_OK},
    {"replyTo null", BODY "\"replyTo\":null," SECURITY "}", LCP_MSG_OK},
    {"empty message", HEAD "\"message\":\"\"," SECURITY "}", LCP_MSG_OK},
    {"escaped names",
     "{\"\\u0069d\":\"i\",\"from\":\"A\",\"to\":\"B\",\"timestamp\":\"t\","
     "\"type\":\"c\",\"message\":\"m\"," SECURITY "}",
     LCP_MSG_OK},
    {"no JSON", "hello", LCP_MSG_BAD_JSON},
    {"array", "[]", LCP_MSG_BAD_JSON},
    {"duplicate", BODY "\"id\":\"j\"," SECURITY "}", LCP_MSG_BAD_JSON},
    {"NaN", BODY "\"x\":NaN," SECURITY "}", LCP_MSG_BAD_JSON},
    {"empty object", "{}", LCP_MSG_BAD_MEMBER},
    {"no message", HEAD SECURITY "}", LCP_MSG_BAD_MEMBER},
    {"message a number", HEAD "\"message\":1," SECURITY "}", LCP_MSG_BAD_MEMBER},
    {"message null", HEAD "\"message\":null," SECURITY "}", LCP_MSG_BAD_MEMBER},
    {"message an object", HEAD "\"message\":{}," SECURITY "}", LCP_MSG_BAD_MEMBER},
    {"replyTo a number", BODY "\"replyTo\":1," SECURITY "}", LCP_MSG_BAD_MEMBER},
    {"replyTo false", BODY "\"replyTo\":false," SECURITY "}", LCP_MSG_BAD_MEMBER},
    {"id a number",
     "{\"id\":1,\"from\":\"A\",\"to\":\"B\",\"timestamp\":\"t\","
     "\"type\":\"c\",\"message\":\"m\"," SECURITY "}",
     LCP_MSG_BAD_MEMBER},
    {"no from",
     "{\"id\":\"i\",\"to\":\"B\",\"timestamp\":\"t\",\"type\":\"c\","
     "\"message\":\"m\"," SECURITY "}",
     LCP_MSG_BAD_MEMBER},
    {"no to",
     "{\"id\":\"i\",\"from\":\"A\",\"timestamp\":\"t\",\"type\":\"c\","
     "\"message\":\"m\"," SECURITY "}",
     LCP_MSG_BAD_MEMBER},
    {"no timestamp",
     "{\"id\":\"i\",\"from\":\"A\",\"to\":\"B\",\"type\":\"c\","
     "\"message\":\"m\"," SECURITY "}",
     LCP_MSG_BAD_MEMBER},
    {"no type",
     "{\"id\":\"i\",\"from\":\"A\",\"to\":\"B\",\"timestamp\":\"t\","
     "\"message\":\"m\"," SECURITY "}",
     LCP_MSG_BAD_MEMBER},
    {"a hello",
     "{\"id\":\"i\",\"from\":\"A\",\"to\":\"B\",\"timestamp\":\"t\","
     "\"type\":\"hello\",\"message\":\"m\"," SECURITY "}",
     LCP_MSG_BAD_MEMBER},
    {"a receipt in escapes",
     "{\"id\":\"i\",\"from\":\"A\",\"to\":\"B\",\"timestamp\":\"t\","
     "\"type\":\"rec\\u0065ipt\",\"message\":\"m\"," SECURITY "}",
     LCP_MSG_BAD_MEMBER},
    {"id with a slash", "{\"id\":\"../x\"}", LCP_MSG_BAD_ID},
    {"id empty", "{\"id\":\"\"}", LCP_MSG_BAD_ID},
    {"id with NUL", "{\"id\":\"a\\u0000\"}", LCP_MSG_BAD_ID},
    {"id Chinese", "{\"id\":\"\xe9\xbe\x99\"}", LCP_MSG_BAD_ID},
    {"id with a space", "{\"id\":\"a b\"}", LCP_MSG_BAD_ID},
    {"no security", HEAD "\"message\":\"m\"}", LCP_MSG_BAD_SECURITY},
    {"security null", BODY "\"security\":null}", LCP_MSG_BAD_SECURITY},
    {"security a string", BODY "\"security\":\"ed25519\"}", LCP_MSG_BAD_SECURITY},
    {"security empty", BODY "\"security\":{}}", LCP_MSG_BAD_SECURITY},
    {"other algo",
     BODY "\"security\":{\"algo\":\"rsa\",\"pubkey\":\"" KEY "\",\"signature\":\"" SIG
          "\"}}",
     LCP_MSG_BAD_SECURITY},
    {"short key",
     BODY "\"security\":{\"algo\":\"ed25519\",\"pubkey\":\"AAAA\",\"signature\":\"" SIG
          "\"}}",
     LCP_MSG_BAD_SECURITY},
    {"key not canonical",
     BODY "\"security\":{\"algo\":\"ed25519\",\"pubkey\":"
          "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\",\"signature\":\"" SIG
          "\"}}",
     LCP_MSG_BAD_SECURITY},
    {"key with a newline",
     BODY "\"security\":{\"algo\":\"ed25519\",\"pubkey\":\"" KEY
          "\\n\",\"signature\":\"" SIG "\"}}",
     LCP_MSG_BAD_SECURITY},
    {"key a number",
     BODY "\"security\":{\"algo\":\"ed25519\",\"pubkey\":1,\"signature\":\"" SIG "\"}}",
     LCP_MSG_BAD_SECURITY},
    {"short signature",
     BODY "\"security\":{\"algo\":\"ed25519\",\"pubkey\":\"" KEY
          "\",\"signature\":\"" KEY "\"}}",
     LCP_MSG_BAD_SECURITY},
    {"no signature",
     BODY "\"security\":{\"algo\":\"ed25519\",\"pubkey\":\"" KEY "\",\"x\":\"" SIG
          "\"}}",
     LCP_MSG_BAD_SECURITY},
    {"a member nobody signed",
     BODY "\"security\":{\"algo\":\"ed25519\",\"pubkey\":\"" KEY
          "\",\"signature\":\"" SIG "\",\"note\":\"do this\"}}",
     LCP_MSG_BAD_SECURITY},
};

static void
faults_have_their_names(void)
{
    for (size_t i = 0; i < COUNT_OF(fault_rows); i++) {
        struct lcp_msg msg;

        CHECK_ROW(fault_rows[i].label,
                  lcp_msg_parse(lcp_span_str(fault_rows[i].in), &scratch, &msg) ==
                      fault_rows[i].want);
    }
    CHECK_STR(lcp_msg_fault_name(LCP_MSG_BAD_SECURITY), "bad-security");
    CHECK_STR(lcp_msg_fault_name((enum lcp_msg_fault)99), "?");
}

static void
ids_have_at_most_128_characters(void)
{
    for (int len = 127; len <= 130; len++) {
        struct lcp_msg msg;
        int n = sprintf(payload, "{\"id\":\"%0*d\",%s", len, 0,
                        &(BODY SECURITY "}")[12]);

        CHECK(lcp_msg_parse(lcp_span(payload, (size_t)n), &scratch, &msg) ==
              (len <= LCP_ID_MAX ? LCP_MSG_OK : LCP_MSG_BAD_ID));
    }
}

static size_t
build(const struct lcp_draft *draft, uint8_t digest[static LCP_DIGEST_BYTES])
{
    size_t len = 0;

    CHECK(lcp_msg_build(draft, &alice, &scratch, payload, &len, digest) == LCP_OK);
    return len;
}

static void
what_is_built_is_read_and_verified(void)
{
    static const struct {
        const char *label, *type, *reply_to;
        struct lcp_span message;
    } rows[] = {
        {"plain", "chat", NULL, BYTES("hello")},
        {"empty", "task", NULL, BYTES("")},
        {"reply", "result", "11111111-2222-4333-8444-555555555555", BYTES("done")},
        {"Chinese", "chat", NULL, BYTES("\xe9\xbe\x99\xe8\x99\xbe")},
        {"emoji", "chat", NULL, BYTES("\xf0\x9f\xa6\x9e\xe2\x80\x8d\xef\xb8\x8f")},
        {"controls", "x", NULL, BYTES("\0\x01\x1f\x7f\"\\/\r\n\t\b\f")},
        {"C1 and the last", "x", NULL, BYTES("\xc2\x9b\xf4\x8f\xbf\xbf\xef\xbf\xbf")},
        {"JSON inside", "task", "a", BYTES("{\"security\":{}}")},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct lcp_draft draft = hello;
        uint8_t built[LCP_DIGEST_BYTES], read[LCP_DIGEST_BYTES];
        struct lcp_msg msg;
        char text[64];
        size_t len;

        draft.type = rows[i].type;
        draft.reply_to = rows[i].reply_to;
        draft.message = rows[i].message;
        len = build(&draft, built);
        CHECK_ROW(rows[i].label,
                  lcp_msg_parse(lcp_span(payload, len), &scratch, &msg) == LCP_MSG_OK);
        CHECK_ROW(rows[i].label, lcp_msg_verify(&msg, &scratch, read));
        CHECK_ROW(rows[i].label, memcmp(built, read, sizeof(built)) == 0);
        CHECK_STR(msg.id, hello.id);
        CHECK(lcp_msg_is(&msg, msg.from, "AgentA") &&
              lcp_msg_is(&msg, msg.to, "AgentB"));
        CHECK(lcp_msg_is(&msg, msg.type, rows[i].type));
        CHECK(lcp_msg_is(&msg, msg.timestamp, hello.timestamp));
        CHECK_ROW(rows[i].label, rows[i].reply_to != NULL
                                     ? lcp_msg_is(&msg, msg.reply_to, rows[i].reply_to)
                                     : msg.reply_to == 0);
        CHECK(!lcp_msg_is(&msg, 0, ""));
        CHECK(lcp_json_string(&msg.doc, msg.message, text, sizeof(text), &len) ==
              LCP_OK);
        CHECK_ROW(rows[i].label, lcp_span_eq(lcp_span(text, len), rows[i].message));
        CHECK(lcp_key_eq(&msg.key, &alice.key));
    }
}

static void
members_stand_in_the_legacy_order(void)
{
    static const char want[] =
        "{\"id\":\"0b6f4a52-6c1e-4c59-9d36-2f5b4c7a1e11\",\"from\":\"AgentA\",\"to\":"
        "\"AgentB\","
        "\"timestamp\":\"2026-03-28T12:00:00.123+08:00\",\"type\":\"chat\","
        "\"message\":\"\xe9\xbe\x99\",\"replyTo\":\"r\",\"lcp\":\"1.2\","
        "\"security\":{\"algo\":\"ed25519\",\"pubkey\":\"";
    struct lcp_draft draft = hello;
    uint8_t digest[LCP_DIGEST_BYTES];
    size_t len;

    draft.message = lcp_span_str("\xe9\xbe\x99");
    draft.reply_to = "r";
    len = build(&draft, digest);
    CHECK(len == sizeof(want) - 1 + LCP_KEY_B64 + 15 + LCP_SIG_B64 + 3);
    CHECK(memcmp(payload, want, sizeof(want) - 1) == 0);
}

static void
drafts_must_have_form(void)
{
    static const char long_name[] =
        "01234567890123456789012345678901234567890123456789012345678901234";
    static const struct {
        const char *label;
        struct lcp_draft draft;
    } rows[] = {
        {"id", {"a/b", "A", "B", "chat", "2026-03-28T12:00:00Z", NULL, {0}, 0}},
        {"no id", {"", "A", "B", "chat", "2026-03-28T12:00:00Z", NULL, {0}, 0}},
        {"from", {"a", "A A", "B", "chat", "2026-03-28T12:00:00Z", NULL, {0}, 0}},
        {"to", {"a", "A", "", "chat", "2026-03-28T12:00:00Z", NULL, {0}, 0}},
        {"long to",
         {"a", "A", long_name, "chat", "2026-03-28T12:00:00Z", NULL, {0}, 0}},
        {"type", {"a", "A", "B", "", "2026-03-28T12:00:00Z", NULL, {0}, 0}},
        {"long type", {"a", "A", "B", long_name, "2026-03-28T12:00:00Z", NULL, {0}, 0}},
        {"type not UTF-8",
         {"a", "A", "B", "\xff", "2026-03-28T12:00:00Z", NULL, {0}, 0}},
        {"timestamp", {"a", "A", "B", "chat", "yesterday", NULL, {0}, 0}},
        {"no mailbox", {"a", "A", "B/", "chat", "2026-03-28T12:00:00Z", NULL, {0}, 0}},
        {"no name", {"a", "A", "/m", "chat", "2026-03-28T12:00:00Z", NULL, {0}, 0}},
        {"two mailboxes",
         {"a", "A", "B/m/n", "chat", "2026-03-28T12:00:00Z", NULL, {0}, 0}},
        {"a hello", {"a", "A", "B", "hello", "2026-03-28T12:00:00Z", NULL, {0}, 0}},
        {"a receipt", {"a", "A", "B", "receipt", "2026-03-28T12:00:00Z", NULL, {0}, 0}},
        {"reply_to", {"a", "A", "B", "chat", "2026-03-28T12:00:00Z", "x y", {0}, 0}},
        {"message",
         {"a", "A", "B", "chat", "2026-03-28T12:00:00Z", NULL, BYTES("\xff"), 0}},
        {"surrogate",
         {"a", "A", "B", "chat", "2026-03-28T12:00:00Z", NULL, BYTES("\xed\xa0\x80"),
          0}},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint8_t digest[LCP_DIGEST_BYTES];
        size_t len;

        CHECK_ROW(rows[i].label, lcp_msg_build(&rows[i].draft, &alice, &scratch,
                                               payload, &len, digest) == LCP_EFORMAT);
    }
}

static void
one_datagram_is_the_limit(void)
{
    static char body[LCP_PAYLOAD_MAX];
    struct lcp_draft draft = hello;
    uint8_t digest[LCP_DIGEST_BYTES];
    size_t overhead, len;
    struct lcp_msg msg;

    memset(body, 'x', sizeof(body));
    draft.message = lcp_span(body, 0);
    overhead = build(&draft, digest);
    draft.message.len = LCP_PAYLOAD_MAX - overhead;
    CHECK(build(&draft, digest) == LCP_PAYLOAD_MAX);
    CHECK(lcp_msg_parse(lcp_span(payload, LCP_PAYLOAD_MAX), &scratch, &msg) ==
          LCP_MSG_OK);
    CHECK(lcp_msg_verify(&msg, &scratch, digest));
    draft.message.len++;
    CHECK(lcp_msg_build(&draft, &alice, &scratch, payload, &len, digest) == LCP_EFULL);
    draft.message.len = LCP_PAYLOAD_MAX;
    CHECK(lcp_msg_build(&draft, &alice, &scratch, payload, &len, digest) == LCP_EFULL);
    /* What grows when it is made canonical fits too. */
    memset(body, 0x7f, sizeof(body));
    draft.message.len = (LCP_PAYLOAD_MAX - overhead) / 6;
    len = build(&draft, digest);
    CHECK(lcp_msg_parse(lcp_span(payload, len), &scratch, &msg) == LCP_MSG_OK);
    CHECK(lcp_msg_verify(&msg, &scratch, digest));
}

static void
no_changed_byte_passes(void)
{
    uint8_t digest[LCP_DIGEST_BYTES];
    size_t len = build(&hello, digest);
    unsigned passed = 0;
    struct lcp_msg msg;

    for (size_t at = 0; at < len; at++)
        for (int bit = 0; bit < 8; bit++) {
            payload[at] ^= (char)(1 << bit);
            passed += lcp_msg_parse(lcp_span(payload, len), &scratch, &msg) ==
                          LCP_MSG_OK &&
                      lcp_msg_verify(&msg, &scratch, NULL);
            payload[at] ^= (char)(1 << bit);
        }
    CHECK(passed == 0);
    CHECK(lcp_msg_parse(lcp_span(payload, len), &scratch, &msg) == LCP_MSG_OK);
    CHECK(lcp_msg_verify(&msg, &scratch, NULL));
}

/* Signs any object text as alice would, and puts the result into payload. */
static size_t
sign_text(const char *object, const char *security_members)
{
    struct lcp_json doc = {.nodes = scratch.nodes, .cap = LCP_JSON_NODES_MAX};
    uint8_t sig[LCP_SIG_BYTES];
    char key_text[LCP_KEY_B64 + 1], sig_text[LCP_SIG_B64 + 1];
    size_t len = 0;

    CHECK(lcp_json_parse(lcp_span_str(object), &doc) == LCP_JSON_FAULT_NONE);
    CHECK(lcp_canon_print(&doc, NULL, scratch.canon, sizeof(scratch.canon), &len) ==
          LCP_OK);
    lcp_sign(&alice, lcp_span(scratch.canon, len), sig);
    lcp_key_print(&alice.key, key_text);
    lcp_base64_print(sig, sizeof(sig), sig_text);
    return (size_t)sprintf(payload,
                           "%.*s,\"security\":{\"algo\":\"ed25519\",\"pubkey\":\"%s\","
                           "\"signature\":\"%s\"%s}}",
                           (int)strlen(object) - 1, object, key_text, sig_text,
                           security_members);
}

static void
nested_security_is_signed(void)
{
    static const char object[] = HEAD
        "\"message\":\"m\",\"x\":{\"security\":{\"level\":1}}}";
    size_t len = sign_text(object, "");
    struct lcp_msg msg;

    CHECK(lcp_msg_parse(lcp_span(payload, len), &scratch, &msg) == LCP_MSG_OK);
    CHECK(lcp_msg_verify(&msg, &scratch, NULL));
    *strstr(payload, "\"level\":1") = 'x'; /* no longer JSON */
    CHECK(lcp_msg_parse(lcp_span(payload, len), &scratch, &msg) == LCP_MSG_BAD_JSON);
    len = sign_text(object, "");
    strstr(payload, "\"level\":1")[8] = '2';
    CHECK(lcp_msg_parse(lcp_span(payload, len), &scratch, &msg) == LCP_MSG_OK);
    CHECK(!lcp_msg_verify(&msg, &scratch, NULL));
}

static void
duplicates_are_refused_though_signed(void)
{
    size_t len = sign_text(HEAD "\"message\":\"m\"}", "");
    struct lcp_msg msg;

    CHECK(lcp_msg_parse(lcp_span(payload, len), &scratch, &msg) == LCP_MSG_OK);
    memmove(payload + 12, payload + 1, len - 1); /* {"id":"i-1",*"id":"i-1",... */
    memcpy(payload, "{\"id\":\"i-1\",", 12);
    CHECK(lcp_msg_parse(lcp_span(payload, len + 11), &scratch, &msg) ==
          LCP_MSG_BAD_JSON);
    CHECK(msg.json_fault == LCP_JSON_FAULT_DUPLICATE);
    len = sign_text(HEAD "\"message\":\"m\"}", ",\"algo\":\"ed25519\"");
    CHECK(lcp_msg_parse(lcp_span(payload, len), &scratch, &msg) == LCP_MSG_BAD_JSON);
}

static void
another_key_does_not_verify(void)
{
    uint8_t digest[LCP_DIGEST_BYTES], again[LCP_DIGEST_BYTES];
    size_t len = build(&hello, digest);
    struct lcp_msg msg;

    CHECK(lcp_msg_parse(lcp_span(payload, len), &scratch, &msg) == LCP_MSG_OK);
    msg.key = mallory.key;
    CHECK(!lcp_msg_verify(&msg, &scratch, again));
    CHECK(memcmp(digest, again, sizeof(digest)) ==
          0); /* the digest is that of the text */
    memset(&msg.key, 0, sizeof(msg.key));
    CHECK(!lcp_msg_verify(&msg, &scratch, NULL));
}

/* A foreign node may write the same message otherwise: order, spaces, escapes. */
static void
form_on_the_wire_does_not_matter(void)
{
    uint8_t digest[LCP_DIGEST_BYTES], other[LCP_DIGEST_BYTES];
    struct lcp_msg msg;
    size_t len = build(&hello, digest);
    char *tail;
    static char rewritten[LCP_PAYLOAD_MAX];

    payload[len] = '\0';
    tail = strstr(payload, "\"security\"");
    len = (size_t)sprintf(
        rewritten,
        " { \"message\" : \"h\\u0065llo\", \"type\":\"chat\",\n"
        "\"to\":\"AgentB\", \"from\":\"\\u0041gentA\", %.*s,"
        "\"timestamp\":\"%s\", \"lcp\":\"1\\u002e2\", \"id\":\"%s\" }\n",
        (int)strlen(tail) - 1, tail, hello.timestamp, hello.id);
    CHECK(lcp_msg_parse(lcp_span(rewritten, len), &scratch, &msg) == LCP_MSG_OK);
    CHECK(lcp_msg_verify(&msg, &scratch, other));
    CHECK(memcmp(digest, other, sizeof(digest)) == 0);
}

static void
more_than_a_datagram_is_refused(void)
{
    static uint8_t big[LCP_PAYLOAD_MAX + 1];
    struct lcp_msg msg;

    memset(big, ' ', sizeof(big));
    memcpy(big, BODY SECURITY "}", sizeof(BODY SECURITY "}") - 1);
    CHECK(lcp_msg_parse(lcp_span(big, LCP_PAYLOAD_MAX), &scratch, &msg) == LCP_MSG_OK);
    CHECK(lcp_msg_parse(lcp_span(big, sizeof(big)), &scratch, &msg) ==
          LCP_MSG_BAD_JSON);
}

/* Reads BODY with this member more. */
static bool
parse_with(const char *member, struct lcp_msg *msg)
{
    int len = sprintf(payload, BODY "%s," SECURITY "}", member);

    return lcp_msg_parse(lcp_span(payload, (size_t)len), &scratch, msg) == LCP_MSG_OK;
}

static void
the_mark_is_a_version_from_1_2_on(void)
{
    static const struct {
        const char *member;
        bool is_marked;
    } rows[] = {
        {"\"lcp\":\"1.2\"", true},
        {"\"lcp\":\"1.\\u0032\"", true},
        {"\"lcp\":\"1.9\"", true},
        {"\"lcp\":\"1.10\"", true},
        {"\"lcp\":\"1.18446744073709551615\"", true},
        {"\"lcp\":\"1.18446744073709551616\"", false},
        {"\"lcp\":\"1.99999999999999999999999999999\"", false},
        {"\"x\":\"1.2\"", false},
        {"\"lcp\":\"1.1\"", false},
        {"\"lcp\":\"1.02\"", false},
        {"\"lcp\":\"1.\"", false},
        {"\"lcp\":\"1.2.1\"", false},
        {"\"lcp\":\"1.2 \"", false},
        {"\"lcp\":\"1.2\\u0000\"", false},
        {"\"lcp\":\"1.+2\"", false},
        {"\"lcp\":\"2.0\"", false},
        {"\"lcp\":\"11.2\"", false},
        {"\"lcp\":\"\"", false},
        {"\"lcp\":1.2", false},
        {"\"lcp\":null", false},
        {"\"lcp\":[\"1.2\"]", false},
        {"\"y\":{\"lcp\":\"1.2\"}", false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct lcp_msg msg;

        CHECK_ROW(rows[i].member, parse_with(rows[i].member, &msg));
        CHECK_ROW(rows[i].member, msg.is_marked == rows[i].is_marked);
    }
}

static void
hops_are_a_count(void)
{
    static const struct {
        const char *member;
        uint32_t want;
    } rows[] = {
        {"\"x\":1", 0},
        {"\"hops\":0", 0},
        {"\"hops\":1", 1},
        {"\"hops\":4294967294", 4294967294},
        {"\"hops\":99999999999", UINT32_MAX},
        {"\"hops\":99999999999999999999", 0},
        {"\"hops\":-1", 0},
        {"\"hops\":1.0", 0},
        {"\"hops\":\"1\"", 0},
        {"\"hops\":null", 0},
    };
    struct lcp_draft draft = hello;
    uint8_t digest[LCP_DIGEST_BYTES];
    struct lcp_msg msg;
    size_t len;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_ROW(rows[i].member, parse_with(rows[i].member, &msg));
        CHECK_ROW(rows[i].member, lcp_msg_hops(&msg) == rows[i].want);
    }
    draft.hops = UINT32_MAX;
    len = build(&draft, digest);
    CHECK(lcp_msg_parse(lcp_span(payload, len), &scratch, &msg) == LCP_MSG_OK);
    CHECK(lcp_msg_hops(&msg) == UINT32_MAX && lcp_msg_verify(&msg, &scratch, NULL));
    len = build(&hello, digest);
    CHECK(lcp_msg_parse(lcp_span(payload, len), &scratch, &msg) == LCP_MSG_OK);
    CHECK(msg.is_marked && lcp_json_member(&msg.doc, 0, "hops") == 0);
}

static void
a_mailbox_is_found_by_its_name(void)
{
#define NAME64 "0123456789012345678901234567890123456789012345678901234567890123"
    static const struct {
        const char *to, *name;
        bool want;
    } rows[] = {
        {"AgentB", "AgentB", true},
        {"AgentB/work", "AgentB", true},
        {"Agent\\u0042\\u002fwork", "AgentB", true},
        {NAME64 "/" NAME64, NAME64, true},
        {NAME64 "/" NAME64 "4", NAME64, false},
        {NAME64 "4/m", NAME64 "4", false},
        {"AgentB/", "AgentB", false},
        {"/AgentB", "AgentB", false},
        {"AgentB/a/b", "AgentB", false},
        {"AgentB/a b", "AgentB", false},
        {"AgentB\\u0000", "AgentB", false},
        {"AgentB/work", "AgentB/work", false},
        {"AgentBB", "AgentB", false},
        {"Agent", "AgentB", false},
        {"", "", false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct lcp_msg msg;
        int len = sprintf(payload,
                          "{\"id\":\"i\",\"from\":\"A\",\"to\":\"%s\","
                          "\"timestamp\":\"t\",\"type\":\"c\","
                          "\"message\":\"m\"," SECURITY "}",
                          rows[i].to);

        CHECK(lcp_msg_parse(lcp_span(payload, (size_t)len), &scratch, &msg) ==
              LCP_MSG_OK);
        CHECK_ROW(rows[i].to,
                  lcp_msg_to_is(&msg.doc, msg.to, rows[i].name) == rows[i].want);
    }
}

int
main(void)
{
    uint8_t seed[LCP_SEED_BYTES] = {1};

    REQUIRE(lcp_crypto_init() == LCP_OK);
    lcp_identity_from_seed(seed, &alice);
    seed[0] = 2;
    lcp_identity_from_seed(seed, &mallory);
    faults_have_their_names();
    ids_have_at_most_128_characters();
    what_is_built_is_read_and_verified();
    members_stand_in_the_legacy_order();
    drafts_must_have_form();
    one_datagram_is_the_limit();
    no_changed_byte_passes();
    nested_security_is_signed();
    duplicates_are_refused_though_signed();
    another_key_does_not_verify();
    form_on_the_wire_does_not_matter();
    more_than_a_datagram_is_refused();
    the_mark_is_a_version_from_1_2_on();
    hops_are_a_count();
    a_mailbox_is_found_by_its_name();
    return check_end("msg");
}
