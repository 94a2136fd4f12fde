/* SPDX-License-Identifier: MIT
 *
 * The contract of store.h, second half: what LCP/1.2 adds. Held and refused mail, final
 * states, words that are owed, evidence, usage, peers, pauses, the audit record.
 * Included by contract.h alone.
 */
#ifndef LCP_TESTS_STORE_CONTRACT_WORDS_H
#define LCP_TESTS_STORE_CONTRACT_WORDS_H

static struct lcp_row
held(const char *id, const char *peer, uint64_t expires_life_ms)
{
    struct lcp_row row = incoming(id, 1);

    row.state = LCP_IN_HELD;
    row.peer = peer;
    row.reason = "policy";
    row.expires_life_ms = expires_life_ms;
    row.wants_receipts = true;
    return row;
}

static bool
change_to(struct lcp_store *s, enum lcp_direction dir, uint64_t number, int state,
          const struct lcp_change *with)
{
    struct lcp_change change = with != NULL ? *with : (struct lcp_change){.wall_ms = 1};
    bool moved = false;

    change.state = state;
    REQUIRE(s->ops->change(s, dir, number, &change, &moved) == LCP_OK);
    return moved;
}

static const char *
owed_to(struct lcp_store *s, const char *peer, uint32_t limit)
{
    static struct rows rows;

    memset(&rows, 0, sizeof(rows));
    REQUIRE(s->ops->each_owed(s, peer, limit, rows_take, &rows) == LCP_OK);
    CHECK(rows.raw[0] == '\0');
    return rows.text;
}

static bool
name_take(void *ctx, const char *name)
{
    struct rows *rows = ctx;

    rows->len += (size_t)snprintf(rows->text + rows->len,
                                  sizeof(rows->text) - rows->len, "<%s>", name);
    return ++rows->count != rows->stop_after;
}

static const char *
creditors(struct lcp_store *s, unsigned stop_after)
{
    static struct rows rows;

    memset(&rows, 0, sizeof(rows));
    rows.stop_after = stop_after;
    REQUIRE(s->ops->each_creditor(s, name_take, &rows) == LCP_OK);
    return rows.text;
}

static const char *
paused(struct lcp_store *s, unsigned stop_after)
{
    static struct rows rows;

    memset(&rows, 0, sizeof(rows));
    rows.stop_after = stop_after;
    REQUIRE(s->ops->each_paused(s, name_take, &rows) == LCP_OK);
    return rows.text;
}

static const char *
query(struct lcp_store *s, struct lcp_query q)
{
    static struct rows rows;

    memset(&rows, 0, sizeof(rows));
    REQUIRE(s->ops->each(s, &q, rows_take, &rows) == LCP_OK);
    return rows.text;
}

