/* SPDX-License-Identifier: MIT
 *
 * The folders follow the record, and nothing that happens to them changes it.
 */
#include "unit/store/scratch.h"

#include <fcntl.h>

#include "store/mirror.h"

static struct lcp_memory_disk *disk;
static struct lcp_store *writer, *reader;
static struct lcp_mirror *mirror;
static uint64_t mirrored;

static const char *
in_data(const char *name)
{
    static char paths[4][LCP_PATH_MAX];
    static unsigned at;

    at = (at + 1) % 4;
    REQUIRE(lcp_path_join(paths[at], sizeof(paths[at]), scratch("data"), name) ==
            LCP_OK);
    return paths[at];
}

static void
set_up(void)
{
    scratch_clear();
    disk = lcp_memory_disk_new();
    REQUIRE(disk != NULL);
    REQUIRE(lcp_store_memory_open(disk, false, &writer) == LCP_OK);
    REQUIRE(lcp_store_memory_open(disk, true, &reader) == LCP_OK);
    REQUIRE(lcp_mirror_new(scratch("data"), reader, &mirror) == LCP_OK);
    mirrored = 0;
}

static void
tear_down(void)
{
    lcp_mirror_free(mirror);
    reader->ops->close(reader);
    writer->ops->close(writer);
    lcp_memory_disk_free(disk);
}

/* Ids of one character; the file names are hashes, so tests ask the record for them. */
static uint64_t
put_in(const char *id, enum lcp_direction dir, int state, const char *raw)
{
    struct lcp_row row = {.dir = dir,
                          .state = state,
                          .peer = "bob",
                          .id = id,
                          .type = "chat",
                          .raw = lcp_span_str(raw),
                          .wall_ms = 1};
    uint64_t number = 0;

    REQUIRE(writer->ops->begin(writer) == LCP_OK);
    REQUIRE(writer->ops->add(writer, &row, &number) == LCP_OK);
    REQUIRE(writer->ops->commit(writer) == LCP_OK);
    return number;
}

static void
move_to(enum lcp_direction dir, uint64_t number, int state)
{
    bool moved = false;

    REQUIRE(writer->ops->begin(writer) == LCP_OK);
    REQUIRE(lcp_store_set_state(writer, dir, number, state, NULL, 5, &moved) == LCP_OK);
    REQUIRE(writer->ops->commit(writer) == LCP_OK);
    REQUIRE(moved);
}

static void
purge_all(void)
{
    uint64_t purged = 0;

    REQUIRE(writer->ops->begin(writer) == LCP_OK);
    REQUIRE(writer->ops->purge(writer, INT64_MAX, 100, &purged) == LCP_OK);
    REQUIRE(writer->ops->commit(writer) == LCP_OK);
    REQUIRE(purged > 0);
}

static enum lcp_err
follow(void)
{
    uint64_t through = 77;
    enum lcp_err err = lcp_mirror_run(mirror, mirrored, 1000, &through);

    CHECK(through >= mirrored && through <= writer->ops->changed(writer));
    mirrored = through;
    return err;
}

static const char *
content(const char *path)
{
    static char text[4096];
    char *data = NULL;
    size_t len = 0;

    snprintf(text, sizeof(text), "(none)");
    if (lcp_os_read_file(path, sizeof(text) - 1, &data, &len) == LCP_OK)
        memcpy(text, data, len + 1);
    free(data);
    return text;
}

static void
put_file(const char *path, const char *text)
{
    REQUIRE(lcp_os_write_file(path, lcp_span_str(text), 0600, false) == LCP_OK);
}

static bool
count_entry(void *ctx, const char *name)
{
    unsigned *count = ctx;

    (void)name;
    ++*count;
    return true;
}

static unsigned
entries(const char *folder)
{
    unsigned count = 0;

    REQUIRE(lcp_os_each_entry(in_data(folder), count_entry, &count) == LCP_OK);
    return count;
}

#define ID_A "0b9f3f0e-6d0c-4c4e-9a1f-0123456789ab"
#define FILE_A "msg_" ID_A ".json"
#define IN_A "inbox/" FILE_A
#define ARCHIVE_A "inbox_archive/" FILE_A
#define OUT_A "outbox/" FILE_A

