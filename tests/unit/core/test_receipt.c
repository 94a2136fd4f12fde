/* SPDX-License-Identifier: MIT
 *
 * core/receipt.h: a receipt is read as it was built, and nothing else is one.
 */
#include "core/receipt.h"

#include "signing.h"

#define DIGEST "000102030405060708090a0b0c0d0e0f"
#define TYPE "\"type\":\"receipt\",\"from\":\"A\",\"to\":\"B\",\"timestamp\":\"t\","
#define STORED TYPE "\"state\":\"stored\","
#define ENTRY "[\"i-1\",\"" DIGEST "\",7]"
#define OF "\"of\":[" ENTRY "],"
#define ID32 "0123456789abcdef0123456789ABCDEF"
#define ID128 ID32 ID32 ID32 ID32
#define QUOTES32 "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\""

static struct lcp_msg_scratch scratch;
static struct lcp_identity alice, mallory;
static char payload[LCP_PAYLOAD_MAX];
static struct lcp_receipt_entry entries[40];

static const struct lcp_receipt_draft refusal = {
    .from = "AgentA",
    .to = "AgentB",
    .timestamp = "2026-03-28T12:00:00.123+08:00",
    .word = LCP_WORD_REFUSED,
    .reason = "declined",
    .text = "not \"today\" \xe9\xbe\x99",
    .entries = entries,
    .count = 2,
};

