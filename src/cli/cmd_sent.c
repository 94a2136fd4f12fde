/* SPDX-License-Identifier: MIT
 *
 * lcp sent and lcp cancel: where sent messages stand, and stopping one.
 */
#include <inttypes.h>

#include "base/text.h"
#include "cli/cli.h"
#include "ipc/ipc.h"

#define STATES                                                                     \
    "queued, sent, acked, held, stored, read, done, refused, expired, cancelled, " \
    "cancel-requested"

/* "#41 read: task to bob, 2 min ago, signed by bob  1b2c3d4e-..." */
static void
print_row(struct lcp_span row)
{
    char state[32], at[48], ago[LCP_AGO_MAX];
    int64_t wall_ms = 0;

    lcp_reply_text(row, "state", state, sizeof(state));
    lcp_reply_text(row, "at", at, sizeof(at));
    if (lcp_iso8601_parse(lcp_span_str(at), &wall_ms) != LCP_OK)
        wall_ms = 0;
    lcp_ago(wall_ms, lcp_os_wall_ms(), ago);
    printf("#%" PRIu64 " %s: ", lcp_reply_number(row, "number"), state);
    lcp_print_field(row, "type", "");
    lcp_print_field(row, "to", " to ");
    printf(", %s", ago);
    lcp_print_field(row, "by",
                    lcp_reply_is_true(row, "signed") ? ", signed by " : ", says ");
    lcp_print_field(row, "reason", ", because ");
    lcp_print_field(row, "detail", ": ");
    lcp_print_field(row, "id", "  ");
    putchar('\n');
}

static int
print_rows(struct lcp_cli *cli, struct lcp_span reply)
{
    struct lcp_span rows = {.len = 0}, row;
    uint64_t next = lcp_reply_number(reply, "next");
    size_t at = 0, count = 0;

    (void)lcp_reply_member(reply, "messages", &rows);
    for (; lcp_reply_next(rows, &at, &row); count++)
        print_row(row);
    if (count == 0)
        puts("no messages");
    if (next != 0)
        printf("more: lcp sent%s --after %" PRIu64 "\n", cli->home_flag, next);
    return lcp_flush(cli);
}

/* The evidence of one message, as lcp verify takes it. */
static int
print_proof(struct lcp_cli *cli)
{
    struct lcp_span reply, proof;
    struct lcp_ask ask;
    int code;

    if (cli->args.word_count == 0 || lcp_opt(cli, "state") != NULL ||
        lcp_opt(cli, "after") != NULL)
        return lcp_fail_usage(cli, "--proof takes the ID of one message, and no other "
                                   "option");
    lcp_ask_begin(&ask, "SENT");
    lcp_write_member_string(&ask.w, "id", cli->args.words[0]);
    lcp_write_member_bool(&ask.w, "proof", true);
    code = lcp_ask_send(cli, &ask, LCP_QUICK_MS, &reply);
    if (code != LCP_EXIT_DONE)
        return code;
    if (!lcp_reply_member(reply, "receipt", &proof))
        return lcp_fail(cli, LCP_EXIT_ERROR, "not-found",
                        "lcp sent shows where each message stands",
                        "the receiver has signed nothing about this message");
    lcp_print_json(reply);
    return lcp_flush(cli);
}

static int
run_sent(struct lcp_cli *cli)
{
    const char *state = lcp_opt(cli, "state"), *after = lcp_opt(cli, "after");
    uint64_t number = 0;
    struct lcp_span reply;
    struct lcp_ask ask;
    int known, code;

    if (state != NULL && lcp_ipc_sent_state_parse(state, &known) != LCP_OK)
        return lcp_fail_usage(cli, "--state takes dead, or a state: " STATES);
    if (after != NULL && lcp_uint_parse(lcp_span_str(after + (after[0] == '#')), 1,
                                        INT64_MAX, &number) != LCP_OK)
        return lcp_fail_usage(cli, "--after takes the number of a message");
    if (cli->args.word_count > 0 && !lcp_utf8_valid(lcp_span_str(cli->args.words[0])))
        return lcp_fail_usage(cli, "ID is the number or id of a message");
    if (lcp_opt(cli, "proof") != NULL)
        return print_proof(cli);
    lcp_ask_begin(&ask, "SENT");
    if (cli->args.word_count > 0)
        lcp_write_member_string(&ask.w, "id", cli->args.words[0]);
    if (state != NULL)
        lcp_write_member_string(&ask.w, "state", state);
    if (number != 0)
        lcp_write_member_int(&ask.w, "after", (int64_t)number);
    code = lcp_ask_send(cli, &ask, LCP_QUICK_MS, &reply);
    if (code != LCP_EXIT_DONE)
        return code;
    if (!cli->args.json)
        return print_rows(cli, reply);
    lcp_print_json(reply);
    return lcp_flush(cli);
}

