/* SPDX-License-Identifier: MIT
 *
 * Takes over the data folder of a Python node: docs/protocol.md "Files". Signatures are
 * not checked again: that node did, and the files are this user's own.
 */
#include "store/import.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/os.h"
#include "base/text.h"
#include "store/row.h"

enum {
    FILE_MAX = 1 << 20, /* an indented message of one datagram is far smaller */
    SEEN_FILE_MAX = 64 << 20,
    ENTRIES_FIRST = 64,
};

enum source { FROM_INBOX, FROM_ARCHIVE, FROM_OUTBOX, SOURCE_COUNT };

static const char *const source_names[SOURCE_COUNT] = {"inbox", "inbox_archive",
                                                       "outbox"};

/* A message found in a file. */
struct entry {
    enum source source;
    int64_t wall_ms; /* of its time stamp */
    char *name;      /* of the file */
    char id[LCP_ID_MAX + 1];
    char type[LCP_TYPE_MAX + 1];
    char reply_to[LCP_ID_MAX + 1];
    struct lcp_key key;
    char *raw;
    size_t len;
};

struct import {
    struct entry *entries;
    size_t count, cap;
    const char **ids; /* of what was received, sorted; borrowed from the entries */
    size_t id_count;
    struct lcp_import_report report;
    enum source source;
    char folder[LCP_PATH_MAX];
    char path[LCP_PATH_MAX];
    int64_t wall_ms;
    enum lcp_err err; /* ends the reading of a folder */
    struct lcp_json_node nodes[LCP_JSON_NODES_MAX];
};

static void
entry_free(struct entry *e)
{
    free(e->name);
    free(e->raw);
}

static void
import_free(struct import *im)
{
    for (size_t i = 0; i < im->count; i++)
        entry_free(&im->entries[i]);
    free(im->entries);
    free(im->ids);
    free(im);
}

/* The string member `name`, at most cap - 1 bytes of it, or "" if absent or longer. */
static void
read_member(const struct lcp_json *doc, uint32_t object, const char *name, char *out,
            size_t cap)
{
    uint32_t at = lcp_json_member(doc, object, name);
    size_t len = 0;

    if (at == 0 || !lcp_json_is(doc, at, LCP_JSON_STRING) ||
        lcp_json_string(doc, at, out, cap, &len) != LCP_OK || strlen(out) != len)
        out[0] = '\0';
}

/* The members a row needs; false: no message. */
static bool
read_message(const struct lcp_json *doc, int64_t now_ms, struct entry *e)
{
    char text[LCP_KEY_B64 + 4], stamp[64];
    uint32_t security = lcp_json_member(doc, 0, "security");
    uint32_t type = lcp_json_member(doc, 0, "type");
    uint32_t message = lcp_json_member(doc, 0, "message");

    if (security == 0 || !lcp_json_is(doc, security, LCP_JSON_OBJECT) || type == 0 ||
        !lcp_json_is(doc, type, LCP_JSON_STRING) || message == 0 ||
        !lcp_json_is(doc, message, LCP_JSON_STRING))
        return false;
    read_member(doc, 0, "id", e->id, sizeof(e->id));
    read_member(doc, security, "pubkey", text, sizeof(text));
    if (!lcp_id_is_valid(lcp_span_str(e->id)) ||
        lcp_key_parse(lcp_span_str(text), &e->key) != LCP_OK)
        return false;
    read_member(doc, 0, "type", e->type, sizeof(e->type));
    read_member(doc, 0, "replyTo", e->reply_to, sizeof(e->reply_to));
    read_member(doc, 0, "timestamp", stamp, sizeof(stamp));
    if (lcp_iso8601_parse(lcp_span_str(stamp), &e->wall_ms) != LCP_OK)
        e->wall_ms = now_ms;
    return true;
}

/* Reads one file into e; LCP_EFORMAT: it is no message. The signature is over the
 * canonical form, so the layout of the file may go. */
