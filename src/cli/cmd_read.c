/* SPDX-License-Identifier: MIT
 *
 * lcp read: one message whole, or its conversation.
 */
#include <stdlib.h>

#include "base/text.h"
#include "cli/mail.h"

static int
print_all(struct lcp_cli *cli, struct lcp_span messages)
{
    struct lcp_span raw;
    size_t at = 0;

    while (lcp_reply_next(messages, &at, &raw)) {
        struct lcp_mail mail;
        bool whole;
        char *text;

        if (lcp_mail_parse(raw, &mail) != LCP_OK)
            return lcp_fail(cli, LCP_EXIT_ERROR, "io", "ask for it with --json",
                            "a message of the reply cannot be shown");
        text = lcp_mail_text(cli, &mail, false, &whole);
        lcp_mail_free(&mail);
        if (text == NULL)
            return lcp_fail(cli, LCP_EXIT_ERROR, "io", "", "out of memory");
        fputs(text, stdout);
        free(text);
    }
    return LCP_EXIT_DONE;
}

/* Prints the reply and then, if it counts as read, tells the daemon what was printed.
 */
static int
show(struct lcp_cli *cli, struct lcp_span reply, bool is_read)
{
    struct lcp_span messages = {.len = 0};
    int code = LCP_EXIT_DONE;

    (void)lcp_reply_member(reply, "messages", &messages);
    if (cli->args.json)
        lcp_print_json(reply);
    else
        code = print_all(cli, messages);
    if (code == LCP_EXIT_DONE)
        code = lcp_flush(cli);
    if (code == LCP_EXIT_DONE && is_read)
        lcp_mail_shown_all(cli, messages);
    return code;
}

static int
read_directly(struct lcp_cli *cli, bool thread)
{
    char *text = NULL;
    int code = lcp_direct_begin(cli);

    if (code == LCP_EXIT_DONE)
        code = lcp_direct_read(cli, cli->args.words[0], thread, &text);
    if (code == LCP_EXIT_DONE)
        code = show(cli, lcp_span_str(text), false);
    free(text);
    return code;
}

static int
run(struct lcp_cli *cli)
{
    bool thread = lcp_opt(cli, "thread") != NULL, peek = lcp_opt(cli, "peek") != NULL;
    struct lcp_span reply;
    struct lcp_ask ask;
    enum lcp_err err;
    int code;

    if (!lcp_utf8_valid(lcp_span_str(cli->args.words[0])))
        return lcp_fail_usage(cli, "ID is the number or id of a message");
    err = lcp_cli_connect(cli);
    if (err == LCP_ECLOSED || err == LCP_ENOTFOUND)
        return read_directly(cli, thread);
    lcp_ask_begin(&ask, "READ");
    lcp_write_member_string(&ask.w, "id", cli->args.words[0]);
    if (thread)
        lcp_write_member_bool(&ask.w, "thread", true);
    if (peek)
        lcp_write_member_bool(&ask.w, "peek", true);
    code = lcp_ask_send(cli, &ask, LCP_QUICK_MS, &reply);
    return code == LCP_EXIT_DONE ? show(cli, reply, !peek) : code;
}

const struct lcp_command lcp_cmd_read = {
    .name = "read",
    .summary = "shows one message whole",
    .words = "ID",
    .about =
        "Shows one message whole, or with --thread its conversation. ID is a number "
        "(41),\nan id, or at least 4 characters that begin one. It then counts as "
        "read, "
        "and its sender\nis told so; --peek tells nobody.",
    .example = "  lcp read 41\n  lcp read --thread 1b2c3d4e\n",
    .words_min = 1,
    .words_max = 1,
    .run = run,
    .options = {{"thread", NULL, "all messages of both directions linked to it"},
                {"peek", NULL, "do not count as read, tell no sender"}},
};
