/* SPDX-License-Identifier: MIT
 *
 * lcp check: pending mail. What was printed whole is confirmed to the daemon; what was
 * cut is not, so that it does not count as seen.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/mail.h"
#include "cli/rows.h"

enum {
    OUTPUT_MAX = 8192, /* bytes of text */
    HINT_BYTES = 256,  /* of them for the last line */
    PAGE_MAX = 100,
};

struct check {
    const char *from, *type;
    uint64_t limit, after;
    bool has_limit, peek;
};

static int
take_number(struct lcp_cli *cli, const char *name, uint64_t min, uint64_t *out)
{
    const char *text = lcp_opt(cli, name);

    if (text == NULL)
        return LCP_EXIT_DONE;
    if (text[0] == '#')
        text++;
    if (lcp_uint_parse(lcp_span_str(text), min, INT64_MAX, out) != LCP_OK)
        return lcp_fail_usage(cli, "--%s takes a number of at least %" PRIu64, name,
                              min);
    return LCP_EXIT_DONE;
}

static int
take_options(struct lcp_cli *cli, struct check *c)
{
    int code;

    *c = (struct check){.from = lcp_opt(cli, "from"), .type = lcp_opt(cli, "type")};
    c->has_limit = lcp_opt(cli, "limit") != NULL;
    c->peek = lcp_opt(cli, "peek") != NULL;
    code = take_number(cli, "limit", 1, &c->limit);
    if (code == LCP_EXIT_DONE)
        code = take_number(cli, "after", 0, &c->after);
    if (code == LCP_EXIT_DONE && c->from != NULL &&
        !lcp_name_is_valid(lcp_span_str(c->from)))
        code = lcp_fail_usage(cli, "--from takes a peer's name");
    if (code == LCP_EXIT_DONE && c->type != NULL &&
        (strlen(c->type) > LCP_TYPE_MAX || !lcp_utf8_valid(lcp_span_str(c->type))))
        code = lcp_fail_usage(cli, "--type takes at most %d bytes", (int)LCP_TYPE_MAX);
    return code;
}

static int
ask_daemon(struct lcp_cli *cli, const struct check *c, struct lcp_span *reply)
{
    struct lcp_ask ask;

    lcp_ask_begin(&ask, "CHECK");
    if (c->from != NULL)
        lcp_write_member_string(&ask.w, "from", c->from);
    if (c->type != NULL)
        lcp_write_member_string(&ask.w, "type", c->type);
    if (c->has_limit)
        lcp_write_member_int(&ask.w, "limit", (int64_t)c->limit);
    if (c->after != 0)
        lcp_write_member_int(&ask.w, "after", (int64_t)c->after);
    if (c->peek)
        lcp_write_member_bool(&ask.w, "peek", true);
    return lcp_ask_send(cli, &ask, LCP_QUICK_MS, reply);
}

/* The text of one message in memory of its own; NULL on any trouble. */
static char *
render(const struct lcp_cli *cli, struct lcp_span raw, bool *whole)
{
    struct lcp_mail mail;
    char *text;

    if (lcp_mail_parse(raw, &mail) != LCP_OK)
        return NULL;
    text = lcp_mail_text(cli, &mail, true, whole);
    lcp_mail_free(&mail);
    return text;
}

static void
print_more(const struct lcp_cli *cli, const struct check *c, uint64_t after)
{
    printf("more: lcp check%s --after %" PRIu64, cli->home_flag, after);
    if (c->from != NULL) {
        fputs(" --from ", stdout);
        lcp_print_text(stdout, lcp_span_str(c->from), false);
    }
    if (c->type != NULL) {
        fputs(" --type ", stdout);
        lcp_print_text(stdout, lcp_span_str(c->type), false);
    }
    putchar('\n');
}

/* Prints as much as fits; the numbers of what was printed whole go into shown. */
static size_t
print_page(const struct lcp_cli *cli, const struct check *c, struct lcp_span reply,
           uint64_t shown[static PAGE_MAX])
{
    struct lcp_span messages = {.len = 0}, raw;
    uint64_t last = 0, next = lcp_reply_number(reply, "next");
    size_t at = 0, used = 0, count = 0;
    bool is_full = false;

    (void)lcp_reply_member(reply, "messages", &messages);
    while (!is_full && count < PAGE_MAX && lcp_reply_next(messages, &at, &raw)) {
        bool whole = false;
        char *text = render(cli, raw, &whole);
        size_t len = text == NULL ? 0 : strlen(text);

        is_full = last != 0 && used + len > OUTPUT_MAX - HINT_BYTES;
        if (text != NULL && !is_full) {
            fputs(text, stdout);
            used += len;
            last = lcp_reply_number(raw, "_number");
            if (whole)
                shown[count++] = last;
        }
        free(text);
    }
    if (last == 0)
        puts("no messages");
    else if (is_full)
        print_more(cli, c, last);
    else if (next != 0)
        print_more(cli, c, next);
    return count;
}

