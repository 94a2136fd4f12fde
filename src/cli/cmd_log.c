/* SPDX-License-Identifier: MIT
 *
 * lcp log --audit: what persons decided, and who ran the command.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/cli.h"
#include "store/store.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000, LINE_BYTES = 16 * 1024 };

static int
print_rows(struct lcp_cli *cli, struct lcp_span reply)
{
    struct lcp_span rows = {.len = 0}, row;
    size_t at = 0, count = 0;

    (void)lcp_reply_member(reply, "audit", &rows);
    for (; lcp_reply_next(rows, &at, &row); count++) {
        printf("%" PRIu64, lcp_reply_number(row, "number"));
        lcp_print_field(row, "at", "  ");
        lcp_print_field(row, "what", "  ");
        lcp_print_field(row, "detail", ": ");
        lcp_print_field(row, "who", "  by ");
        putchar('\n');
    }
    if (count == 0)
        puts("nothing is recorded");
    return lcp_flush(cli);
}

/* The daemon's reply, made of the record. */
struct page {
    struct lcp_writer w;
    char *buf;
};

static bool
take_line(void *ctx, const struct lcp_audit *audit)
{
    struct lcp_writer *w = &((struct page *)ctx)->w;
    char at[40];

    lcp_iso8601_print(audit->wall_ms, at);
    lcp_write_object(w);
    lcp_write_member_int(w, "number", (int64_t)audit->number);
    lcp_write_member_string(w, "at", at);
    lcp_write_member_string(w, "who", audit->who);
    lcp_write_member_string(w, "what", audit->what);
    lcp_write_member_string(w, "detail", audit->detail);
    lcp_write_object_end(w);
    return !w->overflow;
}

static enum lcp_err
read_record(const struct lcp_cli *cli, uint32_t limit, struct page *page)
{
    struct lcp_store *store = NULL;
    char path[LCP_PATH_MAX];
    enum lcp_err err = lcp_cli_path(cli, "data/lcp.db", path);

    if (err == LCP_OK)
        err = lcp_store_sqlite_open(path, true, &store);
    if (err == LCP_ENOTFOUND)
        return LCP_OK; /* no daemon ever ran: nothing was decided */
    if (err != LCP_OK)
        return err;
    err = store->ops->each_audit(store, limit, take_line, page);
    store->ops->close(store);
    return err;
}

static int
show_record(struct lcp_cli *cli, uint32_t limit)
{
    size_t cap = (size_t)limit * LINE_BYTES + LINE_BYTES;
    struct page page = {.buf = malloc(cap)};
    struct lcp_span text;
    enum lcp_err err = page.buf == NULL ? LCP_ENOMEM : LCP_OK;
    int code;

    lcp_writer_init(&page.w, page.buf, page.buf == NULL ? 0 : cap, 0);
    lcp_write_object(&page.w);
    lcp_write_key(&page.w, "audit");
    lcp_write_array(&page.w);
    if (err == LCP_OK)
        err = read_record(cli, limit, &page);
    lcp_write_array_end(&page.w);
    lcp_write_object_end(&page.w);
    if (err == LCP_OK)
        err = lcp_writer_end(&page.w, &text);
    if (err != LCP_OK)
        code = lcp_fail(cli, LCP_EXIT_ERROR, "io", "start the daemon: lcp node",
                        "cannot read the store in %s/data", cli->home);
    else if (cli->args.json)
        code = lcp_print_writer(cli, &page.w);
    else
        code = print_rows(cli, text);
    free(page.buf);
    return code;
}

static int
run(struct lcp_cli *cli)
{
    const char *text = lcp_opt(cli, "limit");
    uint64_t limit = LIMIT_DEFAULT;
    struct lcp_span reply;
    struct lcp_ask ask;
    enum lcp_err err;
    int code;

    if (lcp_opt(cli, "audit") == NULL)
        return lcp_fail_usage(cli, "say which log: --audit; the daemon's own is "
                                   "HOME/lcp.log");
    if (text != NULL &&
        lcp_uint_parse(lcp_span_str(text), 1, LIMIT_MAX, &limit) != LCP_OK)
        return lcp_fail_usage(cli, "--limit takes a number, 1 to %d", (int)LIMIT_MAX);
    err = lcp_cli_connect(cli);
    if ((err == LCP_ECLOSED || err == LCP_ENOTFOUND) && lcp_os_is_folder(cli->home))
        return show_record(cli, (uint32_t)limit);
    lcp_ask_begin(&ask, "AUDIT");
    lcp_write_member_int(&ask.w, "limit", (int64_t)limit);
    code = lcp_ask_send(cli, &ask, LCP_QUICK_MS, &reply);
    if (code != LCP_EXIT_DONE)
        return code;
    if (!cli->args.json)
        return print_rows(cli, reply);
    lcp_print_json(reply);
    return lcp_flush(cli);
}

const struct lcp_command lcp_cmd_log = {
    .name = "log",
    .summary = "shows what persons decided here",
    .words = "",
    .usage = "--audit [--limit N]",
    .about =
        "Shows the audit record, the newest first: which key was trusted, which "
        "message "
        "was\nreleased, what was paused and resumed; when, by which user and process, "
        "and whether\nthe word was typed. Nothing is ever deleted from it.",
    .example = "  lcp log --audit\n",
    .run = run,
    .options = {{"audit", NULL, "the audit record"},
                {"limit", "N", "at most this many lines, 100 when not given"}},
};