static const struct {
    const char *label, *members;
    enum lcp_msg_fault want;
} rows[] = {
    {"good", STORED OF, LCP_MSG_OK},
    {"unknown members", STORED OF "\"x\":{\"of\":1},\"id\":1,", LCP_MSG_OK},
    {"news", STORED "\"of\":[[\"i-1\",\"" DIGEST "\"]],", LCP_MSG_OK},
    {"greatest seq", STORED "\"of\":[[\"i-1\",\"" DIGEST "\",4294967295]],",
     LCP_MSG_OK},
    {"same twice", STORED "\"of\":[" ENTRY "," ENTRY "],", LCP_MSG_OK},
    {"reason and text null", STORED OF "\"reason\":null,\"text\":null,", LCP_MSG_OK},
    {"later", TYPE OF "\"state\":\"later\",\"retryS\":30,", LCP_MSG_OK},
    {"retryS elsewhere is nothing", STORED OF "\"retryS\":\"x\",", LCP_MSG_OK},
    {"a hello",
     "\"type\":\"hello\",\"from\":\"A\",\"to\":\"B\",\"timestamp\":\"t\","
     "\"state\":\"stored\"," OF,
     LCP_MSG_BAD_MEMBER},
    {"a chat",
     "\"type\":\"chat\",\"from\":\"A\",\"to\":\"B\",\"timestamp\":\"t\","
     "\"state\":\"stored\"," OF,
     LCP_MSG_BAD_MEMBER},
    {"no from",
     "\"type\":\"receipt\",\"to\":\"B\",\"timestamp\":\"t\",\"state\":\"stored\"," OF,
     LCP_MSG_BAD_MEMBER},
    {"no to",
     "\"type\":\"receipt\",\"from\":\"A\",\"timestamp\":\"t\",\"state\":\"stored\"," OF,
     LCP_MSG_BAD_MEMBER},
    {"no timestamp",
     "\"type\":\"receipt\",\"from\":\"A\",\"to\":\"B\",\"state\":\"stored\"," OF,
     LCP_MSG_BAD_MEMBER},
    {"no state", TYPE OF, LCP_MSG_BAD_MEMBER},
    {"state null", TYPE OF "\"state\":null,", LCP_MSG_BAD_MEMBER},
    {"unknown state", TYPE OF "\"state\":\"eaten\",", LCP_MSG_BAD_MEMBER},
    {"long state", TYPE OF "\"state\":\"storedstoredstoredstored\",",
     LCP_MSG_BAD_MEMBER},
    {"State", TYPE OF "\"state\":\"Stored\",", LCP_MSG_BAD_MEMBER},
    {"state with NUL", TYPE OF "\"state\":\"stored\\u0000\",", LCP_MSG_BAD_MEMBER},
    {"later without retryS", TYPE OF "\"state\":\"later\",", LCP_MSG_BAD_MEMBER},
    {"retryS below zero", TYPE OF "\"state\":\"later\",\"retryS\":-1,",
     LCP_MSG_BAD_MEMBER},
    {"retryS a float", TYPE OF "\"state\":\"later\",\"retryS\":1.5,",
     LCP_MSG_BAD_MEMBER},
    {"retryS beyond", TYPE OF "\"state\":\"later\",\"retryS\":99999999999999999999,",
     LCP_MSG_BAD_MEMBER},
    {"reason a number", STORED OF "\"reason\":1,", LCP_MSG_BAD_MEMBER},
    {"text a list", STORED OF "\"text\":[],", LCP_MSG_BAD_MEMBER},
    {"no of", STORED, LCP_MSG_BAD_MEMBER},
    {"of null", STORED "\"of\":null,", LCP_MSG_BAD_MEMBER},
    {"of nothing", STORED "\"of\":[],", LCP_MSG_BAD_MEMBER},
    {"of an object", STORED "\"of\":{\"a\":" ENTRY "},", LCP_MSG_BAD_MEMBER},
    {"of strings", STORED "\"of\":[\"i-1\",\"" DIGEST "\",7],", LCP_MSG_BAD_MEMBER},
    {"second entry bad", STORED "\"of\":[" ENTRY ",[]],", LCP_MSG_BAD_MEMBER},
    {"entry an object", STORED "\"of\":[{\"id\":\"i-1\",\"d\":\"" DIGEST "\"}],",
     LCP_MSG_BAD_MEMBER},
    {"entry of one", STORED "\"of\":[[\"i-1\"]],", LCP_MSG_BAD_MEMBER},
    {"entry of four", STORED "\"of\":[[\"i-1\",\"" DIGEST "\",7,8]],",
     LCP_MSG_BAD_MEMBER},
    {"id a number", STORED "\"of\":[[1,\"" DIGEST "\",7]],", LCP_MSG_BAD_MEMBER},
    {"id a list", STORED "\"of\":[[[\"a\"],\"" DIGEST "\",7]],", LCP_MSG_BAD_MEMBER},
    {"id empty", STORED "\"of\":[[\"\",\"" DIGEST "\",7]],", LCP_MSG_BAD_MEMBER},
    {"id with a slash", STORED "\"of\":[[\"../x\",\"" DIGEST "\",7]],",
     LCP_MSG_BAD_MEMBER},
    {"id of 128", STORED "\"of\":[[\"" ID128 "\",\"" DIGEST "\",7]],", LCP_MSG_OK},
    {"id of 129", STORED "\"of\":[[\"" ID128 "0\",\"" DIGEST "\",7]],",
     LCP_MSG_BAD_MEMBER},
    {"digest short", STORED "\"of\":[[\"i-1\",\"00\",7]],", LCP_MSG_BAD_MEMBER},
    {"digest long", STORED "\"of\":[[\"i-1\",\"" DIGEST "00\",7]],",
     LCP_MSG_BAD_MEMBER},
    {"digest no hex",
     STORED "\"of\":[[\"i-1\",\"g00102030405060708090a0b0c0d0e0f\",7]],",
     LCP_MSG_BAD_MEMBER},
    {"digest null", STORED "\"of\":[[\"i-1\",null,7]],", LCP_MSG_BAD_MEMBER},
    {"seq null", STORED "\"of\":[[\"i-1\",\"" DIGEST "\",null]],", LCP_MSG_BAD_MEMBER},
    {"seq a string", STORED "\"of\":[[\"i-1\",\"" DIGEST "\",\"7\"]],",
     LCP_MSG_BAD_MEMBER},
    {"seq below zero", STORED "\"of\":[[\"i-1\",\"" DIGEST "\",-1]],",
     LCP_MSG_BAD_MEMBER},
    {"seq of 33 bits", STORED "\"of\":[[\"i-1\",\"" DIGEST "\",4294967296]],",
     LCP_MSG_BAD_MEMBER},
    {"seq a float", STORED "\"of\":[[\"i-1\",\"" DIGEST "\",7e0]],",
     LCP_MSG_BAD_MEMBER},
    {"a member twice", STORED OF OF, LCP_MSG_BAD_JSON},
    {"no JSON", "x", LCP_MSG_BAD_JSON},
};

