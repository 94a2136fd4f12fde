/* SPDX-License-Identifier: MIT
 *
 * LCP/1.2 through the pump and the machine: answers after the commit, receipts that are
 * awaited, news of our own, what a start remembers, the loop guard.
 */
#include "rig.h"

#include "node/state.h"

static void
an_answer_follows_its_commit(void)
{
    struct rig *r = new_rig(true);
    struct lcp_receipt receipt;

    marked_from_bob(r, 0x01020304, ID_A, "hello");
    CHECK(r->f.sent_count == 0 && r->f.task_count == 1);
    run_tasks(r);
    REQUIRE(last_receipt(r, &receipt));
    CHECK(receipt.word == LCP_WORD_STORED && receipt.count == 1);
    CHECK_STR(receipt.entries[0].id, ID_A);
    CHECK(receipt.entries[0].has_seq && receipt.entries[0].seq == 0x01020304);
    CHECK(last_sent(r, LCP_PACKET_ACK).len == 0); /* it is marked: no bare ACK */
    r->f.sent_count = 0;
    marked_from_bob(r, 5, ID_A, "hello");
    run_tasks(r);
    REQUIRE(last_receipt(r, &receipt));
    CHECK(receipt.word == LCP_WORD_STORED && receipt.entries[0].seq == 5);
    CHECK(last_sent(r, LCP_PACKET_ACK).len > 0); /* once more, and nobody said hello */
    free_rig(r);
}

static void
a_full_disk_is_later_and_then_stored(void)
{
    struct rig *r = new_rig(true);
    struct lcp_receipt receipt;

    lcp_memory_disk_fail(r->disk, LCP_ENOSPACE);
    marked_from_bob(r, 1, ID_A, "hello");
    run_tasks(r);
    REQUIRE(last_receipt(r, &receipt));
    CHECK(receipt.word == LCP_WORD_LATER && receipt.retry_s == LCP_LATER_STORAGE_S);
    CHECK(last_sent(r, LCP_PACKET_ACK).len == 0);
    lcp_memory_disk_fail(r->disk, LCP_OK);
    marked_from_bob(r, 2, ID_A, "hello");
    run_tasks(r);
    REQUIRE(last_receipt(r, &receipt));
    CHECK(receipt.word == LCP_WORD_STORED && receipt.entries[0].seq == 2);
    free_rig(r);
}

/* What a SEND of ours put on the wire, as an entry to speak about. */
static void
about_last_data(const struct rig *r, struct lcp_receipt_entry *entry)
{
    struct lcp_span packet = last_sent(r, LCP_PACKET_DATA), raw;
    struct lcp_msg msg;

    REQUIRE(packet.len > 0);
    raw = lcp_span(packet.data + LCP_HEADER_BYTES, packet.len - LCP_HEADER_BYTES);
    REQUIRE(lcp_msg_parse(raw, &scratch, &msg) == LCP_MSG_OK);
    memset(entry, 0, sizeof(*entry));
    strcpy(entry->id, msg.id);
    mail_digest(raw, entry->digest);
    entry->has_seq = true;
    for (int i = 4; i < 8; i++)
        entry->seq = entry->seq << 8 | packet.data[i];
}

static void
bob_says(struct rig *r, enum lcp_word word, const struct lcp_receipt_entry *entry)
{
    char raw[LCP_SIGNED_PAYLOAD_MAX];
    size_t len = build_receipt(&r->bob, "bob", "alice", word, entry, 1, raw);

    packet_from_bob(r, LCP_PACKET_RECEIPT, 99, raw, len);
    run_tasks(r);
}

