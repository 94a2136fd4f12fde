/* SPDX-License-Identifier: MIT
 *
 * lcp done: archives what was handled, named exactly.
 */
#include <inttypes.h>

#include "base/text.h"
#include "cli/cli.h"

enum { IDS_MAX = 1000 };

static int
take(struct lcp_cli *cli, struct lcp_ask *ask)
{
    const char *through = lcp_opt(cli, "through");
    bool all = lcp_opt(cli, "all") != NULL;
    uint64_t number;

    if ((cli->args.word_count > 0) + (through != NULL) + all != 1)
        return lcp_fail_usage(
            cli, "say what is done: its numbers, --through N, or --all; a plain done "
                 "could archive what nobody saw");
    if (all) {
        lcp_write_member_bool(&ask->w, "all", true);
        return LCP_EXIT_DONE;
    }
    if (through != NULL) {
        if (through[0] == '#')
            through++;
        if (lcp_uint_parse(lcp_span_str(through), 1, INT64_MAX, &number) != LCP_OK)
            return lcp_fail_usage(cli, "--through takes the number of a message");
        lcp_write_member_int(&ask->w, "through", (int64_t)number);
        return LCP_EXIT_DONE;
    }
    lcp_write_key(&ask->w, "ids");
    lcp_write_array(&ask->w);
    for (int i = 0; i < cli->args.word_count; i++) {
        if (!lcp_utf8_valid(lcp_span_str(cli->args.words[i])))
            return lcp_fail_usage(cli, "ID is the number or id of a message");
        lcp_write_string(&ask->w, cli->args.words[i]);
    }
    lcp_write_array_end(&ask->w);
    return LCP_EXIT_DONE;
}

static int
run(struct lcp_cli *cli)
{
    struct lcp_span reply;
    struct lcp_ask ask;
    int code;

    lcp_ask_begin(&ask, "ACK");
    code = take(cli, &ask);
    if (code != LCP_EXIT_DONE) {
        lcp_ask_free(&ask);
        return code;
    }
    code = lcp_ask_send(cli, &ask, LCP_QUICK_MS, &reply);
    if (code != LCP_EXIT_DONE)
        return code;
    if (cli->args.json)
        lcp_print_json(reply);
    else
        printf("archived %" PRIu64 "\n", lcp_reply_number(reply, "archived"));
    return lcp_flush(cli);
}

const struct lcp_command lcp_cmd_done = {
    .name = "done",
    .alias = "ack",
    .summary = "archives handled mail",
    .words = "[ID...]",
    .usage = "ID... | --through N | --all",
    .about =
        "Archives handled mail: the messages named, all pending ones up to a number, "
        "or\nall. Their senders are told that they are done. ack is another name of "
        "it.",
    .example = "  lcp done 41 42\n  lcp done --through 57\n  lcp ack 41\n",
    .words_max = IDS_MAX,
    .run = run,
    .options = {{"through", "N", "all pending messages with a number up to N"},
                {"all", NULL, "all pending messages"}},
};
