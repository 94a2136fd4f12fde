/* SPDX-License-Identifier: MIT
 *
 * Mail without a daemon: a read-only look into the record. Marks nothing, so that
 * what an agent saw this way comes again from the daemon.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/mail.h"
#include "ipc/ipc.h"
#include "store/store.h"

enum {
    PAGE_MAX = 100,
    ESCAPED_PER_BYTE = 6, /* at most, by JSON's \uXXXX */
    OUR_MEMBERS_BYTES = 8192,
};

int
lcp_direct_begin(struct lcp_cli *cli)
{
    if (!lcp_os_is_folder(cli->home))
        return lcp_fail_client(cli, LCP_ECLOSED);
    fprintf(stderr, "lcp: no daemon runs: this is read from the store, and nothing is "
                    "marked as seen\n");
    return LCP_EXIT_DONE;
}

/* Who is paused; "" is the whole node. */
struct pauses {
    char (*names)[LCP_NAME_MAX + 1];
    size_t count;
    bool is_node;
};

struct page {
    const struct lcp_cli *cli;
    struct pauses pauses;
    uint64_t held;
    const char *withheld; /* code of why a row is not shown */
    struct lcp_json_node *nodes;
    char *text;
    size_t len, cap;
    uint64_t count, limit, last;
    bool more;
    enum lcp_err err;
};

static bool
make_room(struct page *p, size_t bytes)
{
    char *bigger;

    if (bytes <= p->cap - p->len)
        return true;
    bigger = realloc(p->text, 2 * p->cap + bytes);
    if (bigger == NULL) {
        p->err = LCP_ENOMEM;
        return false;
    }
    p->text = bigger;
    p->cap = 2 * p->cap + bytes;
    return true;
}

static void
put(struct page *p, const char *text)
{
    size_t len = strlen(text);

    if (!make_room(p, len + 1))
        return;
    memcpy(p->text + p->len, text, len + 1);
    p->len += len;
}

/* The mirror's file of a message, when it is there. */
static const char *
find_file(const struct lcp_cli *cli, const struct lcp_row *row,
          char path[static LCP_PATH_MAX])
{
    const char *name = row->dir == LCP_OUT             ? "data/outbox"
                       : row->state >= LCP_IN_ARCHIVED ? "data/inbox_archive"
                                                       : "data/inbox";
    char folder[LCP_PATH_MAX];

    if (lcp_cli_path(cli, name, folder) != LCP_OK ||
        lcp_path_join(path, LCP_PATH_MAX, folder, row->file) != LCP_OK ||
        !lcp_os_exists(path))
        return NULL;
    return path;
}

static bool
keep_paused(void *ctx, const char *peer)
{
    struct page *p = ctx;
    struct pauses *pauses = &p->pauses;
    void *bigger = realloc(pauses->names,
                           (pauses->count + 1) * sizeof(pauses->names[0]));

    if (bigger == NULL) {
        p->err = LCP_ENOMEM;
        return false;
    }
    pauses->names = bigger;
    snprintf(pauses->names[pauses->count++], sizeof(pauses->names[0]), "%s", peer);
    pauses->is_node = pauses->is_node || peer[0] == '\0';
    return true;
}

/* A pause and a held message hold without a daemon, too. NULL: it may be shown. */
static const char *
why_withheld(const struct page *p, const struct lcp_row *row)
{
    if (row->dir != LCP_IN || row->state > LCP_IN_HANDED)
        return NULL;
    if (row->state == LCP_IN_HELD)
        return "held";
    for (size_t i = 0; i < p->pauses.count; i++) {
        if (p->pauses.is_node || strcmp(p->pauses.names[i], row->peer) == 0)
            return "paused";
    }
    return NULL;
}

