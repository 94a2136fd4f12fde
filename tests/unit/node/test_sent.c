/* SPDX-License-Identifier: MIT
 *
 * What a sender learns of its messages: states and who says so, proofs, waiting, dead
 * letters.
 */
#include "rows.h"

#include "core/receipt.h"

/* A receipt of bob's about one payload, laid out in one line. */
static const char *
receipt_about(struct rig *r, enum lcp_word word, struct lcp_span raw,
              const uint32_t *seq)
{
    static char out[LCP_SIGNED_PAYLOAD_MAX + 1];
    struct lcp_receipt_entry entry = {.has_seq = seq != NULL};
    struct lcp_receipt_draft draft = {.from = "bob",
                                      .to = "alice",
                                      .timestamp = "2026-03-28T12:00:00Z",
                                      .word = word,
                                      .entries = &entry,
                                      .count = 1};
    struct lcp_msg msg;
    struct lcp_span canon;
    size_t len;
    uint32_t used;

    if (word == LCP_WORD_REFUSED) {
        draft.reason = "declined";
        draft.text = "not mine";
    }
    if (word == LCP_WORD_LATER) {
        draft.retry_s = 30;
        draft.reason = "quota";
        draft.text = "too much of bob's lies here";
    }
    REQUIRE(lcp_msg_parse(raw, &scratch, &msg) == LCP_MSG_OK);
    strcpy(entry.id, msg.id);
    REQUIRE(lcp_msg_canon(&msg, &scratch, &canon) == LCP_OK);
    lcp_digest(canon, entry.digest);
    if (seq != NULL)
        entry.seq = *seq;
    REQUIRE(lcp_receipt_build(&draft, &r->bob, &scratch, out, &len, &used) == LCP_OK);
    out[len] = '\0';
    return out;
}

static uint64_t
put_out(struct rig *r, const char *id, int state, const char *evidence)
{
    return put_row(r, &(struct put){.dir = LCP_OUT,
                                    .id = id,
                                    .state = state,
                                    .evidence = evidence,
                                    .was_transmitted = state != LCP_SENT_CANCELLED});
}

/* Every state, by whom, signed by which key. */
static void
each_state_names_who_says_so(void)
{
    static const struct {
        int state;
        bool was_transmitted;
        const char *name, *by;
        enum lcp_word word; /* from HELD on */
    } rows[] = {
        {LCP_SENT_QUEUED, false, "queued", "us", LCP_WORD_COUNT},
        {LCP_SENT_QUEUED, true, "sent", "us", LCP_WORD_COUNT},
        {LCP_SENT_CANCEL_REQUESTED, true, "cancel-requested", "us", LCP_WORD_COUNT},
        {LCP_SENT_CANCELLED, false, "cancelled", "us", LCP_WORD_COUNT},
        {LCP_SENT_EXPIRED, true, "expired", "us", LCP_WORD_COUNT},
        {LCP_SENT_ACKED, true, "acked", "bob", LCP_WORD_COUNT},
        {LCP_SENT_HELD, true, "held", "bob", LCP_WORD_HELD},
        {LCP_SENT_STORED, true, "stored", "bob", LCP_WORD_STORED},
        {LCP_SENT_READ, true, "read", "bob", LCP_WORD_READ},
        {LCP_SENT_DONE, true, "done", "bob", LCP_WORD_DONE},
        {LCP_SENT_REFUSED, true, "refused", "bob", LCP_WORD_REFUSED},
    };
    char want[400], signer[LCP_FINGERPRINT_CHARS + 1];

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct rig *r = new_rig(true);
        bool is_signed = rows[i].word != LCP_WORD_COUNT;
        struct put put = {.dir = LCP_OUT,
                          .id = UUID(1),
                          .state = rows[i].state,
                          .was_transmitted = rows[i].was_transmitted};

        if (is_signed)
            put.evidence = receipt_about(r, rows[i].word, raw_of(r, &put), NULL);
        if (rows[i].word == LCP_WORD_REFUSED) {
            put.reason = "declined";
            put.detail = "not mine";
        }
        (void)put_row(r, &put);
        lcp_fingerprint(&r->bob.key, signer);
        snprintf(
            want, sizeof(want),
            ",\"state\":\"%s\",\"at\":\"1970-01-01T00:00:0%d.000+00:00\",\"by\":\"%s\","
            "\"signed\":%s,\"signer\":%s%s%s,\"reason\":%s,\"detail\":%s}],\"next\":"
            "null}\n",
            rows[i].name, is_signed ? 3 : 2, rows[i].by, is_signed ? "true" : "false",
            is_signed ? "\"" : "", is_signed ? signer : "null", is_signed ? "\"" : "",
            put.reason != NULL ? "\"declined\"" : "null",
            put.reason != NULL ? "\"not mine\"" : "null");
        call(r, "{\"cmd\":\"SENT\"}");
        CHECK_ROW(rows[i].name, says(r, want));
        call(r, "{\"cmd\":\"SENT\",\"id\":1}");
        CHECK_ROW(rows[i].name, says(r, want));
        call(r, "{\"cmd\":\"READ\",\"id\":1}");
        snprintf(want, sizeof(want), "\"_sent\":{\"to\":\"bob\",\"state\":\"%s\",",
                 rows[i].name);
        CHECK_ROW(rows[i].name, says(r, want));
        free_rig(r);
    }
}