static enum lcp_err
read_entry(struct import *im, struct entry *e)
{
    struct lcp_json doc = {.nodes = im->nodes, .cap = LCP_JSON_NODES_MAX};
    struct lcp_writer writer;
    struct lcp_span compact;
    char *data = NULL;
    size_t len = 0;
    enum lcp_err err = lcp_os_read_file(im->path, FILE_MAX, &data, &len);

    if (err != LCP_OK)
        return err == LCP_ENOMEM ? err : LCP_EFORMAT;
    err = LCP_EFORMAT;
    if (lcp_json_parse(lcp_span(data, len), &doc) != LCP_JSON_FAULT_NONE ||
        !read_message(&doc, im->wall_ms, e))
        goto out;
    e->raw = malloc(LCP_PAYLOAD_MAX);
    if (e->raw == NULL) {
        err = LCP_ENOMEM;
        goto out;
    }
    lcp_writer_init(&writer, e->raw, LCP_PAYLOAD_MAX, 0);
    lcp_write_value(&writer, &doc, 0);
    if (lcp_writer_end(&writer, &compact) != LCP_OK)
        goto out;
    e->len = compact.len;
    err = LCP_OK;

out:
    free(data);
    return err;
}

static enum lcp_err
keep_entry(struct import *im, struct entry *e)
{
    char *smaller = realloc(e->raw, e->len + 1);

    if (smaller != NULL)
        e->raw = smaller;
    if (im->count == im->cap) {
        size_t cap = im->cap != 0 ? 2 * im->cap : ENTRIES_FIRST;
        struct entry *grown = realloc(im->entries, cap * sizeof(*grown));

        if (grown == NULL)
            return LCP_ENOMEM;
        im->entries = grown;
        im->cap = cap;
    }
    im->entries[im->count++] = *e;
    return LCP_OK;
}

static bool
take_file(void *ctx, const char *name)
{
    struct import *im = ctx;
    struct entry e = {.source = im->source};
    size_t len = strlen(name);

    if (len < 5 || strcmp(name + len - 5, ".json") != 0)
        return true;
    im->err = lcp_path_join(im->path, sizeof(im->path), im->folder, name);
    e.name = malloc(len + 1);
    if (im->err == LCP_OK && e.name == NULL)
        im->err = LCP_ENOMEM;
    if (im->err == LCP_OK) {
        memcpy(e.name, name, len + 1);
        im->err = read_entry(im, &e);
    }
    if (im->err == LCP_OK)
        im->err = keep_entry(im, &e);
    if (im->err == LCP_OK)
        return true;
    entry_free(&e);
    if (im->err != LCP_EFORMAT)
        return false;
    im->report.skipped++;
    im->err = LCP_OK;
    return true;
}

static enum lcp_err
read_folders(struct import *im, const char *base)
{
    enum lcp_err err = LCP_OK;

    for (int i = 0; i < SOURCE_COUNT && err == LCP_OK; i++) {
        im->source = (enum source)i;
        err = lcp_path_join(im->folder, sizeof(im->folder), base, source_names[i]);
        if (err != LCP_OK || !lcp_os_is_folder(im->folder))
            continue;
        err = lcp_os_each_entry(im->folder, take_file, im);
        if (err == LCP_OK)
            err = im->err;
    }
    return err;
}

static int
by_time(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    int order;

    if (left->wall_ms != right->wall_ms)
        return left->wall_ms < right->wall_ms ? -1 : 1;
    order = strcmp(left->name, right->name);
    return order != 0 ? order : (int)left->source - (int)right->source;
}

static enum lcp_err
add_entry(struct import *im, const struct entry *e, const char *peer,
          struct lcp_store *store)
{
    static const int states[SOURCE_COUNT] = {LCP_IN_STORED, LCP_IN_ARCHIVED,
                                             LCP_SENT_ACKED};
    bool is_out = e->source == FROM_OUTBOX;
    struct lcp_row row = {.dir = is_out ? LCP_OUT : LCP_IN,
                          .state = states[e->source],
                          .peer = peer,
                          .key = e->key,
                          .id = e->id,
                          .type = e->type,
                          .reply_to = e->reply_to,
                          .reason = is_out ? "imported" : "",
                          .raw = lcp_span(e->raw, e->len),
                          .wall_ms = e->wall_ms,
                          .state_wall_ms = e->wall_ms,
                          .was_transmitted = is_out};
    uint64_t *const counters[SOURCE_COUNT] = {&im->report.inbox, &im->report.archive,
                                              &im->report.outbox};
    uint64_t number = 0;
    enum lcp_err err = store->ops->add(store, &row, &number);