static void
of_two_final_states_the_first_stays(void)
{
    static const struct {
        const char *label;
        enum lcp_direction dir;
        int first, second;
        bool moves;
    } rows[] = {
        {"in: done, then refused", LCP_IN, LCP_IN_ARCHIVED, LCP_IN_REFUSED, false},
        {"in: refused, then done", LCP_IN, LCP_IN_REFUSED, LCP_IN_ARCHIVED, false},
        {"in: done, then consumed", LCP_IN, LCP_IN_ARCHIVED, LCP_IN_CONSUMED, false},
        {"in: refused, then consumed", LCP_IN, LCP_IN_REFUSED, LCP_IN_CONSUMED, false},
        {"in: done, then purged", LCP_IN, LCP_IN_ARCHIVED, LCP_IN_PURGED, false},
        {"in: read, then refused", LCP_IN, LCP_IN_HANDED, LCP_IN_REFUSED, true},
        {"in: stored, then held", LCP_IN, LCP_IN_STORED, LCP_IN_HELD, false},
        {"out: done, then refused", LCP_OUT, LCP_SENT_DONE, LCP_SENT_REFUSED, false},
        {"out: refused, then done", LCP_OUT, LCP_SENT_REFUSED, LCP_SENT_DONE, false},
        {"out: expired, then stored", LCP_OUT, LCP_SENT_EXPIRED, LCP_SENT_STORED, true},
        {"out: acked, then held", LCP_OUT, LCP_SENT_ACKED, LCP_SENT_HELD, true},
        {"out: cancelled, then done", LCP_OUT, LCP_SENT_CANCELLED, LCP_SENT_DONE, true},
        {"out: read, then refused", LCP_OUT, LCP_SENT_READ, LCP_SENT_REFUSED, true},
        {"out: read, then stored", LCP_OUT, LCP_SENT_READ, LCP_SENT_STORED, false},
    };
    const struct lcp_change first = {.reason = "first", .detail = "one", .wall_ms = 5},
                            second = {
                                .reason = "second", .detail = "two", .wall_ms = 6};

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct lcp_store *s = open_and_begin();
        const struct rows *got;

        add(s, rows[i].dir == LCP_IN ? incoming("a", 1) : outgoing("a", "bob"));
        change_to(s, rows[i].dir, 1, rows[i].first, &first);
        CHECK_ROW(rows[i].label, change_to(s, rows[i].dir, 1, rows[i].second,
                                           &second) == rows[i].moves);
        got = get(s, 1);
        CHECK_ROW(rows[i].label,
                  got->last.state == (rows[i].moves ? rows[i].second : rows[i].first));
        if (rows[i].first != 0) {
            CHECK_ROW(rows[i].label,
                      strcmp(got->reason, rows[i].moves ? "second" : "first") == 0);
            CHECK_ROW(rows[i].label,
                      strcmp(got->detail, rows[i].moves ? "two" : "one") == 0);
            CHECK_ROW(rows[i].label,
                      got->last.state_wall_ms == (rows[i].moves ? 6 : 5));
            CHECK_ROW(rows[i].label, s->ops->changed(s) == (rows[i].moves ? 3 : 2));
        }
        s->ops->close(s);
    }
}

static void
a_state_keeps_its_evidence(void)
{
    struct lcp_store *s = open_and_begin();
    struct lcp_change with = {.reason = "policy",
                              .detail = "not from you",
                              .evidence = lcp_span_str("receipt one"),
                              .wall_ms = 7};
    struct rows listed = {0};
    struct lcp_query q = {.dir = LCP_OUT, .state_max = 99};
    uint64_t purged = 0;

    add(s, outgoing("a", "bob"));
    CHECK(change_to(s, LCP_OUT, 1, LCP_SENT_HELD, &with));
    CHECK_STR(get(s, 1)->evidence, "receipt one");
    CHECK_STR(get(s, 1)->reason, "policy");
    CHECK_STR(get(s, 1)->detail, "not from you");
    CHECK(change_to(s, LCP_OUT, 1, LCP_SENT_STORED, NULL)); /* without: it stays */
    CHECK_STR(get(s, 1)->evidence, "receipt one");
    CHECK_STR(get(s, 1)->detail, "");
    with.evidence = lcp_span_str("receipt two");
    CHECK(change_to(s, LCP_OUT, 1, LCP_SENT_DONE, &with));
    CHECK_STR(get(s, 1)->evidence, "receipt two");
    with.evidence = lcp_span_str("receipt three");
    CHECK(!change_to(s, LCP_OUT, 1, LCP_SENT_REFUSED, &with));
    CHECK_STR(get(s, 1)->evidence, "receipt two");
    CHECK(s->ops->each(s, &q, rows_take, &listed) == LCP_OK);
    CHECK_STR(listed.evidence, ""); /* only get shows it */
    /* It outlives the body. */
    CHECK(s->ops->purge(s, 100, 9, &purged) == LCP_OK && purged == 1);
    CHECK_STR(get(s, 1)->raw, "");
    CHECK_STR(get(s, 1)->evidence, "receipt two");
    CHECK(get(s, 1)->last.state == LCP_SENT_DONE);
    /* Mail received has none. */
    add(s, incoming("b", 1));
    CHECK(change_to(s, LCP_IN, 2, LCP_IN_ARCHIVED, &with));
    CHECK_STR(get(s, 2)->evidence, "");
    CHECK(s->ops->commit(s) == LCP_OK);
    s->ops->close(s);
    s = contract.open(true);
    CHECK_STR(get(s, 1)->evidence, "receipt two");
    s->ops->close(s);
}