/* Which of the rows 1..9 a SENT shows, newest first. */
static const char *
listed(struct rig *r, const char *request)
{
    static char out[32];
    size_t len = 0;

    call(r, request);
    for (const char *at = r->f.reply; (at = strstr(at, "\"number\":")) != NULL; at++)
        out[len++] = at[strlen("\"number\":")];
    out[len] = '\0';
    return out;
}

static void
a_state_filters_and_dead_are_two(void)
{
    struct rig *r = new_rig(true);
    static const int states[] = {LCP_SENT_EXPIRED, LCP_SENT_REFUSED, LCP_SENT_ACKED,
                                 LCP_SENT_QUEUED,  LCP_SENT_QUEUED,  LCP_SENT_EXPIRED,
                                 LCP_SENT_DONE,    LCP_SENT_REFUSED, LCP_SENT_STORED};
    char id[] = UUID(0);

    for (size_t i = 0; i < COUNT_OF(states); i++) {
        id[strlen(id) - 1] = (char)('1' + i);
        (void)put_row(r, &(struct put){.dir = LCP_OUT,
                                       .id = id,
                                       .state = states[i],
                                       .was_transmitted = i != 3});
    }
    CHECK_STR(listed(r, "{\"cmd\":\"SENT\"}"), "987654321");
    CHECK_STR(listed(r, "{\"cmd\":\"SENT\",\"state\":\"dead\"}"), "8621");
    CHECK_STR(listed(r, "{\"cmd\":\"SENT\",\"state\":\"dead\",\"limit\":3}"), "862");
    CHECK(says(r, "],\"next\":2}"));
    CHECK_STR(
        listed(r, "{\"cmd\":\"SENT\",\"state\":\"dead\",\"limit\":3,\"after\":2}"),
        "1");
    CHECK(says(r, "],\"next\":null}"));
    CHECK_STR(listed(r, "{\"cmd\":\"SENT\",\"state\":\"queued\"}"), "4");
    CHECK_STR(listed(r, "{\"cmd\":\"SENT\",\"state\":\"sent\"}"), "5");
    CHECK_STR(listed(r, "{\"cmd\":\"SENT\",\"state\":\"acked\"}"), "3");
    CHECK_STR(listed(r, "{\"cmd\":\"SENT\",\"state\":\"done\"}"), "7");
    CHECK_STR(listed(r, "{\"cmd\":\"SENT\",\"state\":\"refused\"}"), "82");
    CHECK_STR(listed(r, "{\"cmd\":\"SENT\",\"state\":\"read\"}"), "");
    CHECK_STR(listed(r, "{\"cmd\":\"SENT\",\"limit\":9}"), "987654321");
    CHECK(says(r, "],\"next\":null}"));
    CHECK_STR(listed(r, "{\"cmd\":\"SENT\",\"limit\":4}"), "9876");
    CHECK(says(r, "],\"next\":6}"));
    call(r, "{\"cmd\":\"SENT\",\"state\":\"lost\"}");
    CHECK(says(r, "no such state") && says(r, "dead for expired"));
    free_rig(r);
}