static void
who_waits_is_told_the_signed_state(void)
{
    static const struct {
        const char *label;
        enum lcp_word word;
        const char *ok, *state;
    } rows[] = {
        {"stored", LCP_WORD_STORED, "\"ok\":true", "\"state\":\"stored\""},
        {"held", LCP_WORD_HELD, "\"ok\":true", "\"state\":\"held\""},
        {"done", LCP_WORD_DONE, "\"ok\":true", "\"state\":\"done\""},
        {"refused", LCP_WORD_REFUSED, "\"ok\":false", "\"state\":\"refused\""},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct rig *r = new_rig(true);
        struct lcp_receipt_entry entry;

        ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"}}", true);
        run_tasks(r);
        CHECK_ROW(rows[i].label, r->f.reply[0] == '\0');
        about_last_data(r, &entry);
        bob_says(r, rows[i].word, &entry);
        CHECK_ROW(rows[i].label, strstr(r->f.reply, rows[i].state) != NULL);
        CHECK_ROW(rows[i].label, strstr(r->f.reply, rows[i].ok) != NULL);
        CHECK_ROW(rows[i].label, last_sent(r, LCP_PACKET_ACK).len > 0);
        CHECK_ROW(rows[i].label, r->pump->flights.count == 0);
        free_rig(r);
    }
}

static void
later_stays_queued_and_goes_again(void)
{
    struct rig *r = new_rig(true);
    struct lcp_receipt_entry entry;

    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"}}", true);
    run_tasks(r);
    about_last_data(r, &entry);
    bob_says(r, LCP_WORD_LATER, &entry);
    CHECK(r->pump->flights.count == 0);
    r->f.sent_count = 0;
    for (int i = 0; i < 29; i++) {
        r->f.now_ms += 1000;
        lcp_pump_tick(r->pump);
        run_tasks(r);
    }
    CHECK(last_sent(r, LCP_PACKET_DATA).len == 0);
    for (int i = 0; i < 20; i++) {
        r->f.now_ms += 1000;
        lcp_pump_tick(r->pump);
        run_tasks(r);
    }
    CHECK(last_sent(r, LCP_PACKET_DATA).len > 0);
    about_last_data(r, &entry);
    bob_says(r, LCP_WORD_STORED, &entry);
    ask(r, "{\"cmd\":\"SENT\"}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"state\":\"stored\"") != NULL);
    free_rig(r);
}

/* No tasks are run: it joins what waits for the writer. */
static void
bob_says_at_once(struct rig *r, uint32_t seq, const struct lcp_receipt_entry *entry)
{
    struct lcp_receipt_draft draft = {.from = "bob",
                                      .to = "alice",
                                      .timestamp = mail_time,
                                      .word = LCP_WORD_LATER,
                                      .entries = entry,
                                      .count = 1};
    char raw[LCP_SIGNED_PAYLOAD_MAX];
    uint32_t used;
    size_t len;

    REQUIRE(lcp_receipt_build(&draft, &r->bob, &scratch, raw, &len, &used) == LCP_OK);
    packet_from_bob(r, LCP_PACKET_RECEIPT, seq, raw, len);
}

/* One job of a batch parks the message that another one of it has read to be offered:
 * what then goes out must be this message, and no longer anybody's memory. */
static void
what_is_parked_and_offered_in_one_batch_is_whole(void)
{
    struct rig *r = new_rig(true);
    struct lcp_receipt_entry x, y, again;

    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"}}", true);
    run_tasks(r);
    about_last_data(r, &x);
    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"y\"}}", true);
    run_tasks(r);
    about_last_data(r, &y);
    bob_says_at_once(r, 98, &x);
    run_tasks(r);
    marked_from_bob(r, 97, ID_A, "keeps the writer busy");
    bob_says_at_once(r, 99, &y);
    r->f.now_ms += 1000;
    lcp_pump_tick(r->pump); /* the refill joins the receipt */
    r->f.sent_count = 0;
    run_tasks(r);
    about_last_data(r, &again);
    CHECK_STR(again.id, y.id);
    CHECK(memcmp(again.digest, y.digest, sizeof(y.digest)) == 0);
    CHECK(lcp_core_is_inflight(r->pump->core, 1) &&
          lcp_core_is_inflight(r->pump->core, 2));
    CHECK(r->pump->flights.count == 2);
    free_rig(r);
}

