/* SPDX-License-Identifier: MIT
 *
 * The names of the Python scripts: their arguments, their output, their exit codes 0
 * and 1.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/mail.h"
#include "uv/daemon.h"

static int run_node(struct lcp_cli *cli);
static int run_send(struct lcp_cli *cli);
static int run_check(struct lcp_cli *cli);
static int run_ack(struct lcp_cli *cli);
static int run_status(struct lcp_cli *cli);

static const struct lcp_command scripts[] = {
    {.name = "lcp_node",
     .summary = "the daemon",
     .words = "",
     .example = "  lcp_node --peer-ip 100.64.0.2\n",
     .run = run_node,
     .options = {{"peer-ip", "IP", "the address of the peer"},
                 {"my-ip", "IP", "our own address"},
                 {"port", "N", "the UDP port at both ends"}}},
    {.name = "lcp_send",
     .summary = "sends a message",
     .words = "[MESSAGE]",
     .example = "  lcp_send --type task \"count the files in /srv\"\n",
     .words_max = 1,
     .run = run_send,
     .options = {{"type", "T", "chat (the default), task, result, ping or pong"},
                 {"reply-to", "ID", "the message that this one answers"}}},
    {.name = "lcp_check",
     .summary = "shows the inbox",
     .words = "",
     .example = "  lcp_check --pretty\n",
     .run = run_check,
     .options = {{"pretty", NULL, "a short list for people"}}},
    {.name = "lcp_ack",
     .summary = "archives the mail that lcp_check has shown",
     .words = "",
     .example = "  lcp_ack\n",
     .run = run_ack},
    {.name = "lcp_status",
     .summary = "shows the daemon's status",
     .words = "",
     .example = "  lcp_status\n",
     .run = run_status},
};

/* The last part of argv[0], without an .exe. */
static const struct lcp_command *
find_script(const char *path)
{
    const char *name = path;
    size_t len;

    for (const char *c = path; *c != '\0'; c++) {
        if (*c == '/' || *c == '\\')
            name = c + 1;
    }
    len = strlen(name);
    if (len > 4 && strcmp(name + len - 4, ".exe") == 0)
        len -= 4;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        if (strlen(scripts[i].name) == len && memcmp(scripts[i].name, name, len) == 0)
            return &scripts[i];
    }
    return NULL;
}

bool
lcp_legacy_main(int argc, char **argv, int *code)
{
    struct lcp_cli cli = {.legacy = true, .home_flag = ""};
    char fault[LCP_ARGS_FAULT_MAX];
    enum lcp_err err;

    cli.command = argc > 0 ? find_script(argv[0]) : NULL;
    if (cli.command == NULL)
        return false;
    cli.name = cli.command->name;
    err = lcp_args_parse(cli.command, argc - 1, argv + 1, &cli.args, fault);
    cli.args.json = false;
    if (cli.args.help) {
        lcp_args_help(cli.command, cli.name, stdout);
        *code = lcp_flush(&cli);
        return true;
    }
    if (err != LCP_OK) {
        *code = lcp_fail_usage(&cli, "%s", fault);
        return true;
    }
    if (cli.args.home != NULL)
        snprintf(cli.home, sizeof(cli.home), "%s", cli.args.home);
    else if (lcp_os_default_home(cli.home, sizeof(cli.home)) != LCP_OK)
        cli.home[0] = '\0';
    if (lcp_crypto_init() != LCP_OK)
        *code = LCP_EXIT_ERROR;
    else
        *code = cli.command->run(&cli);
    lcp_client_close(cli.client);
    return true;
}

static int
run_node(struct lcp_cli *cli)
{
    const char *port = lcp_opt(cli, "port");
    struct lcp_daemon_options options = {.home = cli->home,
                                         .my_ip = lcp_opt(cli, "my-ip"),
                                         .peer_ip = lcp_opt(cli, "peer-ip")};
    uint64_t number = 0;

    if (port != NULL && lcp_uint_parse(lcp_span_str(port), 1, 65535, &number) != LCP_OK)
        return lcp_fail_usage(cli, "--port takes a port, 1 to 65535");
    options.port = (uint16_t)number;
    return lcp_daemon_main(&options);
}