static void
mail_appears_as_python_would_write_it(void)
{
    set_up();
    put_in(ID_A, LCP_IN, LCP_IN_STORED,
           "{\"id\":\"1\",\"message\":\"\\u9f99\xe8\x99\xbe "
           "\\\"\",\"n\":[1,{}],\"e\":[]}");
    CHECK(follow() == LCP_OK && mirrored == 1);
    CHECK_STR(content(in_data(IN_A)),
              "{\n  \"id\": \"1\",\n  \"message\": \"\xe9\xbe\x99"
              "\xe8\x99\xbe \\\"\",\n  \"n\": [\n    1,\n    {}\n"
              "  ],\n  \"e\": []\n}");
    tear_down();
}

static void
a_message_goes_through_its_folders(void)
{
    uint64_t number, sent;

    set_up();
    number = put_in(ID_A, LCP_IN, LCP_IN_STORED, "{}");
    sent = put_in(ID_A, LCP_OUT, LCP_SENT_QUEUED, "{\"o\":1}");
    put_in("ping", LCP_IN, LCP_IN_CONSUMED, "{}");
    CHECK(follow() == LCP_OK);
    CHECK(entries("inbox") == 1 && entries("inbox_archive") == 0);
    CHECK(entries("outbox") == 1);
    CHECK(lcp_os_exists(in_data(IN_A)) && lcp_os_exists(in_data(OUT_A)));
    move_to(LCP_IN, number, LCP_IN_HANDED);
    move_to(LCP_OUT, sent, LCP_SENT_ACKED);
    CHECK(follow() == LCP_OK);
    CHECK(lcp_os_exists(in_data(IN_A)) && lcp_os_exists(in_data(OUT_A)));
    move_to(LCP_IN, number, LCP_IN_ARCHIVED);
    CHECK(follow() == LCP_OK);
    CHECK(entries("inbox") == 0 && entries("inbox_archive") == 1);
    CHECK_STR(content(in_data(ARCHIVE_A)), "{}");
    purge_all();
    CHECK(follow() == LCP_OK);
    CHECK(entries("inbox_archive") == 0 && entries("outbox") == 0);
    CHECK(follow() == LCP_OK && mirrored == writer->ops->changed(writer));
    tear_down();
}

static void
held_mail_has_no_file_before_it_is_released(void)
{
    uint64_t released, declined;

    set_up();
    released = put_in(ID_A, LCP_IN, LCP_IN_HELD, "{}");
    declined = put_in("declined", LCP_IN, LCP_IN_HELD, "{\"d\":1}");
    put_in("unwanted", LCP_IN, LCP_IN_REFUSED, "");
    CHECK(follow() == LCP_OK && mirrored == 3);
    CHECK(entries("inbox") == 0 && entries("inbox_archive") == 0);
    move_to(LCP_IN, released, LCP_IN_STORED);
    move_to(LCP_IN, declined, LCP_IN_REFUSED);
    CHECK(follow() == LCP_OK);
    CHECK(entries("inbox") == 1 && entries("inbox_archive") == 1);
    CHECK_STR(content(in_data(IN_A)), "{}");
    move_to(LCP_IN, released, LCP_IN_REFUSED); /* somebody read it and declined */
    CHECK(follow() == LCP_OK);
    CHECK(entries("inbox") == 0 && entries("inbox_archive") == 2);
    CHECK_STR(content(in_data(ARCHIVE_A)), "{}");
    purge_all(); /* they stay refused, but their bodies go */
    CHECK(follow() == LCP_OK && mirrored == writer->ops->changed(writer));
    CHECK(entries("inbox") == 0 && entries("inbox_archive") == 0);
    tear_down();
}

static void
archiving_renames_and_writes_what_is_missing(void)
{
    struct stat before, after;
    uint64_t number, late;

    set_up();
    number = put_in(ID_A, LCP_IN, LCP_IN_STORED, "{}");
    CHECK(follow() == LCP_OK);
    REQUIRE(stat(in_data(IN_A), &before) == 0);
    REQUIRE(link(in_data(IN_A), scratch("kept")) ==
            0); /* so its number stays its own */
    move_to(LCP_IN, number, LCP_IN_ARCHIVED);
    CHECK(follow() == LCP_OK);
    REQUIRE(stat(in_data(ARCHIVE_A), &after) == 0);
    CHECK(before.st_ino == after.st_ino);
    late = put_in("late", LCP_IN, LCP_IN_STORED, "{}");
    move_to(LCP_IN, late, LCP_IN_ARCHIVED); /* the mirror sees only the end of it */
    CHECK(follow() == LCP_OK);
    CHECK(entries("inbox") == 0 && entries("inbox_archive") == 2);
    tear_down();
}