/* The very bytes, on one line. */
static void
a_proof_is_message_and_receipt(void)
{
    struct rig *r = new_rig(true);
    struct put put = {.dir = LCP_OUT, .id = UUID(1), .state = LCP_SENT_READ};
    const char *receipt = receipt_about(r, LCP_WORD_READ, raw_of(r, &put), NULL);
    static char want[8192], laid_out[2048];

    put.evidence = receipt;
    (void)put_row(r, &put);
    call(r, "{\"cmd\":\"SENT\",\"id\":1,\"proof\":true}");
    snprintf(want, sizeof(want), "{\"message\":%s,\"receipt\":%s}\n", look(r, 1).raw,
             receipt);
    CHECK_STR(r->f.reply, want);

    snprintf(laid_out, sizeof(laid_out), "{\n\r%s", receipt + 1);
    put = (struct put){
        .dir = LCP_OUT, .id = UUID(2), .state = LCP_SENT_READ, .evidence = laid_out};
    (void)put_row(r, &put);
    call(r, "{\"cmd\":\"SENT\",\"id\":2,\"proof\":true}");
    CHECK(strchr(r->f.reply, '\n') == r->f.reply + r->f.reply_len - 1);
    CHECK(strchr(r->f.reply, '\r') == NULL);
    snprintf(want, sizeof(want), "\"receipt\":{  %s}\n", receipt + 1);
    CHECK(says(r, want));
    free_rig(r);
}

static void
without_a_receipt_there_is_no_proof(void)
{
    struct rig *r = new_rig(true);
    struct put purged = {.dir = LCP_OUT,
                         .id = UUID(4),
                         .state = LCP_SENT_DONE,
                         .has_no_body = true,
                         .evidence = "{\"type\":\"receipt\"}"};

    (void)put_out(r, UUID(1), LCP_SENT_QUEUED, NULL);
    (void)put_out(r, UUID(2), LCP_SENT_ACKED, NULL);
    (void)put_out(r, UUID(3), LCP_SENT_EXPIRED, NULL);
    (void)put_row(r, &purged);
    call(r, "{\"cmd\":\"SENT\",\"id\":1,\"proof\":true}");
    CHECK(says(r, "\"code\":\"no-proof\"") && says(r, "#1 has signed nothing yet"));
    call(r, "{\"cmd\":\"SENT\",\"id\":2,\"proof\":true}");
    CHECK(says(r, "\"code\":\"no-proof\"") && says(r, "LCP/1.1"));
    call(r, "{\"cmd\":\"SENT\",\"id\":3,\"proof\":true}");
    CHECK(says(r, "\"code\":\"no-proof\"") && says(r, "nothing yet"));
    call(r, "{\"cmd\":\"SENT\",\"id\":4,\"proof\":true}");
    CHECK(says(r, "\"code\":\"no-proof\"") && says(r, "was purged"));
    call(r, "{\"cmd\":\"READ\",\"id\":4}");
    CHECK(says(r, "\"code\":\"not-found\"") && says(r, "the text of #4 was purged"));
    call(r, "{\"cmd\":\"SENT\",\"id\":5,\"proof\":true}");
    CHECK(says(r, "\"code\":\"not-found\""));
    free_rig(r);
}