/* A question whose failure is told as the scripts did: an object on stdout too, exit 1.
 */
static int
ask_legacy(struct lcp_cli *cli, struct lcp_ask *ask, uint64_t timeout_ms,
           struct lcp_span *reply)
{
    cli->args.json = true;
    if (lcp_ask_send(cli, ask, timeout_ms, reply) != LCP_EXIT_DONE)
        return LCP_EXIT_ERROR;
    cli->args.json = false;
    return LCP_EXIT_DONE;
}

/* A document that grows value by value, laid out as json.dumps(indent=2,
 * ensure_ascii=False) does. Messages are parsed one by one: a page of them nests deeper
 * than one document may. */
struct pretty {
    struct lcp_writer w;
    struct lcp_json_node *nodes;
    bool failed;
};

enum {
    PRETTY_NODES = 64 * 1024, /* STATUS of many peers has more than a message */
    INDENT = 2,
    END_BYTES = 256, /* what stands around the values */
};

static void
pretty_begin(struct pretty *p)
{
    *p = (struct pretty){.nodes = malloc(PRETTY_NODES * sizeof(p->nodes[0]))};
    lcp_writer_init(&p->w, malloc(END_BYTES), END_BYTES, INDENT);
    p->failed = p->nodes == NULL || p->w.buf == NULL;
}

/* Writes a value into nothing to learn its size, then into memory that fits. */
static void
pretty_value(struct pretty *p, struct lcp_span raw)
{
    struct lcp_json doc = {.nodes = p->nodes, .cap = PRETTY_NODES};
    struct lcp_writer probe = p->w;
    char *bigger;

    if (p->failed || lcp_json_parse(raw, &doc) != LCP_JSON_FAULT_NONE) {
        p->failed = true;
        return;
    }
    probe.cap = probe.len;
    lcp_write_value(&probe, &doc, 0);
    if (probe.len + END_BYTES > p->w.cap) {
        bigger = realloc(p->w.buf, 2 * probe.len + END_BYTES);
        p->failed = bigger == NULL;
        if (p->failed)
            return;
        p->w.buf = bigger;
        p->w.cap = 2 * probe.len + END_BYTES;
    }
    lcp_write_value(&p->w, &doc, 0);
}

static int
pretty_end(struct lcp_cli *cli, struct pretty *p)
{
    struct lcp_span text;
    int code;

    if (!p->failed && lcp_writer_end(&p->w, &text) == LCP_OK) {
        lcp_print_json(text);
        code = lcp_flush(cli);
    } else {
        code = lcp_fail(cli, LCP_EXIT_ERROR, "io", "", "the answer cannot be laid out");
    }
    free(p->w.buf);
    free(p->nodes);
    return code;
}

static bool
is_legacy_type(const char *type)
{
    static const char *const types[] = {"chat", "task", "result", "ping", "pong"};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i], type) == 0)
            return true;
    }
    return false;
}

/* The scripts knew one peer; among several it is the first, as for their clients. */
static int
first_peer(struct lcp_cli *cli, char name[static LCP_NAME_MAX + 1])
{
    struct lcp_span reply;
    struct lcp_ask ask;
    int code;

    lcp_ask_begin(&ask, "STATUS");
    code = ask_legacy(cli, &ask, LCP_QUICK_MS, &reply);
    if (code == LCP_EXIT_DONE)
        lcp_reply_text(reply, "peer", name, LCP_NAME_MAX + 1);
    return code;
}

static void
print_sent(struct lcp_span reply, bool ok, const char *state)
{
    char buf[1024], id[LCP_ID_MAX + 1];
    struct lcp_writer w;
    struct lcp_span text;

    lcp_reply_text(reply, "id", id, sizeof(id));
    lcp_writer_init(&w, buf, sizeof(buf), INDENT);
    lcp_write_object(&w);
    lcp_write_member_bool(&w, "ok", ok);
    lcp_write_member_string(&w, "id", id);
    lcp_write_member_string(&w, "state", state);
    lcp_write_member_int(&w, "number", (int64_t)lcp_reply_number(reply, "number"));
    lcp_write_object_end(&w);
    if (lcp_writer_end(&w, &text) == LCP_OK)
        lcp_print_json(text);
    if (ok)
        puts("Delivered.");
    else
        printf("Not acknowledged (%s)%s\n", state,
               strcmp(state, "queued") == 0
                   ? ": it goes by itself, do not send it again."
                   : ".");
}

