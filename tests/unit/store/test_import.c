/* SPDX-License-Identifier: MIT
 *
 * A Python node's data folder is taken over whole, in order and once.
 */
#include "unit/store/scratch.h"

#include "base/text.h"
#include "store/import.h"

/* Keys of RFC 8032's tests 1 and 2: the peer's and ours. */
#define KEY_PEER "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define KEY_OURS "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw="
#define SECURITY(key) "\"security\": {\"algo\": \"ed25519\", \"pubkey\": \"" key "\"}"
#define MESSAGE(id, stamp, key)                                                   \
    "{\n  \"id\": \"" id                                                          \
    "\",\n  \"from\": \"x\",\n  \"to\": \"y\",\n  \"timestamp\": \"" stamp        \
    "\",\n  \"type\": \"task\",\n  \"message\": \"\xe9\xbe\x99\xe8\x99\xbe\",\n " \
    " " SECURITY(key) "\n}"

static struct lcp_memory_disk *disk;
static struct lcp_store *store;

static void
set_up(void)
{
    scratch_clear();
    disk = lcp_memory_disk_new();
    REQUIRE(disk != NULL);
    REQUIRE(lcp_store_memory_open(disk, false, &store) == LCP_OK);
}

static void
tear_down(void)
{
    store->ops->close(store);
    lcp_memory_disk_free(disk);
}

static void
put_file(const char *name, const char *text)
{
    REQUIRE(lcp_os_write_file(scratch(name), lcp_span_str(text), 0644, false) ==
            LCP_OK);
}

static void
make_folders(const char *under)
{
    static const char *const names[] = {"", "/inbox", "/inbox_archive", "/outbox"};
    char path[64];

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(path, sizeof(path), "%s%s", under, names[i]);
        REQUIRE(lcp_os_mkdir(scratch(path)) == LCP_OK);
    }
}

static void
make_legacy_folder(void)
{
    make_folders("old");
    put_file("old/inbox/msg_33333333.json",
             MESSAGE("33333333-0000-4000-8000-000000000000",
                     "2026-03-28T12:00:03.5+08:00", KEY_PEER));
    put_file("old/inbox_archive/msg_11111111.json",
             MESSAGE("11111111-0000-4000-8000-000000000000", "2026-03-28T03:00:01Z",
                     KEY_PEER));
    /* One second before in its zone, an hour after in truth. */
    put_file("old/inbox_archive/msg_44444444.json",
             MESSAGE("44444444-0000-4000-8000-000000000000",
                     "2026-03-28T03:00:00-02:00", KEY_PEER));
    put_file("old/outbox/msg_22222222.json",
             "{\"id\": \"22222222-0000-4000-8000-000000000000\", \"type\": \"result\","
             " \"timestamp\": \"2026-03-28T03:00:02Z\", \"message\": \"\\u9f99\","
             " \"replyTo\": \"11111111-0000-4000-8000-000000000000\", " SECURITY(
                 KEY_OURS) "}");
    put_file("old/seen_ids.json",
             "[\"33333333-0000-4000-8000-000000000000\",\n \"gone-1\","
             " \"gone-2\", \"not an id\", 7, \"a\\\"b\", \"gone-1\"]");
}

struct seen_rows {
    char text[1024];
    size_t len;
};

static bool
take_row(void *ctx, const struct lcp_row *row)
{
    struct seen_rows *rows = ctx;

    rows->len += (size_t)snprintf(
        rows->text + rows->len, sizeof(rows->text) - rows->len,
        "%llu %s %.8s %d %s%s\n", (unsigned long long)row->number,
        row->dir == LCP_IN ? "in" : "out", row->id, row->state, row->type,
        row->reason[0] ? " imported" : "");
    return true;
}

static const char *
record(void)
{
    static struct seen_rows rows;

    memset(&rows, 0, sizeof(rows));
    REQUIRE(store->ops->each_changed(store, 0, 100, take_row, &rows) == LCP_OK);
    return rows.text;
}