/* What the state means for who wanted it stopped. */
static const struct {
    const char *state, *sentence;
    int exit_code;
} outcomes[] = {
    {"cancelled", "it was never transmitted and never will be", LCP_EXIT_DONE},
    {"cancel-requested",
     "it is no longer sent, but was transmitted before: the peer may have it",
     LCP_EXIT_DONE},
    {"acked", "too late, the peer has it", LCP_EXIT_REFUSED},
    {"held", "too late, the peer has it", LCP_EXIT_REFUSED},
    {"stored", "too late, the peer has it", LCP_EXIT_REFUSED},
    {"read", "too late, its agent has read it", LCP_EXIT_REFUSED},
    {"done", "too late, its agent is done with it", LCP_EXIT_REFUSED},
    {"refused", "the peer had refused it already", LCP_EXIT_REFUSED},
    {"expired", "its time had run out already", LCP_EXIT_REFUSED},
};

static int
run_cancel(struct lcp_cli *cli)
{
    const char *sentence = "";
    struct lcp_span reply;
    struct lcp_ask ask;
    char state[32];
    int code, outcome = LCP_EXIT_ERROR;

    if (!lcp_utf8_valid(lcp_span_str(cli->args.words[0])))
        return lcp_fail_usage(cli, "ID is the number or id of a message");
    lcp_ask_begin(&ask, "CANCEL");
    lcp_write_member_string(&ask.w, "id", cli->args.words[0]);
    code = lcp_ask_send(cli, &ask, LCP_QUICK_MS, &reply);
    if (code != LCP_EXIT_DONE)
        return code;
    lcp_reply_text(reply, "state", state, sizeof(state));
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
        if (strcmp(outcomes[i].state, state) == 0) {
            sentence = outcomes[i].sentence;
            outcome = outcomes[i].exit_code;
        }
    }
    if (cli->args.json)
        lcp_print_json(reply);
    else
        printf("#%" PRIu64 " %s: %s\n", lcp_reply_number(reply, "number"), state,
               sentence);
    code = lcp_flush(cli);
    return code != LCP_EXIT_DONE ? code : outcome;
}

static int
run_resend(struct lcp_cli *cli)
{
    struct lcp_span reply;
    struct lcp_ask ask;
    int code;

    if (!lcp_utf8_valid(lcp_span_str(cli->args.words[0])))
        return lcp_fail_usage(cli, "ID is the number or id of a message");
    lcp_ask_begin(&ask, "RESEND");
    lcp_write_member_string(&ask.w, "id", cli->args.words[0]);
    code = lcp_ask_send(cli, &ask, LCP_WAIT_MS, &reply);
    if (code != LCP_EXIT_DONE)
        return code;
    if (cli->args.json) {
        lcp_print_json(reply);
    } else {
        printf("#%" PRIu64 " queued for ", lcp_reply_number(reply, "number"));
        lcp_print_member(reply, "to");
        fputs(": a new message with the text of ", stdout);
        lcp_print_member(reply, "of");
        putchar('\n');
    }
    return lcp_flush(cli);
}

const struct lcp_command lcp_cmd_sent = {
    .name = "sent",
    .summary = "shows where each sent message stands",
    .words = "[ID]",
    .about =
        "Shows where each sent message stands and who says so, the newest first, 100 "
        "at a\ntime. What the receiver signed is evidence: --proof prints it, lcp "
        "verify "
        "checks it.\nStates: " STATES ".",
    .example =
        "  lcp sent\n  lcp sent --state dead\n  lcp sent 41 --proof >proof.json\n",
    .words_max = 1,
    .run = run_sent,
    .options = {{"state", "S", "only this state; dead: expired and refused"},
                {"after", "N", "only messages before this number: the next page"},
                {"proof", NULL, "with ID: the message and the receiver's receipt"}},
};

const struct lcp_command lcp_cmd_resend = {
    .name = "resend",
    .summary = "makes a new message of a dead one",
    .words = "ID",
    .about = "Sends the text of an expired or refused message again, under a new id "
             "and with "
             "a new\nsignature. The dead one stays listed.",
    .example = "  lcp resend 41\n",
    .words_min = 1,
    .words_max = 1,
    .run = run_resend,
};

const struct lcp_command lcp_cmd_cancel = {
    .name = "cancel",
    .summary = "stops a queued message",
    .words = "ID",
    .about =
        "Stops a queued message. What was never transmitted is cancelled; what was, "
        "is no\nlonger sent, but the peer may have it. Exit 5: too late.",
    .example = "  lcp cancel 41\n",
    .words_min = 1,
    .words_max = 1,
    .run = run_cancel,
};