static void
a_second_run_touches_nothing_and_mends_what_a_crash_left(void)
{
    struct stat before, after;
    uint64_t number;

    set_up();
    number = put_in(ID_A, LCP_IN, LCP_IN_STORED, "{\"a\":1}");
    put_in(ID_A, LCP_OUT, LCP_SENT_QUEUED, "{\"o\":1}");
    CHECK(follow() == LCP_OK);
    REQUIRE(stat(in_data(IN_A), &before) == 0);
    mirrored = 0;
    CHECK(follow() == LCP_OK && mirrored == 2);
    REQUIRE(stat(in_data(IN_A), &after) == 0);
    CHECK(before.st_ino == after.st_ino);
    /* Without fsync a power cut leaves an empty file under the right name. */
    put_file(in_data(IN_A), "");
    put_file(in_data(OUT_A), "{\n  \"o\": 9\n}");
    mirrored = 0;
    CHECK(follow() == LCP_OK);
    CHECK_STR(content(in_data(IN_A)), "{\n  \"a\": 1\n}");
    CHECK_STR(content(in_data(OUT_A)), "{\n  \"o\": 1\n}");
    put_file(in_data(IN_A), "");
    move_to(LCP_IN, number, LCP_IN_ARCHIVED);
    CHECK(follow() == LCP_OK);
    CHECK_STR(content(in_data(ARCHIVE_A)), "{\n  \"a\": 1\n}");
    CHECK(!lcp_os_exists(in_data(IN_A)));
    tear_down();
}

static void
what_hands_do_to_the_files_changes_nothing(void)
{
    struct lcp_store_counts counts;
    uint64_t number;

    set_up();
    number = put_in(ID_A, LCP_IN, LCP_IN_STORED, "{}");
    put_in("sent", LCP_OUT, LCP_SENT_QUEUED, "{}");
    CHECK(follow() == LCP_OK);
    put_file(in_data("inbox/notes.txt"), "mine");
    put_file(in_data("inbox_archive/msg_mine.json"), "mine");
    REQUIRE(rename(in_data(IN_A), in_data("inbox/moved.json")) == 0);
    CHECK(follow() == LCP_OK);
    CHECK(reader->ops->counts(reader, &counts) == LCP_OK && counts.inbox == 1);
    move_to(LCP_IN, number, LCP_IN_ARCHIVED);
    CHECK(follow() == LCP_OK);
    CHECK(lcp_os_exists(in_data(ARCHIVE_A)));
    REQUIRE(remove(in_data(ARCHIVE_A)) == 0);
    purge_all(); /* its file is gone before it is removed */
    CHECK(follow() == LCP_OK && mirrored == writer->ops->changed(writer));
    CHECK_STR(content(in_data("inbox/notes.txt")), "mine");
    CHECK_STR(content(in_data("inbox_archive/msg_mine.json")), "mine");
    CHECK_STR(content(in_data("inbox/moved.json")), "{}");
    /* A whole folder, too. */
    scratch_remove();
    REQUIRE(mkdir(scratch_path, 0700) == 0);
    put_in("next", LCP_IN, LCP_IN_STORED, "{}");
    CHECK(follow() == LCP_OK);
    CHECK(entries("inbox") == 1);
    tear_down();
}