static const char *
environment(const char *name)
{
    return getenv(name);
}

/* Nothing from a peer that is none: rather a wrong name than no mail. */
static void
note_unknown(struct lcp_cli *cli, const char *from)
{
    char fault[LCP_CONF_FAULT_MAX];
    struct lcp_conf conf;
    bool is_known = false;

    if (lcp_conf_load(cli->home, environment, &conf, fault) != LCP_OK)
        return;
    for (size_t i = 0; i < conf.peer_count; i++)
        is_known = is_known || strcmp(conf.peers[i].name, from) == 0;
    lcp_conf_free(&conf);
    if (!is_known)
        fprintf(stderr,
                "lcp: note: lcp.conf has no peer %s; lcp peer list shows them\n", from);
}

/* Why there may be less than a person expects. */
static void
print_withheld(const struct lcp_cli *cli, struct lcp_span reply)
{
    uint64_t held = lcp_reply_number(reply, "held");

    (void)lcp_print_paused(reply, "paused, so nothing is shown of: ");
    if (held > 0)
        printf("held: %" PRIu64 ", for a person to see: lcp held%s\n", held,
               cli->home_flag);
}

static int
show(struct lcp_cli *cli, const struct check *c, struct lcp_span reply,
     bool from_daemon)
{
    uint64_t shown[PAGE_MAX];
    struct lcp_span messages;
    size_t count = 0;
    int code;

    if (cli->args.json)
        lcp_print_json(reply);
    else
        count = print_page(cli, c, reply, shown);
    if (!cli->args.json)
        print_withheld(cli, reply);
    code = lcp_flush(cli);
    if (c->from != NULL && lcp_reply_number(reply, "count") == 0)
        note_unknown(cli, c->from);
    if (code != LCP_EXIT_DONE || !from_daemon || c->peek)
        return code;
    if (cli->args.json && lcp_reply_member(reply, "messages", &messages))
        lcp_mail_shown_all(cli, messages);
    else
        lcp_mail_shown(cli, shown, count);
    return code;
}

static int
run(struct lcp_cli *cli)
{
    struct check c;
    struct lcp_span reply;
    char *text = NULL;
    enum lcp_err err;
    int code = take_options(cli, &c);

    if (code != LCP_EXIT_DONE)
        return code;
    err = lcp_cli_connect(cli);
    if (err == LCP_ECLOSED || err == LCP_ENOTFOUND) {
        struct lcp_direct what = {c.from, c.type, c.after, c.limit};

        code = lcp_direct_begin(cli);
        if (code != LCP_EXIT_DONE)
            return code;
        code = lcp_direct_check(cli, &what, &text);
        if (code == LCP_EXIT_DONE)
            code = show(cli, &c, lcp_span_str(text), false);
        free(text);
        return code;
    }
    if (err != LCP_OK)
        return lcp_fail_client(cli, err);
    code = ask_daemon(cli, &c, &reply);
    return code == LCP_EXIT_DONE ? show(cli, &c, reply, true) : code;
}

const struct lcp_command lcp_cmd_check = {
    .name = "check",
    .summary = "shows pending mail",
    .words = "",
    .about =
        "Shows pending mail in order of arrival: bodies are cut at 600 characters, "
        "the\nwhole at 8 KB, with a line that says how to read on. What was printed "
        "whole counts\nas read, and its sender is told so; --peek tells nobody. "
        "Without "
        "a daemon the store is\nread and nothing is marked.",
    .example = "  lcp check\n  lcp read 41\n  lcp done 41\n",
    .run = run,
    .options = {{"from", "NAME", "only mail of this peer"},
                {"type", "T", "only mail of this type"},
                {"limit", "N", "at most this many, and never more than 100"},
                {"after", "N", "only messages with a greater number"},
                {"peek", NULL, "do not count as read, tell no sender"}},
};
