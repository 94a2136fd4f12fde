/* SPDX-License-Identifier: MIT
 *
 * lcp pause and lcp resume: mail is stored and answered, but handed to no agent.
 */
#include "base/text.h"
#include "cli/cli.h"
#include "cli/rows.h"

/* Asks PAUSE or RESUME; how NULL: not asked for. */
static int
ask(struct lcp_cli *cli, const char *verb, const char *name, const char *how,
    struct lcp_span *reply)
{
    struct lcp_ask a;

    lcp_ask_begin(&a, verb);
    if (name != NULL)
        lcp_write_member_string(&a.w, "name", name);
    if (how != NULL)
        lcp_write_member_string(&a.w, "how", how);
    return lcp_ask_send(cli, &a, LCP_QUICK_MS, reply);
}

/* "paused: everything" or "paused: bob, eve" or "nothing is paused". */
static int
report(struct lcp_cli *cli, struct lcp_span reply)
{
    if (cli->args.json)
        lcp_print_json(reply);
    else if (!lcp_print_paused(reply, "paused: "))
        puts("nothing is paused");
    return lcp_flush(cli);
}

static int
take_name(struct lcp_cli *cli, const char **name)
{
    *name = cli->args.word_count > 0 ? cli->args.words[0] : NULL;
    if (*name != NULL && !lcp_name_is_valid(lcp_span_str(*name)))
        return lcp_fail_usage(cli, "PEER is a peer's name");
    return LCP_EXIT_DONE;
}

static int
run_pause(struct lcp_cli *cli)
{
    const char *name;
    struct lcp_span reply;
    int code = take_name(cli, &name);

    if (code == LCP_EXIT_DONE)
        code = ask(cli, "PAUSE", name, NULL, &reply);
    return code == LCP_EXIT_DONE ? report(cli, reply) : code;
}

static int
run_resume(struct lcp_cli *cli)
{
    char question[LCP_QUESTION_MAX], shown[LCP_QUESTION_MAX / 2];
    const char *name, *how;
    struct lcp_span reply;
    int code = take_name(cli, &name);

    if (code != LCP_EXIT_DONE)
        return code;
    lcp_text_escape(lcp_span_str(name == NULL ? "all peers" : name), false, shown,
                    sizeof(shown));
    snprintf(question, sizeof(question), "Mail of %s goes to the agent again.\n",
             shown);
    code = lcp_confirm(cli, "resume", question, name == NULL ? "resume" : name, &how);
    if (code == LCP_EXIT_DONE)
        code = ask(cli, "RESUME", name, how, &reply);
    return code == LCP_EXIT_DONE ? report(cli, reply) : code;
}

const struct lcp_command lcp_cmd_pause = {
    .name = "pause",
    .summary = "hands out no more mail, of one peer or of all",
    .words = "[PEER]",
    .about =
        "Mail of this peer, or of all, is still stored and acknowledged, but no check "
        "and no\nread hands it out until lcp resume. A pause outlives a restart.",
    .example = "  lcp pause\n  lcp pause AgentB\n",
    .words_max = 1,
    .run = run_pause,
};

const struct lcp_command lcp_cmd_resume = {
    .name = "resume",
    .summary = "ends a pause",
    .words = "[PEER]",
    .about =
        "Ends the pause of this peer, or that of all. This is for a person to do: the "
        "peer's\nname (the word resume for all) is asked for at the terminal; without "
        "one, exit 9.\n--yes does without the question and is recorded; lcp log shows "
        "the "
        "record.",
    .example = "  lcp resume AgentB\n",
    .words_max = 1,
    .run = run_resume,
    .options = {{"yes", NULL, "do not ask; this is recorded"}},
};