static bool
take_row(void *ctx, const struct lcp_row *row)
{
    struct page *p = ctx;
    struct lcp_json doc = {.nodes = p->nodes, .cap = LCP_JSON_NODES_MAX};
    char fingerprint[LCP_FINGERPRINT_CHARS + 1], path[LCP_PATH_MAX];
    struct lcp_shown shown = {
        .number = row->number,
        .peer = row->peer,
        .fingerprint = fingerprint,
        .version = "1.1",
        .received_wall_ms = row->wall_ms,
        .sent_state = row->dir == LCP_OUT
                          ? lcp_ipc_sent_state_name(row->state, row->was_transmitted)
                          : NULL};
    const char *withheld = why_withheld(p, row);
    struct lcp_writer w;

    if (withheld != NULL) {
        p->withheld = withheld;
        return true;
    }
    if (p->count == p->limit) {
        p->more = true;
        return false;
    }
    if (lcp_json_parse(row->raw, &doc) != LCP_JSON_FAULT_NONE)
        return true;
    lcp_fingerprint(&row->key, fingerprint);
    shown.filepath = find_file(p->cli, row, path);
    if (p->count > 0)
        put(p, ",");
    if (p->err != LCP_OK ||
        !make_room(p, ESCAPED_PER_BYTE * row->raw.len + OUR_MEMBERS_BYTES))
        return false;
    lcp_writer_init(&w, p->text + p->len, p->cap - p->len - 1, 0);
    lcp_ipc_write_message(&w, &doc, &shown);
    if (w.overflow) {
        p->err = LCP_EFULL;
        return false;
    }
    p->len += w.len;
    p->text[p->len] = '\0';
    p->count++;
    p->last = row->number;
    return true;
}

static int
fail_store(struct lcp_cli *cli, enum lcp_err err)
{
    if (err == LCP_ECORRUPT)
        return lcp_fail(
            cli, LCP_EXIT_ERROR, "storage-damaged",
            "lcp node --reseal looks it through, and goes on if it is sound",
            "the record in %s/data is damaged, older than its mark says, "
            "or another program has written to it",
            cli->home);
    return lcp_fail(cli, LCP_EXIT_ERROR, err == LCP_EPERM ? "sandboxed" : "io",
                    "start the daemon: lcp node", "cannot read the store in %s/data",
                    cli->home);
}

/* LCP_ENOTFOUND: there is no database. */
static enum lcp_err
open_store(const struct lcp_cli *cli, struct lcp_store **store)
{
    char path[LCP_PATH_MAX];
    enum lcp_err err = lcp_cli_path(cli, "data/lcp.db", path);

    return err == LCP_OK ? lcp_store_sqlite_open(path, true, store) : err;
}

static enum lcp_err
read_inbox(const struct lcp_cli *cli, const struct lcp_direct *what, struct page *p)
{
    struct lcp_query query = {.dir = LCP_IN,
                              .after = what->after,
                              .state_min = LCP_IN_STORED,
                              .state_max = LCP_IN_HANDED,
                              .peer = what->peer,
                              .type = what->type};
    struct lcp_store_counts counts = {.held = 0};
    struct lcp_store *store = NULL;
    enum lcp_err err = open_store(cli, &store);

    if (err == LCP_ENOTFOUND)
        return LCP_OK; /* nothing came yet */
    if (err != LCP_OK)
        return err;
    err = store->ops->each_paused(store, keep_paused, p);
    if (err == LCP_OK)
        err = store->ops->each(store, &query, take_row, p);
    if (err == LCP_OK)
        err = store->ops->counts(store, &counts);
    p->held = counts.held;
    store->ops->close(store);
    return err;
}

static enum lcp_err
read_message(const struct lcp_cli *cli, const char *id, bool thread, struct page *p)
{
    struct lcp_store *store = NULL;
    uint64_t number;
    enum lcp_err err = open_store(cli, &store);

    if (err != LCP_OK)
        return err;
    err = store->ops->each_paused(store, keep_paused, p);
    if (err == LCP_OK)
        err = store->ops->resolve(store, lcp_span_str(id), 3, &number);
    if (err == LCP_OK)
        err = thread ? store->ops->each_in_thread(store, number, take_row, p)
                     : store->ops->get(store, number, take_row, p);
    store->ops->close(store);
    return err == LCP_OK && p->count == 0 ? LCP_ENOTFOUND : err;
}

static void
free_page(struct page *p)
{
    free(p->nodes);
    free(p->text);
    free(p->pauses.names);
}