static void
a_receipt_that_met_a_full_disk_comes_again(void)
{
    struct rig *r = new_rig(true);
    struct lcp_receipt_entry entry;

    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"}}", true);
    run_tasks(r);
    about_last_data(r, &entry);
    lcp_memory_disk_fail(r->disk, LCP_ENOSPACE);
    r->f.sent_count = 0;
    bob_says(r, LCP_WORD_STORED, &entry);
    CHECK(r->f.reply[0] == '\0' && last_sent(r, LCP_PACKET_ACK).len == 0);
    lcp_memory_disk_fail(r->disk, LCP_OK);
    bob_says(r, LCP_WORD_STORED, &entry);
    CHECK(strstr(r->f.reply, "\"state\":\"stored\"") != NULL);
    CHECK(last_sent(r, LCP_PACKET_ACK).len > 0);
    free_rig(r);
}

/* ---- news ---- */

static void
archive_all(struct rig *r)
{
    ask(r, "{\"cmd\":\"ACK\",\"all\":true}", true);
    run_tasks(r);
}

static uint64_t
owed(struct rig *r)
{
    struct lcp_job job = {.kind = LCP_JOB_NEWS, .numbers = NULL};
    struct lcp_batch *batch = &r->pump->batch;
    uint64_t count;

    strcpy(job.peer_name, "bob");
    REQUIRE(lcp_job_news(batch, &job) == LCP_OK);
    count = job.number_count;
    free(job.numbers);
    free(job.raw);
    return count;
}

static void
what_was_done_is_told_until_it_is_heard(void)
{
    struct rig *r = new_rig(true);
    struct lcp_receipt receipt;

    marked_from_bob(r, 1, ID_A, "hello");
    run_tasks(r);
    r->f.sent_count = 0;
    archive_all(r);
    REQUIRE(last_receipt(r, &receipt));
    CHECK(receipt.word == LCP_WORD_DONE && !receipt.entries[0].has_seq);
    CHECK_STR(receipt.entries[0].id, ID_A);
    CHECK(owed(r) == 1);
    r->f.sent_count = 0;
    r->f.now_ms += 3500;
    lcp_pump_tick(r->pump);
    run_tasks(r);
    CHECK(last_sent(r, LCP_PACKET_RECEIPT).len > 0);
    bob_acks(r, last_sent(r, LCP_PACKET_RECEIPT));
    CHECK(owed(r) == 0);
    r->f.sent_count = 0;
    for (int i = 0; i < 10; i++) {
        r->f.now_ms += 1000;
        lcp_pump_tick(r->pump);
        run_tasks(r);
    }
    CHECK(last_sent(r, LCP_PACKET_RECEIPT).len == 0);
    CHECK(r->pump->flights.count == 0 && r->pump->peers[0].news == NULL);
    free_rig(r);
}

static void
many_words_go_one_receipt_after_the_other(void)
{
    struct rig *r = new_rig(true);
    char id[LCP_ID_MAX + 1];
    struct lcp_receipt receipt;
    uint32_t told = 0;

    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof(id), "3f2b8a10-5d7c-4e2a-9b1f-0a1b2c3d4e%02d", i);
        marked_from_bob(r, (uint32_t)i, id, "x");
        run_tasks(r);
    }
    r->f.sent_count = 0;
    archive_all(r);
    while (told < 20 && last_receipt(r, &receipt)) {
        CHECK(receipt.word == LCP_WORD_DONE);
        told += receipt.count;
        bob_acks(r, last_sent(r, LCP_PACKET_RECEIPT)); /* and no time passes */
    }
    CHECK(told == 20);
    CHECK(owed(r) == 0);
    free_rig(r);
}

