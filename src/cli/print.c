/* SPDX-License-Identifier: MIT
 *
 * Words for people, and failures in both forms.
 */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/text.h"
#include "ipc/ipc.h"

enum {
    SENTENCE_MAX = 2048,
    MINUTE_S = 60,
    HOUR_S = 60 * MINUTE_S,
    DAY_S = 24 * HOUR_S,
};

void
lcp_print_text(FILE *out, struct lcp_span text, bool keep_newlines)
{
    enum { PIECE_BYTES = 512, ESCAPED_PER_BYTE = 8 };
    char piece[PIECE_BYTES * ESCAPED_PER_BYTE];

    while (text.len > 0) {
        size_t n = lcp_utf8_cut(text, PIECE_BYTES);

        if (n == 0) /* bytes that are no UTF-8 */
            n = text.len < PIECE_BYTES ? text.len : PIECE_BYTES;
        lcp_text_escape(lcp_span(text.data, n), keep_newlines, piece, sizeof(piece));
        fputs(piece, out);
        text = lcp_span(text.data + n, text.len - n);
    }
}

void
lcp_print_word(FILE *out, const char *word)
{
    char text[1024];

    lcp_text_escape_word(lcp_span_str(word), text, sizeof(text));
    fputs(text, out);
}

void
lcp_print_member(struct lcp_span row, const char *name)
{
    char text[LCP_PATH_MAX];

    lcp_reply_text(row, name, text, sizeof(text));
    lcp_print_text(stdout, lcp_span_str(text), false);
}

void
lcp_print_field(struct lcp_span row, const char *name, const char *before)
{
    char text[LCP_PATH_MAX];

    lcp_reply_text(row, name, text, sizeof(text));
    if (text[0] == '\0')
        return;
    fputs(before, stdout);
    lcp_print_text(stdout, lcp_span_str(text), false);
}

/* The object on stdout, in the shape of those who read it. */
static void
print_error_object(const struct lcp_cli *cli, const char *code, const char *message,
                   const char *hint)
{
    char buf[3 * SENTENCE_MAX];
    struct lcp_writer w;
    struct lcp_span text;

    lcp_writer_init(&w, buf, sizeof(buf), cli->legacy ? 2 : 0);
    if (cli->legacy) {
        lcp_write_object(&w);
        lcp_write_member_bool(&w, "ok", false);
        lcp_write_member_string(&w, "error", message);
        lcp_write_object_end(&w);
    } else {
        lcp_ipc_write_error(&w, true, code, message, hint);
    }
    if (lcp_writer_end(&w, &text) == LCP_OK)
        lcp_print_json(text);
    fflush(stdout);
}

static void
tell(const struct lcp_cli *cli, const char *code, const char *message, const char *hint)
{
    fputs("lcp: ", stderr);
    lcp_print_text(stderr, lcp_span_str(message), false);
    if (hint[0] != '\0') {
        fputs("; ", stderr);
        lcp_print_text(stderr, lcp_span_str(hint), false);
    }
    fputc('\n', stderr);
    if (cli->args.json)
        print_error_object(cli, code, message, hint);
}

