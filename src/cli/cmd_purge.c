/* SPDX-License-Identifier: MIT
 *
 * lcp purge: retention by hand.
 */
#include <inttypes.h>

#include "base/text.h"
#include "cli/cli.h"

static int
run(struct lcp_cli *cli)
{
    const char *age = lcp_opt(cli, "older-than");
    struct lcp_span reply;
    struct lcp_ask ask;
    uint64_t seconds;
    int code;

    if (age == NULL)
        return lcp_fail_usage(cli, "say how old: --older-than 90d");
    if (lcp_duration_parse(lcp_span_str(age), &seconds) != LCP_OK ||
        seconds > LCP_DURATION_MAX_S)
        return lcp_fail_usage(cli,
                              "--older-than takes a duration: 90d, 12h, 15m, seconds");
    lcp_ask_begin(&ask, "PURGE");
    lcp_write_member_int(&ask.w, "older_than", (int64_t)seconds);
    code = lcp_ask_send(cli, &ask, LCP_PURGE_WAIT_MS, &reply);
    if (code != LCP_EXIT_DONE)
        return code;
    if (cli->args.json)
        lcp_print_json(reply);
    else
        printf("purged %" PRIu64 "\n", lcp_reply_number(reply, "purged"));
    return lcp_flush(cli);
}

const struct lcp_command lcp_cmd_purge = {
    .name = "purge",
    .summary = "deletes old mail that is done with",
    .words = "",
    .usage = "--older-than D",
    .about =
        "Deletes the bodies of archived mail and of settled sent messages of at least "
        "this\nage. Ids stay known, so that nothing is ever accepted twice.",
    .example = "  lcp purge --older-than 90d\n",
    .run = run,
    .options = {{"older-than", "D", "the age: 90d, 12h, 15m, or seconds"}},
};
