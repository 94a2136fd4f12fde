/* SPDX-License-Identifier: MIT
 *
 * core/hello.h: a hello is read as it was built, and nothing else is a hello.
 */
#include "core/hello.h"

#include "signing.h"

#define BOOT "0123456789abcdef"
#define NONCE "\"nonce\":\"00112233445566FF\","
#define ECHO "\"echo\":\"\","
#define FRONT                                                                         \
    "\"type\":\"hello\",\"from\":\"A\",\"to\":\"B\",\"timestamp\":\"t\",\"lcp\":\"1." \
    "2\","
#define BACK "\"boot\":\"" BOOT "\"," NONCE ECHO
#define NAME64                                                         \
    "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"" \
    "\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\"

static struct lcp_msg_scratch scratch;
static struct lcp_identity alice, mallory;
static char payload[LCP_PAYLOAD_MAX];

static const struct lcp_hello_draft greeting = {
    .from = "AgentA",
    .to = "AgentB",
    .timestamp = "2026-03-28T12:00:00.123+08:00",
    .boot = BOOT,
    .nonce = {1, 2, 3, 4, 5, 6, 7, 0xff},
    .echo = {8, 7, 6, 5, 4, 3, 2, 0xab},
    .has_echo = true,
    .max = 65498,
    .last_read_wall_ms = 1774670400123,
};

