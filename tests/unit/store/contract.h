/* SPDX-License-Identifier: MIT
 *
 * The contract of store.h as tests. Each implementation's program runs it by
 * contract_run(); a store that passes may replace the other.
 */
#ifndef LCP_TESTS_STORE_CONTRACT_H
#define LCP_TESTS_STORE_CONTRACT_H

#include "store/store.h"

#include "check.h"

/* How to get at one implementation. clear makes the record empty; no handle is open. */
struct contract {
    struct lcp_store *(*open)(bool read_only);
    void (*clear)(void);
};

static struct contract contract;
static const uint8_t canon[LCP_DIGEST_BYTES] = {0xca}; /* of what is signed anew */

/* Text of the rows a walk handed out: "number:id:state ". */
struct rows {
    char text[4096];
    size_t len;
    unsigned count, stop_after; /* 0: to the end */
    uint64_t changed;
    struct lcp_row last; /* its spans are gone */
    char raw[256], file[LCP_FILE_NAME_MAX], reason[64], type[LCP_TYPE_MAX + 1];
    char detail[LCP_DETAIL_MAX + 1], evidence[256];
    char peer[LCP_NAME_MAX + 1], reply_to[LCP_ID_MAX + 1], id[LCP_ID_MAX + 1];
};

static bool
rows_take(void *ctx, const struct lcp_row *row)
{
    struct rows *rows = ctx;
    int n = snprintf(rows->text + rows->len, sizeof(rows->text) - rows->len, "%s%llu",
                     rows->count ? " " : "", (unsigned long long)row->number);

    REQUIRE(n > 0 && rows->len + (size_t)n < sizeof(rows->text));
    rows->len += (size_t)n;
    rows->count++;
    rows->last = *row;
    rows->changed = row->changed;
    snprintf(rows->raw, sizeof(rows->raw), "%.*s", (int)row->raw.len,
             row->raw.len ? (const char *)row->raw.data : "");
    snprintf(rows->file, sizeof(rows->file), "%s", row->file);
    snprintf(rows->reason, sizeof(rows->reason), "%s", row->reason);
    snprintf(rows->detail, sizeof(rows->detail), "%s", row->detail);
    snprintf(rows->evidence, sizeof(rows->evidence), "%.*s", (int)row->evidence.len,
             row->evidence.len ? (const char *)row->evidence.data : "");
    snprintf(rows->type, sizeof(rows->type), "%s", row->type);
    snprintf(rows->peer, sizeof(rows->peer), "%s", row->peer);
    snprintf(rows->reply_to, sizeof(rows->reply_to), "%s", row->reply_to);
    snprintf(rows->id, sizeof(rows->id), "%s", row->id);
    return rows->count != rows->stop_after;
}

static struct lcp_row
incoming(const char *id, uint8_t key)
{
    struct lcp_row row = {.dir = LCP_IN,
                          .state = LCP_IN_STORED,
                          .peer = "bob",
                          .id = id,
                          .type = "chat",
                          .reply_to = "",
                          .raw = lcp_span_str("{\"in\":1}"),
                          .wall_ms = 1000,
                          .state_wall_ms = 1000};

    row.key.bytes[0] = key;
    row.digest[0] = key;
    return row;
}

static struct lcp_row
outgoing(const char *id, const char *peer)
{
    struct lcp_row row = incoming(id, 9);

    row.dir = LCP_OUT;
    row.state = LCP_SENT_QUEUED;
    row.peer = peer;
    row.raw = lcp_span_str("{\"out\":1}");
    return row;
}

static uint64_t
add(struct lcp_store *s, struct lcp_row row)
{
    uint64_t number = 0;

    REQUIRE(s->ops->add(s, &row, &number) == LCP_OK);
    return number;
}

static struct lcp_store *
open_and_begin(void)
{
    struct lcp_store *s;

    contract.clear();
    s = contract.open(false);
    REQUIRE(s->ops->begin(s) == LCP_OK);
    return s;
}

static const struct rows *
get(struct lcp_store *s, uint64_t number)
{
    static struct rows rows;

    memset(&rows, 0, sizeof(rows));
    REQUIRE(s->ops->get(s, number, rows_take, &rows) == LCP_OK);
    REQUIRE(rows.count == 1);
    return &rows;
}

static void
move_to(struct lcp_store *s, enum lcp_direction dir, uint64_t number, int state,
        int64_t wall_ms)
{
    bool moved = false;

    REQUIRE(lcp_store_set_state(s, dir, number, state, NULL, wall_ms, &moved) ==
            LCP_OK);
    REQUIRE(moved);
}

static void
numbers_grow_over_both_directions_and_survive_the_handle(void)
{
    struct lcp_store *s = open_and_begin();

    CHECK(add(s, incoming("a", 1)) == 1);
    CHECK(add(s, outgoing("b", "bob")) == 2);
    CHECK(s->ops->commit(s) == LCP_OK);
    CHECK(s->ops->changed(s) == 2);
    s->ops->close(s);
    s = contract.open(false);
    CHECK(s->ops->changed(s) == 2);
    CHECK(s->ops->begin(s) == LCP_OK);
    CHECK(add(s, incoming("c", 1)) == 3);
    CHECK(s->ops->changed(s) == 3);
    CHECK(s->ops->commit(s) == LCP_OK);
    CHECK_STR(get(s, 1)->id, "a");
    s->ops->close(s);
}