static void
a_start_tells_what_is_still_owed(void)
{
    struct rig *r = new_rig(true);
    char fault[LCP_CONF_FAULT_MAX];
    struct lcp_receipt receipt;

    marked_from_bob(r, 1, ID_A, "hello");
    run_tasks(r);
    archive_all(r);
    close_pump(r);
    r->f.sent_count = 0;
    REQUIRE(open_pump(r, fault) == LCP_OK);
    for (int i = 0; i < 5; i++) {
        r->f.now_ms += 1000;
        lcp_pump_tick(r->pump);
        run_tasks(r);
    }
    CHECK(!last_receipt(r, &receipt)); /* is he there at all? */
    bob_acks(r, last_sent(r, LCP_PACKET_HEARTBEAT));
    run_tasks(r);
    REQUIRE(last_receipt(r, &receipt));
    CHECK(receipt.word == LCP_WORD_DONE);
    free_rig(r);
}

static void
a_peer_that_left_takes_its_news_along(void)
{
    struct rig *r = new_rig(true);
    struct lcp_span packet;

    marked_from_bob(r, 1, ID_A, "hello");
    marked_from_bob(r, 2, ID_B, "hello"); /* is answered when bob has left */
    r->conf.peer_count = 0;
    REQUIRE(lcp_pump_reload(r->pump, &r->conf) == LCP_OK);
    run_tasks_but_the_writer(r);
    r->f.sent_count = 0;
    run_tasks(r);
    CHECK(last_sent(r, LCP_PACKET_RECEIPT).len == 0);
    r->conf.peer_count = 1;
    REQUIRE(lcp_pump_reload(r->pump, &r->conf) == LCP_OK);
    run_tasks(r);
    bob_acks(r, last_sent(r, LCP_PACKET_HEARTBEAT));
    archive_all(r);
    packet = last_sent(r, LCP_PACKET_RECEIPT);
    REQUIRE(packet.len > 0);
    r->conf.peer_count = 0;
    REQUIRE(lcp_pump_reload(r->pump, &r->conf) == LCP_OK);
    run_tasks(r);
    CHECK(r->pump->flights.count == 0);
    bob_acks(r, packet);
    for (uint32_t i = 0; i < r->pump->peers_max; i++)
        CHECK(r->pump->peers[i].news == NULL);
    free_rig(r);
}

/* ---- hellos ---- */

static void
a_fresh_hello_makes_a_peer_1_2_for_good(void)
{
    struct rig *r = new_rig(true);
    char raw[LCP_SIGNED_PAYLOAD_MAX], fault[LCP_CONF_FAULT_MAX];
    struct lcp_core_peer_view view;
    struct lcp_span packet;
    struct lcp_hello hello;

    packet_from_bob(r, LCP_PACKET_HEARTBEAT, 3, raw,
                    build_hello(&r->bob, "bob", "alice", 1, NULL, raw));
    run_tasks(r);
    packet = last_sent(r, LCP_PACKET_HEARTBEAT);
    REQUIRE(packet.len > LCP_HEADER_BYTES);
    REQUIRE(lcp_hello_parse(
                lcp_span(packet.data + LCP_HEADER_BYTES, packet.len - LCP_HEADER_BYTES),
                &scratch, &hello) == LCP_MSG_OK);
    CHECK(hello.has_echo && hello.echo[0] == 1);
    CHECK(lcp_core_peer_view(r->pump->core, r->f.now_ms, 0, &view));
    CHECK(!view.has_fresh_hello && view.version != LCP_VERSION_1_2);
    packet_from_bob(r, LCP_PACKET_HEARTBEAT, 4, raw,
                    build_hello(&r->bob, "bob", "alice", 2, hello.nonce, raw));
    run_tasks(r);
    CHECK(lcp_core_peer_view(r->pump->core, r->f.now_ms, 0, &view));
    CHECK(view.has_fresh_hello && view.is_online && view.version == LCP_VERSION_1_2);
    CHECK(strstr(r->f.log, "peer bob: speaks LCP/1.2") != NULL);
    close_pump(r);
    REQUIRE(open_pump(r, fault) == LCP_OK);
    CHECK(lcp_core_peer_view(r->pump->core, r->f.now_ms, 0, &view));
    CHECK(!view.has_fresh_hello && view.version == LCP_VERSION_1_2);
    free_rig(r);
}

