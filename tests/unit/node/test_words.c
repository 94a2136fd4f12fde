/* SPDX-License-Identifier: MIT
 *
 * Receipts both ways, hellos and versions: what the writer's hand makes of them.
 */
#include "writer.h"

/* A message of ours to this peer; returns its number, its digest in entry. */
static uint64_t
sent(struct hand *h, const char *id, const char *peer, struct lcp_receipt_entry *entry)
{
    struct lcp_job *job;
    uint64_t number;

    empty_hand(h);
    job = take_up(h, LCP_JOB_SEND);
    strcpy(job->peer_name, peer);
    strcpy(job->id, id);
    strcpy(job->type, "chat");
    job->text = calloc(1, 8);
    REQUIRE(job->text != NULL);
    memcpy(job->text, "hello", 5);
    job->text_len = 5;
    job->ttl_s = 60;
    run(h);
    REQUIRE(job->err == LCP_OK);
    *entry = (struct lcp_receipt_entry){.has_seq = true, .seq = 77};
    strcpy(entry->id, id);
    mail_digest(lcp_span(job->raw, job->raw_len), entry->digest);
    number = job->number;
    empty_hand(h);
    return number;
}

static struct lcp_job *
receive(struct hand *h, const struct lcp_identity *signer, enum lcp_word word,
        const struct lcp_receipt_entry *entries, uint32_t count)
{
    char raw[LCP_SIGNED_PAYLOAD_MAX];
    struct lcp_job *job;

    empty_hand(h);
    job = take_up(h, LCP_JOB_RECEIPT);
    give_raw(job, raw,
             build_receipt(signer, "bob", "alice", word, entries, count, raw));
    job->key = signer->key;
    run(h);
    return job;
}

static int
out_state(struct hand *h, const char *id)
{
    struct lcp_row row = {0};

    REQUIRE(h->store->ops->find_out(h->store, id, &row) == LCP_OK);
    return row.state;
}

static void
force(struct hand *h, uint64_t number, int state)
{
    bool moved;

    REQUIRE(h->store->ops->begin(h->store) == LCP_OK);
    REQUIRE(lcp_store_set_state(h->store, LCP_OUT, number, state, "ttl", 1, &moved) ==
            LCP_OK);
    REQUIRE(h->store->ops->commit(h->store) == LCP_OK);
}

struct evidence {
    uint8_t bytes[LCP_SIGNED_PAYLOAD_MAX];
    size_t len;
    char reason[LCP_REASON_MAX + 1];
};

static bool
copy_evidence(void *ctx, const struct lcp_row *row)
{
    struct evidence *e = ctx;

    e->len = row->evidence.len;
    if (e->len > 0)
        memcpy(e->bytes, row->evidence.data, e->len);
    snprintf(e->reason, sizeof(e->reason), "%s", row->reason);
    return false;
}

static void
a_receipt_moves_a_message_and_stays_as_evidence(void)
{
    struct hand *h = new_hand(true);
    struct lcp_receipt_entry entry;
    struct evidence e = {.len = 0};
    uint64_t number = sent(h, ID_A, "bob", &entry);
    struct lcp_job *job = receive(h, &h->bob, LCP_WORD_STORED, &entry, 1);

    CHECK(job->admission == LCP_ADM_STORED && job->word_count == 1);
    CHECK(job->words[0].number == number && job->words[0].has_seq &&
          job->words[0].seq == 77 && !job->words[0].is_later);
    CHECK(job->word_states[0] == LCP_SENT_STORED && job->foreign_count == 0);
    CHECK(out_state(h, ID_A) == LCP_SENT_STORED);
    job = receive(h, &h->bob, LCP_WORD_REFUSED, &entry, 1);
    CHECK(job->word_states[0] == LCP_SENT_REFUSED);
    CHECK(h->store->ops->get(h->store, number, copy_evidence, &e) == LCP_OK);
    CHECK(e.len == job->raw_len && memcmp(e.bytes, job->raw, e.len) == 0);
    CHECK_STR(e.reason, "declined");
    job = receive(h, &h->bob, LCP_WORD_DONE, &entry, 1); /* the first of the two wins */
    CHECK(job->word_states[0] == -1 && job->words[0].number == number);
    CHECK(out_state(h, ID_A) == LCP_SENT_REFUSED);
    free_hand(h);
}

