/* SPDX-License-Identifier: MIT
 *
 * The inbox without a daemon: a read-only look into the record. Marks nothing, so that
 * what an agent saw this way comes again from the daemon.
 */
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

struct page {
    const char *inbox;
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

static bool
take_row(void *ctx, const struct lcp_row *row)
{
    struct page *p = ctx;
    struct lcp_json doc = {.nodes = p->nodes, .cap = LCP_JSON_NODES_MAX};
    char fingerprint[LCP_FINGERPRINT_CHARS + 1], path[LCP_PATH_MAX];
    struct lcp_shown shown = {.number = row->number,
                              .peer = row->peer,
                              .fingerprint = fingerprint,
                              .version = "1.1",
                              .received_wall_ms = row->wall_ms};
    struct lcp_writer w;

    if (p->count == p->limit) {
        p->more = true;
        return false;
    }
    if (lcp_json_parse(row->raw, &doc) != LCP_JSON_FAULT_NONE)
        return true;
    lcp_fingerprint(&row->key, fingerprint);
    if (lcp_path_join(path, sizeof(path), p->inbox, row->file) == LCP_OK &&
        lcp_os_exists(path))
        shown.filepath = path;
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

/* Fills the page with rows; no database is an empty inbox. */
static enum lcp_err
read_rows(const struct lcp_cli *cli, const struct lcp_direct *what, struct page *p)
{
    struct lcp_query query = {.dir = LCP_IN,
                              .after = what->after,
                              .state_min = LCP_IN_STORED,
                              .state_max = LCP_IN_HANDED,
                              .peer = what->peer,
                              .type = what->type};
    struct lcp_store *store = NULL;
    char path[LCP_PATH_MAX];
    enum lcp_err err = lcp_cli_path(cli, "data/lcp.db", path);

    if (err == LCP_OK)
        err = lcp_store_sqlite_open(path, true, &store);
    if (err == LCP_ENOTFOUND)
        return LCP_OK;
    if (err != LCP_OK)
        return err;
    err = store->ops->each(store, &query, take_row, p);
    store->ops->close(store);
    return err == LCP_OK ? p->err : err;
}

int
lcp_direct_check(struct lcp_cli *cli, const struct lcp_direct *what, char **reply)
{
    char inbox[LCP_PATH_MAX], number[64];
    struct page body = {.inbox = inbox, .limit = what->limit};
    struct page whole = {.err = LCP_OK};
    enum lcp_err err;

    if (body.limit == 0 || body.limit > PAGE_MAX)
        body.limit = PAGE_MAX;
    if (lcp_cli_path(cli, "data/inbox", inbox) != LCP_OK)
        inbox[0] = '\0';
    body.nodes = malloc(LCP_JSON_NODES_MAX * sizeof(body.nodes[0]));
    err = body.nodes == NULL ? LCP_ENOMEM : read_rows(cli, what, &body);
    snprintf(number, sizeof(number), "{\"count\":%llu,\"messages\":[",
             (unsigned long long)body.count);
    put(&whole, number);
    put(&whole, body.len > 0 ? body.text : "");
    snprintf(number, sizeof(number), "],\"next\":%llu", (unsigned long long)body.last);
    put(&whole, body.more ? number : "],\"next\":null");
    put(&whole, ",\"_source\":\"direct\"}");
    free(body.nodes);
    free(body.text);
    if (err == LCP_OK)
        err = whole.err;
    if (err != LCP_OK) {
        free(whole.text);
        return fail_store(cli, err);
    }
    *reply = whole.text;
    return LCP_EXIT_DONE;
}