/* Freshly echoed, and yet: while it was verified the peer got another key. */
static void
a_hello_of_a_former_key_is_worth_nothing(void)
{
    struct rig *r = new_rig(true);
    char raw[LCP_SIGNED_PAYLOAD_MAX];
    struct lcp_core_peer peer = {
        .name = "bob", .endpoint = r->from_bob, .has_key = true};
    struct lcp_core_peer_view view;
    struct lcp_span packet;
    struct lcp_hello hello;

    packet_from_bob(r, LCP_PACKET_HEARTBEAT, 3, raw,
                    build_hello(&r->bob, "bob", "alice", 1, NULL, raw));
    run_tasks(r);
    packet = last_sent(r, LCP_PACKET_HEARTBEAT);
    REQUIRE(lcp_hello_parse(
                lcp_span(packet.data + LCP_HEADER_BYTES, packet.len - LCP_HEADER_BYTES),
                &scratch, &hello) == LCP_MSG_OK);
    packet_from_bob(r, LCP_PACKET_HEARTBEAT, 4, raw,
                    build_hello(&r->bob, "bob", "alice", 2, hello.nonce, raw));
    memset(peer.key, 5, sizeof(peer.key));
    REQUIRE(lcp_core_peer_put(r->pump->core, r->f.now_ms, &peer, NULL) == LCP_OK);
    run_tasks(r);
    CHECK(lcp_core_peer_view(r->pump->core, r->f.now_ms, 0, &view));
    CHECK(!view.has_fresh_hello && !view.is_online);
    free_rig(r);
}

static void
a_first_hello_pins_unless_a_key_is_required(void)
{
    for (int required = 0; required < 2; required++) {
        struct rig *r = new_rig(false);
        char raw[LCP_SIGNED_PAYLOAD_MAX];
        struct lcp_core_peer_view view;

        r->conf.require_key = required;
        REQUIRE(lcp_pump_reload(r->pump, &r->conf) == LCP_OK);
        run_tasks(r);
        packet_from_bob(r, LCP_PACKET_HEARTBEAT, 3, raw,
                        build_hello(&r->bob, "bob", "alice", 1, NULL, raw));
        run_tasks(r);
        CHECK(lcp_core_peer_view(r->pump->core, r->f.now_ms, 0, &view));
        CHECK(view.has_key == !required);
        CHECK((strstr(r->f.log, "pinned at first contact") != NULL) == !required);
        free_rig(r);
    }
}

static void
each_start_has_a_name_of_its_own(void)
{
    struct rig *r = new_rig(true);
    char fault[LCP_CONF_FAULT_MAX], first[LCP_BOOT_CHARS + 1];

    memcpy(first, r->pump->boot, sizeof(first));
    CHECK(strlen(first) == LCP_BOOT_CHARS);
    close_pump(r);
    REQUIRE(open_pump(r, fault) == LCP_OK);
    CHECK(strcmp(first, r->pump->boot) != 0);
    free_rig(r);
}

/* ---- what a start remembers ---- */

static void
a_pause_is_known_after_a_start(void)
{
    struct rig *r = new_rig(true);
    struct lcp_store_peer row = {.is_paused = true};
    char fault[LCP_CONF_FAULT_MAX];

    CHECK(!r->pump->peers[0].is_paused && !r->pump->is_paused);
    REQUIRE(r->writer->ops->begin(r->writer) == LCP_OK);
    REQUIRE(r->writer->ops->peer_put(r->writer, "bob", &row) == LCP_OK);
    REQUIRE(r->writer->ops->commit(r->writer) == LCP_OK);
    close_pump(r);
    REQUIRE(open_pump(r, fault) == LCP_OK);
    CHECK(r->pump->peers[0].is_paused && !r->pump->is_paused);
    REQUIRE(r->writer->ops->begin(r->writer) == LCP_OK);
    REQUIRE(r->writer->ops->peer_put(r->writer, "", &row) == LCP_OK);
    REQUIRE(r->writer->ops->commit(r->writer) == LCP_OK);
    close_pump(r);
    REQUIRE(open_pump(r, fault) == LCP_OK);
    CHECK(r->pump->is_paused);
    free_rig(r);
}