static void
what_is_in_the_way_stops_the_mirror_where_it_is(void)
{
    static const struct {
        const char *label, *path;
        int state;
    } rows[] = {
        {"folder in the inbox", IN_A, LCP_IN_HANDED},
        {"folder in the inbox, archiving", IN_A, LCP_IN_ARCHIVED},
        {"folder in the archive", ARCHIVE_A, LCP_IN_ARCHIVED},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t number;

        set_up();
        put_in("first", LCP_IN, LCP_IN_STORED, "{}");
        number = put_in(ID_A, LCP_IN, LCP_IN_STORED, "{}");
        put_in("sent", LCP_OUT, LCP_SENT_QUEUED, "{}");
        move_to(LCP_IN, number, rows[i].state);
        REQUIRE(mkdir(in_data(rows[i].path), 0700) == 0);
        put_in("last", LCP_IN, LCP_IN_STORED, "{}");
        CHECK_ROW(rows[i].label, follow() != LCP_OK);
        CHECK_ROW(rows[i].label, mirrored == 3); /* first and sent are done */
        CHECK_ROW(rows[i].label, follow() != LCP_OK && mirrored == 3);
        CHECK_ROW(rows[i].label, lcp_os_is_folder(in_data(rows[i].path)));
        REQUIRE(remove(in_data(rows[i].path)) == 0);
        CHECK_ROW(rows[i].label, follow() == LCP_OK && mirrored == 5);
        CHECK_ROW(rows[i].label, entries("inbox") + entries("inbox_archive") == 3);
        tear_down();
    }
    set_up();
    REQUIRE(remove(in_data("outbox")) == 0);
    put_file(in_data("outbox"), "a file where the folder was");
    put_in("sent", LCP_OUT, LCP_SENT_QUEUED, "{}");
    CHECK(follow() != LCP_OK && mirrored == 0);
    tear_down();
}

static void
a_run_goes_as_far_as_its_limit(void)
{
    uint64_t through = 0;
    char id[16];

    set_up();
    for (int i = 0; i < 10; i++) {
        snprintf(id, sizeof(id), "m-%d", i);
        put_in(id, LCP_IN, LCP_IN_STORED, "{}");
    }
    CHECK(lcp_mirror_run(mirror, 0, 4, &through) == LCP_OK && through == 4);
    CHECK(entries("inbox") == 4);
    CHECK(lcp_mirror_run(mirror, 4, 100, &through) == LCP_OK && through == 10);
    CHECK(lcp_mirror_run(mirror, 10, 100, &through) == LCP_OK && through == 10);
    CHECK(entries("inbox") == 10);
    tear_down();
}

static void
files_and_folders_are_for_their_owner_only(void)
{
    struct stat st;

    umask(0);
    set_up();
    put_in(ID_A, LCP_IN, LCP_IN_STORED, "{}");
    CHECK(follow() == LCP_OK && lcp_mirror_seen(mirror) == LCP_OK);
    CHECK(stat(in_data(IN_A), &st) == 0 && (st.st_mode & 0777) == 0600);
    CHECK(stat(in_data("seen_ids.json"), &st) == 0 && (st.st_mode & 0777) == 0600);
    CHECK(stat(in_data("inbox"), &st) == 0 && (st.st_mode & 0777) == 0700);
    CHECK(stat(scratch("data"), &st) == 0 && (st.st_mode & 0777) == 0700);
    umask(022);
    tear_down();
}

static void
what_is_no_json_is_written_as_it_came(void)
{
    set_up();
    put_in(ID_A, LCP_OUT, LCP_SENT_QUEUED, "{\"torn\":");
    CHECK(follow() == LCP_OK);
    CHECK_STR(content(in_data(OUT_A)), "{\"torn\":");
    tear_down();
}

/* The most that indenting can make of one datagram. */
static void
the_deepest_message_fits(void)
{
    static char raw[LCP_PAYLOAD_MAX + 1];
    size_t len = 0;
    char *data = NULL;

    set_up();
    len += (size_t)snprintf(raw, sizeof(raw), "{\"a\":");
    for (int i = 0; i < 60; i++)
        raw[len++] = '[';
    for (int i = 0; i < 4000; i++)
        len += (size_t)snprintf(raw + len, sizeof(raw) - len, "%s\"%.*s\"",
                                i ? "," : "", 12,
                                "\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f");
    for (int i = 0; i < 60; i++)
        raw[len++] = ']';
    raw[len++] = '}';
    raw[len] = '\0';
    put_in(ID_A, LCP_IN, LCP_IN_STORED, raw);
    CHECK(follow() == LCP_OK);
    REQUIRE(lcp_os_read_file(in_data(IN_A), 4 << 20, &data, &len) == LCP_OK);
    CHECK(len > 700000);
    CHECK(memcmp(data, "{\n  \"a\": [\n    [\n      [", 24) == 0);
    free(data);
    tear_down();
}