static void
a_batch_that_is_rolled_back_leaves_nothing(void)
{
    struct lcp_store *s = open_and_begin();
    struct lcp_row row, probe = incoming("b", 1);
    struct lcp_store_counts counts;
    struct lcp_key key;
    char how[32];
    int64_t value = 7;

    add(s, incoming("a", 1));
    CHECK(s->ops->meta_put(s, "life", 5) == LCP_OK);
    CHECK(s->ops->commit(s) == LCP_OK);

    CHECK(s->ops->begin(s) == LCP_OK);
    CHECK(add(s, probe) == 2);
    move_to(s, LCP_IN, 1, LCP_IN_HANDED, 2000);
    CHECK(s->ops->meta_put(s, "life", 6) == LCP_OK);
    CHECK(s->ops->pin_put(s, "bob", &probe.key, "config", 1) == LCP_OK);
    CHECK(s->ops->add_seen_any(s, "seen") == LCP_OK);
    CHECK(s->ops->changed(s) == 3);
    s->ops->rollback(s);
    CHECK(s->ops->changed(s) == 1);
    CHECK(s->ops->find_in(s, &probe.key, "b", &row) == LCP_ENOTFOUND);
    CHECK(s->ops->find_in(s, &probe.key, "seen", &row) == LCP_ENOTFOUND);
    CHECK(s->ops->pin_get(s, "bob", &key, how, &value) == LCP_ENOTFOUND);
    CHECK(s->ops->meta_get(s, "life", &value) == LCP_OK && value == 5);
    CHECK(get(s, 1)->last.state == LCP_IN_STORED);
    CHECK(s->ops->counts(s, &counts) == LCP_OK);
    CHECK(counts.total == 1 && counts.inbox == 1 && counts.unhanded == 1);

    /* A number that no commit promised is free again. */
    CHECK(s->ops->begin(s) == LCP_OK);
    CHECK(add(s, incoming("c", 1)) == 2);
    CHECK(s->ops->changed(s) == 2);
    CHECK(s->ops->commit(s) == LCP_OK);
    s->ops->rollback(s); /* accepts any state */
    s->ops->rollback(s);
    CHECK_STR(get(s, 2)->id, "c");
    s->ops->close(s);
}

static void
a_crash_forgets_the_open_batch_and_nothing_else(void)
{
    struct lcp_store *s = open_and_begin();

    add(s, incoming("a", 1));
    CHECK(s->ops->commit(s) == LCP_OK);
    CHECK(s->ops->begin(s) == LCP_OK);
    add(s, incoming("b", 1));
    move_to(s, LCP_IN, 1, LCP_IN_ARCHIVED, 5);
    s->ops->close(s);
    s = contract.open(false);
    CHECK(s->ops->changed(s) == 1);
    CHECK(get(s, 1)->last.state == LCP_IN_STORED);
    CHECK(s->ops->get(s, 2, rows_take, &(struct rows){.len = 0}) == LCP_ENOTFOUND);
    s->ops->close(s);
}

static void
readers_see_commits_only_and_write_nothing(void)
{
    struct lcp_store *s = open_and_begin(), *reader;
    struct lcp_row row = incoming("x", 1);
    struct lcp_store_counts counts = {0};
    uint64_t number;
    bool moved;

    add(s, incoming("a", 1));
    CHECK(s->ops->commit(s) == LCP_OK);
    reader = contract.open(true);
    CHECK(s->ops->begin(s) == LCP_OK);
    add(s, incoming("b", 1));
    move_to(s, LCP_IN, 1, LCP_IN_HANDED, 5);
    CHECK(get(reader, 1)->last.state == LCP_IN_STORED);
    CHECK(reader->ops->changed(reader) == 1);
    CHECK(reader->ops->counts(reader, &counts) == LCP_OK && counts.total == 1);
    CHECK(get(s, 1)->last.state == LCP_IN_HANDED);
    CHECK(s->ops->commit(s) == LCP_OK);
    CHECK(reader->ops->changed(reader) == 3);
    CHECK_STR(get(reader, 2)->id, "b");

    CHECK(reader->ops->begin(reader) == LCP_EPERM);
    CHECK(reader->ops->commit(reader) == LCP_EPERM);
    CHECK(reader->ops->add(reader, &row, &number) == LCP_EPERM);
    CHECK(lcp_store_set_state(reader, LCP_IN, 1, LCP_IN_ARCHIVED, NULL, 1, &moved) ==
          LCP_EPERM);
    CHECK(reader->ops->meta_put(reader, "life", 1) == LCP_EPERM);
    CHECK(reader->ops->pin_put(reader, "bob", &row.key, "config", 1) == LCP_EPERM);
    CHECK(reader->ops->pin_del(reader, "bob") == LCP_EPERM);
    CHECK(reader->ops->add_seen_any(reader, "x") == LCP_EPERM);
    CHECK(reader->ops->set_told(reader, 1, 0) == LCP_EPERM);
    CHECK(reader->ops->peer_put(reader, "bob", &(struct lcp_store_peer){0}) ==
          LCP_EPERM);
    CHECK(reader->ops->peer_del(reader, "bob") == LCP_EPERM);
    CHECK(reader->ops->audit_add(reader, &(struct lcp_audit){.what = "resume"}) ==
          LCP_EPERM);
    CHECK(reader->ops->checkpoint(reader, true) == LCP_EPERM);
    reader->ops->rollback(reader);
    reader->ops->close(reader);
    s->ops->close(s);
}

static void
nothing_is_written_outside_a_batch(void)
{
    struct lcp_store *s = open_and_begin();
    struct lcp_row row = incoming("a", 1);
    uint64_t number = 0;
    bool moved;

    CHECK(s->ops->begin(s) == LCP_EINVAL);
    CHECK(s->ops->checkpoint(s, true) == LCP_EINVAL);
    CHECK(s->ops->commit(s) == LCP_OK);
    CHECK(s->ops->commit(s) == LCP_EINVAL);
    CHECK(s->ops->add(s, &row, &number) == LCP_EINVAL);
    CHECK(lcp_store_set_state(s, LCP_IN, 1, LCP_IN_HANDED, NULL, 1, &moved) ==
          LCP_EINVAL);
    CHECK(s->ops->set_transmitted(s, 1) == LCP_EINVAL);
    CHECK(s->ops->resign(s, 1, row.raw, &row.key, canon) == LCP_EINVAL);
    CHECK(s->ops->purge(s, 1, 1, &number) == LCP_EINVAL);
    CHECK(s->ops->meta_put(s, "life", 1) == LCP_EINVAL);
    CHECK(s->ops->set_told(s, 1, 0) == LCP_EINVAL);
    CHECK(s->ops->peer_put(s, "bob", &(struct lcp_store_peer){0}) == LCP_EINVAL);
    CHECK(s->ops->peer_del(s, "bob") == LCP_EINVAL);
    CHECK(s->ops->audit_add(s, &(struct lcp_audit){.what = "resume"}) == LCP_EINVAL);
    CHECK(s->ops->checkpoint(s, false) == LCP_OK);
    CHECK(s->ops->checkpoint(s, true) == LCP_OK);
    s->ops->close(s);
}

