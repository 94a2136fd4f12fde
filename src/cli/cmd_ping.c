/* SPDX-License-Identifier: MIT
 *
 * lcp ping: the way to a peer and back.
 */
#include <inttypes.h>

#include "base/text.h"
#include "cli/cli.h"

static int
run(struct lcp_cli *cli)
{
    char peer[LCP_NAME_MAX + 1], by[16];
    struct lcp_span reply;
    struct lcp_ask ask;
    bool ok;
    int code;

    if (cli->args.word_count > 0 &&
        !lcp_name_is_valid(lcp_span_str(cli->args.words[0])))
        return lcp_fail_usage(cli, "NAME is a peer's name");
    lcp_ask_begin(&ask, "PING");
    if (cli->args.word_count > 0)
        lcp_write_member_string(&ask.w, "to", cli->args.words[0]);
    code = lcp_ask_send(cli, &ask, LCP_WAIT_MS, &reply);
    if (code != LCP_EXIT_DONE)
        return code;
    lcp_reply_text(reply, "peer", peer, sizeof(peer));
    lcp_reply_text(reply, "answered_by", by, sizeof(by));
    ok = lcp_reply_is_true(reply, "ok");
    if (!ok)
        return lcp_fail(cli, LCP_EXIT_TIMEOUT, "timeout",
                        "see lcp status; is its daemon running, and the address right?",
                        "%s did not answer", peer);
    if (cli->args.json) {
        lcp_print_json(reply);
    } else {
        lcp_print_member(reply, "peer");
        printf(" answered in %" PRIu64 " ms%s\n", lcp_reply_number(reply, "rtt_ms"),
               strcmp(by, "ack") == 0
                   ? " (by its acknowledgement: its node does not answer pings)"
                   : "");
    }
    return lcp_flush(cli);
}

const struct lcp_command lcp_cmd_ping = {
    .name = "ping",
    .summary = "measures the way to a peer and back",
    .words = "[NAME]",
    .about =
        "Measures the way to a peer and back; NAME is not needed when there is only "
        "one.\nExit 6: no answer.",
    .example = "  lcp ping AgentB\n",
    .words_max = 1,
    .run = run,
};
