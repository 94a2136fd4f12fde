/* SPDX-License-Identifier: MIT
 *
 * lcp held, lcp release and lcp refuse: mail that waits for a person, and mail that is
 * not taken.
 */
#include <inttypes.h>

#include "base/text.h"
#include "cli/cli.h"

enum { FIELD_MAX = 1024, ID_PREFIX_MIN = 4 };

static int
take_id(struct lcp_cli *cli)
{
    if (lcp_utf8_valid(lcp_span_str(cli->args.words[0])))
        return LCP_EXIT_DONE;
    return lcp_fail_usage(cli, "ID is the number or id of a message");
}

/* ---- held ---- */

/* The preview is one escaped line: nobody reads its newlines as ours. */
static void
print_row(struct lcp_span row)
{
    char at[48], ago[LCP_AGO_MAX], left[LCP_AGO_MAX], type[LCP_TYPE_MAX + 1];
    int64_t wall_ms = 0;

    lcp_reply_text(row, "at", at, sizeof(at));
    if (lcp_iso8601_parse(lcp_span_str(at), &wall_ms) != LCP_OK)
        wall_ms = 0;
    lcp_ago(wall_ms, lcp_os_wall_ms(), ago);
    lcp_span_of_time(lcp_reply_number(row, "expires_s"), left);
    printf("#%" PRIu64 " ", lcp_reply_number(row, "number"));
    lcp_reply_text(row, "type", type, sizeof(type));
    lcp_print_word(stdout, type);
    lcp_print_field(row, "from", " from ");
    printf(", %s, %" PRIu64 " bytes, %s left", ago, lcp_reply_number(row, "bytes"),
           left);
    lcp_print_field(row, "reason", "; held by ");
    lcp_print_field(row, "detail", ": ");
    lcp_print_field(row, "preview", "\n    ");
    putchar('\n');
}

static int
ask_held(struct lcp_cli *cli, uint64_t after, struct lcp_span *reply)
{
    struct lcp_ask ask;

    lcp_ask_begin(&ask, "HELD");
    if (after != 0)
        lcp_write_member_int(&ask.w, "after", (int64_t)after);
    return lcp_ask_send(cli, &ask, LCP_QUICK_MS, reply);
}

static int
run_held(struct lcp_cli *cli)
{
    const char *after = lcp_opt(cli, "after");
    struct lcp_span reply, rows = {.len = 0}, row;
    uint64_t number = 0, next;
    size_t at = 0, count = 0;
    int code;

    if (after != NULL && lcp_uint_parse(lcp_span_str(after + (after[0] == '#')), 1,
                                        INT64_MAX, &number) != LCP_OK)
        return lcp_fail_usage(cli, "--after takes the number of a message");
    code = ask_held(cli, number, &reply);
    if (code != LCP_EXIT_DONE)
        return code;
    if (cli->args.json) {
        lcp_print_json(reply);
        return lcp_flush(cli);
    }
    (void)lcp_reply_member(reply, "messages", &rows);
    for (; lcp_reply_next(rows, &at, &row); count++)
        print_row(row);
    if (count == 0)
        puts("no messages");
    else
        printf("take one in: lcp release%s NUMBER; turn it away: lcp refuse%s NUMBER\n",
               cli->home_flag, cli->home_flag);
    next = lcp_reply_number(reply, "next");
    if (next != 0)
        printf("more: lcp held%s --after %" PRIu64 "\n", cli->home_flag, next);
    return lcp_flush(cli);
}

/* ---- release ---- */

/* Is this row meant by "41", "#41", an id, or its beginning? Ids may begin with digits,
 * too. */
static bool
is_meant(struct lcp_span row, const char *text)
{
    bool is_marked = text[0] == '#';
    char id[LCP_ID_MAX + 1];
    uint64_t number;
    size_t len = strlen(text);

    if (lcp_uint_parse(lcp_span_str(text + is_marked), 1, INT64_MAX, &number) ==
            LCP_OK &&
        number == lcp_reply_number(row, "number"))
        return true;
    lcp_reply_text(row, "id", id, sizeof(id));
    return !is_marked && len >= ID_PREFIX_MIN && strncmp(id, text, len) == 0;
}

/* What the person is about to let in. */
static void
describe(struct lcp_span row, char out[static LCP_QUESTION_MAX])
{
    static const char *const names[] = {"type", "from", "preview"};
    char raw[FIELD_MAX], shown[3][LCP_QUESTION_MAX / 4];

    for (size_t i = 0; i < 3; i++) {
        lcp_reply_text(row, names[i], raw, sizeof(raw));
        if (i == 0)
            lcp_text_escape_word(lcp_span_str(raw), shown[i], sizeof(shown[i]));
        else
            lcp_text_escape(lcp_span_str(raw), false, shown[i], sizeof(shown[i]));
    }
    snprintf(out, LCP_QUESTION_MAX,
             "Message #%" PRIu64 ", %s from %s, goes to the agent:\n    %s\n",
             lcp_reply_number(row, "number"), shown[0], shown[1], shown[2]);
}