static void
a_message_is_read_back_whole(void)
{
    struct lcp_store *s = open_and_begin();
    struct lcp_row row = outgoing("0b9f3f0e-6d0c-4c4e-9a1f-0123456789ab", "bob");
    const struct rows *got;

    row.type = "task";
    row.reply_to = "earlier";
    row.reason = "because";
    row.detail = "because of that";
    row.evidence = lcp_span_str("{\"receipt\":1}");
    row.wants_receipts = row.owes = true;
    memset(row.canon_digest, 0xc3, sizeof(row.canon_digest));
    row.was_transmitted = true;
    row.expires_life_ms = UINT64_C(1) << 40;
    row.wall_ms = -5;
    row.state_wall_ms = INT64_C(1) << 50;
    memset(row.key.bytes, 0xa5, sizeof(row.key.bytes));
    memset(row.digest, 0x5a, sizeof(row.digest));
    add(s, row);
    got = get(s, 1);
    CHECK(got->last.number == 1 && got->last.changed == 1 && got->last.dir == LCP_OUT);
    CHECK(got->last.state == LCP_SENT_QUEUED && got->last.was_transmitted);
    CHECK_STR(got->id, row.id);
    CHECK_STR(got->peer, "bob");
    CHECK_STR(got->type, "task");
    CHECK_STR(got->reply_to, "earlier");
    CHECK_STR(got->reason, "because");
    CHECK_STR(got->raw, "{\"out\":1}");
    CHECK(lcp_key_eq(&got->last.key, &row.key));
    CHECK(memcmp(got->last.digest, row.digest, sizeof(row.digest)) == 0);
    CHECK(got->last.wall_ms == -5 && got->last.state_wall_ms == INT64_C(1) << 50);
    CHECK(got->last.expires_life_ms == UINT64_C(1) << 40);
    CHECK_STR(got->detail, "because of that");
    CHECK_STR(got->evidence, "{\"receipt\":1}");
    CHECK(memcmp(got->last.canon_digest, row.canon_digest, sizeof(row.canon_digest)) ==
          0);
    CHECK(!got->last.wants_receipts && !got->last.owes); /* nothing of one we sent */
    row = incoming("in", 1);
    row.wants_receipts = row.owes = true;
    row.state = LCP_IN_HELD;
    row.expires_life_ms = 77;
    row.evidence = lcp_span_str("no");
    row.canon_digest[0] = 1;
    got = get(s, add(s, row));
    CHECK(got->last.state == LCP_IN_HELD && got->last.expires_life_ms == 77);
    CHECK(got->last.wants_receipts && got->last.owes);
    CHECK_STR(got->detail, "");
    CHECK_STR(got->evidence, ""); /* nothing of one we received */
    CHECK(got->last.canon_digest[0] == 0);
    row.id = "unasked";
    row.state = LCP_IN_STORED;
    row.wants_receipts = false;
    got = get(s, add(s, row));
    CHECK(!got->last.owes && got->last.expires_life_ms == 0);
    s->ops->close(s);
}

static void
bad_rows_are_refused_and_loose_ones_tidied(void)
{
    char long_id[LCP_ID_MAX + 2], long_type[200];
    struct lcp_row row;
    uint64_t number = 77;
    const struct {
        const char *label, *id, *peer;
        enum lcp_err want;
    } rows[] = {
        {"no id", NULL, "bob", LCP_EINVAL},
        {"empty id", "", "bob", LCP_EINVAL},
        {"slash", "a/b", "bob", LCP_EINVAL},
        {"129 chars", long_id, "bob", LCP_EINVAL},
        {"no peer", "a", NULL, LCP_EINVAL},
        {"empty peer", "a", "", LCP_EINVAL},
        {"128 chars", long_id + 1, "bob", LCP_OK},
    };
    struct lcp_store *s = open_and_begin();

    memset(long_id, 'a', sizeof(long_id));
    long_id[LCP_ID_MAX + 1] = '\0';
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        row = incoming(rows[i].id, 1);
        row.peer = rows[i].peer;
        CHECK_ROW(rows[i].label, s->ops->add(s, &row, &number) == rows[i].want);
        CHECK_ROW(rows[i].label, rows[i].want == LCP_OK || number == 77);
    }
    row = incoming("loose", 1);
    /* 65 bytes, the last character two of them: cut in front of it. */
    memset(long_type, 'x', 63);
    memcpy(long_type + 63, "\xc3\xa9!", 4);
    row.type = long_type;
    row.reply_to = "no id";
    row.reason = NULL;
    row.state_wall_ms = 0;
    number = add(s, row);
    CHECK(strlen(get(s, number)->type) == 63);
    CHECK_STR(get(s, number)->reply_to, "");
    CHECK_STR(get(s, number)->reason, "");
    CHECK(get(s, number)->last.state_wall_ms == row.wall_ms);
    CHECK(s->ops->commit(s) == LCP_OK);
    s->ops->close(s);
}

static void
a_key_and_id_are_stored_once(void)
{
    struct lcp_store *s = open_and_begin();
    struct lcp_row row = incoming("same", 1), found;
    uint64_t number = 77;

    add(s, row);
    CHECK(s->ops->add(s, &row, &number) == LCP_EEXIST);
    CHECK(number == 77 && s->ops->changed(s) == 1);
    CHECK(add(s, incoming("same", 2)) == 2); /* somebody else's id */
    row = outgoing("same", "bob");
    row.canon_digest[0] = 0xc3;
    CHECK(add(s, row) == 3);
    row = outgoing("same", "carol");
    row.key.bytes[0] = 44; /* our key changed: still one id, one message */
    CHECK(s->ops->add(s, &row, &number) == LCP_EEXIST);
    CHECK(s->ops->commit(s) == LCP_OK);

    row = incoming("same", 2);
    CHECK(s->ops->find_in(s, &row.key, "same", &found) == LCP_OK);
    CHECK(found.number == 2 && found.state == LCP_IN_STORED && found.digest[0] == 2);
    row.key.bytes[0] = 3;
    CHECK(s->ops->find_in(s, &row.key, "same", &found) == LCP_ENOTFOUND);
    CHECK(s->ops->find_in(s, &row.key, "sam", &found) == LCP_ENOTFOUND);
    CHECK(s->ops->find_out(s, "same", &found) == LCP_OK);
    CHECK(found.number == 3 && found.digest[0] == 9 && found.canon_digest[0] == 0xc3);
    CHECK(!found.was_transmitted);
    CHECK_STR(found.peer, "bob");
    CHECK(s->ops->find_out(s, "other", &found) == LCP_ENOTFOUND);
    s->ops->close(s);
}