static const struct {
    const char *label, *members;
    enum lcp_msg_fault want;
} rows[] = {
    {"good", FRONT BACK, LCP_MSG_OK},
    {"unknown members", FRONT BACK "\"x\":[1,{}],\"id\":3,\"message\":{},", LCP_MSG_OK},
    {"an echo", FRONT "\"boot\":\"" BOOT "\"," NONCE "\"echo\":\"ffffffffffffffff\",",
     LCP_MSG_OK},
    {"all", FRONT BACK "\"caps\":[\"x\"],\"max\":1,\"agent\":{},", LCP_MSG_OK},
    {"no caps", FRONT BACK "\"caps\":[],", LCP_MSG_OK},
    {"greatest max", FRONT BACK "\"max\":9223372036854775807,", LCP_MSG_OK},
    {"a receipt",
     "\"type\":\"receipt\",\"from\":\"A\",\"to\":\"B\",\"timestamp\":\"t\","
     "\"lcp\":\"1.2\"," BACK,
     LCP_MSG_BAD_MEMBER},
    {"a chat",
     "\"type\":\"chat\",\"from\":\"A\",\"to\":\"B\",\"timestamp\":\"t\","
     "\"lcp\":\"1.2\"," BACK,
     LCP_MSG_BAD_MEMBER},
    {"no type", "\"from\":\"A\",\"to\":\"B\",\"timestamp\":\"t\",\"lcp\":\"1.2\"," BACK,
     LCP_MSG_BAD_MEMBER},
    {"type a list",
     "\"type\":[\"hello\"],\"from\":\"A\",\"to\":\"B\",\"timestamp\":\"t\","
     "\"lcp\":\"1.2\"," BACK,
     LCP_MSG_BAD_MEMBER},
    {"no from",
     "\"type\":\"hello\",\"to\":\"B\",\"timestamp\":\"t\",\"lcp\":\"1.2\"," BACK,
     LCP_MSG_BAD_MEMBER},
    {"no to",
     "\"type\":\"hello\",\"from\":\"A\",\"timestamp\":\"t\",\"lcp\":\"1.2\"," BACK,
     LCP_MSG_BAD_MEMBER},
    {"to null",
     "\"type\":\"hello\",\"from\":\"A\",\"to\":null,\"timestamp\":\"t\","
     "\"lcp\":\"1.2\"," BACK,
     LCP_MSG_BAD_MEMBER},
    {"no timestamp",
     "\"type\":\"hello\",\"from\":\"A\",\"to\":\"B\",\"lcp\":\"1.2\"," BACK,
     LCP_MSG_BAD_MEMBER},
    {"timestamp a number",
     "\"type\":\"hello\",\"from\":\"A\",\"to\":\"B\",\"timestamp\":1,"
     "\"lcp\":\"1.2\"," BACK,
     LCP_MSG_BAD_MEMBER},
    {"no lcp",
     "\"type\":\"hello\",\"from\":\"A\",\"to\":\"B\",\"timestamp\":\"t\"," BACK,
     LCP_MSG_BAD_MEMBER},
    {"lcp a number",
     "\"type\":\"hello\",\"from\":\"A\",\"to\":\"B\",\"timestamp\":\"t\","
     "\"lcp\":1.2," BACK,
     LCP_MSG_BAD_MEMBER},
    {"no boot", FRONT NONCE ECHO, LCP_MSG_BAD_MEMBER},
    {"short boot", FRONT NONCE ECHO "\"boot\":\"0123\",", LCP_MSG_BAD_MEMBER},
    {"long boot", FRONT NONCE ECHO "\"boot\":\"" BOOT "00\",", LCP_MSG_BAD_MEMBER},
    {"boot of letters", FRONT NONCE ECHO "\"boot\":\"0123456789abcdeg\",",
     LCP_MSG_BAD_MEMBER},
    {"no nonce", FRONT ECHO "\"boot\":\"" BOOT "\",", LCP_MSG_BAD_MEMBER},
    {"empty nonce", FRONT ECHO "\"boot\":\"" BOOT "\",\"nonce\":\"\",",
     LCP_MSG_BAD_MEMBER},
    {"nonce of 15", FRONT ECHO "\"boot\":\"" BOOT "\",\"nonce\":\"001122334455667\",",
     LCP_MSG_BAD_MEMBER},
    {"nonce of 17", FRONT ECHO "\"boot\":\"" BOOT "\",\"nonce\":\"00112233445566778\",",
     LCP_MSG_BAD_MEMBER},
    {"nonce a number", FRONT ECHO "\"boot\":\"" BOOT "\",\"nonce\":1122334455667788,",
     LCP_MSG_BAD_MEMBER},
    {"no echo", FRONT NONCE "\"boot\":\"" BOOT "\",", LCP_MSG_BAD_MEMBER},
    {"echo null", FRONT NONCE "\"echo\":null,\"boot\":\"" BOOT "\",",
     LCP_MSG_BAD_MEMBER},
    {"echo of 15", FRONT NONCE "\"echo\":\"001122334455667\",\"boot\":\"" BOOT "\",",
     LCP_MSG_BAD_MEMBER},
    {"echo a NUL", FRONT NONCE "\"echo\":\"\\u0000\",\"boot\":\"" BOOT "\",",
     LCP_MSG_BAD_MEMBER},
    {"caps a string", FRONT BACK "\"caps\":\"x\",", LCP_MSG_BAD_MEMBER},
    {"caps of numbers", FRONT BACK "\"caps\":[\"x\",1],", LCP_MSG_BAD_MEMBER},
    {"max below zero", FRONT BACK "\"max\":-1,", LCP_MSG_BAD_MEMBER},
    {"max too great", FRONT BACK "\"max\":9223372036854775808,", LCP_MSG_BAD_MEMBER},
    {"max a float", FRONT BACK "\"max\":1.0,", LCP_MSG_BAD_MEMBER},
    {"agent a list", FRONT BACK "\"agent\":[],", LCP_MSG_BAD_MEMBER},
    {"a member twice", FRONT BACK "\"to\":\"C\",", LCP_MSG_BAD_JSON},
    {"no JSON", "x", LCP_MSG_BAD_JSON},
};

static void
only_what_has_the_form_is_a_hello(void)
{
    static const char bare[] = "{" FRONT BACK "\"x\":0}";

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int len = sprintf(payload, "{%s" ZERO_SECURITY "}", rows[i].members);
        struct lcp_hello hello;

        CHECK_ROW(rows[i].label, lcp_hello_parse(lcp_span(payload, (size_t)len),
                                                 &scratch, &hello) == rows[i].want);
        if (rows[i].want == LCP_MSG_OK) {
            CHECK(hello.is_1_2 && lcp_signed_is(&hello.object, hello.object.to, "B"));
            CHECK(memcmp(hello.nonce, "\0\x11\x22\x33\x44\x55\x66\xff", 8) == 0);
            CHECK_ROW(rows[i].label, !lcp_signed_verify(&hello.object, &scratch));
        }
    }
    {
        struct lcp_hello hello;

        CHECK(lcp_hello_parse(lcp_span_str(bare), &scratch, &hello) ==
              LCP_MSG_BAD_SECURITY);
        CHECK(lcp_hello_parse(lcp_span("", 0), &scratch, &hello) == LCP_MSG_BAD_JSON);
    }
}