    if (err == LCP_EEXIST) {
        im->report.skipped++;
        return LCP_OK;
    }
    if (err == LCP_OK)
        ++*counters[e->source];
    return err;
}

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum lcp_err
add_entries(struct import *im, const char *peer, struct lcp_store *store)
{
    enum lcp_err err = LCP_OK;

    im->ids = malloc((im->count + 1) * sizeof(*im->ids));
    if (im->ids == NULL)
        return LCP_ENOMEM;
    if (im->count > 1)
        qsort(im->entries, im->count, sizeof(*im->entries), by_time);
    for (size_t i = 0; i < im->count && err == LCP_OK; i++) {
        err = add_entry(im, &im->entries[i], peer, store);
        if (im->entries[i].source != FROM_OUTBOX)
            im->ids[im->id_count++] = im->entries[i].id;
    }
    if (im->id_count > 1)
        qsort(im->ids, im->id_count, sizeof(*im->ids), by_text);
    return err;
}

/* One id of seen_ids.json, between its quotes. */
static enum lcp_err
add_seen(struct import *im, struct lcp_span text, struct lcp_store *store)
{
    char id[LCP_ID_MAX + 1];
    const char *key = id;
    struct lcp_key anyone = {{0}};
    struct lcp_row row;
    enum lcp_err err;

    if (!lcp_id_is_valid(text)) {
        im->report.skipped++;
        return LCP_OK;
    }
    memcpy(id, text.data, text.len);
    id[text.len] = '\0';
    if (im->id_count != 0 &&
        bsearch(&key, im->ids, im->id_count, sizeof(*im->ids), by_text) != NULL)
        return LCP_OK;
    err = store->ops->find_in(store, &anyone, id, &row);
    if (err != LCP_ENOTFOUND) /* twice in the list, or imported before */
        return err;
    err = store->ops->add_seen_any(store, id);
    im->report.seen += err == LCP_OK;
    return err;
}

/* A list of any length, which our reader of messages does not take. It is no peer's:
 * what it holds besides strings is passed over, a string with an escape is no id. */
static enum lcp_err
add_seen_ids(struct import *im, const char *base, struct lcp_store *store)
{
    char *data = NULL, *at, *end;
    size_t len = 0;
    enum lcp_err err = lcp_path_join(im->path, sizeof(im->path), base, "seen_ids.json");

    if (err == LCP_OK)
        err = lcp_os_read_file(im->path, SEEN_FILE_MAX, &data, &len);
    if (err != LCP_OK)
        return err == LCP_ENOTFOUND ? LCP_OK : err;
    for (at = data; err == LCP_OK && (at = strchr(at, '"')) != NULL; at = end + 1) {
        at++;
        for (end = at; *end != '\0' && *end != '"'; end++)
            if (*end == '\\' && end[1] != '\0')
                end++;
        if (*end == '\0')
            break;
        err = add_seen(im, lcp_span(at, (size_t)(end - at)), store);
    }
    free(data);
    return err;
}

static bool
holds_data(const char *folder)
{
    static const char *const names[] = {"inbox", "inbox_archive", "outbox",
                                        "seen_ids.json"};
    char path[LCP_PATH_MAX];

    for (size_t i = 0; i < 4; i++)
        if (lcp_path_join(path, sizeof(path), folder, names[i]) == LCP_OK &&
            lcp_os_exists(path))
            return true;
    return false;
}

static enum lcp_err
take_over(struct import *im, const char *base, const char *peer,
          struct lcp_store *store)
{
    enum lcp_err err = read_folders(im, base);

    if (err != LCP_OK)
        return err;
    err = store->ops->begin(store);
    if (err != LCP_OK)
        return err;
    err = add_entries(im, peer, store);
    if (err == LCP_OK)
        err = add_seen_ids(im, base, store);
    if (err == LCP_OK)
        return store->ops->commit(store);
    store->ops->rollback(store);
    return err;
}

enum lcp_err
lcp_import(const char *folder, const char *peer, struct lcp_store *store,
           int64_t wall_ms, struct lcp_import_report *report)
{
    char data[LCP_PATH_MAX];
    struct import *im;
    enum lcp_err err = lcp_path_join(data, sizeof(data), folder, "data");

    if (err != LCP_OK)
        return err;
    if (!holds_data(folder)) {
        if (!holds_data(data))
            return LCP_ENOTFOUND;
        folder = data;
    }
    im = calloc(1, sizeof(*im));
    if (im == NULL)
        return LCP_ENOMEM;
    im->wall_ms = wall_ms;
    err = take_over(im, folder, peer, store);
    if (err == LCP_OK)
        *report = im->report;
    import_free(im);
    return err;
}