static void
file_names_hold_no_byte_of_a_peer_s_choice(void)
{
    static const struct {
        const char *label, *id, *want;
        uint8_t key;
    } rows[] = {
        {"uuid", "0b9f3f0e-6d0c-4c4e-9a1f-0123456789ab",
         "msg_0b9f3f0e-6d0c-4c4e-9a1f-0123456789ab.json", 1},
        {"the same of another", "0b9f3f0e-6d0c-4c4e-9a1f-0123456789ab",
         "msg_0b9f3f0e-6d0c-4c4e-9a1f-0123456789ab_2.json", 2},
        {"and another", "0b9f3f0e-6d0c-4c4e-9a1f-0123456789ab",
         "msg_0b9f3f0e-6d0c-4c4e-9a1f-0123456789ab_3.json", 3},
        /* BLAKE2b-128 of the id, by Python's hashlib */
        {"upper case", "0B9F3F0E-6D0C-4C4E-9A1F-0123456789AB",
         "msg_caf603df540f2172294bb50ea7669eb2.json", 1},
        {"dots", "..", "msg_c577bd8f25028e3bfd5dcb065343514b.json", 1},
    };
    struct lcp_store *s = open_and_begin();

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        CHECK_STR(get(s, add(s, incoming(rows[i].id, rows[i].key)))->file,
                  rows[i].want);
    /* The other direction is another folder. */
    CHECK_STR(get(s, add(s, outgoing(rows[0].id, "bob")))->file, rows[0].want);
    s->ops->close(s);
}

static void
states_move_forward_only(void)
{
    struct lcp_store *s = open_and_begin();
    const struct rows *got;
    bool moved = true;

    add(s, outgoing("a", "bob"));
    CHECK(lcp_store_set_state(s, LCP_OUT, 1, LCP_SENT_EXPIRED, "ttl", 2000, &moved) ==
          LCP_OK);
    CHECK(moved && s->ops->changed(s) == 2);
    got = get(s, 1);
    CHECK(got->last.state == LCP_SENT_EXPIRED && got->last.state_wall_ms == 2000);
    CHECK(got->last.changed == 2);
    CHECK_STR(got->reason, "ttl");
    for (int state = 0; state <= LCP_SENT_EXPIRED; state++) {
        CHECK(lcp_store_set_state(s, LCP_OUT, 1, state, "no", 3000, &moved) == LCP_OK);
        CHECK(!moved);
    }
    CHECK(s->ops->changed(s) == 2);
    CHECK_STR(get(s, 1)->reason, "ttl");
    CHECK(lcp_store_set_state(s, LCP_OUT, 1, LCP_SENT_ACKED, NULL, 4000, &moved) ==
          LCP_OK);
    CHECK(moved);
    CHECK_STR(get(s, 1)->reason, "");
    CHECK(lcp_store_set_state(s, LCP_IN, 1, LCP_IN_HANDED, NULL, 1, &moved) ==
          LCP_ENOTFOUND);
    CHECK(!moved);
    CHECK(lcp_store_set_state(s, LCP_OUT, 2, 30, NULL, 1, &moved) == LCP_ENOTFOUND);
    CHECK(lcp_store_set_state(s, LCP_OUT, 0, 30, NULL, 1, &moved) == LCP_ENOTFOUND);
    CHECK(lcp_store_set_state(s, LCP_OUT, UINT64_MAX, 30, NULL, 1, &moved) ==
          LCP_ENOTFOUND);
    s->ops->close(s);
}

static void
only_what_never_left_is_signed_anew(void)
{
    struct lcp_store *s = open_and_begin();
    struct lcp_key key = {.bytes = {55}};
    struct lcp_span raw = lcp_span_str("{\"anew\":1}");
    const struct rows *got;
    struct lcp_row row;

    add(s, outgoing("a", "bob"));
    add(s, outgoing("b", "bob"));
    add(s, outgoing("c", "bob"));
    CHECK(s->ops->set_transmitted(s, 2) == LCP_OK);
    CHECK(s->ops->set_transmitted(s, 9) == LCP_ENOTFOUND);
    CHECK(s->ops->changed(s) == 3); /* no news for the mirror */
    CHECK(get(s, 2)->last.was_transmitted);
    move_to(s, LCP_OUT, 3, LCP_SENT_CANCELLED, 5);
    CHECK(s->ops->resign(s, 1, raw, &key, canon) == LCP_OK);
    got = get(s, 1);
    CHECK_STR(got->raw, "{\"anew\":1}");
    CHECK(got->last.key.bytes[0] == 55 && got->last.digest[0] == 9);
    CHECK(got->last.canon_digest[0] == 0xca);
    CHECK(got->last.changed == 5 && s->ops->changed(s) == 5);
    CHECK(get(s, 2)->last.canon_digest[0] == 0);
    CHECK(s->ops->find_out(s, "b", &row) == LCP_OK && row.was_transmitted);
    CHECK(s->ops->resign(s, 2, raw, &key, canon) == LCP_ECONFLICT);
    CHECK(s->ops->resign(s, 3, raw, &key, canon) == LCP_ECONFLICT);
    CHECK(s->ops->resign(s, 9, raw, &key, canon) == LCP_ENOTFOUND);
    CHECK_STR(get(s, 2)->raw, "{\"out\":1}");
    s->ops->close(s);
}

/* 1 in/bob/chat stored, 2 in/carol/task handed, 3 out/bob queued, 4
 * in/bob/task archived, 5 in/bob/chat stored, 6 out/carol acked, 7 out/bob
 * queued, 8 in/bob consumed */
static struct lcp_store *
open_with_eight(void)
{
    struct lcp_store *s = open_and_begin();
    struct lcp_row row = incoming("in-2", 2);

    add(s, incoming("in-1", 1));
    row.peer = "carol";
    row.type = "task";
    add(s, row);
    add(s, outgoing("out-3", "bob"));
    row = incoming("in-4", 1);
    row.type = "task";
    add(s, row);
    add(s, incoming("in-5", 1));
    add(s, outgoing("out-6", "carol"));
    add(s, outgoing("out-7", "bob"));
    row = incoming("in-8", 1);
    row.state = LCP_IN_CONSUMED;
    add(s, row);
    move_to(s, LCP_IN, 2, LCP_IN_HANDED, 1);
    move_to(s, LCP_IN, 4, LCP_IN_ARCHIVED, 1);
    move_to(s, LCP_OUT, 6, LCP_SENT_ACKED, 1);
    REQUIRE(s->ops->commit(s) == LCP_OK);
    return s;
}