static void
only_what_has_the_form_is_a_receipt(void)
{
    struct lcp_receipt receipt;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int len = sprintf(payload, "{%s" ZERO_SECURITY "}", rows[i].members);

        CHECK_ROW(rows[i].label, lcp_receipt_parse(lcp_span(payload, (size_t)len),
                                                   &scratch, &receipt) == rows[i].want);
        if (rows[i].want == LCP_MSG_OK) {
            CHECK_ROW(rows[i].label, receipt.count >= 1);
            CHECK(receipt.entries[0].digest[15] == 15);
            CHECK(!lcp_signed_verify(&receipt.object, &scratch));
        }
    }
    CHECK(lcp_receipt_parse(lcp_span_str("{" STORED OF "\"x\":0}"), &scratch,
                            &receipt) == LCP_MSG_BAD_SECURITY);
}

static void
at_most_sixteen_entries_are_read(void)
{
    for (unsigned count = 15; count <= 17; count++) {
        struct lcp_receipt receipt;
        int len = sprintf(payload, "{" STORED "\"of\":[");

        for (unsigned i = 0; i < count; i++)
            len += sprintf(payload + len, "%s[\"%x\",\"" DIGEST "\"]", i > 0 ? "," : "",
                           i);
        len += sprintf(payload + len, "]," ZERO_SECURITY "}");
        CHECK(len <= LCP_SIGNED_PAYLOAD_MAX);
        CHECK(lcp_receipt_parse(lcp_span(payload, (size_t)len), &scratch, &receipt) ==
              (count <= LCP_RECEIPT_ENTRIES_MAX ? LCP_MSG_OK : LCP_MSG_BAD_MEMBER));
    }
}

static void
foreign_texts_are_cut_at_a_character(void)
{
    /* 255 bytes, then one of three; 31, then one of two; a NUL ends both. */
    struct lcp_receipt receipt;
    int len = sprintf(payload,
                      "{" STORED OF "\"text\":\"%0255d\xe9\xbe\x99 more\","
                      "\"reason\":\"%031d\xc3\xa9\"," ZERO_SECURITY "}",
                      0, 0);

    CHECK(lcp_receipt_parse(lcp_span(payload, (size_t)len), &scratch, &receipt) ==
          LCP_MSG_OK);
    CHECK(strlen(receipt.text) == 255 && strlen(receipt.reason) == 31);
    len = sprintf(payload,
                  "{" STORED OF "\"text\":\"%0253d\xe9\xbe\x99 more\","
                  "\"reason\":\"a\\u0000b\"," ZERO_SECURITY "}",
                  0);
    CHECK(lcp_receipt_parse(lcp_span(payload, (size_t)len), &scratch, &receipt) ==
          LCP_MSG_OK);
    CHECK(strlen(receipt.text) == LCP_DETAIL_MAX);
    CHECK_STR(receipt.text + 253, "\xe9\xbe\x99");
    CHECK_STR(receipt.reason, "a");
    len = sprintf(payload, "{" TYPE OF
                           "\"state\":\"later\",\"retryS\":86401," ZERO_SECURITY "}");
    CHECK(lcp_receipt_parse(lcp_span(payload, (size_t)len), &scratch, &receipt) ==
          LCP_MSG_OK);
    CHECK(receipt.retry_s == LCP_RETRY_S_MAX);
}

static size_t
build(const struct lcp_receipt_draft *draft, uint32_t *used)
{
    size_t len = 0;

    memset(payload, '#', sizeof(payload));
    REQUIRE(lcp_receipt_build(draft, &alice, &scratch, payload, &len, used) == LCP_OK);
    CHECK(len <= LCP_SIGNED_PAYLOAD_MAX);
    CHECK(payload[LCP_SIGNED_PAYLOAD_MAX] == '#');
    return len;
}

