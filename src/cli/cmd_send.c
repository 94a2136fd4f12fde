/* SPDX-License-Identifier: MIT
 *
 * lcp send: a message goes to the daemon, and what became of it comes back.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/cli.h"

/* More than any message may have; what goes beyond is told as too big. */
enum { STDIN_MAX = 256 * 1024, WAIT_DEFAULT_S = 10 };

struct options {
    uint64_t ttl_s, timeout_s;
    const char *wait; /* NULL: the receiver's first word is enough */
};

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

static bool
take_duration(const char *text, uint64_t *seconds)
{
    return lcp_duration_parse(lcp_span_str(text), seconds) == LCP_OK && *seconds > 0 &&
           *seconds <= LCP_DURATION_MAX_S;
}

static int
check_waiting(struct lcp_cli *cli, struct options *o)
{
    const char *timeout = lcp_opt(cli, "timeout");

    o->wait = lcp_opt(cli, "wait");
    o->timeout_s = WAIT_DEFAULT_S;
    if (o->wait != NULL && strcmp(o->wait, "stored") != 0 &&
        strcmp(o->wait, "read") != 0 && strcmp(o->wait, "done") != 0)
        return lcp_fail_usage(cli, "--wait takes stored, read or done");
    if (o->wait != NULL && lcp_opt(cli, "no-wait") != NULL)
        return lcp_fail_usage(cli, "--wait and --no-wait exclude each other");
    if (timeout != NULL && o->wait == NULL)
        return lcp_fail_usage(cli, "--timeout goes with --wait");
    if (timeout != NULL && !take_duration(timeout, &o->timeout_s))
        return lcp_fail_usage(cli, "--timeout takes seconds, or a duration like 15m");
    return LCP_EXIT_DONE;
}

/* Options whose form can be told here. */
static int
check_options(struct lcp_cli *cli, struct options *o)
{
    const char *id = lcp_opt(cli, "id"), *type = lcp_opt(cli, "type");
    const char *ttl = lcp_opt(cli, "ttl"), *to = lcp_opt(cli, "to");
    const char *reply_to = lcp_opt(cli, "reply-to");

    *o = (struct options){.ttl_s = 0};
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
    if (ttl != NULL && !take_duration(ttl, &o->ttl_s))
        return lcp_fail_usage(cli,
                              "--ttl takes seconds, or a duration like 15m, 24h, 7d");
    return check_waiting(cli, o);
}

static void
write_member(struct lcp_writer *w, const char *key, const char *text)
{
    if (text != NULL)
        lcp_write_member_string(w, key, text);
}

static int
ask(struct lcp_cli *cli, struct lcp_span message, const struct options *o,
    struct lcp_span *reply)
{
    const char *type = lcp_opt(cli, "type"), *handler = getenv("LCP_HANDLER");
    uint64_t patience_ms = LCP_WAIT_MS;
    struct lcp_ask a;

    lcp_ask_begin(&a, "SEND");
    write_member(&a.w, "to", lcp_opt(cli, "to"));
    write_member(&a.w, "id", lcp_opt(cli, "id"));
    if (o->ttl_s != 0)
        lcp_write_member_int(&a.w, "ttl", (int64_t)o->ttl_s);
    if (o->wait != NULL) {
        lcp_write_member_string(&a.w, "wait_for", o->wait);
        lcp_write_member_int(&a.w, "timeout", (int64_t)o->timeout_s);
        patience_ms += 1000 * o->timeout_s;
    }
    /* Told by a handler, not typed or called: the loop guard counts it. */
    if (handler != NULL && handler[0] != '\0')
        lcp_write_member_bool(&a.w, "automatic", true);
    lcp_write_member_bool(&a.w, "wait", lcp_opt(cli, "no-wait") == NULL);
    lcp_write_key(&a.w, "payload");
    lcp_write_object(&a.w);
    lcp_write_member_string(&a.w, "type", type == NULL ? "chat" : type);
    lcp_write_key(&a.w, "message");
    lcp_write_string_span(&a.w, message);
    write_member(&a.w, "replyTo", lcp_opt(cli, "reply-to"));
    lcp_write_object_end(&a.w);
    return lcp_ask_send(cli, &a, patience_ms, reply);
}

/* What a state means to who waits for it; rank: how far it has come. */
static const struct outcome {
    const char *state;
    int rank;
    bool is_word; /* the receiver's; then it came after so many milliseconds */
    const char *before, *after; /* around the peer's name */
} outcomes[] = {
    {"queued", 0, false, "queued for ", ": it goes by itself, do not send it again"},
    {"sent", 0, false, "queued for ",
     ": sent, not answered yet; it goes by itself, do not send it again"},
    {"acked", 1, true, "delivered to ", ", unsigned: its node speaks LCP/1.1"},
    {"held", 2, true, "held by ", ", signed"},
    {"stored", 3, true, "stored by ", ", signed"},
    {"read", 4, true, "read by ", ", signed"},
    {"done", 5, true, "done by ", ", signed"},
    {"refused", 0, true, "refused by ", ", signed"},
};