static void
signed_evidence_overrides_what_we_thought(void)
{
    static const struct {
        const char *label;
        int before;
    } rows[] = {{"acked", LCP_SENT_ACKED},
                {"expired", LCP_SENT_EXPIRED},
                {"cancelled", LCP_SENT_CANCELLED}};

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct hand *h = new_hand(true);
        struct lcp_receipt_entry entry;

        force(h, sent(h, ID_A, "bob", &entry), rows[i].before);
        CHECK_ROW(rows[i].label, out_state(h, ID_A) == rows[i].before);
        (void)receive(h, &h->bob, LCP_WORD_STORED, &entry, 1);
        CHECK_ROW(rows[i].label, out_state(h, ID_A) == LCP_SENT_STORED);
        free_hand(h);
    }
}

static void
a_word_about_other_content_says_nothing(void)
{
    struct hand *h = new_hand(true);
    struct lcp_receipt_entry entries[3];
    struct lcp_job *job;

    (void)sent(h, ID_A, "bob", &entries[0]);
    (void)sent(h, ID_B, "carol", &entries[1]);
    entries[0].digest[3] ^= 1;
    entries[2] = entries[1];
    strcpy(entries[2].id, ID_C);
    job = receive(h, &h->bob, LCP_WORD_READ, entries, 3);
    CHECK(job->admission == LCP_ADM_STORED); /* it is acknowledged all the same */
    CHECK(job->word_count == 3 && job->foreign_count == 3);
    for (int i = 0; i < 3; i++)
        CHECK(job->words[i].number == 0 && job->words[i].seq == 77);
    CHECK(out_state(h, ID_A) == LCP_SENT_QUEUED);
    CHECK(out_state(h, ID_B) == LCP_SENT_QUEUED);
    free_hand(h);
}

static void
only_the_pinned_key_speaks_for_a_peer(void)
{
    struct hand *h = new_hand(true);
    struct lcp_receipt_entry entry;
    struct lcp_job *job;

    (void)sent(h, ID_A, "bob", &entry);
    job = receive(h, &h->us, LCP_WORD_STORED, &entry, 1);
    CHECK(job->admission == LCP_ADM_REFUSED && job->word_count == 0);
    empty_hand(h);
    job = take_up(h, LCP_JOB_RECEIPT);
    {
        char raw[LCP_SIGNED_PAYLOAD_MAX];
        size_t len = build_receipt(&h->bob, "bob", "alice", LCP_WORD_READ, &entry, 1,
                                   raw);

        memcpy(strstr(raw, "\"read\"") + 1, "done", 4);
        give_raw(job, raw, len);
    }
    run(h);
    CHECK(job->admission == LCP_ADM_BADSIG && job->word_count == 0);
    CHECK(out_state(h, ID_A) == LCP_SENT_QUEUED);
    free_hand(h);
    h = new_hand(false); /* nobody is pinned: nobody speaks */
    (void)sent(h, ID_A, "bob", &entry);
    job = receive(h, &h->bob, LCP_WORD_STORED, &entry, 1);
    CHECK(job->admission == LCP_ADM_REFUSED);
    CHECK(out_state(h, ID_A) == LCP_SENT_QUEUED);
    free_hand(h);
}

static void
later_changes_no_state(void)
{
    struct hand *h = new_hand(true);
    struct lcp_receipt_entry entry;
    uint64_t number = sent(h, ID_A, "bob", &entry);
    struct lcp_job *job = receive(h, &h->bob, LCP_WORD_LATER, &entry, 1);

    CHECK(job->words[0].number == number && job->words[0].is_later);
    CHECK(job->words[0].retry_ms == 30000 && job->word_states[0] == -1);
    CHECK(out_state(h, ID_A) == LCP_SENT_QUEUED);
    free_hand(h);
}