static bool
is_read_back(size_t len, struct lcp_receipt *receipt)
{
    return lcp_receipt_parse(lcp_span(payload, len), &scratch, receipt) == LCP_MSG_OK &&
           lcp_signed_verify(&receipt->object, &scratch) &&
           lcp_key_eq(&receipt->object.key, &alice.key);
}

static void
make_entries(size_t id_len, bool has_seq)
{
    for (uint32_t i = 0; i < COUNT_OF(entries); i++) {
        entries[i] = (struct lcp_receipt_entry){.has_seq = has_seq};
        entries[i].seq = has_seq ? UINT32_MAX - i : 0;
        memset(entries[i].id, 'a' + (int)(i % 26), id_len);
        memset(entries[i].digest, (int)i, sizeof(entries[i].digest));
    }
}

static void
what_is_built_is_read_and_verified(void)
{
    static const char want[] =
        "{\"type\":\"receipt\",\"from\":\"AgentA\",\"to\":\"AgentB\","
        "\"timestamp\":\"2026-03-28T12:00:00.123+08:00\",\"state\":\"refused\","
        "\"reason\":\"declined\",\"text\":\"not \\\"today\\\" \xe9\xbe\x99\","
        "\"of\":[[\"aaa\",\"00000000000000000000000000000000\",4294967295],"
        "[\"bbb\",\"01010101010101010101010101010101\",4294967294]],"
        "\"security\":{\"algo\":\"ed25519\",\"pubkey\":\"";
    struct lcp_receipt receipt;
    uint32_t used;
    size_t len;

    make_entries(3, true);
    len = build(&refusal, &used);
    CHECK(used == 2 && len == sizeof(want) - 1 + LCP_KEY_B64 + 15 + LCP_SIG_B64 + 3);
    CHECK(memcmp(payload, want, sizeof(want) - 1) == 0);
    CHECK(is_read_back(len, &receipt));
    CHECK(receipt.word == LCP_WORD_REFUSED && receipt.count == 2);
    CHECK_STR(receipt.reason, refusal.reason);
    CHECK_STR(receipt.text, refusal.text);
    CHECK(memcmp(receipt.entries, entries, 2 * sizeof(entries[0])) == 0);
    CHECK(lcp_signed_is(&receipt.object, receipt.object.to, "AgentB"));
    receipt.object.key = mallory.key;
    CHECK(!lcp_signed_verify(&receipt.object, &scratch));
}

static void
every_word_is_said(void)
{
    static const char *const names[] = {"held", "stored",  "read",
                                        "done", "refused", "later"};
    enum lcp_word word;

    make_entries(LCP_UUID_CHARS, false);
    for (unsigned i = 0; i < LCP_WORD_COUNT; i++) {
        struct lcp_receipt_draft draft = refusal;
        struct lcp_receipt receipt;
        uint32_t used;

        draft.word = (enum lcp_word)i;
        draft.reason = i % 2 == 0 ? NULL : "";
        draft.text = i % 2 == 0 ? "" : NULL;
        draft.retry_s = i * 100000;
        CHECK(is_read_back(build(&draft, &used), &receipt));
        CHECK_STR(lcp_word_name(draft.word), names[i]);
        CHECK_ROW(names[i], receipt.word == draft.word && !receipt.entries[1].has_seq);
        CHECK(*receipt.reason == '\0' && *receipt.text == '\0');
        CHECK_ROW(names[i], receipt.retry_s ==
                                (i == LCP_WORD_LATER ? (uint32_t)LCP_RETRY_S_MAX : 0));
        CHECK(lcp_word_parse(lcp_span_str(names[i]), &word) == LCP_OK && word == i);
    }
    CHECK_STR(lcp_word_name(LCP_WORD_COUNT), "?");
    CHECK(lcp_word_parse(lcp_span_str("acked"), &word) == LCP_EFORMAT);
    CHECK(lcp_word_parse(lcp_span("", 0), &word) == LCP_EFORMAT);
}