static void
queries_find_what_they_name(void)
{
    static const struct {
        const char *label;
        struct lcp_query q;
        const char *want;
    } rows[] = {
        {"zero: stored mail", {0}, "1 5"},
        {"pending", {.state_max = LCP_IN_HANDED}, "1 2 5"},
        {"pending, newest first",
         {.state_max = LCP_IN_HANDED, .newest_first = true},
         "5 2 1"},
        {"all in", {.state_max = LCP_IN_PURGED}, "1 2 4 5 8"},
        {"all in, newest first", {.state_max = 99, .newest_first = true}, "8 5 4 2 1"},
        {"archived", {.state_min = LCP_IN_ARCHIVED, .state_max = LCP_IN_ARCHIVED}, "4"},
        {"after", {.state_max = 99, .after = 2}, "4 5 8"},
        {"after the end", {.state_max = 99, .after = UINT64_MAX}, ""},
        {"through", {.state_max = 99, .through = 4}, "1 2 4"},
        {"after and through", {.state_max = 99, .after = 1, .through = 4}, "2 4"},
        {"newest first, before",
         {.state_max = 99, .after = 5, .newest_first = true},
         "4 2 1"},
        {"newest first, before 1",
         {.state_max = 99, .after = 1, .newest_first = true},
         ""},
        {"limit", {.state_max = 99, .limit = 2}, "1 2"},
        {"newest first, limit",
         {.state_max = 99, .limit = 2, .newest_first = true},
         "8 5"},
        {"of bob", {.state_max = 99, .peer = "bob"}, "1 4 5 8"},
        {"of nobody", {.state_max = 99, .peer = "dora"}, ""},
        {"tasks", {.state_max = 99, .type = "task"}, "2 4"},
        {"pending tasks", {.state_max = LCP_IN_HANDED, .type = "task"}, "2"},
        {"tasks of bob", {.state_max = 99, .peer = "bob", .type = "task"}, "4"},
        {"queued", {.dir = LCP_OUT}, "3 7"},
        {"queued, newest first", {.dir = LCP_OUT, .newest_first = true}, "7 3"},
        {"queued, limit", {.dir = LCP_OUT, .limit = 1}, "3"},
        {"queued after", {.dir = LCP_OUT, .after = 3}, "7"},
        {"queued to carol", {.dir = LCP_OUT, .peer = "carol"}, ""},
        {"sent", {.dir = LCP_OUT, .state_max = LCP_SENT_ACKED}, "3 6 7"},
        {"acked",
         {.dir = LCP_OUT, .state_min = LCP_SENT_ACKED, .state_max = LCP_SENT_ACKED},
         "6"},
        {"sent, newest first",
         {.dir = LCP_OUT, .state_max = 99, .newest_first = true},
         "7 6 3"},
    };
    struct lcp_store *s = open_with_eight(), *reader = contract.open(true);

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct rows got = {0}, bare = {0}, first = {.stop_after = 1};
        struct lcp_query q = rows[i].q;

        CHECK_ROW(rows[i].label, s->ops->each(s, &q, rows_take, &got) == LCP_OK);
        CHECK_ROW(rows[i].label, strcmp(got.text, rows[i].want) == 0);
        CHECK_ROW(rows[i].label, got.count == 0 || got.raw[0] == '{');
        q.without_raw = true;
        CHECK_ROW(rows[i].label,
                  reader->ops->each(reader, &q, rows_take, &bare) == LCP_OK);
        CHECK_ROW(rows[i].label, strcmp(bare.text, rows[i].want) == 0);
        CHECK_ROW(rows[i].label, bare.raw[0] == '\0');
        CHECK_ROW(rows[i].label, s->ops->each(s, &q, rows_take, &first) == LCP_OK);
        CHECK_ROW(rows[i].label, first.count == (got.count != 0));
    }
    reader->ops->close(reader);
    s->ops->close(s);
}

static void
changes_come_in_order_and_each_message_once(void)
{
    struct lcp_store *s = open_with_eight();
    struct rows all = {0}, page = {0};
    uint64_t after = 0;

    CHECK(s->ops->changed(s) == 11);
    CHECK(s->ops->each_changed(s, 0, 100, rows_take, &all) == LCP_OK);
    CHECK_STR(all.text, "1 3 5 7 8 2 4 6");
    CHECK(all.changed == 11);
    for (int i = 0; i < 10; i++) {
        unsigned before = page.count;

        CHECK(s->ops->each_changed(s, after, 3, rows_take, &page) == LCP_OK);
        if (page.count == before)
            break;
        CHECK(page.changed > after);
        after = page.changed;
    }
    CHECK_STR(page.text, all.text);
    CHECK(s->ops->each_changed(s, 11, 3, rows_take, &page) == LCP_OK);
    CHECK(page.count == 8);
    s->ops->close(s);
}

static void
threads_are_whole_in_both_directions(void)
{
    static const struct {
        const char *id, *reply_to;
        bool is_out;
    } rows[] = {
        {"root", "", false},         {"alone", "", false},
        {"answer", "root", true},    {"again", "answer", false},
        {"other", "root", true},     {"deep", "again", true},
        {"orphan", "never", false},  {"sibling", "never", true},
        {"ring-1", "ring-2", false}, {"ring-2", "ring-1", false},
        {"self", "self", false},
    };
    static const struct {
        uint64_t number;
        const char *want;
    } threads[] = {
        {1, "1 3 4 5 6"}, {6, "1 3 4 5 6"}, {4, "1 3 4 5 6"}, {2, "2"},   {7, "7"},
        {8, "8"},         {9, "9 10"},      {10, "9 10"},     {11, "11"},
    };
    struct lcp_store *s = open_and_begin();
    struct rows none = {0};

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct lcp_row row = rows[i].is_out ? outgoing(rows[i].id, "bob")
                                            : incoming(rows[i].id, 1);

        row.reply_to = rows[i].reply_to;
        add(s, row);
    }
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        struct rows got = {0};

        CHECK(s->ops->each_in_thread(s, threads[i].number, rows_take, &got) == LCP_OK);
        CHECK_STR(got.text, threads[i].want);
    }
    CHECK(s->ops->each_in_thread(s, 99, rows_take, &none) == LCP_ENOTFOUND);
    s->ops->close(s);
}

static bool
count_row(void *ctx, const struct lcp_row *row)
{
    unsigned *count = ctx;

    (void)row;
    ++*count;
    return true;
}