static void
a_change_that_is_rolled_back_leaves_no_trace(void)
{
    struct lcp_store *s = open_and_begin();
    struct lcp_change with = {
        .detail = "no", .evidence = lcp_span_str("receipt"), .wall_ms = 7};
    struct lcp_store_usage usage;

    add(s, outgoing("a", "bob"));
    add(s, held("b", "bob", 50));
    CHECK(s->ops->commit(s) == LCP_OK);
    CHECK(s->ops->begin(s) == LCP_OK);
    CHECK(change_to(s, LCP_OUT, 1, LCP_SENT_REFUSED, &with));
    CHECK(change_to(s, LCP_IN, 2, LCP_IN_REFUSED, &with));
    CHECK_STR(owed_to(s, "bob", 9), "2");
    CHECK(s->ops->audit_add(s, &(struct lcp_audit){.what = "release"}) == LCP_OK);
    CHECK(s->ops->peer_put(s, "bob", &(struct lcp_store_peer){.is_paused = true}) ==
          LCP_OK);
    s->ops->rollback(s);
    CHECK_STR(get(s, 1)->evidence, "");
    CHECK_STR(get(s, 1)->detail, "");
    CHECK(get(s, 2)->last.state == LCP_IN_HELD &&
          get(s, 2)->last.expires_life_ms == 50);
    CHECK(!get(s, 2)->last.owes);
    CHECK_STR(owed_to(s, "bob", 9), "");
    CHECK_STR(paused(s, 0), "");
    CHECK(s->ops->usage(s, "bob", &usage) == LCP_OK && usage.messages == 1);
    s->ops->close(s);
}

static void
mail_that_wants_receipts_owes_each_new_state(void)
{
    struct lcp_store *s = open_and_begin();
    const struct lcp_change told = {.wall_ms = 3, .told = true};
    struct lcp_row row = incoming("a", 1);
    uint64_t before;

    row.wants_receipts = true;
    add(s, row); /* 1: answered as it came */
    row.id = "b";
    row.owes = true;
    add(s, row);                      /* 2: not answered */
    add(s, incoming("legacy", 1));    /* 3: nothing to tell to LCP/1.1 */
    add(s, outgoing("out", "carol")); /* 4 */
    CHECK_STR(owed_to(s, "bob", 9), "2");
    before = s->ops->changed(s);
    CHECK(s->ops->set_told(s, 2, LCP_IN_STORED) == LCP_OK);
    CHECK(s->ops->changed(s) == before); /* no news for the mirror */
    CHECK_STR(owed_to(s, "bob", 9), "");
    CHECK(s->ops->set_told(s, 2, LCP_IN_STORED) == LCP_OK);
    for (uint64_t number = 1; number <= 3; number++)
        CHECK(change_to(s, LCP_IN, number, LCP_IN_HANDED, NULL));
    CHECK(change_to(s, LCP_OUT, 4, LCP_SENT_READ, NULL));
    CHECK_STR(owed_to(s, "bob", 9), "1 2");
    CHECK_STR(creditors(s, 0), "<bob>");
    CHECK(get(s, 1)->last.owes && !get(s, 3)->last.owes && !get(s, 4)->last.owes);
    /* Told of a state it has left: still owed. */
    CHECK(change_to(s, LCP_IN, 1, LCP_IN_ARCHIVED, NULL));
    CHECK(s->ops->set_told(s, 1, LCP_IN_HANDED) == LCP_OK);
    CHECK_STR(owed_to(s, "bob", 9), "2 1");
    CHECK(s->ops->set_told(s, 1, LCP_IN_ARCHIVED) == LCP_OK);
    CHECK_STR(owed_to(s, "bob", 9), "2");
    CHECK(!get(s, 1)->last.owes);
    /* The answer is the telling; it pays what was owed before, too. */
    CHECK(change_to(s, LCP_IN, 2, LCP_IN_REFUSED, &told));
    CHECK_STR(owed_to(s, "bob", 9), "");
    CHECK_STR(creditors(s, 0), "");
    /* No change, no debt. */
    CHECK(!change_to(s, LCP_IN, 2, LCP_IN_ARCHIVED, NULL));
    CHECK_STR(owed_to(s, "bob", 9), "");
    CHECK(s->ops->set_told(s, 99, 0) == LCP_ENOTFOUND);
    CHECK(s->ops->set_told(s, 0, 0) == LCP_ENOTFOUND);
    CHECK(s->ops->set_told(s, 4, LCP_SENT_READ) == LCP_ENOTFOUND);
    s->ops->close(s);
}