static void
what_met_a_full_disk_goes_again_in_its_order(void)
{
    struct rig *r = new_rig(true);
    struct lcp_job *job;
    struct lcp_key key;
    char how[32];
    int64_t when;

    lcp_memory_disk_fail(r->disk, LCP_ENOSPACE);
    job = lcp_pump_job(r->pump, LCP_JOB_PIN, 0);
    REQUIRE(job != NULL);
    job->key = r->us.key;
    strcpy(job->how, "first");
    lcp_pump_enqueue(r->pump, job);
    job = lcp_pump_job(r->pump, LCP_JOB_PIN, 0);
    REQUIRE(job != NULL);
    job->key = r->bob.key;
    strcpy(job->how, "second");
    lcp_pump_enqueue(r->pump, job);
    lcp_pump_drain(r->pump);
    run_tasks(r);
    CHECK(r->pump->retry != NULL && r->pump->retry->next == r->pump->retry_last);
    lcp_memory_disk_fail(r->disk, LCP_OK);
    r->f.now_ms += 1500;
    lcp_pump_tick(r->pump);
    run_tasks(r);
    CHECK(r->pump->retry == NULL && r->pump->retry_last == NULL);
    REQUIRE(r->writer->ops->pin_get(r->writer, "bob", &key, how, &when) == LCP_OK);
    CHECK_STR(how, "second");
    free_rig(r);
}

static void
what_needs_no_disk_says_nothing_of_it(void)
{
    struct rig *r = new_rig(true);
    char raw[LCP_SIGNED_PAYLOAD_MAX];

    lcp_memory_disk_fail(r->disk, LCP_ENOSPACE);
    lcp_pump_save_life(r->pump, false);
    lcp_pump_drain(r->pump);
    run_tasks(r);
    CHECK(r->pump->degraded != NULL);
    packet_from_bob(r, LCP_PACKET_HEARTBEAT, 3, raw,
                    build_hello(&r->bob, "bob", "alice", 1, NULL, raw));
    run_tasks(r);
    CHECK(last_sent(r, LCP_PACKET_HEARTBEAT).len > 0);
    CHECK(r->pump->degraded != NULL);
    CHECK(strstr(r->f.log, "works again") == NULL);
    free_rig(r);
}

/* ---- policy and the loop guard ---- */

static void
a_policy_comes_with_the_configuration_and_goes_with_it(void)
{
    struct rig *r = new_rig(true);
    struct lcp_receipt receipt;

    r->peer.policy.hold = true;
    REQUIRE(lcp_pump_reload(r->pump, &r->conf) == LCP_OK);
    run_tasks(r);
    marked_from_bob(r, 1, ID_A, "hello");
    run_tasks(r);
    REQUIRE(last_receipt(r, &receipt));
    CHECK(receipt.word == LCP_WORD_HELD);
    CHECK_STR(receipt.reason, "policy");
    CHECK(strstr(r->f.log, "held (policy)") != NULL);
    CHECK(r->pump->next_expiry != 0);
    r->peer.policy.hold = false;
    REQUIRE(lcp_pump_reload(r->pump, &r->conf) == LCP_OK);
    run_tasks(r);
    CHECK(r->pump->peers[0].policy == NULL);
    marked_from_bob(r, 2, ID_B, "hello");
    run_tasks(r);
    REQUIRE(last_receipt(r, &receipt));
    CHECK(receipt.word == LCP_WORD_STORED);
    free_rig(r);
}

static void
send_one(struct rig *r, bool is_automatic)
{
    char request[128];

    snprintf(request, sizeof(request),
             "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"wait\":false%s}",
             is_automatic ? ",\"automatic\":true" : "");
    ask(r, request, true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"accepted\":true") != NULL);
}