static int
run_send(struct lcp_cli *cli)
{
    const char *type = lcp_opt(cli, "type"), *reply_to = lcp_opt(cli, "reply-to");
    const char *message = cli->args.word_count > 0 ? cli->args.words[0] : "";
    const char *handler = getenv("LCP_HANDLER");
    char state[32], peer[LCP_NAME_MAX + 1];
    struct lcp_span reply;
    struct lcp_ask ask;
    bool ok;
    int code;

    if (type != NULL && !is_legacy_type(type))
        return lcp_fail_usage(cli, "--type takes chat, task, result, ping or pong");
    if (!lcp_utf8_valid(lcp_span_str(message)))
        return lcp_fail_usage(cli, "the message is not valid UTF-8");
    code = first_peer(cli, peer);
    if (code != LCP_EXIT_DONE)
        return code;
    lcp_ask_begin(&ask, "SEND");
    if (peer[0] != '\0')
        lcp_write_member_string(&ask.w, "to", peer);
    if (handler != NULL && handler[0] != '\0')
        lcp_write_member_bool(&ask.w, "automatic", true);
    lcp_write_key(&ask.w, "payload");
    lcp_write_object(&ask.w);
    lcp_write_member_string(&ask.w, "type", type == NULL ? "chat" : type);
    lcp_write_member_string(&ask.w, "message", message);
    if (reply_to != NULL && reply_to[0] != '\0')
        lcp_write_member_string(&ask.w, "replyTo", reply_to);
    lcp_write_object_end(&ask.w);
    code = ask_legacy(cli, &ask, LCP_WAIT_MS, &reply);
    if (code != LCP_EXIT_DONE)
        return code;
    ok = lcp_reply_is_true(reply, "ok");
    lcp_reply_text(reply, "state", state, sizeof(state));
    print_sent(reply, ok, state);
    code = lcp_flush(cli);
    return code == LCP_EXIT_DONE && !ok ? LCP_EXIT_ERROR : code;
}

/* All pending messages as one array of text. */
struct inbox {
    char *text;
    size_t len;
    uint64_t count;
    bool is_direct;
};

static bool
inbox_add(struct inbox *inbox, struct lcp_span reply)
{
    struct lcp_span messages, raw;
    size_t at = 0;
    char *bigger;

    if (!lcp_reply_member(reply, "messages", &messages))
        return true;
    bigger = realloc(inbox->text, inbox->len + messages.len + 2);
    if (bigger == NULL)
        return false;
    inbox->text = bigger;
    while (lcp_reply_next(messages, &at, &raw)) {
        inbox->text[inbox->len++] = inbox->count++ == 0 ? '[' : ',';
        memcpy(inbox->text + inbox->len, raw.data, raw.len);
        inbox->len += raw.len;
    }
    return true;
}

/* One page behind `after`; *next as in the reply. */
static int
fetch_page(struct lcp_cli *cli, struct inbox *inbox, uint64_t after, uint64_t *next)
{
    struct lcp_direct what = {.after = after};
    struct lcp_span reply;
    struct lcp_ask ask;
    char *direct = NULL;
    bool ok;
    int code;

    if (inbox->is_direct) {
        code = lcp_direct_check(cli, &what, &direct);
        reply = code == LCP_EXIT_DONE ? lcp_span_str(direct) : lcp_span(NULL, 0);
    } else {
        lcp_ask_begin(&ask, "CHECK");
        if (after != 0)
            lcp_write_member_int(&ask.w, "after", (int64_t)after);
        code = ask_legacy(cli, &ask, LCP_QUICK_MS, &reply);
    }
    if (code != LCP_EXIT_DONE)
        return code;
    *next = lcp_reply_number(reply, "next");
    ok = inbox_add(inbox, reply);
    free(direct);
    return ok ? LCP_EXIT_DONE
              : lcp_fail(cli, LCP_EXIT_ERROR, "io", "", "out of memory");
}