static void
words_owed_come_by_peer_and_state(void)
{
    static const struct {
        const char *peer;
        int state;
    } rows[] = {
        {"bob", LCP_IN_ARCHIVED}, {"bob", LCP_IN_HANDED},   {"carol", LCP_IN_HANDED},
        {"bob", LCP_IN_HELD},     {"bob", LCP_IN_ARCHIVED}, {"bob", LCP_IN_REFUSED},
        {"bob", LCP_IN_HANDED},   {"dora", LCP_IN_STORED},
    };
    struct lcp_store *s = open_and_begin(), *reader;
    struct rows one = {.stop_after = 1};

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char id[8];
        struct lcp_row row = incoming(id, 1);

        snprintf(id, sizeof(id), "m%zu", i + 1);
        row.peer = rows[i].peer;
        row.wants_receipts = true;
        row.owes = rows[i].state <= 0;
        row.state = rows[i].state <= 0 ? rows[i].state : 0;
        add(s, row);
        if (rows[i].state > 0)
            CHECK(change_to(s, LCP_IN, i + 1, rows[i].state, NULL));
    }
    CHECK(s->ops->commit(s) == LCP_OK);
    reader = contract.open(true);
    CHECK_STR(owed_to(reader, "bob", 99), "4 2 7 1 5 6");
    CHECK_STR(owed_to(reader, "bob", 3), "4 2 7");
    CHECK_STR(owed_to(reader, "bob", 0), "");
    CHECK_STR(owed_to(reader, "carol", 99), "3");
    CHECK_STR(owed_to(reader, "", 99), "");
    CHECK_STR(owed_to(reader, "nobody", 99), "");
    CHECK(reader->ops->each_owed(reader, "bob", 99, rows_take, &one) == LCP_OK);
    CHECK_STR(one.text, "4");
    CHECK(one.last.wants_receipts && one.last.owes && one.last.state == LCP_IN_HELD);
    CHECK_STR(creditors(reader, 0), "<bob><carol><dora>");
    CHECK_STR(creditors(reader, 2), "<bob><carol>");
    reader->ops->close(reader);
    s->ops->close(s);
}

static void
held_mail_is_in_no_inbox(void)
{
    struct lcp_store *s = open_and_begin();
    struct lcp_query stored = {0}, pending = {.state_max = LCP_IN_HANDED};
    struct lcp_query waiting = {.state_min = LCP_IN_HELD, .state_max = LCP_IN_HELD};
    struct lcp_query all = {.state_min = LCP_IN_HELD, .state_max = 99};
    struct lcp_store_counts counts;
    struct lcp_row found, row = incoming("a", 1);

    add(s, held("a", "bob", 100));
    add(s, incoming("b", 1));
    add(s, held("c", "carol", 0)); /* for ever */
    CHECK_STR(query(s, stored), "2");
    CHECK_STR(query(s, pending), "2");
    CHECK_STR(query(s, waiting), "1 3");
    CHECK_STR(query(s, all), "1 2 3");
    waiting.newest_first = true;
    CHECK_STR(query(s, waiting), "3 1");
    CHECK(s->ops->counts(s, &counts) == LCP_OK);
    CHECK(counts.held == 2 && counts.inbox == 1 && counts.unhanded == 1);
    CHECK(s->ops->find_in(s, &row.key, "a", &found) == LCP_OK);
    CHECK(found.number == 1 && found.state == LCP_IN_HELD);
    CHECK(change_to(s, LCP_IN, 1, LCP_IN_STORED, NULL)); /* released */
    CHECK(change_to(s, LCP_IN, 3, LCP_IN_REFUSED, NULL));
    CHECK_STR(query(s, stored), "1 2");
    CHECK_STR(query(s, waiting), "");
    CHECK(get(s, 1)->last.expires_life_ms == 0 && get(s, 1)->last.changed == 4);
    CHECK_STR(get(s, 1)->reason, "");
    CHECK_STR(owed_to(s, "bob", 9), "1");
    CHECK(s->ops->counts(s, &counts) == LCP_OK);
    CHECK(counts.held == 0 && counts.inbox == 2 && counts.unhanded == 2);
    s->ops->close(s);
}