static bool
check_third(void *ctx, const struct lcp_row *row)
{
    struct lcp_key key;

    CHECK(lcp_key_parse(lcp_span_str(KEY_PEER), &key) == LCP_OK);
    CHECK(lcp_key_eq(&row->key, &key));
    CHECK_STR(row->peer, ctx);
    CHECK(row->wall_ms == INT64_C(1774670403500)); /* 04:00:03.5 UTC */
    CHECK(lcp_span_eq(
        row->raw,
        lcp_span_str("{\"id\":\"33333333-0000-4000-8000-000000000000\",\"from\":\"x\","
                     "\"to\":\"y\",\"timestamp\":\"2026-03-28T12:00:03.5+08:00\","
                     "\"type\":\"task\",\"message\":\"\xe9\xbe\x99\xe8\x99\xbe\","
                     "\"security\":{\"algo\":\"ed25519\",\"pubkey\":\"" KEY_PEER
                     "\"}}")));
    return true;
}

static bool
check_sent(void *ctx, const struct lcp_row *row)
{
    (void)ctx;
    CHECK(row->was_transmitted && row->expires_life_ms == 0);
    CHECK_STR(row->reply_to, "11111111-0000-4000-8000-000000000000");
    CHECK_STR(row->reason, "imported");
    return true;
}

static void
a_python_node_s_folder_is_taken_over_in_order(void)
{
    char peer[] = "bob";
    struct lcp_import_report r = {0};
    struct lcp_store_counts counts;
    struct lcp_key anyone = {.bytes = {99}};
    struct lcp_row row;

    set_up();
    make_legacy_folder();
    CHECK(lcp_import(scratch("old"), peer, store, 1, &r) == LCP_OK);
    CHECK(r.inbox == 1 && r.archive == 2 && r.outbox == 1);
    CHECK(r.seen == 2 && r.skipped == 2); /* "not an id" and the one with an escape */
    CHECK_STR(record(), "1 in 11111111 20 task\n"
                        "2 out 22222222 30 result imported\n"
                        "3 in 33333333 0 task\n"
                        "4 in 44444444 20 task\n");
    CHECK(store->ops->get(store, 3, check_third, peer) == LCP_OK);
    CHECK(store->ops->get(store, 2, check_sent, NULL) == LCP_OK);
    CHECK(store->ops->counts(store, &counts) == LCP_OK);
    CHECK(counts.inbox == 1 && counts.unhanded == 1 && counts.queued == 0);
    CHECK(store->ops->find_in(store, &anyone, "gone-1", &row) == LCP_OK);
    CHECK(row.number == 0);
    CHECK(store->ops->find_in(store, &anyone, "gone-2", &row) == LCP_OK);
    /* What is there as a message is seen from its own sender, not from anyone. */
    CHECK(store->ops->find_in(store, &anyone, "33333333-0000-4000-8000-000000000000",
                              &row) == LCP_ENOTFOUND);
    tear_down();
}

static void
a_second_import_takes_nothing(void)
{
    struct lcp_import_report r = {0};
    uint64_t changed;

    set_up();
    make_legacy_folder();
    CHECK(lcp_import(scratch("old"), "bob", store, 1, &r) == LCP_OK);
    changed = store->ops->changed(store);
    CHECK(lcp_import(scratch("old"), "bob", store, 1, &r) == LCP_OK);
    CHECK(r.inbox == 0 && r.archive == 0 && r.outbox == 0 && r.skipped == 6 &&
          r.seen == 0);
    CHECK(store->ops->changed(store) == changed);
    tear_down();
}