static void
as_many_as_fit_are_taken(void)
{
    static const struct {
        const char *label;
        size_t id_len;
        uint32_t count, min, max;
    } sizes[] = {
        {"one", LCP_UUID_CHARS, 1, 1, 1},
        {"ours", LCP_UUID_CHARS, 40, 8, 10},
        {"longest", LCP_ID_MAX, 40, 4, 5},
        {"shortest", 1, 40, 15, LCP_RECEIPT_ENTRIES_MAX},
    };

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct lcp_receipt_draft draft = refusal;
        struct lcp_receipt receipt;
        uint32_t used, fewer;
        size_t len;

        make_entries(sizes[i].id_len, true);
        draft.word = LCP_WORD_STORED;
        draft.reason = draft.text = NULL;
        draft.count = sizes[i].count;
        len = build(&draft, &used);
        CHECK_ROW(sizes[i].label, used >= sizes[i].min && used <= sizes[i].max);
        CHECK_ROW(sizes[i].label, is_read_back(len, &receipt) && receipt.count == used);
        CHECK_ROW(sizes[i].label,
                  memcmp(receipt.entries, entries, used * sizeof(entries[0])) == 0);
        /* One more would not have fitted. */
        if (used < sizes[i].count && used < LCP_RECEIPT_ENTRIES_MAX)
            CHECK_ROW(sizes[i].label,
                      len + sizes[i].id_len + 51 > LCP_SIGNED_PAYLOAD_MAX);
        draft.text = "a text takes the place of entries, which come in the next one";
        build(&draft, &fewer);
        CHECK_ROW(sizes[i].label, fewer <= used && fewer >= 1);
    }
}

/* Entries and text that make exactly 1,223 bytes, and one more. */
static void
one_small_packet_is_the_limit(void)
{
    char text[LCP_DETAIL_MAX + 1] = "";
    struct lcp_receipt_draft draft = refusal;
    struct lcp_receipt receipt;
    uint32_t used;
    size_t room;

    make_entries(LCP_ID_MAX, true);
    draft.count = 4;
    draft.text = "x";
    room = LCP_SIGNED_PAYLOAD_MAX - (build(&draft, &used) - 1);
    REQUIRE(used == 4 && room > 4 && room < LCP_DETAIL_MAX);
    memset(text, 'x', room);
    draft.text = text;
    CHECK(build(&draft, &used) == LCP_SIGNED_PAYLOAD_MAX && used == 4);
    CHECK(is_read_back(LCP_SIGNED_PAYLOAD_MAX, &receipt));
    CHECK_STR(receipt.text, text);
    payload[LCP_SIGNED_PAYLOAD_MAX] = ' ';
    CHECK(lcp_receipt_parse(lcp_span(payload, LCP_SIGNED_PAYLOAD_MAX + 1), &scratch,
                            &receipt) == LCP_MSG_BAD_JSON);
    text[room] = 'x';
    CHECK(build(&draft, &used) < LCP_SIGNED_PAYLOAD_MAX && used == 3);
}

static void
one_entry_always_fits(void)
{
    static char text[3 * LCP_DETAIL_MAX];
    struct lcp_receipt_draft draft = refusal;
    struct lcp_receipt receipt;
    uint32_t used;

    make_entries(LCP_ID_MAX, true);
    memset(text, 1, sizeof(text) - 1); /* six bytes each in JSON */
    draft.from = draft.to = QUOTES32 QUOTES32;
    draft.reason = "\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f"
                   "\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f";
    draft.text = text;
    CHECK(build(&draft, &used) > LCP_SIGNED_PAYLOAD_MAX - 6 && used == 1);
    CHECK(is_read_back(build(&draft, &used), &receipt));
    CHECK_STR(receipt.reason, draft.reason);
    CHECK(strlen(receipt.text) > 0 && strlen(receipt.text) < LCP_DETAIL_MAX);

    draft = refusal; /* and where there is room, at a character */
    for (size_t at = 0; at + 3 < sizeof(text); at += 3)
        memcpy(text + at, "\xe9\xbe\x99", 4);
    draft.text = text;
    draft.count = 1;
    CHECK(is_read_back(build(&draft, &used), &receipt));
    CHECK(strlen(receipt.text) == LCP_DETAIL_MAX / 3 * 3);
    CHECK(memcmp(receipt.text, text, LCP_DETAIL_MAX / 3 * 3) == 0);
}

