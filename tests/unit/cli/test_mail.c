/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "cli/mail.h"
#include "cli/rows.h"
#include "cli/peers.h"

static const struct lcp_cli cli = {.home_flag = " --home /h"};

/* The text of a message, its time taken out. */
static char *
text_of(const char *raw, bool cut, bool *whole)
{
    struct lcp_mail mail;
    char *text;

    REQUIRE(lcp_mail_parse(lcp_span_str(raw), &mail) == LCP_OK);
    mail.wall_ms = lcp_os_wall_ms() + 60000; /* "just now", whenever the test runs */
    text = lcp_mail_text(&cli, &mail, cut, whole);
    lcp_mail_free(&mail);
    REQUIRE(text != NULL);
    return text;
}

static void
messages_are_escaped(void)
{
    static const struct {
        const char *label, *raw, *want;
    } rows[] = {
        {"plain",
         "{\"type\":\"chat\",\"message\":\"hi\",\"_number\":41,\"_peer\":{\"name\":"
         "\"bob\","
         "\"callsItself\":null},\"_received\":\"2026-03-28T12:00:00Z\"}",
         "#41 chat from bob, just now\nhi\n\n"},
        {"answer under another name",
         "{\"type\":\"result\",\"message\":\"a\\nb\",\"replyTo\":\"1b2c3d4e-aaaa\",\"_"
         "number\":2,"
         "\"_peer\":{\"name\":\"bob\",\"callsItself\":\"Bobby\"}}",
         "#2 result from bob (calls itself Bobby), just now, reply to "
         "1b2c3d4e\na\nb\n\n"},
        {"controls",
         "{\"type\":\"x\\u001b[1m\\n\",\"message\":\"\\u001b[31m\\u202e\\u0000\",\"_"
         "number\":3,"
         "\"_peer\":{\"name\":\"bob\",\"callsItself\":\"\\u001b]0;\"}}",
         "#3 x\\x1b[1m\\x0a from bob (calls itself \\x1b]0;), just "
         "now\n\\x1b[31m\\u202e\\x00\n\n"},
        {"ours",
         "{\"type\":\"task\",\"message\":\"do\",\"_number\":4,\"_sent\":{\"to\":"
         "\"bob\",\"state\":"
         "\"acked\",\"at\":\"2026-03-28T12:00:00Z\"}}",
         "#4 task to bob (acked), just now\ndo\n\n"},
        {"a type that would be a line",
         "{\"type\":\"task from eve, just now\",\"message\":\"do\",\"_number\":6,"
         "\"_peer\":{\"name\":\"bob\",\"callsItself\":\"e), now\"}}",
         "#6 task\\x20from\\x20eve,\\x20just\\x20now from bob (calls itself "
         "e),\\x20now), just now\ndo\n\n"},
        {"a body that would be a message",
         "{\"type\":\"chat\",\"message\":\"#1 a\\n\\n#2 task from eve, just "
         "now\\n# do\\n #3\\n#\",\"_number\":7,\"_peer\":{\"name\":\"bob\"}}",
         "#7 chat from bob, just now\n\\x231 a\n\n\\x232 task from eve, just now\n# "
         "do\n #3\n#\n\n"},
        {"odd members",
         "{\"type\":7,\"message\":[],\"replyTo\":{},\"_number\":5,\"_peer\":{\"name\":"
         "\"bob\"}}",
         "#5 ? from bob, just now, reply to ?\n[no text]\n\n"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        bool whole = false;
        char *got = text_of(rows[i].raw, true, &whole);

        CHECK_ROW(rows[i].label, whole);
        CHECK_STR(got, rows[i].want);
        free(got);
    }
}

static void
long_bodies_are_cut_by_characters(void)
{
    char raw[8192], body[4096] = "";
    bool whole;
    char *got;

    for (int extra = 0; extra <= 1; extra++) {
        size_t len = 0;

        for (int i = 0; i < LCP_BODY_CUT + extra; i++)
            len += (size_t)snprintf(body + len, sizeof(body) - len, "\xe9\xbe\x99");
        snprintf(raw, sizeof(raw),
                 "{\"type\":\"chat\",\"message\":\"%s\",\"_number\":41,\"_peer\":{"
                 "\"name\":\"b\"}}",
                 body);
        got = text_of(raw, true, &whole);
        CHECK(whole == (extra == 0));
        CHECK((strstr(got, "lcp read 41 --home /h]") != NULL) == (extra == 1));
        CHECK(strstr(got, "\xe9\xbe\x99\n") != NULL); /* no half character */
        free(got);
        got = text_of(raw, false, &whole);
        CHECK(whole && strstr(got, body) != NULL);
        free(got);
    }
}

static void
what_is_no_message_is_told(void)
{
    struct lcp_mail mail;

    CHECK(lcp_mail_parse(lcp_span_str("{"), &mail) == LCP_EFORMAT);
    CHECK(lcp_mail_parse(lcp_span_str("[]"), &mail) == LCP_EFORMAT);
    CHECK(mail.body == NULL);
}

static void
times_are_words(void)
{
    static const struct {
        int64_t age_ms;
        const char *want;
    } rows[] = {
        {-5000, "just now"},   {999, "just now"},         {1000, "1 s ago"},
        {119000, "119 s ago"}, {120000, "2 min ago"},     {7199000, "119 min ago"},
        {7200000, "2 h ago"},  {172800000, "2 days ago"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char ago[LCP_AGO_MAX];

        lcp_ago(1000000, 1000000 + rows[i].age_ms, ago);
        CHECK_STR(ago, rows[i].want);
    }
}

static void
objects_of_numbers_are_walked(void)
{
    struct lcp_span object = lcp_span_str("{\"a\":1, \"bc\" : 22,\"d\":0}"), name;
    size_t at = 0, count = 0;
    uint64_t value, sum = 0;

    for (; lcp_reply_each(object, &at, &name, &value); count++)
        sum += value;
    CHECK(count == 3 && sum == 23);
    at = 0;
    CHECK(!lcp_reply_each(lcp_span_str("{}"), &at, &name, &value));
    at = 0;
    CHECK(!lcp_reply_each(lcp_span_str("{\"a"), &at, &name, &value));
}

static void
fingerprints_may_be_grouped(void)
{
    char grouped[] = "00FF:11223344 5566778899AABBCCDDEE", wrong[] = "00ff";
    char odd[] = "00ff112233445566778899AAbbccddxx";

    CHECK(!lcp_fingerprint_fold(wrong));
    CHECK(!lcp_fingerprint_fold(odd));
    CHECK(lcp_fingerprint_fold(grouped));
    CHECK_STR(grouped, "00ff112233445566778899aabbccddee");
}

int
main(void)
{
    messages_are_escaped();
    long_bodies_are_cut_by_characters();
    what_is_no_message_is_told();
    times_are_words();
    objects_of_numbers_are_walked();
    fingerprints_may_be_grouped();
    return check_end("test_mail");
}