/* Of a home of the first issue's the digest is found by looking at the message. */
static void
a_row_without_digest_is_compared_by_its_content(void)
{
    struct hand *h = new_hand(true);
    static char raw[LCP_PAYLOAD_MAX];
    struct lcp_draft draft = {.id = ID_A,
                              .from = "alice",
                              .to = "bob",
                              .type = "chat",
                              .message = lcp_span_str("old")};
    size_t len = legacy_mail(&h->us, &draft, raw);
    struct lcp_row row = {.dir = LCP_OUT,
                          .state = LCP_SENT_ACKED,
                          .peer = "bob",
                          .key = h->us.key,
                          .id = ID_A,
                          .type = "chat",
                          .reply_to = "",
                          .reason = "",
                          .detail = "",
                          .raw = lcp_span(raw, len)};
    struct lcp_receipt_entry entry = {.has_seq = false};
    uint64_t number;

    REQUIRE(h->store->ops->begin(h->store) == LCP_OK);
    REQUIRE(h->store->ops->add(h->store, &row, &number) == LCP_OK);
    REQUIRE(h->store->ops->commit(h->store) == LCP_OK);
    strcpy(entry.id, ID_A);
    (void)receive(h, &h->bob, LCP_WORD_READ, &entry, 1);
    CHECK(out_state(h, ID_A) == LCP_SENT_ACKED);
    mail_digest(lcp_span(raw, len), entry.digest);
    (void)receive(h, &h->bob, LCP_WORD_READ, &entry, 1);
    CHECK(out_state(h, ID_A) == LCP_SENT_READ);
    free_hand(h);
}

static int
known_version(struct hand *h)
{
    struct lcp_store_peer known;

    REQUIRE(h->store->ops->peer_get(h->store, "bob", &known) == LCP_OK);
    return known.version;
}

static void
a_receipt_proves_the_version_and_only_a_person_takes_it_back(void)
{
    struct hand *h = new_hand(true);
    struct lcp_receipt_entry entry;
    struct lcp_job *job;

    (void)sent(h, ID_A, "bob", &entry);
    CHECK(known_version(h) == 0);
    (void)receive(h, &h->bob, LCP_WORD_STORED, &entry, 1);
    CHECK(known_version(h) == LCP_VERSION_1_2);
    empty_hand(h);
    job = take_up(h, LCP_JOB_VERSION);
    job->version = LCP_VERSION_1_1;
    run(h);
    CHECK(known_version(h) == LCP_VERSION_1_2);
    job->client = 1;
    run(h);
    CHECK(known_version(h) == LCP_VERSION_1_1);
    empty_hand(h);
    job = take_up(h, LCP_JOB_VERSION);
    job->version = LCP_VERSION_1_2;
    strcpy(job->peer_name, "gone"); /* without a pin it was removed meanwhile */
    run(h);
    {
        struct lcp_store_peer known;

        REQUIRE(h->store->ops->peer_get(h->store, "gone", &known) == LCP_OK);
        CHECK(known.version == 0 && job->err == LCP_OK);
    }
    free_hand(h);
}

static void
a_peer_that_is_removed_leaves_no_version(void)
{
    struct hand *h = new_hand(true);
    struct lcp_receipt_entry entry;

    (void)sent(h, ID_A, "bob", &entry);
    (void)receive(h, &h->bob, LCP_WORD_STORED, &entry, 1);
    CHECK(known_version(h) == LCP_VERSION_1_2);
    empty_hand(h);
    (void)take_up(h, LCP_JOB_UNPIN);
    run(h);
    CHECK(known_version(h) == 0); /* another one of this name may speak 1.1 */
    free_hand(h);
}

/* To end a pause is a person's to do, and its mail stays. */
static void
a_peer_that_is_removed_stays_paused(void)
{
    struct hand *h = new_hand(true);
    struct lcp_store_peer known = {.version = LCP_VERSION_1_2, .is_paused = true};
    struct lcp_job *job;

    REQUIRE(h->store->ops->begin(h->store) == LCP_OK &&
            h->store->ops->peer_put(h->store, "bob", &known) == LCP_OK &&
            h->store->ops->commit(h->store) == LCP_OK);
    (void)take_up(h, LCP_JOB_UNPIN);
    run(h);
    REQUIRE(h->store->ops->peer_get(h->store, "bob", &known) == LCP_OK);
    CHECK(known.is_paused && known.version == 0);
    for (int i = 0; i < 2; i++) {
        empty_hand(h);
        job = take_up(h, LCP_JOB_PAUSE);
        job->all = job->is_stranger = true;
        run(h);
        CHECK(job->err == (i == 0 ? LCP_OK : LCP_ENOTFOUND));
        REQUIRE(h->store->ops->peer_get(h->store, "bob", &known) == LCP_OK);
        CHECK(!known.is_paused);
    }
    free_hand(h);
}

/* ---- our word ---- */