static void
a_thread_shows_at_most_a_thousand(void)
{
    struct lcp_store *s = open_and_begin();
    struct rows few = {.stop_after = 3};
    unsigned count = 0;
    char id[32];

    add(s, incoming("root", 1));
    for (int i = 0; i < 1200; i++) {
        struct lcp_row row = incoming(id, 1);

        snprintf(id, sizeof(id), "answer-%d", i);
        row.reply_to = "root";
        add(s, row);
    }
    CHECK(s->ops->each_in_thread(s, 1, rows_take, &few) == LCP_OK && few.count == 3);
    CHECK(s->ops->each_in_thread(s, 1, count_row, &count) == LCP_OK && count == 1000);
    s->ops->close(s);
}

static void
numbers_ids_and_unique_prefixes_resolve(void)
{
    static const struct {
        const char *label, *text;
        unsigned dirs;
        enum lcp_err want;
        uint64_t number;
    } rows[] = {
        {"number", "2", 3, LCP_OK, 2},
        {"marked number", "#2", 3, LCP_OK, 2},
        {"number of the other direction", "2", 2, LCP_ENOTFOUND, 0},
        {"number too great", "#99", 3, LCP_ENOTFOUND, 0},
        {"number beyond all", "#18446744073709551616", 3, LCP_ENOTFOUND, 0},
        {"zero", "0", 3, LCP_ENOTFOUND, 0},
        {"only a mark", "#", 3, LCP_ENOTFOUND, 0},
        {"empty", "", 3, LCP_ENOTFOUND, 0},
        {"whole id", "abcdef", 3, LCP_OK, 1},
        {"whole id, wrong direction", "abcdef", 2, LCP_ENOTFOUND, 0},
        {"whole id like a UUID's beginning", "abcd", 3, LCP_EAMBIGUOUS, 0},
        {"whole id that begins another", "task-1", 3, LCP_OK, 12},
        {"prefix", "abcde", 3, LCP_OK, 1},
        {"prefix too short", "abc", 3, LCP_ENOTFOUND, 0},
        {"short but whole", "xy", 3, LCP_OK, 5},
        {"prefix of two", "wxyz", 3, LCP_EAMBIGUOUS, 0},
        {"prefix of one in", "wxyz", 1, LCP_OK, 2},
        {"prefix of one out", "wxyz", 2, LCP_OK, 3},
        {"same id from two", "twice", 3, LCP_EAMBIGUOUS, 0},
        {"digits that are an id", "7777", 3, LCP_OK, 8},
        {"digits that begin an id", "8888", 3, LCP_OK, 9},
        {"marked digits are no id", "#7777", 3, LCP_ENOTFOUND, 0},
        {"a number that is another's id", "3", 3, LCP_EAMBIGUOUS, 0},
        {"a number that is another's id, there", "3", 2, LCP_EAMBIGUOUS, 0},
        {"a number out that is an id in", "10", 1, LCP_EAMBIGUOUS, 0},
        {"a marked number is no id", "#3", 3, LCP_OK, 3},
        {"its own number", "14", 3, LCP_OK, 14},
        {"no id", "a/b c", 3, LCP_ENOTFOUND, 0},
        {"no pattern", "abc%", 3, LCP_ENOTFOUND, 0},
        {"purged", "purged-one", 3, LCP_OK, 11},
        {"other case", "ABCDEF", 3, LCP_ENOTFOUND, 0},
    };
    struct lcp_store *s = open_and_begin();
    uint64_t purged = 0;

    add(s, incoming("abcdef", 1));
    add(s, incoming("wxyz-in", 1));
    add(s, outgoing("wxyz-out", "bob"));
    add(s, incoming("abcd", 1));
    add(s, incoming("xy", 1));
    add(s, incoming("twice", 1));
    add(s, incoming("twice", 2));
    add(s, incoming("7777", 1));
    add(s, incoming("8888-9999", 1));
    add(s, outgoing("3", "bob"));
    add(s, incoming("purged-one", 1));
    add(s, incoming("task-1", 1));
    add(s, incoming("task-12", 1));
    add(s, incoming("14", 1));
    add(s, incoming("10", 1));
    move_to(s, LCP_IN, 11, LCP_IN_ARCHIVED, 1);
    CHECK(s->ops->purge(s, 2, 1, &purged) == LCP_OK && purged == 1);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t number = 0;

        CHECK_ROW(rows[i].label,
                  s->ops->resolve(s, lcp_span_str(rows[i].text), rows[i].dirs,
                                  &number) == rows[i].want);
        CHECK_ROW(rows[i].label, number == rows[i].number);
    }
    s->ops->close(s);
}

static void
a_window_of_the_queue_obeys_its_limits(void)
{
    static const struct {
        const char *label, *peer;
        uint64_t after;
        uint32_t n;
        size_t bytes;
        unsigned stop_after;
        const char *want;
        bool more;
    } rows[] = {
        {"all", "bob", 0, 100, 1000, 0, "1 3 4 6", false},
        {"exactly all", "bob", 0, 4, 40, 0, "1 3 4 6", false},
        {"three", "bob", 0, 3, 1000, 0, "1 3 4", true},
        {"none", "bob", 0, 0, 1000, 0, "", true},
        {"30 bytes", "bob", 0, 9, 30, 0, "1 3 4", true},
        {"39 bytes", "bob", 0, 9, 39, 0, "1 3 4", true},
        {"first always fits", "bob", 0, 9, 1, 0, "1", true},
        {"the only one, no room", "bob", 4, 9, 0, 0, "6", false},
        {"after", "bob", 3, 9, 1000, 0, "4 6", false},
        {"after all", "bob", 6, 9, 1000, 0, "", false},
        {"far after all", "bob", UINT64_MAX, 9, 1000, 0, "", false},
        {"stopped by the caller", "bob", 0, 9, 1000, 2, "1 3", true},
        {"stopped at the last", "bob", 4, 9, 1000, 1, "6", false},
        {"another peer", "carol", 0, 9, 1000, 0, "2", false},
        {"nobody", "dora", 0, 9, 1000, 0, "", false},
    };
    struct lcp_store *s = open_and_begin();
    struct lcp_row row;
    uint64_t count = 0;
    char id[8];

    for (int i = 1; i <= 6; i++) { /* 10 bytes each; 5 is settled */
        snprintf(id, sizeof(id), "m%d", i);
        row = outgoing(id, i == 2 ? "carol" : "bob");
        row.raw = lcp_span_str("0123456789");
        add(s, row);
    }
    add(s, incoming("in", 1));
    move_to(s, LCP_OUT, 5, LCP_SENT_CANCEL_REQUESTED, 1);
    REQUIRE(s->ops->commit(s) == LCP_OK);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct rows got = {.stop_after = rows[i].stop_after};
        bool more = !rows[i].more;

        CHECK_ROW(rows[i].label,
                  s->ops->each_queued(s, rows[i].peer, rows[i].after, rows[i].n,
                                      rows[i].bytes, &more, rows_take, &got) == LCP_OK);
        CHECK_ROW(rows[i].label, strcmp(got.text, rows[i].want) == 0);
        CHECK_ROW(rows[i].label, more == rows[i].more);
    }
    CHECK(s->ops->queued_to(s, "bob", &count) == LCP_OK && count == 4);
    CHECK(s->ops->queued_to(s, "carol", &count) == LCP_OK && count == 1);
    CHECK(s->ops->queued_to(s, "dora", &count) == LCP_OK && count == 0);
    s->ops->close(s);
}