static size_t
build(const struct lcp_hello_draft *draft)
{
    size_t len = 0;

    memset(payload, '#', sizeof(payload));
    REQUIRE(lcp_hello_build(draft, &alice, &scratch, payload, &len) == LCP_OK);
    return len;
}

static void
what_is_built_is_read_and_verified(void)
{
    static const char want[] =
        "{\"type\":\"hello\",\"from\":\"AgentA\",\"to\":\"AgentB\","
        "\"timestamp\":\"2026-03-28T12:00:00.123+08:00\",\"lcp\":\"1.2\",\"caps\":[],"
        "\"boot\":\"0123456789abcdef\",\"nonce\":\"01020304050607ff\","
        "\"echo\":\"08070605040302ab\",\"max\":65498,"
        "\"agent\":{\"lastRead\":\"2026-03-28T04:00:00.123+00:00\"},"
        "\"security\":{\"algo\":\"ed25519\",\"pubkey\":\"";
    size_t len = build(&greeting);
    struct lcp_hello hello;

    CHECK(len == sizeof(want) - 1 + LCP_KEY_B64 + 15 + LCP_SIG_B64 + 3);
    CHECK(memcmp(payload, want, sizeof(want) - 1) == 0);
    CHECK(lcp_hello_parse(lcp_span(payload, len), &scratch, &hello) == LCP_MSG_OK);
    CHECK(lcp_signed_verify(&hello.object, &scratch));
    CHECK(lcp_key_eq(&hello.object.key, &alice.key));
    CHECK(lcp_signed_is(&hello.object, hello.object.from, "AgentA") &&
          lcp_signed_is(&hello.object, hello.object.to, "AgentB") &&
          lcp_signed_is(&hello.object, hello.object.timestamp, greeting.timestamp));
    CHECK(!lcp_signed_is(&hello.object, 0, ""));
    CHECK(memcmp(hello.nonce, greeting.nonce, sizeof(hello.nonce)) == 0);
    CHECK(hello.has_echo && memcmp(hello.echo, greeting.echo, sizeof(hello.echo)) == 0);
    CHECK_STR(hello.boot, BOOT);
    CHECK(hello.is_1_2 && hello.max == 65498 && hello.agent != 0);
    hello.object.key = mallory.key;
    CHECK(!lcp_signed_verify(&hello.object, &scratch));
}

static void
what_is_not_told_is_absent(void)
{
    struct lcp_hello_draft draft = greeting;
    struct lcp_hello hello;
    size_t len;

    draft.has_echo = false;
    draft.max = 0;
    draft.last_read_wall_ms = 0;
    len = build(&draft);
    CHECK(lcp_hello_parse(lcp_span(payload, len), &scratch, &hello) == LCP_MSG_OK);
    CHECK(lcp_signed_verify(&hello.object, &scratch));
    CHECK(!hello.has_echo && hello.max == 0 && hello.agent == 0);
    CHECK(lcp_json_member(&hello.object.doc, 0, "max") == 0);
    CHECK(memcmp(hello.echo, "\0\0\0\0\0\0\0\0", 8) == 0);
}

static void
the_longest_fits_its_packet(void)
{
    struct lcp_hello_draft draft = greeting;
    struct lcp_hello hello;
    size_t len;

    draft.from = NAME64;
    draft.to = NAME64;
    draft.max = INT64_MAX;
    len = build(&draft);
    CHECK(strlen(NAME64) == LCP_NAME_MAX && len < LCP_SIGNED_PAYLOAD_MAX);
    CHECK(lcp_hello_parse(lcp_span(payload, len), &scratch, &hello) == LCP_MSG_OK);
    CHECK(lcp_signed_verify(&hello.object, &scratch) && hello.max == INT64_MAX);
    CHECK(lcp_signed_is(&hello.object, hello.object.to, NAME64));
}

static void
one_small_packet_is_the_limit(void)
{
    static const char good[] = "{" FRONT BACK "\"x\":0}";
    size_t len = sign_object(good, &alice, &scratch, payload);
    struct lcp_hello hello;

    memset(payload + len, ' ', LCP_SIGNED_PAYLOAD_MAX + 1 - len);
    CHECK(lcp_hello_parse(lcp_span(payload, LCP_SIGNED_PAYLOAD_MAX), &scratch,
                          &hello) == LCP_MSG_OK);
    CHECK(lcp_signed_verify(&hello.object, &scratch));
    CHECK(lcp_hello_parse(lcp_span(payload, LCP_SIGNED_PAYLOAD_MAX + 1), &scratch,
                          &hello) == LCP_MSG_BAD_JSON);
}