/* The number of the held message that is meant, and a description of it. */
static int
find_held(struct lcp_cli *cli, uint64_t *number, char question[static LCP_QUESTION_MAX])
{
    const char *text = cli->args.words[0];
    uint64_t after = 0;
    size_t count = 0;

    do {
        struct lcp_span reply, rows = {.len = 0}, row;
        size_t at = 0;
        int code = ask_held(cli, after, &reply);

        if (code != LCP_EXIT_DONE)
            return code;
        (void)lcp_reply_member(reply, "messages", &rows);
        while (lcp_reply_next(rows, &at, &row)) {
            if (!is_meant(row, text))
                continue;
            count++;
            *number = lcp_reply_number(row, "number");
            describe(row, question);
        }
        after = lcp_reply_number(reply, "next");
    } while (after != 0);
    if (count == 1)
        return LCP_EXIT_DONE;
    return lcp_fail(cli, LCP_EXIT_ERROR, count == 0 ? "not-found" : "ambiguous",
                    "lcp held lists them with their numbers",
                    count == 0 ? "no held message is %s" : "%s fits several messages",
                    text);
}

static int
report(struct lcp_cli *cli, struct lcp_span reply, const char *sentence)
{
    char state[32];

    lcp_reply_text(reply, "state", state, sizeof(state));
    if (cli->args.json)
        lcp_print_json(reply);
    else
        printf("#%" PRIu64 " %s: %s\n", lcp_reply_number(reply, "number"), state,
               sentence);
    return lcp_flush(cli);
}

static int
run_release(struct lcp_cli *cli)
{
    char question[LCP_QUESTION_MAX], word[32];
    const char *how;
    struct lcp_span reply;
    struct lcp_ask ask;
    uint64_t number = 0;
    int code = take_id(cli);

    if (code == LCP_EXIT_DONE)
        code = find_held(cli, &number, question);
    if (code != LCP_EXIT_DONE)
        return code;
    snprintf(word, sizeof(word), "%" PRIu64, number);
    code = lcp_confirm(cli, "release", question, word, &how);
    if (code != LCP_EXIT_DONE)
        return code;
    lcp_ask_begin(&ask, "RELEASE");
    lcp_write_member_int(&ask.w, "id", (int64_t)number);
    lcp_write_member_string(&ask.w, "how", how);
    code = lcp_ask_send(cli, &ask, LCP_QUICK_MS, &reply);
    return code == LCP_EXIT_DONE ? report(cli, reply, "it is in the inbox now") : code;
}

/* ---- refuse ---- */

static int
run_refuse(struct lcp_cli *cli)
{
    const char *reason = lcp_opt(cli, "reason");
    struct lcp_span reply;
    struct lcp_ask ask;
    int code = take_id(cli);

    if (code != LCP_EXIT_DONE)
        return code;
    if (reason != NULL &&
        (strlen(reason) > LCP_DETAIL_MAX || !lcp_utf8_valid(lcp_span_str(reason))))
        return lcp_fail_usage(cli, "--reason takes a sentence of at most %d bytes",
                              (int)LCP_DETAIL_MAX);
    lcp_ask_begin(&ask, "REFUSE");
    lcp_write_member_string(&ask.w, "id", cli->args.words[0]);
    if (reason != NULL)
        lcp_write_member_string(&ask.w, "reason", reason);
    code = lcp_ask_send(cli, &ask, LCP_QUICK_MS, &reply);
    return code == LCP_EXIT_DONE
               ? report(cli, reply,
                        "archived; its sender is told, if its node hears it")
               : code;
}

const struct lcp_command lcp_cmd_held = {
    .name = "held",
    .summary = "shows mail that waits for a person",
    .words = "",
    .about =
        "Shows mail that is held: by the peer's policy (Hold) or by the loop guard. No "
        "agent\nsees it before a person releases it; after 7 days it is refused. Of "
        "the "
        "text only the\nbeginning is shown, on one line and escaped.",
    .example = "  lcp held\n  lcp release 41\n  lcp refuse 42\n",
    .run = run_held,
    .options = {{"after", "N", "only messages with a greater number: the next page"}},
};

const struct lcp_command lcp_cmd_release = {
    .name = "release",
    .summary = "lets held mail in",
    .words = "ID",
    .about =
        "Puts a held message into the inbox. This is for a person to do: the message's "
        "number\nis asked for at the terminal; without one, exit 9. --yes does without "
        "the question\nand is recorded; lcp log shows the record.",
    .example = "  lcp release 41\n",
    .words_min = 1,
    .words_max = 1,
    .run = run_release,
    .options = {{"yes", NULL, "do not ask; this is recorded"}},
};

const struct lcp_command lcp_cmd_refuse = {
    .name = "refuse",
    .summary = "turns a message away and tells its sender",
    .words = "ID",
    .about =
        "Archives a message of the inbox or a held one as refused. Its sender is told, "
        "signed,\nwith the reason.",
    .example = "  lcp refuse 41 --reason \"I do not deploy on Fridays\"\n",
    .words_min = 1,
    .words_max = 1,
    .run = run_refuse,
    .options = {{"reason", "TEXT", "a sentence for the sender, at most 256 bytes"}},
};