int
lcp_fail(struct lcp_cli *cli, int exit_code, const char *code, const char *hint,
         const char *format, ...)
{
    char message[SENTENCE_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    tell(cli, code, message, hint);
    return exit_code;
}

int
lcp_fail_usage(struct lcp_cli *cli, const char *format, ...)
{
    char message[SENTENCE_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    tell(cli, "usage", message, "");
    lcp_args_usage(cli->command, cli->name, stderr);
    return LCP_EXIT_USAGE;
}

static int
fail_no_daemon(struct lcp_cli *cli)
{
    char conf[LCP_PATH_MAX], hint[LCP_PATH_MAX + 64];

    if (lcp_cli_path(cli, "lcp.conf", conf) == LCP_OK && !lcp_os_exists(conf)) {
        snprintf(hint, sizeof(hint),
                 "make one: lcp init --name NAME%s, then: lcp node%s", cli->home_flag,
                 cli->home_flag);
        return lcp_fail(cli, LCP_EXIT_NO_DAEMON, "no-daemon", hint,
                        "there is no home at %s and no daemon", cli->home);
    }
    snprintf(hint, sizeof(hint), "start it: lcp node%s --detach", cli->home_flag);
    return lcp_fail(cli, LCP_EXIT_NO_DAEMON, "no-daemon", hint,
                    "no daemon runs for the home %s", cli->home);
}

int
lcp_fail_client(struct lcp_cli *cli, enum lcp_err err)
{
    bool was_open = cli->client != NULL;

    switch (err) {
    case LCP_ECLOSED:
    case LCP_ENOTFOUND:
        if (!was_open)
            return fail_no_daemon(cli);
        return lcp_fail(cli, LCP_EXIT_ERROR, "io", "see whether it runs: lcp status",
                        "the daemon closed the connection before it answered");
    case LCP_EPERM:
        return lcp_fail(cli, LCP_EXIT_ERROR, "sandboxed",
                        "run this outside the sandbox, as the user whose home it is; "
                        "the daemon may well be running",
                        "the system forbids this process the socket %s/lcp.sock",
                        cli->home);
    case LCP_EFULL:
        return was_open
                   ? lcp_fail(cli, LCP_EXIT_ERROR, "too-big",
                              "send less text, or a file's place instead of the file",
                              "the message does not fit into one datagram of %d bytes",
                              (int)LCP_PAYLOAD_MAX)
                   : lcp_fail(cli, LCP_EXIT_ERROR, "config",
                              "use a home with a shorter path",
                              "the path %s/lcp.sock is longer than the 107 bytes of a "
                              "socket address",
                              cli->home);
    case LCP_ETIMEOUT:
        return lcp_fail(cli, LCP_EXIT_TIMEOUT, "timeout",
                        "what was accepted is listed by: lcp sent",
                        "the daemon did not answer in time");
    default:
        return lcp_fail(cli, LCP_EXIT_ERROR, "io", "try again", "%s: %s",
                        "cannot talk to the daemon", lcp_os_last_error());
    }
}

static const struct {
    const char *code;
    int exit_code;
} reply_codes[] = {
    {"usage", LCP_EXIT_USAGE},
    {"storage-lost", LCP_EXIT_LOST},
    {"timeout", LCP_EXIT_TIMEOUT},
};

int
lcp_fail_reply(struct lcp_cli *cli, struct lcp_span reply)
{
    struct lcp_span error = {.len = 0};
    char code[40], message[SENTENCE_MAX], hint[SENTENCE_MAX / 2];
    int exit_code = LCP_EXIT_ERROR;

    (void)lcp_reply_member(reply, "error", &error);
    lcp_reply_text(error, "code", code, sizeof(code));
    lcp_reply_text(error, "message", message, sizeof(message));
    lcp_reply_text(error, "hint", hint, sizeof(hint));
    for (size_t i = 0; i < sizeof(reply_codes) / sizeof(reply_codes[0]); i++) {
        if (strcmp(reply_codes[i].code, code) == 0)
            exit_code = reply_codes[i].exit_code;
    }
    tell(cli, code, message, hint);
    return exit_code;
}

void
lcp_span_of_time(uint64_t seconds, char out[static LCP_AGO_MAX])
{
    if (seconds < 2 * MINUTE_S)
        snprintf(out, LCP_AGO_MAX, "%" PRIu64 " s", seconds);
    else if (seconds < 2 * HOUR_S)
        snprintf(out, LCP_AGO_MAX, "%" PRIu64 " min", seconds / MINUTE_S);
    else if (seconds < 2 * DAY_S)
        snprintf(out, LCP_AGO_MAX, "%" PRIu64 " h", seconds / HOUR_S);
    else
        snprintf(out, LCP_AGO_MAX, "%" PRIu64 " days", seconds / DAY_S);
}

void
lcp_ago(int64_t then_ms, int64_t now_ms, char out[static LCP_AGO_MAX])
{
    char span[LCP_AGO_MAX];

    if (then_ms > now_ms - 1000) { /* a clock that went back included */
        snprintf(out, LCP_AGO_MAX, "just now");
        return;
    }
    lcp_span_of_time((uint64_t)(now_ms - then_ms) / 1000, span);
    snprintf(out, LCP_AGO_MAX, "%.20s ago", span);
}

void
lcp_print_json(struct lcp_span json)
{
    fwrite(json.data, 1, json.len, stdout);
    fputc('\n', stdout);
}

int
lcp_print_writer(struct lcp_cli *cli, const struct lcp_writer *w)
{
    struct lcp_span text;

    if (lcp_writer_end(w, &text) != LCP_OK)
        return lcp_fail(cli, LCP_EXIT_ERROR, "io", "", "the answer is too long");
    lcp_print_json(text);
    return lcp_flush(cli);
}

int
lcp_flush(struct lcp_cli *cli)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return LCP_EXIT_DONE;
    cli->args.json = false; /* there is nowhere to put it */
    return lcp_fail(cli, LCP_EXIT_ERROR, "io", "", "standard output cannot be written");
}