static void
drafts_must_have_form(void)
{
    static const struct {
        const char *label, *from, *to, *timestamp, *boot;
        uint64_t max;
    } bad[] = {
        {"from", "A A", "B", "2026-03-28T12:00:00Z", BOOT, 0},
        {"mailbox", "A/m", "B", "2026-03-28T12:00:00Z", BOOT, 0},
        {"to", "A", "", "2026-03-28T12:00:00Z", BOOT, 0},
        {"not UTF-8", "A", "\xff", "2026-03-28T12:00:00Z", BOOT, 0},
        {"timestamp", "A", "B", "now", BOOT, 0},
        {"boot", "A", "B", "2026-03-28T12:00:00Z", "0123456789abcde", 0},
        {"max", "A", "B", "2026-03-28T12:00:00Z", BOOT, UINT64_MAX},
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct lcp_hello_draft draft = greeting;
        size_t len;

        draft.from = bad[i].from;
        draft.to = bad[i].to;
        draft.timestamp = bad[i].timestamp;
        draft.boot = bad[i].boot;
        draft.max = bad[i].max;
        CHECK_ROW(bad[i].label, lcp_hello_build(&draft, &alice, &scratch, payload,
                                                &len) == LCP_EFORMAT);
    }
}

static void
versions_are_told_apart(void)
{
    static const struct {
        const char *text;
        bool is_1_2;
    } versions[] = {{"1.2", true}, {"1.3", true},  {"1.20", true}, {"1.1", false},
                    {"", false},   {"2.0", false}, {"1.2b", false}};

    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        struct lcp_hello hello;
        int len = sprintf(payload,
                          "{\"type\":\"hello\",\"from\":\"A\",\"to\":\"B\","
                          "\"timestamp\":\"t\",\"lcp\":\"%s\"," BACK ZERO_SECURITY "}",
                          versions[i].text);

        CHECK_ROW(versions[i].text, lcp_hello_parse(lcp_span(payload, (size_t)len),
                                                    &scratch, &hello) == LCP_MSG_OK);
        CHECK_ROW(versions[i].text, hello.is_1_2 == versions[i].is_1_2);
    }
}

static bool
passes(struct lcp_span raw)
{
    struct lcp_hello hello;

    return lcp_hello_parse(raw, &scratch, &hello) == LCP_MSG_OK &&
           lcp_signed_verify(&hello.object, &scratch);
}

static void
no_change_passes(void)
{
    size_t len = build(&greeting);
    unsigned members;

    CHECK(passes(lcp_span(payload, len)));
    CHECK(passing_changes(payload, len, passes) == 0);
    CHECK(passing_members(lcp_span(payload, len), passes, &members) == 0);
    CHECK(members == 12);
}

/* An object with all that a message and a hello need, signed once. */
static void
types_keep_apart_what_is_signed(void)
{
    static const struct {
        const char *type;
        bool is_hello, is_msg;
    } types[] = {{"hello", true, false},  {"receipt", false, false},
                 {"chat", false, true},   {"Hello", false, true},
                 {"hello ", false, true}, {"h\\u0065llo", true, false}};

    for (size_t i = 0; i < COUNT_OF(types); i++) {
        char object[512];
        struct lcp_hello hello;
        struct lcp_msg msg;
        struct lcp_span raw;

        sprintf(object,
                "{\"type\":\"%s\",\"from\":\"A\",\"to\":\"B\",\"timestamp\":\"t\","
                "\"lcp\":\"1.2\",\"id\":\"i\",\"message\":\"m\"," BACK "\"x\":0}",
                types[i].type);
        raw = lcp_span(payload, sign_object(object, &alice, &scratch, payload));
        CHECK_ROW(types[i].type, (lcp_hello_parse(raw, &scratch, &hello) ==
                                  LCP_MSG_OK) == types[i].is_hello);
        CHECK_ROW(types[i].type, (lcp_msg_parse(raw, &scratch, &msg) == LCP_MSG_OK) ==
                                     types[i].is_msg);
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
    only_what_has_the_form_is_a_hello();
    what_is_built_is_read_and_verified();
    what_is_not_told_is_absent();
    the_longest_fits_its_packet();
    one_small_packet_is_the_limit();
    drafts_must_have_form();
    versions_are_told_apart();
    no_change_passes();
    types_keep_apart_what_is_signed();
    return check_end("hello");
}