static void
what_is_no_message_is_skipped_and_counted(void)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{",
        "not json",
        "{}",
        MESSAGE("bad/id", "2026-03-28T03:00:00Z", KEY_PEER),
        MESSAGE("", "2026-03-28T03:00:00Z", KEY_PEER),
        MESSAGE("short-key", "2026-03-28T03:00:00Z", "AAAA"),
        MESSAGE("zero-key", "2026-03-28T03:00:00Z",
                "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        "{\"id\":\"no-security\",\"type\":\"chat\",\"message\":\"\"}",
        "{\"id\":\"twice\",\"id\":\"twice\",\"type\":\"chat\",\"message\":"
        "\"\"," SECURITY(KEY_PEER) "}",
        "{\"id\":\"number\",\"type\":1,\"message\":\"\"," SECURITY(KEY_PEER) "}",
    };
    struct lcp_import_report r = {0};
    char name[64], *big;

    set_up();
    make_folders("old");
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        snprintf(name, sizeof(name), "old/inbox/bad-%zu.json", i);
        put_file(name, bad[i]);
    }
    big = malloc(LCP_PAYLOAD_MAX + 1000);
    REQUIRE(big != NULL);
    memset(big, 'x', LCP_PAYLOAD_MAX + 999);
    big[LCP_PAYLOAD_MAX + 999] = '\0';
    memcpy(big, "{\"id\":\"big\",\"type\":\"chat\",\"message\":\"", 37);
    memcpy(big + LCP_PAYLOAD_MAX + 800, "\"," SECURITY(KEY_PEER) "}",
           sizeof("\"," SECURITY(KEY_PEER) "}"));
    put_file("old/inbox/big.json", big);
    free(big);
    put_file("old/inbox/.hidden", "no message, and not counted");
    put_file("old/inbox/msg.json.tmp", "no message, and not counted");
    REQUIRE(lcp_os_mkdir(scratch("old/inbox/folder.json")) == LCP_OK);
    put_file("old/inbox/no-stamp.json", MESSAGE("no-stamp", "yesterday", KEY_PEER));
    put_file("old/seen_ids.json", "[\"torn\", \"tor");
    CHECK(lcp_import(scratch("old"), "bob", store, INT64_C(1800000000000), &r) ==
          LCP_OK);
    CHECK(r.inbox == 1 && r.skipped == COUNT_OF(bad) + 2);
    CHECK(r.seen == 1);
    CHECK_STR(record(), "1 in no-stamp 0 task\n");
    tear_down();
}

static void
a_data_folder_may_be_inside_and_parts_may_be_missing(void)
{
    struct lcp_import_report r = {.inbox = 77};

    set_up();
    REQUIRE(lcp_os_mkdir(scratch("old")) == LCP_OK);
    CHECK(lcp_import(scratch("old"), "bob", store, 1, &r) == LCP_ENOTFOUND);
    CHECK(lcp_import(scratch("nothing"), "bob", store, 1, &r) == LCP_ENOTFOUND);
    CHECK(r.inbox == 77);
    REQUIRE(lcp_os_mkdir(scratch("old/data")) == LCP_OK);
    put_file("old/data/seen_ids.json", "[\"only-this\"]");
    CHECK(lcp_import(scratch("old"), "bob", store, 1, &r) == LCP_OK);
    CHECK(r.seen == 1 && r.inbox == 0 && r.skipped == 0);
    tear_down();
}

static void
a_failure_takes_nothing_at_all(void)
{
    struct lcp_import_report r = {.inbox = 77};
    struct lcp_store_counts counts;

    set_up();
    make_legacy_folder();
    lcp_memory_disk_fail(disk, LCP_ENOSPACE);
    CHECK(lcp_import(scratch("old"), "bob", store, 1, &r) == LCP_ENOSPACE);
    lcp_memory_disk_fail(disk, LCP_OK);
    CHECK(lcp_import(scratch("old"), "", store, 1, &r) == LCP_EINVAL);
    CHECK(r.inbox == 77);
    CHECK(store->ops->counts(store, &counts) == LCP_OK && counts.total == 0);
    CHECK(lcp_import(scratch("old"), "bob", store, 1, &r) == LCP_OK && r.inbox == 1);
    tear_down();
}

static void
it_goes_into_sqlite_as_well(void)
{
    struct lcp_store *memory, *s = NULL;
    struct lcp_import_report r = {0};
    char expected[1024];

    set_up();
    make_legacy_folder();
    CHECK(lcp_import(scratch("old"), "bob", store, 1, &r) == LCP_OK);
    snprintf(expected, sizeof(expected), "%s", record());
    REQUIRE(lcp_store_sqlite_open(scratch("lcp.db"), false, &s) == LCP_OK);
    CHECK(lcp_import(scratch("old"), "bob", s, 1, &r) == LCP_OK);
    memory = store;
    store = s;
    CHECK_STR(record(), expected);
    store = memory;
    s->ops->close(s);
    tear_down();
}

int
main(void)
{
    REQUIRE(lcp_crypto_init() == LCP_OK);
    scratch_make();
    a_python_node_s_folder_is_taken_over_in_order();
    a_second_import_takes_nothing();
    what_is_no_message_is_skipped_and_counted();
    a_data_folder_may_be_inside_and_parts_may_be_missing();
    a_failure_takes_nothing_at_all();
    it_goes_into_sqlite_as_well();
    scratch_remove();
    return check_end("import");
}