static void
a_dead_letter_becomes_a_new_message(void)
{
    static const struct {
        const char *name;
        int state;
        bool is_sent_again;
    } rows[] = {
        {"queued", LCP_SENT_QUEUED, false},
        {"cancelled", LCP_SENT_CANCELLED, true},
        {"expired", LCP_SENT_EXPIRED, true},
        {"acked", LCP_SENT_ACKED, false},
        {"held", LCP_SENT_HELD, false},
        {"stored", LCP_SENT_STORED, false},
        {"read", LCP_SENT_READ, false},
        {"done", LCP_SENT_DONE, false},
        {"refused", LCP_SENT_REFUSED, true},
        {"cancel-requested", LCP_SENT_CANCEL_REQUESTED, false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct rig *r = new_rig(true);
        struct put put = {.dir = LCP_OUT,
                          .id = UUID(1),
                          .state = rows[i].state,
                          .type = "task",
                          .text = "say \"hi\"\n",
                          .reply_to = "41"}; /* an id, not our number */

        (void)put_row(r, &put);
        call(r, "{\"cmd\":\"RESEND\",\"id\":1}");
        if (rows[i].is_sent_again) {
            struct seen seen = look(r, 2);

            CHECK_ROW(rows[i].name,
                      says(r, "{\"ok\":false,\"accepted\":true,\"id\":\""));
            CHECK_ROW(rows[i].name, says(r, "\"number\":2,\"to\":\"bob\",\"state\":"
                                            "\"queued\",\"of\":\"" UUID(1) "\"}\n"));
            CHECK_ROW(rows[i].name, says(r, seen.id));
            CHECK_ROW(rows[i].name, strcmp(seen.id, UUID(1)) != 0);
            CHECK_STR(seen.type, "task");
            CHECK_STR(seen.reply_to, "41");
            CHECK_ROW(rows[i].name,
                      strstr(seen.raw, "\"message\":\"say \\\"hi\\\"\\n\"") != NULL);
            CHECK_ROW(rows[i].name, look(r, 1).state == rows[i].state);
            CHECK_ROW(rows[i].name, r->f.sent_count > 0); /* it goes by itself */
        } else {
            CHECK_ROW(rows[i].name, says(r, "\"code\":\"conflict\""));
            CHECK_ROW(rows[i].name, says(r, rows[i].name));
        }
        free_rig(r);
    }
}

static void
what_cannot_be_sent_again_says_why(void)
{
    struct rig *r = new_rig(true);
    struct put put = {
        .dir = LCP_OUT, .id = UUID(1), .state = LCP_SENT_EXPIRED, .has_no_body = true};

    (void)put_row(r, &put);
    call(r, "{\"cmd\":\"RESEND\",\"id\":1}");
    CHECK(says(r, "\"code\":\"not-found\"") && says(r, "purged"));
    (void)put_row(r,
                  &(struct put){.dir = LCP_IN, .id = UUID(2), .state = LCP_IN_STORED});
    call(r, "{\"cmd\":\"RESEND\",\"id\":2}");
    CHECK(says(r, "no sent message fits #2"));
    free_rig(r);
}

/* ---- waiting ---- */

/* The last DATA that went out. */
static struct lcp_span
last_data(struct rig *r, uint32_t *seq)
{
    for (size_t i = r->f.sent_count; i-- > 0;) {
        const uint8_t *bytes = r->f.sent[i % 16];

        if (bytes[8] != LCP_PACKET_DATA)
            continue;
        *seq = (uint32_t)bytes[4] << 24 | (uint32_t)bytes[5] << 16 |
               (uint32_t)bytes[6] << 8 | bytes[7];
        return lcp_span(bytes + LCP_HEADER_BYTES,
                        r->f.sent_len[i % 16] - LCP_HEADER_BYTES);
    }
    REQUIRE(false);
    return lcp_span(NULL, 0);
}

static void
from_bob_bytes(struct rig *r, uint8_t type, uint32_t seq, const char *payload)
{
    static uint8_t packet[LCP_DATAGRAM_MAX] = "LCP1";
    size_t len = strlen(payload);

    for (int i = 0; i < 4; i++)
        packet[4 + i] = (uint8_t)(seq >> (24 - 8 * i));
    packet[8] = type;
    memcpy(packet + LCP_HEADER_BYTES, payload, len);
    lcp_pump_datagram(r->pump, &r->from_bob, lcp_span(packet, LCP_HEADER_BYTES + len));
    run_tasks(r);
}

/* bob's node says this of what went out last. */
static void
bob_says(struct rig *r, enum lcp_word word)
{
    static uint8_t raw[LCP_PAYLOAD_MAX];
    static uint32_t packets;
    uint32_t seq;
    struct lcp_span data = last_data(r, &seq);

    memcpy(raw, data.data, data.len);
    r->f.now_ms += 5;
    from_bob_bytes(r, LCP_PACKET_RECEIPT, 0x1000 + packets++,
                   receipt_about(r, word, lcp_span(raw, data.len), &seq));
}

static void
pass_ms(struct rig *r, uint64_t ms)
{
    for (uint64_t at = 0; at < ms; at += 100) {
        r->f.now_ms += 100;
        lcp_pump_tick(r->pump);
        run_tasks(r);
    }
}

/* What is waited for, the words that come, and after which of them the answer is there.
 * No words: the answer when time is up. */
static void
a_send_waits_for_the_state_asked_for(void)
{
    static const struct {
        const char *label, *wait_for;
        enum lcp_word words[3];
        uint32_t count, answered_after; /* 0: by the deadline */
        const char *says;
    } rows[] = {
        {"any word",
         "",
         {LCP_WORD_STORED},
         1,
         1,
         "\"state\":\"stored\",\"signed\":true,\"reason\":null,\"detail\":null,"
         "\"ms\":"},
        {"held is a word", "", {LCP_WORD_HELD}, 1, 1, "{\"ok\":true"},
        {"later ends no tries", "", {LCP_WORD_LATER}, 1, 1, "{\"ok\":false"},
        {"later and why",
         "",
         {LCP_WORD_LATER},
         1,
         1,
         "\"state\":\"sent\",\"signed\":false,\"reason\":\"quota\",\"detail\":\"too "
         "much"},
        {"refused", "", {LCP_WORD_REFUSED}, 1, 1, "{\"ok\":false,\"accepted\":true,"},
        {"its reason",
         "",
         {LCP_WORD_REFUSED},
         1,
         1,
         "\"state\":\"refused\",\"signed\":true,\"reason\":\"declined\",\"detail\":"
         "\"not "
         "mine\""},
        {"stored", "stored", {LCP_WORD_HELD, LCP_WORD_STORED}, 2, 2, "\"stored\""},
        {"read",
         "read",
         {LCP_WORD_STORED, LCP_WORD_READ},
         2,
         2,
         "{\"ok\":true,\"accepted\":true,"},
        {"done",
         "done",
         {LCP_WORD_STORED, LCP_WORD_READ, LCP_WORD_DONE},
         3,
         3,
         "\"state\":\"done\",\"signed\":true"},
        {"more than asked", "read", {LCP_WORD_STORED, LCP_WORD_DONE}, 2, 2, "\"done\""},
        {"read never comes",
         "read",
         {LCP_WORD_STORED, LCP_WORD_REFUSED},
         2,
         2,
         "\"refused\""},
        {"time is up",
         "done",
         {LCP_WORD_STORED, LCP_WORD_READ},
         2,
         0,
         "{\"ok\":true,\"accepted\":true,"},
        {"its state then",
         "done",
         {LCP_WORD_STORED, LCP_WORD_READ},
         2,
         0,
         "\"state\":\"read\",\"signed\":true"},
        {"nobody answers",
         "read",
         {LCP_WORD_COUNT},
         0,
         0,
         "\"state\":\"sent\",\"signed\":false"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct rig *r = new_rig(true);
        char request[200];

        snprintf(
            request, sizeof(request),
            "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"wait_for\":\"%s\","
            "\"timeout\":60}",
            rows[i].wait_for);
        call(r, request);
        for (uint32_t n = 1; n <= rows[i].count; n++) {
            CHECK_ROW(rows[i].label, r->f.reply[0] == '\0');
            bob_says(r, rows[i].words[n - 1]);
            CHECK_ROW(rows[i].label,
                      (r->f.reply[0] != '\0') == (n == rows[i].answered_after));
        }
        if (rows[i].answered_after == 0) {
            pass_ms(r, 58000);
            CHECK_ROW(rows[i].label, r->f.reply[0] == '\0');
            pass_ms(r, 3000);
        }
        CHECK_ROW(rows[i].label, says(r, rows[i].says));
        free_rig(r);
    }
}

static void
acknowledge_last(struct rig *r)
{
    uint32_t seq;

    (void)last_data(r, &seq);
    from_bob_bytes(r, LCP_PACKET_ACK, seq, "");
}

/* A 1.1 peer's node can say no more than that it got it. */
static void
an_ack_is_all_that_1_1_says(void)
{
    struct rig *r = new_rig(true);

    call(r,
         "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"wait_for\":\"stored\"}");
    acknowledge_last(r);
    CHECK(says(r, "{\"ok\":true,") && says(r, "\"state\":\"acked\",\"signed\":false"));
    call(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"y\"},\"wait_for\":\"read\"}");
    acknowledge_last(r);
    CHECK(r->f.reply[0] == '\0');
    pass_ms(r, 9600);
    CHECK(says(r, "{\"ok\":true,") && says(r, "\"state\":\"acked\""));
    free_rig(r);
}

static void
a_legacy_client_waits_no_longer_than_ever(void)
{
    struct rig *r = new_rig(true);

    ask(r,
        "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"wait_for\":\"done\","
        "\"timeout\":60}",
        false);
    run_tasks(r);
    bob_says(r, LCP_WORD_STORED);
    CHECK(says(r, "{\"ok\":true,") && says(r, "\"state\":\"stored\",\"ms\":"));
    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"y\"}}", false);
    run_tasks(r);
    pass_ms(r, 9600);
    CHECK(says(r, "{\"ok\":false,") && says(r, "\"state\":\"queued\",\"ms\":"));
    free_rig(r);
}

/* The same SEND again finds what became of it. */
static void
a_repeated_send_goes_on_waiting(void)
{
    static const char request[] = "{\"cmd\":\"SEND\",\"id\":\"" ID_A
                                  "\",\"payload\":{\"message\":\"x\"},"
                                  "\"wait_for\":\"read\",\"timeout\":60}";
    struct rig *r = new_rig(true);

    call(r, request);
    bob_says(r, LCP_WORD_STORED);
    lcp_pump_client_gone(r->pump, 1);
    call(r, request);
    CHECK(r->f.reply[0] == '\0');
    bob_says(r, LCP_WORD_READ);
    CHECK(says(r, "\"state\":\"read\""));
    call(r, request);
    CHECK(says(r, "\"state\":\"read\""));
    free_rig(r);
}

static void
a_stop_answers_who_waits_for_long(void)
{
    struct rig *r = new_rig(true);

    call(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"wait_for\":\"done\","
            "\"timeout\":600}");
    bob_says(r, LCP_WORD_STORED);
    CHECK(r->f.reply[0] == '\0');
    lcp_pump_stop(r->pump);
    CHECK(says(r, "\"state\":\"stored\""));
    run_tasks(r);
    free_rig(r);
}

static void
a_cancel_ends_the_wait(void)
{
    struct rig *r = new_rig(true);

    call(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"wait_for\":\"done\","
            "\"timeout\":600}");
    lcp_pump_request(r->pump, 2, lcp_span_str("{\"cmd\":\"CANCEL\",\"id\":1}"), true);
    run_tasks(r);
    CHECK(r->f.replies == 2);
    call(r, "{\"cmd\":\"SENT\",\"id\":1}");
    CHECK(says(r, "\"state\":\"cancel-requested\"") && says(r, "\"by\":\"us\""));
    bob_says(r, LCP_WORD_DONE); /* signed: it overrides what we wished */
    call(r, "{\"cmd\":\"SENT\",\"id\":1}");
    CHECK(says(r, "\"state\":\"done\"") && says(r, "\"signed\":true"));
    free_rig(r);
}

/* Only what a handler sends counts its hops. */
static void
automatic_mail_counts_its_hops(void)
{
    struct rig *r = new_rig(true);
    uint32_t seq;

    from_bob(r, &r->bob, ID_A, "chat", NULL, "hello");
    run_tasks(r);
    call(r,
         "{\"cmd\":\"SEND\",\"wait\":false,\"automatic\":true,\"payload\":{\"message\":"
         "\"x\",\"replyTo\":\"" ID_A "\"}}");
    (void)last_data(r, &seq);
    CHECK(strstr(look(r, 2).raw, "\"hops\":1") != NULL);
    call(r, "{\"cmd\":\"SEND\",\"wait\":false,\"payload\":{\"message\":\"x\","
            "\"replyTo\":\"" ID_A "\"}}");
    CHECK(strstr(look(r, 3).raw, "\"hops\"") == NULL);
    free_rig(r);
}

int
main(void)
{
    each_state_names_who_says_so();
    a_state_filters_and_dead_are_two();
    a_proof_is_message_and_receipt();
    without_a_receipt_there_is_no_proof();
    a_dead_letter_becomes_a_new_message();
    what_cannot_be_sent_again_says_why();
    a_send_waits_for_the_state_asked_for();
    an_ack_is_all_that_1_1_says();
    a_legacy_client_waits_no_longer_than_ever();
    a_repeated_send_goes_on_waiting();
    a_stop_answers_who_waits_for_long();
    a_cancel_ends_the_wait();
    automatic_mail_counts_its_hops();
    return check_end("sent");
}