static void
counts_are_of_what_is_under_way(void)
{
    struct lcp_store *s = open_with_eight();
    struct lcp_store_counts counts;

    CHECK(s->ops->counts(s, &counts) == LCP_OK);
    CHECK(counts.inbox == 3 && counts.unhanded == 2 && counts.queued == 2);
    CHECK(counts.total == 8 && counts.held == 0);
    s->ops->close(s);
    contract.clear();
    s = contract.open(false);
    CHECK(s->ops->counts(s, &counts) == LCP_OK);
    CHECK(counts.inbox == 0 && counts.unhanded == 0 && counts.queued == 0);
    CHECK(counts.total == 0);
    s->ops->close(s);
}

static void
what_is_queued_expires_by_number(void)
{
    static const uint64_t expires[] = {500, 0, 300, 400, 100, 200};
    struct lcp_store *s = open_and_begin();
    struct rows got = {0}, some = {0}, none = {0};
    uint64_t life_ms = 7;
    char id[8];

    CHECK(s->ops->next_expiry(s, &life_ms) == LCP_OK && life_ms == 0);
    for (size_t i = 0; i < COUNT_OF(expires); i++) {
        struct lcp_row row = outgoing(id, "bob");

        snprintf(id, sizeof(id), "m%zu", i + 1);
        row.expires_life_ms = expires[i];
        add(s, row);
    }
    move_to(s, LCP_OUT, 5, LCP_SENT_ACKED, 1);
    CHECK(s->ops->next_expiry(s, &life_ms) == LCP_OK && life_ms == 200);
    CHECK(s->ops->each_expired(s, 400, 100, rows_take, &got) == LCP_OK);
    CHECK_STR(got.text, "3 4 6");
    CHECK(s->ops->each_expired(s, 400, 2, rows_take, &some) == LCP_OK);
    CHECK_STR(some.text, "3 4");
    CHECK(s->ops->each_expired(s, 199, 2, rows_take, &none) == LCP_OK &&
          none.count == 0);
    s->ops->close(s);
}

static void
purging_deletes_bodies_and_forgets_no_id(void)
{
    struct lcp_store *s = open_and_begin();
    struct lcp_row row = incoming("old", 1), found;
    uint64_t purged = 0;

    add(s, row);                       /* 1 archived at 100 */
    add(s, incoming("young", 1));      /* 2 archived at 900 */
    add(s, incoming("pending", 1));    /* 3 */
    add(s, outgoing("acked", "bob"));  /* 4 acked at 50 */
    add(s, outgoing("queued", "bob")); /* 5 */
    add(s, incoming("consumed", 1));   /* 6 consumed at 70 */
    move_to(s, LCP_IN, 1, LCP_IN_ARCHIVED, 100);
    move_to(s, LCP_IN, 2, LCP_IN_ARCHIVED, 900);
    move_to(s, LCP_OUT, 4, LCP_SENT_ACKED, 50);
    move_to(s, LCP_IN, 6, LCP_IN_CONSUMED, 70);
    CHECK(s->ops->purge(s, 900, 2, &purged) == LCP_OK && purged == 2);
    CHECK(get(s, 1)->raw[0] != '\0'); /* the oldest go first */
    CHECK(s->ops->purge(s, 900, 9, &purged) == LCP_OK && purged == 1);
    CHECK(s->ops->purge(s, 900, 9, &purged) == LCP_OK && purged == 0);
    CHECK(s->ops->commit(s) == LCP_OK);

    CHECK(get(s, 1)->last.state == LCP_IN_PURGED && get(s, 1)->last.raw.len == 0);
    CHECK(get(s, 1)->last.state_wall_ms == 100);
    CHECK(get(s, 6)->last.state == LCP_IN_PURGED);
    CHECK(get(s, 4)->last.state == LCP_SENT_ACKED && get(s, 4)->last.raw.len == 0);
    CHECK(get(s, 2)->raw[0] != '\0' && get(s, 3)->raw[0] != '\0');
    CHECK(get(s, 5)->raw[0] != '\0');
    CHECK(s->ops->changed(s) == 13); /* the mirror hears of each: 6 + 4 + 3 */
    CHECK(get(s, 4)->last.changed == 11 && get(s, 6)->last.changed == 12);
    CHECK(s->ops->find_in(s, &row.key, "old", &found) == LCP_OK);
    CHECK(found.number == 1 && found.state == LCP_IN_PURGED && found.digest[0] == 1);
    CHECK(s->ops->find_out(s, "acked", &found) == LCP_OK && found.number == 4);
    s->ops->close(s);
}

static bool
seen_take(void *ctx, const char *id)
{
    struct rows *rows = ctx;

    rows->len += (size_t)snprintf(rows->text + rows->len,
                                  sizeof(rows->text) - rows->len, "%s ", id);
    return ++rows->count != rows->stop_after;
}