static struct lcp_job *
ask_news(struct hand *h, struct lcp_receipt *out)
{
    struct lcp_job *job;

    empty_hand(h);
    job = take_up(h, LCP_JOB_NEWS);
    run(h);
    CHECK(job->err == LCP_OK);
    if (job->number_count > 0) {
        REQUIRE(lcp_receipt_parse(lcp_span(job->raw, job->raw_len), &scratch, out) ==
                LCP_MSG_OK);
        CHECK(lcp_signed_verify(&out->object, &scratch));
    }
    return job;
}

static void
tell(struct hand *h, const struct lcp_job *news)
{
    uint64_t numbers[LCP_RECEIPT_ENTRIES_MAX];
    uint32_t count = news->number_count;
    int state = news->state;
    struct lcp_job *job;

    memcpy(numbers, news->numbers, count * sizeof(numbers[0]));
    empty_hand(h);
    job = take_up(h, LCP_JOB_TOLD);
    job->numbers = calloc(LCP_RECEIPT_ENTRIES_MAX, sizeof(numbers[0]));
    REQUIRE(job->numbers != NULL);
    memcpy(job->numbers, numbers, count * sizeof(numbers[0]));
    job->number_count = count;
    job->state = state;
    run(h);
    CHECK(job->err == LCP_OK);
}

static void
news_are_told_one_state_at_a_time(void)
{
    struct hand *h = new_hand(true);
    struct lcp_receipt receipt;
    struct lcp_job *job;

    (void)admit_one(h, ID_A, "chat", "x", true);
    (void)admit_one(h, ID_B, "chat", "x", true);
    (void)admit_one(h, ID_C, "chat", "x", false);    /* its sender takes no receipts */
    CHECK(ask_news(h, &receipt)->number_count == 0); /* the answers said it */
    move(h, ID_A, LCP_IN_HANDED);
    move(h, ID_B, LCP_IN_ARCHIVED);
    move(h, ID_C, LCP_IN_ARCHIVED);
    job = ask_news(h, &receipt);
    CHECK(job->number_count == 1 && receipt.count == 1);
    CHECK(receipt.word == LCP_WORD_READ && !receipt.entries[0].has_seq);
    CHECK_STR(receipt.entries[0].id, ID_A);
    tell(h, job);
    job = ask_news(h, &receipt);
    CHECK(job->number_count == 1 && receipt.word == LCP_WORD_DONE);
    CHECK_STR(receipt.entries[0].id, ID_B);
    tell(h, job);
    CHECK(ask_news(h, &receipt)->number_count == 0);
    free_hand(h);
}

static void
what_moved_on_meanwhile_is_still_owed(void)
{
    struct hand *h = new_hand(true);
    struct lcp_receipt receipt;
    struct lcp_job *job;

    (void)admit_one(h, ID_A, "chat", "x", true);
    move(h, ID_A, LCP_IN_HANDED);
    job = ask_news(h, &receipt);
    CHECK(receipt.word == LCP_WORD_READ);
    move(h, ID_A, LCP_IN_REFUSED);
    tell(h, job);
    job = ask_news(h, &receipt);
    CHECK(job->number_count == 1 && receipt.word == LCP_WORD_REFUSED);
    CHECK_STR(receipt.reason, "declined");
    free_hand(h);
}

static void
many_news_fit_their_packets(void)
{
    struct hand *h = new_hand(true);
    struct lcp_receipt receipt;
    char id[LCP_ID_MAX + 1];
    int told = 0;

    for (int i = 0; i < 40; i++) {
        snprintf(id, sizeof(id), "3f2b8a10-5d7c-4e2a-9b1f-0a1b2c3d4e%02d", i);
        (void)admit_one(h, id, "chat", "x", true);
        move(h, id, LCP_IN_HANDED);
    }
    for (int round = 0; round < 8 && told < 40; round++) {
        struct lcp_job *job = ask_news(h, &receipt);

        CHECK(job->raw_len <= LCP_SIGNED_PAYLOAD_MAX);
        CHECK(job->number_count > 5 || told + (int)job->number_count == 40);
        CHECK(job->number_count == receipt.count);
        told += (int)job->number_count;
        tell(h, job);
    }
    CHECK(told == 40);
    CHECK(ask_news(h, &receipt)->number_count == 0);
    free_hand(h);
}

/* ---- hellos ---- */

