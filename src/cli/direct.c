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

struct page {
    const struct lcp_cli *cli;
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
    struct lcp_writer w;

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
    struct lcp_store *store = NULL;
    enum lcp_err err = open_store(cli, &store);

    if (err == LCP_ENOTFOUND)
        return LCP_OK; /* nothing came yet */
    if (err != LCP_OK)
        return err;
    err = store->ops->each(store, &query, take_row, p);
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
    err = store->ops->resolve(store, lcp_span_str(id), 3, &number);
    if (err == LCP_OK)
        err = thread ? store->ops->each_in_thread(store, number, take_row, p)
                     : store->ops->get(store, number, take_row, p);
    store->ops->close(store);
    return err == LCP_OK && p->count == 0 ? LCP_ENOTFOUND : err;
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
    free(p->nodes);
    free(p->text);
    if (err == LCP_OK)
        err = whole.err;
    if (err == LCP_OK) {
        *reply = whole.text;
        return LCP_EXIT_DONE;
    }
    free(whole.text);
    return fail_store(cli, err);
}

int
lcp_direct_check(struct lcp_cli *cli, const struct lcp_direct *what, char **reply)
{
    char before[64], after[64];
    struct page p = {.cli = cli, .limit = what->limit};
    enum lcp_err err;

    if (p.limit == 0 || p.limit > PAGE_MAX)
        p.limit = PAGE_MAX;
    p.nodes = malloc(LCP_JSON_NODES_MAX * sizeof(p.nodes[0]));
    err = p.nodes == NULL ? LCP_ENOMEM : read_inbox(cli, what, &p);
    snprintf(before, sizeof(before), "{\"count\":%" PRIu64 ",\"messages\":[", p.count);
    if (p.more)
        snprintf(after, sizeof(after), "],\"next\":%" PRIu64 ",\"_source\":\"direct\"}",
                 p.last);
    else
        snprintf(after, sizeof(after), "],\"next\":null,\"_source\":\"direct\"}");
    return finish(cli, &p, err, before, after, reply);
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
    free(p.nodes);
    free(p.text);
    switch (err) {
    case LCP_ENOTFOUND:
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
