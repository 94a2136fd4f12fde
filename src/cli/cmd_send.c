/* SPDX-License-Identifier: MIT
 *
 * lcp send: a message goes to the daemon, and what became of it comes back.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/cli.h"

/* More than any message may have; what goes beyond is told as too big. */
enum { STDIN_MAX = 256 * 1024 };

static int
too_big(struct lcp_cli *cli)
{
    return lcp_fail(cli, LCP_EXIT_ERROR, "too-big",
                    "send less text, or a file's place instead of the file",
                    "the message does not fit into one datagram of %d bytes",
                    (int)LCP_PAYLOAD_MAX);
}

/* All of standard input; 0 or an exit code. */
static int
read_stdin(struct lcp_cli *cli, char **text, size_t *len)
{
    *text = malloc(STDIN_MAX + 1);
    if (*text == NULL)
        return lcp_fail(cli, LCP_EXIT_ERROR, "io", "", "out of memory");
    *len = fread(*text, 1, STDIN_MAX + 1, stdin);
    if (ferror(stdin))
        return lcp_fail(cli, LCP_EXIT_ERROR, "io", "", "standard input cannot be read");
    return *len > STDIN_MAX ? too_big(cli) : LCP_EXIT_DONE;
}

static bool
may_be_empty(const char *type)
{
    return type != NULL && (strcmp(type, "ping") == 0 || strcmp(type, "pong") == 0);
}

static int
take_message(struct lcp_cli *cli, char **owned, struct lcp_span *message)
{
    const char *word = cli->args.word_count > 0 ? cli->args.words[0] : NULL;
    size_t len = 0;
    int code = LCP_EXIT_DONE;

    *message = lcp_span_str(word == NULL ? "" : word);
    if (word == NULL && !may_be_empty(lcp_opt(cli, "type")))
        return lcp_fail_usage(cli,
                              "there is no message; give it as one word in quotes, "
                              "or - to read standard input");
    if (word != NULL && strcmp(word, "-") == 0) {
        code = read_stdin(cli, owned, &len);
        *message = lcp_span(*owned, len);
    }
    if (code == LCP_EXIT_DONE && !lcp_utf8_valid(*message))
        code = lcp_fail_usage(cli, "the message is not valid UTF-8");
    return code;
}

/* Options whose form can be told here. */
static int
check_options(struct lcp_cli *cli, uint64_t *ttl_s)
{
    const char *id = lcp_opt(cli, "id"), *type = lcp_opt(cli, "type");
    const char *ttl = lcp_opt(cli, "ttl"), *to = lcp_opt(cli, "to");
    const char *reply_to = lcp_opt(cli, "reply-to");

    *ttl_s = 0;
    if (to != NULL && !lcp_name_is_valid(lcp_span_str(to)))
        return lcp_fail_usage(cli, "--to takes a peer's name");
    if (id != NULL && !lcp_uuid_is_v4_lower(lcp_span_str(id)))
        return lcp_fail_usage(cli, "--id takes a UUID v4 in lower case");
    if (type != NULL && (type[0] == '\0' || strlen(type) > LCP_TYPE_MAX ||
                         !lcp_utf8_valid(lcp_span_str(type))))
        return lcp_fail_usage(cli, "--type takes 1 to %d bytes", (int)LCP_TYPE_MAX);
    if (reply_to != NULL && (reply_to[0] == '\0' || strlen(reply_to) > LCP_ID_MAX + 1 ||
                             !lcp_utf8_valid(lcp_span_str(reply_to))))
        return lcp_fail_usage(cli, "--reply-to takes the number or id of a message");
    if (ttl != NULL && (lcp_duration_parse(lcp_span_str(ttl), ttl_s) != LCP_OK ||
                        *ttl_s == 0 || *ttl_s > LCP_DURATION_MAX_S))
        return lcp_fail_usage(cli,
                              "--ttl takes seconds, or a duration like 15m, 24h, 7d");
    return LCP_EXIT_DONE;
}

static void
write_member(struct lcp_writer *w, const char *key, const char *text)
{
    if (text != NULL)
        lcp_write_member_string(w, key, text);
}