static void
held_mail_runs_out_beside_what_is_queued(void)
{
    struct lcp_store *s = open_and_begin();
    struct rows got = {0}, two = {0};
    struct lcp_row row = outgoing("a", "bob");
    uint64_t life_ms = 7;

    row.expires_life_ms = 300;
    add(s, row);
    add(s, held("b", "bob", 200));
    add(s, held("c", "bob", 0));
    add(s, held("d", "bob", 400));
    add(s, held("e", "bob", 100));
    row = incoming("f", 1);
    row.expires_life_ms = 50; /* has no meaning unless held */
    add(s, row);
    CHECK(s->ops->next_expiry(s, &life_ms) == LCP_OK && life_ms == 100);
    CHECK(s->ops->each_expired(s, 400, 99, rows_take, &got) == LCP_OK);
    CHECK_STR(got.text, "1 2 4 5");
    CHECK(got.last.dir == LCP_IN && got.last.expires_life_ms == 100);
    CHECK(s->ops->each_expired(s, 300, 2, rows_take, &two) == LCP_OK);
    CHECK_STR(two.text, "1 2");
    CHECK(change_to(s, LCP_IN, 5, LCP_IN_STORED, NULL));
    CHECK(s->ops->next_expiry(s, &life_ms) == LCP_OK && life_ms == 200);
    CHECK(change_to(s, LCP_IN, 2, LCP_IN_REFUSED, NULL));
    CHECK(s->ops->next_expiry(s, &life_ms) == LCP_OK && life_ms == 300);
    CHECK(change_to(s, LCP_OUT, 1, LCP_SENT_HELD, NULL));
    CHECK(s->ops->next_expiry(s, &life_ms) == LCP_OK && life_ms == 400);
    CHECK(change_to(s, LCP_IN, 4, LCP_IN_STORED, NULL));
    CHECK(s->ops->next_expiry(s, &life_ms) == LCP_OK && life_ms == 0);
    s->ops->close(s);
}

static void
expect_usage(struct lcp_store *s, const char *peer, uint64_t messages, uint64_t bytes)
{
    struct lcp_store_usage usage = {99, 99};

    CHECK(s->ops->usage(s, peer, &usage) == LCP_OK);
    CHECK_ROW(peer, usage.messages == messages);
    CHECK_ROW(peer, usage.bytes == bytes);
}

static void
usage_is_what_lies_here_of_one_peer(void)
{
    struct lcp_store *s = open_and_begin(), *reader;
    struct lcp_row row = incoming("c", 1);

    expect_usage(s, "bob", 0, 0);
    add(s, held("a", "bob", 9));    /* 1: 8 bytes each */
    add(s, incoming("b", 1));       /* 2 */
    add(s, row);                    /* 3 */
    add(s, outgoing("out", "bob")); /* 4: what we send is not of a peer */
    add(s, held("d", "carol", 0));  /* 5 */
    row = incoming("e", 1);
    row.state = LCP_IN_CONSUMED;
    add(s, row); /* 6 */
    row = incoming("f", 1);
    row.state = LCP_IN_REFUSED;
    add(s, row); /* 7 */
    CHECK(s->ops->add(s, &row, &(uint64_t){0}) == LCP_EEXIST);
    expect_usage(s, "bob", 3, 24);
    expect_usage(s, "carol", 1, 8);
    CHECK(s->ops->commit(s) == LCP_OK);
    reader = contract.open(true);
    CHECK(s->ops->begin(s) == LCP_OK);
    CHECK(change_to(s, LCP_IN, 1, LCP_IN_STORED, NULL));
    CHECK(change_to(s, LCP_IN, 2, LCP_IN_HANDED, NULL));
    expect_usage(s, "bob", 3, 24);
    CHECK(change_to(s, LCP_IN, 2, LCP_IN_ARCHIVED, NULL));
    CHECK(!change_to(s, LCP_IN, 2, LCP_IN_REFUSED, NULL));
    CHECK(change_to(s, LCP_IN, 5, LCP_IN_REFUSED, NULL));
    expect_usage(s, "bob", 2, 16);
    expect_usage(s, "carol", 0, 0);
    expect_usage(reader, "bob", 3, 24);
    CHECK(s->ops->commit(s) == LCP_OK);
    expect_usage(reader, "bob", 2, 16);
    expect_usage(reader, "carol", 0, 0);
    expect_usage(reader, "nobody", 0, 0);
    reader->ops->close(reader);
    s->ops->close(s);
}

