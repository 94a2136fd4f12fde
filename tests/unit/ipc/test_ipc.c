/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "ipc/ipc.h"

static char room[LCP_IPC_REQUEST_MAX];

/* Feeds text in pieces of at most `piece` bytes and writes down every verdict:
 * "O<request>" for ours, "L<request>" for legacy, "X" for a reject. */
static void
run(struct lcp_span text, size_t piece, char *trace, size_t cap)
{
    struct lcp_ipc_stream s;
    size_t at = 0, len = 0;

    lcp_ipc_stream_init(&s, room);
    trace[0] = '\0';
    while (at < text.len) {
        size_t n = text.len - at < piece ? text.len - at : piece;
        struct lcp_span request;
        bool is_ours;

        CHECK(lcp_ipc_stream_put(&s, lcp_span(text.data + at, n)) == n);
        at += n;
        for (;;) {
            enum lcp_ipc_verdict v = lcp_ipc_stream_get(&s, &request, &is_ours);

            if (v == LCP_IPC_MORE)
                break;
            if (v == LCP_IPC_REJECT) {
                snprintf(trace + len, cap - len, "X");
                return;
            }
            len += (size_t)snprintf(trace + len, cap - len, "%c%.*s",
                                    is_ours ? 'O' : 'L', (int)request.len,
                                    (const char *)request.data);
            lcp_ipc_stream_next(&s);
        }
    }
}