static int
fetch_inbox(struct lcp_cli *cli, struct inbox *inbox)
{
    enum lcp_err err = lcp_cli_connect(cli);
    uint64_t after, next = 0;
    int code;

    *inbox = (struct inbox){.is_direct = err == LCP_ECLOSED || err == LCP_ENOTFOUND};
    do {
        after = next;
        code = fetch_page(cli, inbox, after, &next);
    } while (code == LCP_EXIT_DONE && next > after);
    return code;
}

static int
print_inbox(struct lcp_cli *cli, const struct inbox *inbox, struct lcp_span messages)
{
    struct pretty p;
    struct lcp_span raw;
    size_t at = 0;

    pretty_begin(&p);
    lcp_write_object(&p.w);
    lcp_write_member_int(&p.w, "count", (int64_t)inbox->count);
    lcp_write_key(&p.w, "messages");
    lcp_write_array(&p.w);
    while (lcp_reply_next(messages, &at, &raw))
        pretty_value(&p, raw);
    lcp_write_array_end(&p.w);
    lcp_write_member_string(&p.w, "_source", inbox->is_direct ? "direct" : "daemon");
    lcp_write_object_end(&p.w);
    return pretty_end(cli, &p);
}

/* Bodies stay whole: what this shows, lcp_ack archives. */
static int
print_list(struct lcp_cli *cli, const struct inbox *inbox, struct lcp_span messages)
{
    struct lcp_span raw;
    size_t at = 0;

    printf("%" PRIu64 " message%s%s\n\n", inbox->count, inbox->count == 1 ? "" : "s",
           inbox->is_direct ? " (no daemon runs)" : "");
    while (lcp_reply_next(messages, &at, &raw)) {
        struct lcp_mail mail;
        bool whole;
        char *text;

        if (lcp_mail_parse(raw, &mail) != LCP_OK)
            return lcp_fail(cli, LCP_EXIT_ERROR, "io", "", "a message cannot be shown");
        text = lcp_mail_text(cli, &mail, false, &whole);
        lcp_mail_free(&mail);
        if (text == NULL)
            return lcp_fail(cli, LCP_EXIT_ERROR, "io", "", "out of memory");
        fputs(text, stdout);
        free(text);
    }
    return lcp_flush(cli);
}

static int
run_check(struct lcp_cli *cli)
{
    struct inbox inbox;
    struct lcp_span messages = {.len = 0};
    int code = fetch_inbox(cli, &inbox);

    if (code == LCP_EXIT_DONE && inbox.count > 0) {
        inbox.text[inbox.len++] = ']';
        messages = lcp_span(inbox.text, inbox.len);
    }
    if (code == LCP_EXIT_DONE)
        code = lcp_opt(cli, "pretty") != NULL ? print_list(cli, &inbox, messages)
                                              : print_inbox(cli, &inbox, messages);
    if (code == LCP_EXIT_DONE && !inbox.is_direct && inbox.count > 0)
        lcp_mail_shown_all(cli, messages);
    free(inbox.text);
    return code == LCP_EXIT_DONE ? LCP_EXIT_DONE : LCP_EXIT_ERROR;
}

static int
run_ack(struct lcp_cli *cli)
{
    struct lcp_span reply;
    struct lcp_ask ask;
    int code;

    lcp_ask_begin(&ask, "ACK");
    code = ask_legacy(cli, &ask, LCP_QUICK_MS, &reply);
    if (code != LCP_EXIT_DONE)
        return code;
    printf("{\"archived\": %" PRIu64 "}\n", lcp_reply_number(reply, "archived"));
    return lcp_flush(cli);
}

static int
run_status(struct lcp_cli *cli)
{
    struct pretty p;
    struct lcp_span reply;
    struct lcp_ask ask;
    int code;

    lcp_ask_begin(&ask, "STATUS");
    code = ask_legacy(cli, &ask, LCP_QUICK_MS, &reply);
    if (code != LCP_EXIT_DONE)
        return code;
    pretty_begin(&p);
    pretty_value(&p, reply);
    return pretty_end(cli, &p);
}