static void
refused_mail_stays_refused_when_its_body_goes(void)
{
    struct lcp_store *s = open_and_begin();
    struct lcp_row row = incoming("bare", 1), found;
    const struct lcp_change why = {
        .reason = "declined", .detail = "not today", .wall_ms = 60};
    uint64_t purged = 0;

    row.state = LCP_IN_REFUSED; /* 1: by policy, its body was never kept */
    row.reason = "policy";
    row.detail = "not allowed";
    row.wants_receipts = true;
    row.raw.len = 0;
    row.wall_ms = row.state_wall_ms = 10;
    add(s, row);
    add(s, incoming("b", 1)); /* 2 refused at 60 */
    add(s, incoming("c", 1)); /* 3 archived at 50 */
    row = incoming("d", 1);   /* 4 refused as it came, with a body, at 55 */
    row.state = LCP_IN_REFUSED;
    row.state_wall_ms = 55;
    row.wants_receipts = row.owes = true;
    add(s, row);
    add(s, held("e", "bob", 9)); /* 5 refused at 60, owed */
    row = incoming("f", 1);      /* 6 archived at 60, owed */
    row.wants_receipts = true;
    add(s, row);
    CHECK(change_to(s, LCP_IN, 2, LCP_IN_REFUSED, &why));
    CHECK(
        change_to(s, LCP_IN, 3, LCP_IN_ARCHIVED, &(struct lcp_change){.wall_ms = 50}));
    CHECK(change_to(s, LCP_IN, 5, LCP_IN_REFUSED, &why));
    CHECK(change_to(s, LCP_IN, 6, LCP_IN_ARCHIVED, &why));
    CHECK(get(s, 1)->last.raw.len == 0);
    CHECK_STR(owed_to(s, "bob", 9), "6 4 5");
    CHECK(s->ops->purge(s, 60, 9, &purged) == LCP_OK && purged == 2);
    CHECK(get(s, 3)->last.state == LCP_IN_PURGED && get(s, 4)->last.raw.len == 0);
    CHECK(get(s, 2)->raw[0] == '{' && get(s, 5)->raw[0] == '{');
    CHECK(s->ops->purge(s, 61, 1, &purged) == LCP_OK && purged == 1);
    CHECK(get(s, 2)->last.raw.len == 0 && get(s, 5)->raw[0] == '{'); /* by number */
    CHECK(s->ops->purge(s, 61, 9, &purged) == LCP_OK && purged == 2);
    CHECK(s->ops->purge(s, INT64_MAX, 9, &purged) == LCP_OK && purged == 0);
    for (uint64_t number = 1; number <= 5; number += number == 2 ? 2 : 1)
        CHECK(get(s, number)->last.state == LCP_IN_REFUSED);
    CHECK_STR(get(s, 1)->reason, "policy");
    CHECK_STR(get(s, 1)->detail, "not allowed");
    CHECK_STR(get(s, 2)->detail, "not today");
    /* What is owed is still owed, and under the state there is now. */
    CHECK(get(s, 6)->last.state == LCP_IN_PURGED);
    CHECK_STR(owed_to(s, "bob", 9), "4 5 6");
    CHECK(s->ops->set_told(s, 6, LCP_IN_ARCHIVED) == LCP_OK);
    CHECK_STR(owed_to(s, "bob", 9), "4 5 6");
    CHECK(s->ops->set_told(s, 6, LCP_IN_PURGED) == LCP_OK);
    CHECK(s->ops->set_told(s, 4, LCP_IN_REFUSED) == LCP_OK);
    CHECK_STR(owed_to(s, "bob", 9), "5");
    row = incoming("bare", 1);
    CHECK(s->ops->find_in(s, &row.key, "bare", &found) == LCP_OK);
    CHECK(found.number == 1 && found.state == LCP_IN_REFUSED && found.digest[0] == 1);
    s->ops->close(s);
}