/* Puts before, the page and after together as *reply, or tells the failure. Frees
 * the page. */
static int
finish(struct lcp_cli *cli, struct page *p, enum lcp_err err, const char *before,
       const char *after, char **reply)
{
    struct page whole = {.err = LCP_OK};

    if (err == LCP_OK)
        err = p->err;
    put(&whole, before);
    put(&whole, p->len > 0 ? p->text : "");
    put(&whole, after);
    free_page(p);
    if (err == LCP_OK)
        err = whole.err;
    if (err == LCP_OK) {
        *reply = whole.text;
        return LCP_EXIT_DONE;
    }
    free(whole.text);
    return fail_store(cli, err);
}

/* What follows the messages in CHECK's reply. */
static void
put_end(struct page *end, const struct page *p)
{
    char piece[ESCAPED_PER_BYTE * LCP_NAME_MAX + 64];
    struct lcp_writer w;

    put(end, "],\"paused\":[");
    for (size_t i = 0; i < p->pauses.count; i++) {
        lcp_writer_init(&w, piece, sizeof(piece) - 1, 0);
        lcp_write_string(&w, p->pauses.names[i]);
        piece[w.overflow ? 0 : w.len] = '\0';
        put(end, i > 0 ? "," : "");
        put(end, piece);
    }
    snprintf(piece, sizeof(piece), "],\"held\":%" PRIu64 ",\"next\":", p->held);
    put(end, piece);
    snprintf(piece, sizeof(piece), "%" PRIu64, p->last);
    put(end, p->more ? piece : "null");
    put(end, ",\"_source\":\"direct\"}");
}

int
lcp_direct_check(struct lcp_cli *cli, const struct lcp_direct *what, char **reply)
{
    char before[64];
    struct page p = {.cli = cli, .limit = what->limit}, end = {.err = LCP_OK};
    enum lcp_err err;
    int code;

    if (p.limit == 0 || p.limit > PAGE_MAX)
        p.limit = PAGE_MAX;
    p.nodes = malloc(LCP_JSON_NODES_MAX * sizeof(p.nodes[0]));
    err = p.nodes == NULL ? LCP_ENOMEM : read_inbox(cli, what, &p);
    snprintf(before, sizeof(before), "{\"count\":%" PRIu64 ",\"messages\":[", p.count);
    put_end(&end, &p);
    if (err == LCP_OK)
        err = end.err;
    code = finish(cli, &p, err, before, end.text != NULL ? end.text : "", reply);
    free(end.text);
    return code;
}

int
lcp_direct_read(struct lcp_cli *cli, const char *id, bool thread, char **reply)
{
    struct page p = {.cli = cli, .limit = UINT64_MAX};
    enum lcp_err err;

    p.nodes = malloc(LCP_JSON_NODES_MAX * sizeof(p.nodes[0]));
    err = p.nodes == NULL ? LCP_ENOMEM : read_message(cli, id, thread, &p);
    if (err == LCP_OK || p.err != LCP_OK)
        return finish(cli, &p, err, "{\"messages\":[", "],\"_source\":\"direct\"}",
                      reply);
    free_page(&p);
    switch (err) {
    case LCP_ENOTFOUND:
        if (p.withheld != NULL)
            return lcp_fail(cli, LCP_EXIT_ERROR, p.withheld,
                            "start the daemon: lcp node; a person then decides",
                            "%s is %s", id, p.withheld);
        return lcp_fail(cli, LCP_EXIT_ERROR, "not-found",
                        "lcp check lists what there is", "there is no message %s", id);
    case LCP_EAMBIGUOUS:
        return lcp_fail(cli, LCP_EXIT_ERROR, "ambiguous",
                        "give the number with its mark (\"#41\"), or more of the id",
                        "%s fits several messages", id);
    case LCP_EINVAL:
    case LCP_EFORMAT:
        return lcp_fail(cli, LCP_EXIT_ERROR, "bad-request",
                        "a number like 41, or at least 4 characters of an id",
                        "%s is no number, id or prefix of an id", id);
    default:
        return fail_store(cli, err);
    }
}