static const struct outcome *
find_outcome(const char *state)
{
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
        if (strcmp(outcomes[i].state, state) == 0)
            return &outcomes[i];
    }
    return NULL;
}

static void
print_sentence(struct lcp_span reply, const char *state, bool is_late)
{
    const struct outcome *outcome = find_outcome(state);
    char reason[LCP_REASON_MAX + 1];
    bool is_later;

    lcp_reply_text(reply, "reason", reason, sizeof(reason));
    is_later = reason[0] != '\0' && strcmp(state, "sent") == 0;
    printf("#%" PRIu64 " ", lcp_reply_number(reply, "number"));
    if (outcome == NULL) {
        printf("%s: it is no longer sent; a new message needs a new id\n", state);
        return;
    }
    fputs(outcome->before, stdout);
    lcp_print_member(reply, "to");
    if (outcome->is_word && !is_late)
        printf(" in %" PRIu64 " ms", lcp_reply_number(reply, "ms"));
    fputs(is_later
              ? ": its node wants it later; it goes by itself, do not send it again"
              : outcome->after,
          stdout);
    lcp_print_field(reply, "reason", "; ");
    lcp_print_field(reply, "detail", ": ");
    putchar('\n');
}

/* The exit code, and with --wait a word about what is missing. */
static int
judge(const struct lcp_cli *cli, const struct options *o, struct lcp_span reply,
      const char *state)
{
    const struct outcome *outcome = find_outcome(state);

    if (strcmp(state, "refused") == 0)
        return LCP_EXIT_REFUSED;
    if (outcome == NULL)
        return LCP_EXIT_ERROR;
    if (o->wait == NULL && !outcome->is_word)
        return lcp_opt(cli, "no-wait") != NULL ? LCP_EXIT_DONE : LCP_EXIT_QUEUED;
    if (o->wait == NULL)
        return lcp_reply_is_true(reply, "ok") ? LCP_EXIT_DONE : LCP_EXIT_ERROR;
    return outcome->rank >= find_outcome(o->wait)->rank ? LCP_EXIT_DONE
                                                        : LCP_EXIT_TIMEOUT;
}

static void
note_missing(const struct lcp_cli *cli, const struct options *o, struct lcp_span reply,
             const char *state)
{
    if (strcmp(state, "acked") == 0)
        fprintf(stderr,
                "lcp: its node says no more than that: nobody can tell when it "
                "is %s\n",
                o->wait);
    else
        fprintf(stderr,
                "lcp: not %s yet; lcp sent%s %" PRIu64 " tells how it goes on\n",
                o->wait, cli->home_flag, lcp_reply_number(reply, "number"));
}

static int
run(struct lcp_cli *cli)
{
    struct lcp_span message, reply;
    char *owned = NULL, state[32];
    struct options o;
    int code = check_options(cli, &o), flushed;

    if (code == LCP_EXIT_DONE)
        code = take_message(cli, &owned, &message);
    if (code == LCP_EXIT_DONE)
        code = ask(cli, message, &o, &reply);
    if (code != LCP_EXIT_DONE)
        goto out;
    lcp_reply_text(reply, "state", state, sizeof(state));
    code = judge(cli, &o, reply, state);
    if (cli->args.json)
        lcp_print_json(reply);
    else
        print_sentence(reply, state, code == LCP_EXIT_TIMEOUT);
    flushed = lcp_flush(cli);
    if (flushed == LCP_EXIT_DONE && code == LCP_EXIT_TIMEOUT)
        note_missing(cli, &o, reply, state);
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
        "Sends a message; - reads it from standard input. Waits until the receiver's "
        "node has\nstored it, at most 10 s; --wait waits for more. Exit 0: that came. "
        "Exit 4: safely queued\nhere, it goes by itself, do not send it again. Exit 5: "
        "refused. Exit 6: --wait's time\nis up, the message goes on. A word that "
        "begins "
        "with a dash goes behind a lone double\ndash.",
    .example = "  lcp send --to AgentB \"hello\"\n"
               "  lcp send --type task --to AgentB - <task.txt\n"
               "  lcp send --to AgentB --wait done --timeout 15m \"run the tests\"\n",
    .words_max = 1,
    .run = run,
    .options = {{"to", "NAME", "the peer; not needed when there is only one"},
                {"type", "T",
                 "chat (the default), task, result, or a word of your own"},
                {"reply-to", "ID", "the message that this one answers"},
                {"id", "ID", "a UUID v4: sending it twice is then harmless"},
                {"ttl", "S", "how long it may stay queued: seconds, 15m, 24h, 7d"},
                {"wait", "STATE", "until it is stored, read or done there"},
                {"timeout", "S",
                 "how long --wait waits: seconds, 15m; 10 s if not given"},
                {"no-wait", NULL, "return as soon as it is stored here"}},
};