static void
paused_peers_are_left_out_on_demand(void)
{
    struct lcp_store *s = open_and_begin(), *reader;
    struct lcp_query pending = {.state_max = LCP_IN_HANDED, .without_paused = true};
    struct lcp_query all = {.state_max = 99, .without_paused = true};
    struct lcp_query sent = {.dir = LCP_OUT, .without_paused = true};
    struct lcp_row row = incoming("b", 1);
    const struct lcp_store_peer stop = {.is_paused = true};

    add(s, incoming("a", 1)); /* 1 of bob */
    row.peer = "carol";
    add(s, row);                  /* 2 of carol */
    add(s, incoming("c", 1));     /* 3 of bob */
    add(s, outgoing("d", "bob")); /* 4 */
    CHECK_STR(query(s, pending), "1 2 3");
    CHECK(s->ops->peer_put(s, "bob", &stop) == LCP_OK);
    CHECK(s->ops->peer_put(s, "zoe", &stop) == LCP_OK);
    CHECK_STR(query(s, pending), "2");
    CHECK_STR(query(s, all), "2");
    CHECK_STR(query(s, sent), "4");
    CHECK_STR(paused(s, 0), "<bob><zoe>");
    CHECK_STR(paused(s, 1), "<bob>");
    pending.without_paused = false;
    CHECK_STR(query(s, pending), "1 2 3");
    pending.without_paused = true;
    CHECK(s->ops->peer_put(s, "", &stop) == LCP_OK); /* the node */
    CHECK_STR(query(s, pending), "");
    CHECK_STR(query(s, all), "");
    CHECK_STR(query(s, sent), "4");
    CHECK_STR(paused(s, 0), "<><bob><zoe>");
    reader = contract.open(true);
    CHECK_STR(paused(reader, 0), "");
    CHECK_STR(query(reader, pending), "");
    CHECK(s->ops->peer_del(s, "") == LCP_OK);
    CHECK(s->ops->commit(s) == LCP_OK);
    CHECK_STR(paused(reader, 0), "<bob><zoe>");
    CHECK_STR(query(reader, pending), "2");
    reader->ops->close(reader);
    s->ops->close(s);
}

static void
what_is_remembered_of_a_peer(void)
{
    static char name[LCP_NAME_MAX + 2];
    struct lcp_store *s = open_and_begin();
    struct lcp_store_peer row = {LCP_VERSION_1_2, true, UINT64_C(1) << 50}, got = row;

    memset(name, 'n', LCP_NAME_MAX + 1);
    CHECK(s->ops->peer_get(s, "bob", &got) == LCP_OK);
    CHECK(got.version == 0 && !got.is_paused && got.rate_life_ms == 0);
    CHECK(s->ops->peer_put(s, "bob", &row) == LCP_OK);
    CHECK(s->ops->peer_put(s, name + 1, &row) == LCP_OK);
    CHECK(s->ops->peer_put(s, name, &row) == LCP_EINVAL);
    row.rate_life_ms = UINT64_MAX;
    CHECK(s->ops->peer_put(s, "carol", &row) == LCP_EINVAL);
    CHECK(s->ops->commit(s) == LCP_OK);
    s->ops->close(s);
    s = contract.open(false);
    CHECK(s->ops->peer_get(s, "bob", &got) == LCP_OK);
    CHECK(got.version == LCP_VERSION_1_2 && got.is_paused);
    CHECK(got.rate_life_ms == UINT64_C(1) << 50);
    CHECK(s->ops->peer_get(s, name + 1, &got) == LCP_OK && got.is_paused);
    CHECK(s->ops->peer_get(s, "carol", &got) == LCP_OK && got.version == 0);
    CHECK(s->ops->begin(s) == LCP_OK);
    CHECK(s->ops->peer_put(s, "bob", &(struct lcp_store_peer){.version = 11}) ==
          LCP_OK);
    CHECK(s->ops->peer_get(s, "bob", &got) == LCP_OK);
    CHECK(got.version == LCP_VERSION_1_1 && !got.is_paused && got.rate_life_ms == 0);
    CHECK(s->ops->peer_del(s, "bob") == LCP_OK);
    CHECK(s->ops->peer_del(s, "bob") == LCP_OK); /* gone is gone */
    CHECK(s->ops->peer_get(s, "bob", &got) == LCP_OK && got.version == 0);
    CHECK(s->ops->peer_get(s, name + 1, &got) == LCP_OK && got.version != 0);
    s->ops->close(s);
}