static void
drafts_must_have_form(void)
{
    static const struct lcp_receipt_entry bad_id[] = {{.id = "a b"}},
                                          good[] = {{.id = "a"}};
    static const char at[] = "2026-03-28T12:00:00Z";
    static const struct {
        const char *label;
        struct lcp_receipt_draft draft;
    } bad[] = {
        {"from", {"A A", "B", at, LCP_WORD_READ, NULL, NULL, 0, good, 1}},
        {"to", {"A", "B/m", at, LCP_WORD_READ, NULL, NULL, 0, good, 1}},
        {"timestamp", {"A", "B", "t", LCP_WORD_READ, NULL, NULL, 0, good, 1}},
        {"word", {"A", "B", at, LCP_WORD_COUNT, NULL, NULL, 0, good, 1}},
        {"reason of 33", {"A", "B", at, LCP_WORD_READ, ID32 "x", NULL, 0, good, 1}},
        {"reason not UTF-8", {"A", "B", at, LCP_WORD_READ, "\xff", NULL, 0, good, 1}},
        {"text not UTF-8", {"A", "B", at, LCP_WORD_READ, NULL, "\xc3", 0, good, 1}},
        {"no entry", {"A", "B", at, LCP_WORD_READ, NULL, NULL, 0, good, 0}},
        {"id", {"A", "B", at, LCP_WORD_READ, NULL, NULL, 0, bad_id, 1}},
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        uint32_t used;
        size_t len;

        CHECK_ROW(bad[i].label, lcp_receipt_build(&bad[i].draft, &alice, &scratch,
                                                  payload, &len, &used) == LCP_EFORMAT);
    }
}

static bool
passes(struct lcp_span raw)
{
    struct lcp_receipt receipt;

    return lcp_receipt_parse(raw, &scratch, &receipt) == LCP_MSG_OK &&
           lcp_signed_verify(&receipt.object, &scratch);
}

static void
no_change_passes(void)
{
    unsigned members;
    uint32_t used;
    size_t len;

    make_entries(LCP_UUID_CHARS, true);
    len = build(&refusal, &used);
    CHECK(passes(lcp_span(payload, len)));
    CHECK(passing_changes(payload, len, passes) == 0);
    CHECK(passing_members(lcp_span(payload, len), passes, &members) == 0);
    CHECK(members == 9);
}

/* An object with all that a message and a receipt need, signed once. */
static void
types_keep_apart_what_is_signed(void)
{
    static const struct {
        const char *type;
        bool is_receipt, is_msg;
    } types[] = {{"receipt", true, false},        {"hello", false, false},
                 {"chat", false, true},           {"Receipt", false, true},
                 {"receipt\\u0000", false, true}, {"r\\u0065ceipt", true, false}};

    for (size_t i = 0; i < COUNT_OF(types); i++) {
        char object[512];
        struct lcp_receipt receipt;
        struct lcp_msg msg;
        struct lcp_span raw;

        sprintf(object,
                "{\"type\":\"%s\",\"from\":\"A\",\"to\":\"B\",\"timestamp\":\"t\","
                "\"id\":\"i\",\"message\":\"m\",\"state\":\"done\"," OF "\"x\":0}",
                types[i].type);
        raw = lcp_span(payload, sign_object(object, &alice, &scratch, payload));
        CHECK_ROW(types[i].type, (lcp_receipt_parse(raw, &scratch, &receipt) ==
                                  LCP_MSG_OK) == types[i].is_receipt);
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
    only_what_has_the_form_is_a_receipt();
    at_most_sixteen_entries_are_read();
    foreign_texts_are_cut_at_a_character();
    what_is_built_is_read_and_verified();
    every_word_is_said();
    as_many_as_fit_are_taken();
    one_small_packet_is_the_limit();
    one_entry_always_fits();
    drafts_must_have_form();
    no_change_passes();
    types_keep_apart_what_is_signed();
    return check_end("receipt");
}
