/* SPDX-License-Identifier: MIT
 *
 * Messages for people's eyes: everything a peer wrote is escaped.
 */
#include "cli/mail.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/text.h"

enum {
    NODES_MAX = LCP_JSON_NODES_MAX + 64, /* a message and our own members */
    ID_SHORT = 8,
    ESCAPED_PER_BYTE = 8, /* more than any escape takes */
    HEADER_BYTES = 512,
};

static void
take(const struct lcp_json *doc, uint32_t object, const char *name, char *out,
     size_t cap)
{
    uint32_t at = lcp_json_member(doc, object, name);

    if (at == 0 || !lcp_json_is(doc, at, LCP_JSON_STRING) ||
        lcp_json_string(doc, at, out, cap, NULL) != LCP_OK)
        snprintf(out, cap, "%s", at == 0 ? "" : "?");
}

static enum lcp_err
take_body(const struct lcp_json *doc, size_t raw_len, struct lcp_mail *mail)
{
    uint32_t at = lcp_json_member(doc, 0, "message");

    mail->body = calloc(1, raw_len + 1);
    if (mail->body == NULL)
        return LCP_ENOMEM;
    if (at != 0 && lcp_json_is(doc, at, LCP_JSON_STRING))
        return lcp_json_string(doc, at, mail->body, raw_len + 1, &mail->body_len);
    return LCP_OK;
}

enum lcp_err
lcp_mail_parse(struct lcp_span raw, struct lcp_mail *mail)
{
    struct lcp_json_node *nodes = malloc(NODES_MAX * sizeof(nodes[0]));
    struct lcp_json doc = {.nodes = nodes, .cap = NODES_MAX};
    char when[48];
    uint32_t peer, sent;
    enum lcp_err err = LCP_EFORMAT;

    *mail = (struct lcp_mail){.number = lcp_reply_number(raw, "_number")};
    if (nodes == NULL)
        return LCP_ENOMEM;
    if (lcp_json_parse(raw, &doc) != LCP_JSON_FAULT_NONE)
        goto out;
    peer = lcp_json_member(&doc, 0, "_peer");
    sent = lcp_json_member(&doc, 0, "_sent");
    mail->is_ours = sent != 0;
    if (mail->is_ours) {
        take(&doc, sent, "to", mail->peer, sizeof(mail->peer));
        take(&doc, sent, "state", mail->state, sizeof(mail->state));
        take(&doc, sent, "at", when, sizeof(when));
    } else {
        take(&doc, peer, "name", mail->peer, sizeof(mail->peer));
        if (!lcp_json_is(&doc, lcp_json_member(&doc, peer, "callsItself"),
                         LCP_JSON_NULL))
            take(&doc, peer, "callsItself", mail->calls_itself,
                 sizeof(mail->calls_itself));
        take(&doc, 0, "_received", when, sizeof(when));
    }
    if (lcp_iso8601_parse(lcp_span_str(when), &mail->wall_ms) != LCP_OK)
        mail->wall_ms = 0;
    take(&doc, 0, "type", mail->type, sizeof(mail->type));
    take(&doc, 0, "replyTo", mail->reply_to, sizeof(mail->reply_to));
    err = take_body(&doc, raw.len, mail);

out:
    free(nodes);
    if (err != LCP_OK)
        lcp_mail_free(mail);
    return err;
}

void
lcp_mail_free(struct lcp_mail *mail)
{
    free(mail->body);
    mail->body = NULL;
}

/* Text that grows as it is written; data is NULL after a failure. */
struct text {
    char *data;
    size_t len, cap;
};

LCP_PRINTF(2, 3)
static void
put(struct text *t, const char *format, ...)
{
    va_list args;
    int len;

    if (t->data == NULL)
        return;
    va_start(args, format);
    len = vsnprintf(t->data + t->len, t->cap - t->len, format, args);
    va_end(args);
    if (len > 0)
        t->len += (size_t)len < t->cap - t->len ? (size_t)len : t->cap - t->len - 1;
}

/* Escaped; the caller made the text big enough for it. */
static void
put_foreign(struct text *t, struct lcp_span foreign, bool keep_newlines)
{
    if (t->data != NULL)
        t->len += lcp_text_escape(foreign, keep_newlines, t->data + t->len,
                                  t->cap - t->len);
}

/* A field is one word: it cannot go on as if it were ours. */
static void
put_field(struct text *t, const char *before, const char *foreign, const char *after)
{
    put(t, "%s", before);
    if (t->data != NULL)
        t->len += lcp_text_escape_word(lcp_span_str(foreign), t->data + t->len,
                                       t->cap - t->len);
    put(t, "%s", after);
}