static struct lcp_job *
greet(struct hand *h, const struct lcp_identity *signer, bool is_first_contact)
{
    char raw[LCP_SIGNED_PAYLOAD_MAX];
    struct lcp_job *job;

    empty_hand(h);
    job = take_up(h, LCP_JOB_HELLO);
    give_raw(job, raw, build_hello(signer, "bob", "alice", 1, NULL, raw));
    job->key = signer->key;
    job->is_first_contact = is_first_contact;
    run(h);
    return job;
}

static void
a_hello_needs_no_disk_unless_it_pins(void)
{
    struct hand *h = new_hand(true);
    struct lcp_job *job;

    lcp_memory_disk_fail(h->disk, LCP_ENOSPACE);
    job = greet(h, &h->bob, false);
    CHECK(job->err == LCP_OK && job->admission == LCP_ADM_STORED);
    CHECK(h->batch.err == LCP_OK && !h->batch.is_committed);
    empty_hand(h);
    job = take_up(h, LCP_JOB_HELLO_SIGN);
    (void)admit(h, ID_A, "chat", "x", true);
    run(h);
    CHECK(job->err == LCP_OK && job->raw_len > 0 && h->batch.err == LCP_ENOSPACE);
    free_hand(h);
    h = new_hand(false);
    lcp_memory_disk_fail(h->disk, LCP_ENOSPACE);
    CHECK(greet(h, &h->bob, true)->err == LCP_ENOSPACE);
    lcp_memory_disk_fail(h->disk, LCP_OK);
    job = greet(h, &h->bob, true);
    CHECK(job->err == LCP_OK && job->has_pinned && job->admission == LCP_ADM_STORED);
    CHECK(greet(h, &h->us, true)->admission == LCP_ADM_REFUSED);
    free_hand(h);
    h = new_hand(false);
    h->batch.require_key = true;
    job = greet(h, &h->bob, true);
    CHECK(job->admission == LCP_ADM_REFUSED && !job->has_pinned);
    free_hand(h);
}

static void
a_hello_that_nobody_signed_is_none(void)
{
    struct hand *h = new_hand(false);
    char raw[LCP_SIGNED_PAYLOAD_MAX];
    struct lcp_job *job = take_up(h, LCP_JOB_HELLO);
    size_t len = build_hello(&h->bob, "bob", "alice", 1, NULL, raw);

    strstr(raw, "0123456789abcdef")[0] = '1';
    give_raw(job, raw, len);
    job->key = h->bob.key;
    job->is_first_contact = true;
    run(h);
    CHECK(job->err == LCP_OK && job->admission == LCP_ADM_BADSIG && !job->has_pinned);
    free_hand(h);
}

static void
a_hello_of_ours_says_who_and_echoes(void)
{
    struct hand *h = new_hand(true);
    struct lcp_job *job = take_up(h, LCP_JOB_HELLO_SIGN);
    struct lcp_hello hello;

    memset(job->nonce, 7, sizeof(job->nonce));
    memset(job->echo, 9, sizeof(job->echo));
    job->has_echo = true;
    run(h);
    REQUIRE(lcp_hello_parse(lcp_span(job->raw, job->raw_len), &scratch, &hello) ==
            LCP_MSG_OK);
    CHECK(lcp_signed_verify(&hello.object, &scratch));
    CHECK(lcp_signed_is(&hello.object, hello.object.from, "alice"));
    CHECK(lcp_signed_is(&hello.object, hello.object.to, "bob"));
    CHECK(hello.has_echo && hello.echo[7] == 9 && hello.nonce[7] == 7);
    CHECK(hello.is_1_2 && hello.max == LCP_PAYLOAD_MAX);
    CHECK_STR(hello.boot, h->batch.boot);
    free_hand(h);
}

int
main(void)
{
    a_receipt_moves_a_message_and_stays_as_evidence();
    signed_evidence_overrides_what_we_thought();
    a_word_about_other_content_says_nothing();
    only_the_pinned_key_speaks_for_a_peer();
    later_changes_no_state();
    a_row_without_digest_is_compared_by_its_content();
    a_receipt_proves_the_version_and_only_a_person_takes_it_back();
    a_peer_that_is_removed_leaves_no_version();
    a_peer_that_is_removed_stays_paused();
    news_are_told_one_state_at_a_time();
    what_moved_on_meanwhile_is_still_owed();
    many_news_fit_their_packets();
    a_hello_needs_no_disk_unless_it_pins();
    a_hello_that_nobody_signed_is_none();
    a_hello_of_ours_says_who_and_echoes();
    return check_end("words");
}