static int
ask(struct lcp_cli *cli, struct lcp_span message, uint64_t ttl_s,
    struct lcp_span *reply)
{
    const char *type = lcp_opt(cli, "type");
    struct lcp_ask a;

    lcp_ask_begin(&a, "SEND");
    write_member(&a.w, "to", lcp_opt(cli, "to"));
    write_member(&a.w, "id", lcp_opt(cli, "id"));
    if (ttl_s != 0)
        lcp_write_member_int(&a.w, "ttl", (int64_t)ttl_s);
    lcp_write_member_bool(&a.w, "wait", lcp_opt(cli, "no-wait") == NULL);
    lcp_write_key(&a.w, "payload");
    lcp_write_object(&a.w);
    lcp_write_member_string(&a.w, "type", type == NULL ? "chat" : type);
    lcp_write_key(&a.w, "message");
    lcp_write_string_span(&a.w, message);
    write_member(&a.w, "replyTo", lcp_opt(cli, "reply-to"));
    lcp_write_object_end(&a.w);
    return lcp_ask_send(cli, &a, LCP_WAIT_MS, reply);
}

static void
print_sentence(struct lcp_span reply, const char *state)
{
    char to[LCP_NAME_MAX + 1];

    lcp_reply_text(reply, "to", to, sizeof(to));
    printf("#%" PRIu64 " ", lcp_reply_number(reply, "number"));
    if (lcp_reply_is_true(reply, "ok")) {
        fputs("delivered to ", stdout);
        lcp_print_text(stdout, lcp_span_str(to), false);
        printf(" in %" PRIu64 " ms\n", lcp_reply_number(reply, "ms"));
    } else if (strcmp(state, "queued") == 0) {
        fputs("queued for ", stdout);
        lcp_print_text(stdout, lcp_span_str(to), false);
        fputs(": it goes by itself, do not send it again\n", stdout);
    } else {
        printf("%s: it is no longer sent; a new message needs a new id\n", state);
    }
}

static int
run(struct lcp_cli *cli)
{
    struct lcp_span message, reply;
    char *owned = NULL, state[32];
    uint64_t ttl_s;
    int code = check_options(cli, &ttl_s), flushed;

    if (code == LCP_EXIT_DONE)
        code = take_message(cli, &owned, &message);
    if (code == LCP_EXIT_DONE)
        code = ask(cli, message, ttl_s, &reply);
    if (code != LCP_EXIT_DONE)
        goto out;
    lcp_reply_text(reply, "state", state, sizeof(state));
    if (cli->args.json)
        lcp_print_json(reply);
    else
        print_sentence(reply, state);
    if (strcmp(state, "queued") == 0)
        code = lcp_opt(cli, "no-wait") != NULL ? LCP_EXIT_DONE : LCP_EXIT_QUEUED;
    else if (!lcp_reply_is_true(reply, "ok"))
        code = LCP_EXIT_ERROR;
    flushed = lcp_flush(cli);
    if (flushed != LCP_EXIT_DONE)
        code = flushed;

out:
    free(owned);
    return code;
}

const struct lcp_command lcp_cmd_send = {
    .name = "send",
    .summary = "sends a message",
    .words = "[MESSAGE or -]",
    .about =
        "Sends a message; - reads it from standard input. Waits for delivery, at most "
        "10 s.\nExit 0: delivered. Exit 4: safely queued here, it goes by itself, do "
        "not send it\nagain. A word that begins with a dash goes behind a lone "
        "double dash.",
    .example = "  lcp send --to AgentB \"hello\"\n"
               "  lcp send --type task --to AgentB - <task.txt\n",
    .words_max = 1,
    .run = run,
    .options = {{"to", "NAME", "the peer; not needed when there is only one"},
                {"type", "T",
                 "chat (the default), task, result, or a word of your own"},
                {"reply-to", "ID", "the message that this one answers"},
                {"id", "ID", "a UUID v4: sending it twice is then harmless"},
                {"ttl", "S", "how long it may stay queued: seconds, 15m, 24h, 7d"},
                {"no-wait", NULL, "return as soon as it is stored here"}},
};