static bool
audit_take(void *ctx, const struct lcp_audit *audit)
{
    struct rows *rows = ctx;

    rows->len += (size_t)snprintf(
        rows->text + rows->len, sizeof(rows->text) - rows->len,
        "%llu %lld %.9s|%s|%s; ", (unsigned long long)audit->number,
        (long long)audit->wall_ms, audit->who, audit->what, audit->detail);
    rows->changed = strlen(audit->who);
    return ++rows->count != rows->stop_after;
}

static void
the_audit_record_grows_and_nothing_else(void)
{
    static char text[LCP_AUDIT_TEXT_MAX + 3];
    struct lcp_store *s = open_and_begin();
    struct lcp_audit line = {7, 100, "uid 1000", "peer trust", "bob 0f29"};
    struct rows all = {0}, two = {0}, one = {.stop_after = 1}, none = {0};

    CHECK(s->ops->audit_add(s, &line) == LCP_OK);
    line = (struct lcp_audit){0, -5, NULL, "release", NULL};
    CHECK(s->ops->audit_add(s, &line) == LCP_OK);
    line.what = NULL;
    CHECK(s->ops->audit_add(s, &line) == LCP_EINVAL);
    line.what = "";
    CHECK(s->ops->audit_add(s, &line) == LCP_EINVAL);
    CHECK(s->ops->commit(s) == LCP_OK);
    CHECK(s->ops->begin(s) == LCP_OK);
    line.what = "gone";
    CHECK(s->ops->audit_add(s, &line) == LCP_OK);
    s->ops->rollback(s);
    CHECK(s->ops->begin(s) == LCP_OK);
    /* Cut in front of a character that does not fit. */
    memset(text, 'w', LCP_AUDIT_TEXT_MAX - 1);
    memcpy(text + LCP_AUDIT_TEXT_MAX - 1, "\xc3\xa9!", 4);
    line = (struct lcp_audit){0, 200, text, "resume", "typed"};
    CHECK(s->ops->audit_add(s, &line) == LCP_OK);
    CHECK(s->ops->commit(s) == LCP_OK);
    s->ops->close(s);
    s = contract.open(true);
    CHECK(s->ops->each_audit(s, 99, audit_take, &all) == LCP_OK);
    CHECK_STR(all.text, "3 200 wwwwwwwww|resume|typed; 2 -5 |release|; "
                        "1 100 uid 1000|peer trust|bob 0f29; ");
    CHECK(s->ops->each_audit(s, 2, audit_take, &two) == LCP_OK && two.count == 2);
    CHECK(s->ops->each_audit(s, 9, audit_take, &one) == LCP_OK && one.count == 1);
    CHECK(one.changed == LCP_AUDIT_TEXT_MAX - 1);
    CHECK(s->ops->each_audit(s, 0, audit_take, &none) == LCP_OK && none.count == 0);
    s->ops->close(s);
}

static void
contract_words_run(void)
{
    of_two_final_states_the_first_stays();
    a_state_keeps_its_evidence();
    a_change_that_is_rolled_back_leaves_no_trace();
    mail_that_wants_receipts_owes_each_new_state();
    words_owed_come_by_peer_and_state();
    held_mail_is_in_no_inbox();
    held_mail_runs_out_beside_what_is_queued();
    usage_is_what_lies_here_of_one_peer();
    refused_mail_stays_refused_when_its_body_goes();
    paused_peers_are_left_out_on_demand();
    what_is_remembered_of_a_peer();
    the_audit_record_grows_and_nothing_else();
}

#endif