static void
seen_ids_are_the_newest_ten_thousand(void)
{
    char *data = NULL, id[LCP_ID_MAX + 1];
    size_t len = 0, count = 0;

    set_up();
    CHECK(lcp_mirror_seen(mirror) == LCP_OK);
    CHECK_STR(content(in_data("seen_ids.json")), "[]");
    put_in("b", LCP_IN, LCP_IN_STORED, "{}");
    put_in("sent", LCP_OUT, LCP_SENT_QUEUED, "{}");
    put_in("c", LCP_IN, LCP_IN_CONSUMED, "{}");
    CHECK(lcp_mirror_seen(mirror) == LCP_OK);
    CHECK_STR(content(in_data("seen_ids.json")), "[\"c\",\"b\"]");
    REQUIRE(writer->ops->begin(writer) == LCP_OK);
    for (int i = 0; i < 10100; i++) {
        struct lcp_row row = {.peer = "bob", .id = id, .raw = lcp_span_str("{}")};
        uint64_t number;

        memset(id, 'x', sizeof(id) - 1); /* as long as an id may be */
        snprintf(id + LCP_ID_MAX - 5, 6, "%05d", i);
        REQUIRE(writer->ops->add(writer, &row, &number) == LCP_OK);
    }
    REQUIRE(writer->ops->commit(writer) == LCP_OK);
    CHECK(lcp_mirror_seen(mirror) == LCP_OK);
    REQUIRE(lcp_os_read_file(in_data("seen_ids.json"), 4 << 20, &data, &len) == LCP_OK);
    for (size_t i = 0; i < len; i++)
        count += data[i] == '"';
    CHECK(count == 20000);
    CHECK(strstr(data, "x10099\"") != NULL && strstr(data, "x00100\"") != NULL);
    CHECK(strstr(data, "x00099\"") == NULL);
    free(data);
    tear_down();
}

static const char *evil_name;

static enum lcp_err
evil_changes(struct lcp_store *s, uint64_t after, uint32_t limit, lcp_row_fn *fn,
             void *ctx)
{
    struct lcp_row row = {.number = 1,
                          .changed = after + 1,
                          .file = evil_name,
                          .peer = "bob",
                          .id = "a",
                          .type = "chat",
                          .reply_to = "",
                          .reason = "",
                          .raw = lcp_span_str("{}")};

    (void)s;
    (void)limit;
    fn(ctx, &row);
    return LCP_OK;
}

static void
no_name_from_a_damaged_record_reaches_a_path(void)
{
    static const char *const names[] = {"../evil.json",      "/tmp/evil.json",
                                        "msg_../evil.json",  "msg_a/b.json",
                                        "msg_.json.json",    "",
                                        "msg_\xc3\xa9.json", "notes.txt",
                                        "msg_ABC.json",      "msg_.json"};
    static const struct lcp_store_ops ops = {.each_changed = evil_changes};
    struct lcp_store evil = {.ops = &ops};
    struct lcp_mirror *m = NULL;

    scratch_clear();
    REQUIRE(lcp_mirror_new(scratch("data"), &evil, &m) == LCP_OK);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        uint64_t through = 0;

        evil_name = names[i];
        CHECK_ROW(names[i], lcp_mirror_run(m, 5, 10, &through) == LCP_ECORRUPT);
        CHECK_ROW(names[i], through == 5);
    }
    CHECK(entries("inbox") == 0 && entries("") == 3);
    lcp_mirror_free(m);
}

int
main(void)
{
    struct lcp_mirror *m = NULL;

    REQUIRE(lcp_crypto_init() == LCP_OK);
    scratch_make();
    mail_appears_as_python_would_write_it();
    a_message_goes_through_its_folders();
    held_mail_has_no_file_before_it_is_released();
    archiving_renames_and_writes_what_is_missing();
    a_second_run_touches_nothing_and_mends_what_a_crash_left();
    what_hands_do_to_the_files_changes_nothing();
    what_is_in_the_way_stops_the_mirror_where_it_is();
    a_run_goes_as_far_as_its_limit();
    files_and_folders_are_for_their_owner_only();
    what_is_no_json_is_written_as_it_came();
    the_deepest_message_fits();
    seen_ids_are_the_newest_ten_thousand();
    no_name_from_a_damaged_record_reaches_a_path();
    CHECK(lcp_mirror_new(scratch("no/such/place"), NULL, &m) != LCP_OK && m == NULL);
    lcp_mirror_free(NULL);
    scratch_remove();
    return check_end("mirror");
}