static void
seen_ids_come_newest_first_and_from_anyone(void)
{
    struct lcp_store *s = open_and_begin();
    struct lcp_key anyone = {.bytes = {123}};
    struct lcp_row row;
    struct rows all = {0}, two = {0}, three = {0}, one = {.stop_after = 1}, none = {0};

    CHECK(s->ops->add_seen_any(s, "old-1") == LCP_OK);
    CHECK(s->ops->add_seen_any(s, "old-2") == LCP_OK);
    CHECK(s->ops->add_seen_any(s, "old-1") == LCP_OK);
    CHECK(s->ops->add_seen_any(s, "not an id") == LCP_EINVAL);
    add(s, incoming("a", 1));
    add(s, outgoing("b", "bob"));
    add(s, incoming("c", 1));
    CHECK(s->ops->find_in(s, &anyone, "old-1", &row) == LCP_OK);
    CHECK(row.number == 0);
    CHECK(s->ops->find_in(s, &anyone, "old-3", &row) == LCP_ENOTFOUND);
    CHECK(s->ops->commit(s) == LCP_OK);
    CHECK(s->ops->find_in(s, &anyone, "old-2", &row) == LCP_OK && row.number == 0);
    CHECK(s->ops->each_seen(s, 99, seen_take, &all) == LCP_OK);
    CHECK_STR(all.text, "c a old-2 old-1 ");
    CHECK(s->ops->each_seen(s, 2, seen_take, &two) == LCP_OK);
    CHECK_STR(two.text, "c a ");
    CHECK(s->ops->each_seen(s, 3, seen_take, &three) == LCP_OK);
    CHECK_STR(three.text, "c a old-2 ");
    CHECK(s->ops->each_seen(s, 9, seen_take, &one) == LCP_OK && one.count == 1);
    CHECK(s->ops->each_seen(s, 0, seen_take, &none) == LCP_OK && none.count == 0);
    s->ops->close(s);
}

static void
pins_and_numbers_are_kept_by_name(void)
{
    struct lcp_store *s = open_and_begin();
    struct lcp_key first = {.bytes = {1}}, second = {.bytes = {2}}, got = {{0}};
    char how[32];
    int64_t value = 0;

    CHECK(s->ops->pin_get(s, "bob", &got, how, &value) == LCP_ENOTFOUND);
    CHECK(s->ops->pin_put(s, "bob", &first, "first contact", 10) == LCP_OK);
    CHECK(s->ops->pin_put(s, "carol", &first, "config", 11) == LCP_OK);
    CHECK(s->ops->pin_put(s, "bob", &second, "trusted", 12) == LCP_OK);
    CHECK(s->ops->pin_put(s, "bob", &second, "a reason that is far too long for it",
                          1) == LCP_EINVAL);
    CHECK(s->ops->pin_put(s, "", &second, "config", 1) == LCP_EINVAL);
    CHECK(s->ops->commit(s) == LCP_OK);
    CHECK(s->ops->pin_get(s, "bob", &got, how, &value) == LCP_OK);
    CHECK(lcp_key_eq(&got, &second) && value == 12);
    CHECK_STR(how, "trusted");
    CHECK(s->ops->begin(s) == LCP_OK);
    CHECK(s->ops->pin_del(s, "bob") == LCP_OK);
    CHECK(s->ops->pin_del(s, "bob") == LCP_OK); /* gone is gone */
    CHECK(s->ops->pin_get(s, "bob", &got, how, &value) == LCP_ENOTFOUND);
    CHECK(s->ops->pin_get(s, "carol", &got, how, &value) == LCP_OK && value == 11);

    CHECK(s->ops->meta_get(s, "life", &value) == LCP_ENOTFOUND);
    CHECK(s->ops->meta_put(s, "life", INT64_MIN) == LCP_OK);
    CHECK(s->ops->meta_put(s, "mirror", 3) == LCP_OK);
    CHECK(s->ops->meta_put(s, "mirror", 4) == LCP_OK);
    CHECK(s->ops->meta_put(s, "", 4) == LCP_EINVAL);
    CHECK(s->ops->commit(s) == LCP_OK);
    s->ops->close(s);
    s = contract.open(true);
    CHECK(s->ops->meta_get(s, "life", &value) == LCP_OK && value == INT64_MIN);
    CHECK(s->ops->meta_get(s, "mirror", &value) == LCP_OK && value == 4);
    s->ops->close(s);
}

struct reentry {
    struct lcp_store *s;
    unsigned count;
};

static bool
archive_it(void *ctx, const struct lcp_row *row)
{
    struct reentry *r = ctx;
    char id[32];

    snprintf(id, sizeof(id), "more-%llu", (unsigned long long)row->number);
    move_to(r->s, LCP_IN, row->number, LCP_IN_ARCHIVED, 5);
    add(r->s, outgoing(id, "bob"));
    r->count++;
    return true;
}

static void
a_walk_survives_what_its_callback_writes(void)
{
    struct lcp_store *s = open_and_begin();
    struct lcp_query pending = {.state_max = LCP_IN_HANDED};
    struct reentry r = {.s = s};
    struct lcp_store_counts counts;
    char id[32];

    for (int i = 0; i < 200; i++) {
        snprintf(id, sizeof(id), "m-%d", i);
        add(s, incoming(id, 1));
    }
    CHECK(s->ops->each(s, &pending, archive_it, &r) == LCP_OK);
    CHECK(r.count == 200);
    CHECK(s->ops->counts(s, &counts) == LCP_OK);
    CHECK(counts.inbox == 0 && counts.queued == 200);
    CHECK(s->ops->commit(s) == LCP_OK);
    s->ops->close(s);
}

#include "unit/store/contract_words.h"

static void
contract_run(struct contract c)
{
    contract = c;
    numbers_grow_over_both_directions_and_survive_the_handle();
    a_batch_that_is_rolled_back_leaves_nothing();
    a_crash_forgets_the_open_batch_and_nothing_else();
    readers_see_commits_only_and_write_nothing();
    nothing_is_written_outside_a_batch();
    a_message_is_read_back_whole();
    bad_rows_are_refused_and_loose_ones_tidied();
    a_key_and_id_are_stored_once();
    file_names_hold_no_byte_of_a_peer_s_choice();
    states_move_forward_only();
    only_what_never_left_is_signed_anew();
    queries_find_what_they_name();
    changes_come_in_order_and_each_message_once();
    threads_are_whole_in_both_directions();
    a_thread_shows_at_most_a_thousand();
    numbers_ids_and_unique_prefixes_resolve();
    a_window_of_the_queue_obeys_its_limits();
    counts_are_of_what_is_under_way();
    what_is_queued_expires_by_number();
    purging_deletes_bodies_and_forgets_no_id();
    seen_ids_come_newest_first_and_from_anyone();
    pins_and_numbers_are_kept_by_name();
    a_walk_survives_what_its_callback_writes();
    contract_words_run();
}

#endif