static enum lcp_word
word_for(struct rig *r, int n)
{
    char id[LCP_ID_MAX + 1];
    struct lcp_receipt receipt;

    snprintf(id, sizeof(id), "id-%d", n);
    r->f.sent_count = 0;
    marked_from_bob(r, (uint32_t)n, id, "x");
    run_tasks(r);
    REQUIRE(last_receipt(r, &receipt));
    return receipt.word;
}

static struct rig *
looping_rig(uint32_t limit)
{
    struct rig *r = new_rig(true);

    r->conf.loop_limit = limit;
    REQUIRE(lcp_pump_reload(r->pump, &r->conf) == LCP_OK);
    run_tasks(r);
    return r;
}

static void
agents_that_answer_each_other_are_held_at_the_limit(void)
{
    struct rig *r = looping_rig(6);

    for (int i = 0; i < 3; i++) {
        CHECK(word_for(r, i) == LCP_WORD_STORED);
        send_one(r, true);
    }
    CHECK(word_for(r, 3) == LCP_WORD_HELD);
    CHECK(word_for(r, 4) == LCP_WORD_HELD);
    send_one(r, false); /* somebody wrote */
    CHECK(word_for(r, 5) == LCP_WORD_STORED);
    free_rig(r);
    r = looping_rig(6); /* ten minutes are enough too */
    for (int i = 0; i < 3; i++) {
        CHECK(word_for(r, i) == LCP_WORD_STORED);
        send_one(r, true);
    }
    CHECK(word_for(r, 3) == LCP_WORD_HELD);
    r->f.now_ms += LCP_LOOP_WINDOW_MS + 1;
    CHECK(word_for(r, 4) == LCP_WORD_STORED);
    free_rig(r);
}

static void
without_a_handler_there_is_no_loop(void)
{
    struct rig *r = looping_rig(6);

    for (int i = 0; i < 20; i++)
        CHECK(word_for(r, i) == LCP_WORD_STORED);
    free_rig(r);
    r = looping_rig(0); /* off */
    for (int i = 0; i < 20; i++) {
        CHECK(word_for(r, i) == LCP_WORD_STORED);
        send_one(r, true);
    }
    free_rig(r);
}

static void
one_batch_does_not_slip_past_the_guard(void)
{
    struct rig *r = looping_rig(6);
    char id[LCP_ID_MAX + 1];

    send_one(r, true);
    for (int i = 0; i < 10; i++) {
        snprintf(id, sizeof(id), "id-%d", i);
        marked_from_bob(r, (uint32_t)i, id, "x");
    }
    run_tasks(r);
    CHECK(status_says(r, "\"held\":5"));
    free_rig(r);
}

int
main(void)
{
    an_answer_follows_its_commit();
    a_full_disk_is_later_and_then_stored();
    who_waits_is_told_the_signed_state();
    later_stays_queued_and_goes_again();
    what_is_parked_and_offered_in_one_batch_is_whole();
    a_receipt_that_met_a_full_disk_comes_again();
    what_was_done_is_told_until_it_is_heard();
    many_words_go_one_receipt_after_the_other();
    a_start_tells_what_is_still_owed();
    a_peer_that_left_takes_its_news_along();
    a_fresh_hello_makes_a_peer_1_2_for_good();
    a_hello_of_a_former_key_is_worth_nothing();
    a_first_hello_pins_unless_a_key_is_required();
    each_start_has_a_name_of_its_own();
    a_pause_is_known_after_a_start();
    what_met_a_full_disk_goes_again_in_its_order();
    what_needs_no_disk_says_nothing_of_it();
    a_policy_comes_with_the_configuration_and_goes_with_it();
    agents_that_answer_each_other_are_held_at_the_limit();
    without_a_handler_there_is_no_loop();
    one_batch_does_not_slip_past_the_guard();
    return check_end("news");
}