/* Would this line be taken for the header of the next message? */
static bool
is_like_header(const char *line, size_t len)
{
    return len > 1 && line[0] == '#' && line[1] >= '0' && line[1] <= '9';
}

static void
put_body(struct text *t, const char *body, size_t len)
{
    while (len > 0) {
        const char *end = memchr(body, '\n', len);
        size_t line = end == NULL ? len : (size_t)(end - body) + 1;
        size_t skip = is_like_header(body, line);

        if (skip > 0)
            put(t, "\\x23");
        put_foreign(t, lcp_span(body + skip, line - skip), true);
        body += line;
        len -= line;
    }
}

/* Bytes of the first `max` characters. */
static size_t
cut_at(struct lcp_span text, size_t max)
{
    size_t at = 0;

    for (size_t i = 0; i < max && at < text.len; i++)
        (void)lcp_utf8_next(text, &at);
    return at;
}

static void
put_header(struct text *t, const struct lcp_mail *mail)
{
    char ago[LCP_AGO_MAX], id[ID_SHORT + 1];

    lcp_ago(mail->wall_ms, lcp_os_wall_ms(), ago);
    put(t, "#%" PRIu64 " ", mail->number);
    put_field(t, "", mail->type, mail->is_ours ? " to " : " from ");
    put_field(t, "", mail->peer, "");
    if (mail->calls_itself[0] != '\0')
        put_field(t, " (calls itself ", mail->calls_itself, ")");
    if (mail->is_ours)
        put_field(t, " (", mail->state, ")");
    put(t, ", %s", ago);
    if (mail->reply_to[0] != '\0') {
        snprintf(id, sizeof(id), "%.*s", (int)ID_SHORT, mail->reply_to);
        put_field(t, ", reply to ", id, "");
    }
    put(t, "\n");
}

char *
lcp_mail_text(const struct lcp_cli *cli, const struct lcp_mail *mail, bool cut,
              bool *whole)
{
    struct lcp_span body = lcp_span(mail->body, mail->body_len);
    size_t len = cut ? cut_at(body, LCP_BODY_CUT) : body.len;
    size_t cap = ESCAPED_PER_BYTE * (len + sizeof(*mail)) + HEADER_BYTES +
                 strlen(cli->home_flag);
    struct text t = {.data = malloc(cap), .cap = cap};

    put_header(&t, mail);
    put_body(&t, mail->body, len);
    if (body.len == 0)
        put(&t, "[no text]");
    *whole = len == body.len;
    if (!*whole)
        put(&t,
            "\n[cut after %d characters of %zu bytes; all of it: lcp read %" PRIu64
            "%s]",
            (int)LCP_BODY_CUT, body.len, mail->number, cli->home_flag);
    put(&t, "\n\n");
    return t.data;
}

void
lcp_mail_shown(struct lcp_cli *cli, const uint64_t *numbers, size_t count)
{
    struct lcp_ask ask;
    size_t n;

    for (; count > 0; numbers += n, count -= n) {
        n = count < LCP_SHOWN_MAX ? count : LCP_SHOWN_MAX;
        lcp_ask_begin(&ask, "SHOWN");
        lcp_write_key(&ask.w, "numbers");
        lcp_write_array(&ask.w);
        for (size_t i = 0; i < n; i++)
            lcp_write_int(&ask.w, (int64_t)numbers[i]);
        lcp_write_array_end(&ask.w);
        if (lcp_ask_quietly(cli, &ask, LCP_QUICK_MS))
            continue;
        fputs("lcp: note: the daemon could not mark these messages as seen; they "
              "will come again\n",
              stderr);
        return;
    }
}

void
lcp_mail_shown_all(struct lcp_cli *cli, struct lcp_span messages)
{
    struct lcp_span raw, sent;
    size_t at = 0, count = 0, cap = 0;
    uint64_t *numbers = NULL;

    while (lcp_reply_next(messages, &at, &raw)) {
        if (lcp_reply_member(raw, "_sent", &sent))
            continue;
        if (count == cap) {
            uint64_t *bigger = realloc(numbers,
                                       (cap + LCP_SHOWN_MAX) * sizeof(*numbers));

            if (bigger == NULL)
                break;
            numbers = bigger;
            cap += LCP_SHOWN_MAX;
        }
        numbers[count++] = lcp_reply_number(raw, "_number");
    }
    lcp_mail_shown(cli, numbers, count);
    free(numbers);
}