static void
requests_are_cut_where_they_end(void)
{
    static const struct {
        const char *label, *in, *whole;
    } rows[] = {
        {"nothing", "", ""},
        {"blank lines", " \r\n\t\n", ""},
        {"legacy", "{\"cmd\":\"STATUS\"}", "L{\"cmd\":\"STATUS\"}"},
        {"ours by newline", "{\"cmd\":\"STATUS\"}\n", "O{\"cmd\":\"STATUS\"}"},
        {"ours by CRLF", "{} \r\n", "O{}"},
        {"ours by v", "{\"v\":1}", "O{\"v\":1}"},
        {"ours by v, spaced", "{ \"a\":[{}], \"v\" : 1 }",
         "O{ \"a\":[{}], \"v\" : 1 }"},
        {"v as a value", "{\"a\":\"v\"}", "L{\"a\":\"v\"}"},
        {"v deeper down", "{\"a\":{\"v\":1}}", "L{\"a\":{\"v\":1}}"},
        {"v in a string", "{\"a\":\"\\\",\\\"v\\\":1\"}",
         "L{\"a\":\"\\\",\\\"v\\\":1\"}"},
        {"two in one write", "{\"a\":1}\n{\"b\":2}\n", "O{\"a\":1}O{\"b\":2}"},
        {"two without newline", "{\"a\":1}{\"b\":2}", "L{\"a\":1}L{\"b\":2}"},
        {"braces in strings", "{\"a\":\"}{\\\"}\\\\\"}\n", "O{\"a\":\"}{\\\"}\\\\\"}"},
        {"nesting", "{\"a\":[{},[{}]]}\n", "O{\"a\":[{},[{}]]}"},
        {"wrong bracket ends it", "{]\n", "O{]"},
        {"unfinished", "{\"a\":{\"b\":1}", ""},
        {"HTTP", "GET / HTTP/1.1\r\n\r\n", "X"},
        {"TLS", "\x16\x03\x01\x02", "X"},
        {"array", "[{}]", "X"},
        {"BOM", "\xef\xbb\xbf{}", "X"},
        {"rubbish after a request", "{}\nx", "O{}X"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char trace[256];

        run(lcp_span_str(rows[i].in), SIZE_MAX, trace, sizeof(trace));
        CHECK_ROW(rows[i].label, strcmp(trace, rows[i].whole) == 0);
    }
}

static void
a_split_changes_nothing(void)
{
    static const char text[] = "{\"v\":1,\"a\":\"\\\\\\\"}\",\"b\":[1,{\"c\":[]}]}\n"
                               "{\"v\":1,\"\xe4\xbd\xa0\":{}}\n \n{\"v\":1}";
    char whole[256], split[256];

    run(lcp_span_str(text), SIZE_MAX, whole, sizeof(whole));
    CHECK(strchr(whole, 'O') != NULL);
    for (size_t piece = 1; piece < sizeof(text); piece++) {
        run(lcp_span_str(text), piece, split, sizeof(split));
        CHECK_STR(split, whole);
    }
    /* and once at each byte */
    for (size_t cut = 1; cut + 1 < sizeof(text); cut++) {
        struct lcp_ipc_stream s;
        struct lcp_span request;
        bool is_ours = false;
        size_t count = 0;

        lcp_ipc_stream_init(&s, room);
        for (size_t part = 0; part < 2; part++) {
            size_t from = part == 0 ? 0 : cut;
            size_t to = part == 0 ? cut : sizeof(text) - 1;

            CHECK(lcp_ipc_stream_put(&s, lcp_span(text + from, to - from)) ==
                  to - from);
            while (lcp_ipc_stream_get(&s, &request, &is_ours) == LCP_IPC_REQUEST) {
                CHECK(is_ours);
                count++;
                lcp_ipc_stream_next(&s);
            }
        }
        CHECK(count == 3);
    }
}

static void
a_request_may_be_asked_for_twice(void)
{
    struct lcp_ipc_stream s;
    struct lcp_span first, second;
    bool is_ours;

    lcp_ipc_stream_init(&s, room);
    CHECK(lcp_ipc_stream_put(&s, lcp_span_str("{\"a\":1}\n{")) == 9);
    REQUIRE(lcp_ipc_stream_get(&s, &first, &is_ours) == LCP_IPC_REQUEST);
    REQUIRE(lcp_ipc_stream_get(&s, &second, &is_ours) == LCP_IPC_REQUEST);
    CHECK(lcp_span_eq(first, second));
    CHECK(first.len == 7 && is_ours);
}

static void
size_has_a_limit(void)
{
    static char big[LCP_IPC_REQUEST_MAX + 1];
    struct lcp_ipc_stream s;
    struct lcp_span request;
    bool is_ours;

    memset(big, 'x', sizeof(big));
    memcpy(big, "{\"a\":\"", 6);
    lcp_ipc_stream_init(&s, room);
    CHECK(lcp_ipc_stream_put(&s, lcp_span(big, sizeof(big))) == LCP_IPC_REQUEST_MAX);
    CHECK(lcp_ipc_stream_get(&s, &request, &is_ours) == LCP_IPC_REJECT);

    /* exactly the limit is whole */
    memcpy(big + LCP_IPC_REQUEST_MAX - 2, "\"}", 2);
    lcp_ipc_stream_init(&s, room);
    CHECK(lcp_ipc_stream_put(&s, lcp_span(big, LCP_IPC_REQUEST_MAX)) ==
          LCP_IPC_REQUEST_MAX);
    CHECK(lcp_ipc_stream_get(&s, &request, &is_ours) == LCP_IPC_REQUEST);
    CHECK(request.len == LCP_IPC_REQUEST_MAX);

    /* blanks before it do not count */
    memset(big, ' ', LCP_IPC_REQUEST_MAX);
    lcp_ipc_stream_init(&s, room);
    CHECK(lcp_ipc_stream_put(&s, lcp_span(big, LCP_IPC_REQUEST_MAX)) ==
          LCP_IPC_REQUEST_MAX);
    CHECK(lcp_ipc_stream_get(&s, &request, &is_ours) == LCP_IPC_MORE);
    CHECK(s.len == 0);

    /* nesting costs no stack and ends at the size */
    memset(big, '[', sizeof(big));
    big[0] = '{';
    lcp_ipc_stream_init(&s, room);
    (void)lcp_ipc_stream_put(&s, lcp_span(big, LCP_IPC_REQUEST_MAX));
    CHECK(lcp_ipc_stream_get(&s, &request, &is_ours) == LCP_IPC_REJECT);
}

static void
errors_have_two_shapes(void)
{
    char out[200];
    struct lcp_writer w;

    memset(out, 0, sizeof(out));
    lcp_writer_init(&w, out, sizeof(out), 0);
    lcp_ipc_write_error(&w, true, "no-peer", "say \"who\"", NULL);
    out[w.len] = '\0';
    CHECK_STR(out, "{\"error\":{\"code\":\"no-peer\",\"message\":\"say "
                   "\\\"who\\\"\",\"hint\":\"\"}}");
    lcp_writer_init(&w, out, sizeof(out), 0);
    lcp_ipc_write_error(&w, false, "no-peer", "say who", "hint");
    out[w.len] = '\0';
    CHECK_STR(out, "{\"error\":\"say who\"}");
}

static const char *
show_as(const char *message, const char *peer, const char *filepath, const char *state)
{
    static char out[4096];
    struct lcp_json_node nodes[64];
    struct lcp_json doc = {.nodes = nodes, .cap = COUNT_OF(nodes)};
    struct lcp_writer w;
    struct lcp_shown shown = {.number = 41,
                              .filepath = filepath,
                              .peer = peer,
                              .fingerprint = "00ff",
                              .version = "1.1",
                              .received_wall_ms = 0,
                              .sent_state = state};

    REQUIRE(lcp_json_parse(lcp_span_str(message), &doc) == LCP_JSON_FAULT_NONE);
    lcp_writer_init(&w, out, sizeof(out), 0);
    lcp_ipc_write_message(&w, &doc, &shown);
    REQUIRE(!w.overflow);
    out[w.len] = '\0';
    return out;
}

static const char *
show(const char *message, const char *peer, const char *filepath)
{
    return show_as(message, peer, filepath, NULL);
}

static void
members_of_ours_cannot_be_forged(void)
{
    const char *out;

    out = show("{\"from\":\"bob\",\"_number\":7,\"_peer\":{\"name\":\"root\"},"
               "\"_filepath\":\"/etc/"
               "passwd\",\"_received\":1,\"_sent\":{},\"x\":[1.50,{\"_number\":8}]}",
               "bob", "/h/f.json");
    CHECK(strstr(out,
                 "{\"from\":\"bob\",\"x\":[1.50,{\"_number\":8}],\"_number\":41,"
                 "\"_filepath\":\"/h/f.json\",\"_peer\":{\"name\":\"bob\","
                 "\"callsItself\":null,\"fingerprint\":\"00ff\",\"version\":\"1.1\"},"
                 "\"_received\":\"1970-01-01T00:00:00") == out);

    /* compared decoded; other names with escapes stay */
    out = show("{\"\\u005fnumber\":7,\"_\\u0070eer\":1,\"_filep\\u0061th\":2,"
               "\"\\u005freceived\":3,"
               "\"\\u005fnumbe\":4,\"a\\\"\\u0000b\":5,\"from\":\"Bobby\"}",
               "bob", NULL);
    CHECK(strstr(out,
                 "{\"_numbe\":4,\"a\\\"\\u0000b\":5,\"from\":\"Bobby\",\"_number\":41,"
                 "\"_peer\":{\"name\":\"bob\",\"callsItself\":\"Bobby\",") == out);
    CHECK(strstr(out, "_filepath") == NULL);
    CHECK(strstr(out, "_sent") == NULL);

    out = show_as("{\"from\":\"me\",\"_sent\":1}", "bob", NULL, "queued");
    CHECK(strstr(out, "{\"from\":\"me\",\"_number\":41,\"_sent\":{\"to\":\"bob\","
                      "\"state\":\"queued\","
                      "\"at\":\"1970-01-01T") == out);
    CHECK(strstr(out, "_peer") == NULL && strstr(out, "_received") == NULL);
}

static void
states_have_names(void)
{
    static const struct {
        int state;
        bool was_transmitted;
        const char *name;
    } rows[] = {
        {LCP_SENT_QUEUED, false, "queued"},
        {LCP_SENT_QUEUED, true, "sent"},
        {LCP_SENT_CANCEL_REQUESTED, true, "cancel-requested"},
        {LCP_SENT_CANCELLED, false, "cancelled"},
        {LCP_SENT_EXPIRED, true, "expired"},
        {LCP_SENT_ACKED, true, "acked"},
        {LCP_SENT_HELD, true, "held"},
        {LCP_SENT_STORED, true, "stored"},
        {LCP_SENT_READ, true, "read"},
        {LCP_SENT_DONE, true, "done"},
        {LCP_SENT_REFUSED, true, "refused"},
    };
    int state;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *name = lcp_ipc_sent_state_name(rows[i].state,
                                                   rows[i].was_transmitted);

        CHECK_STR(name, rows[i].name);
        CHECK_ROW(name, lcp_ipc_sent_state_parse(name, &state) == LCP_OK);
        CHECK_ROW(name, state == (strcmp(name, "sent") == 0 ? LCP_IPC_STATE_SENT
                                                            : rows[i].state));
    }
    CHECK(lcp_ipc_sent_state_parse("dead", &state) == LCP_OK &&
          state == LCP_IPC_STATE_DEAD);
    CHECK(lcp_ipc_sent_state_parse("unknown", &state) == LCP_EFORMAT);
    CHECK_STR(lcp_ipc_sent_state_name(5, true), "unknown");
    CHECK_STR(lcp_ipc_in_state_name(LCP_IN_HELD), "held");
    CHECK_STR(lcp_ipc_in_state_name(LCP_IN_STORED), "stored");
    CHECK_STR(lcp_ipc_in_state_name(LCP_IN_HANDED), "read");
    CHECK_STR(lcp_ipc_in_state_name(LCP_IN_ARCHIVED), "done");
    CHECK_STR(lcp_ipc_in_state_name(LCP_IN_REFUSED), "refused");
    CHECK_STR(lcp_ipc_in_state_name(7), "unknown");
}

int
main(void)
{
    requests_are_cut_where_they_end();
    a_split_changes_nothing();
    a_request_may_be_asked_for_twice();
    size_has_a_limit();
    errors_have_two_shapes();
    members_of_ours_cannot_be_forged();
    states_have_names();
    return check_end("test_ipc");
}
