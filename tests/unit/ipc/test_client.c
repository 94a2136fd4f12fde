/* SPDX-License-Identifier: MIT
 *
 * The client against a scripted daemon in a child process.
 */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/os.h"
#include "ipc/reply.h"
#include "lcp/client.h"

/* One request and its answer. answer NULL: hang up instead. "" : say nothing. */
struct step {
    const char *expect, *answer;
    size_t piece; /* bytes in one write, 0 = all */
};

static char home[64], path[128];

/* Reads one line; the caller's buffer is big enough for every request here. */
static bool
read_line(int fd, char *line, size_t cap)
{
    size_t len = 0;

    while (len + 1 < cap && read(fd, line + len, 1) == 1) {
        if (line[len] == '\n') {
            line[len] = '\0';
            return true;
        }
        len++;
    }
    return false;
}

static void
write_pieces(int fd, const char *text, size_t piece)
{
    size_t len = strlen(text);

    for (size_t at = 0; at < len;) {
        size_t n = piece == 0 || len - at < piece ? len - at : piece;

        if (write(fd, text + at, n) != (ssize_t)n)
            _exit(3);
        at += n;
    }
}

/* The daemon: exit 0 when the requests were those of the script. */
static void
serve(int listener, const struct step *steps, size_t count)
{
    static char line[400000];
    int fd = accept(listener, NULL, NULL);
    bool is_owed = false; /* an answer that was not given comes late, before the next */

    for (size_t i = 0; i < count; i++) {
        if (!read_line(fd, line, sizeof(line))) {
            close(fd); /* a client that hung up comes again */
            is_owed = false;
            fd = accept(listener, NULL, NULL);
            if (!read_line(fd, line, sizeof(line)))
                _exit(4);
        }
        if (strstr(line, steps[i].expect) == NULL) {
            fprintf(stderr, "  request: %s\n  expected: %s\n", line, steps[i].expect);
            _exit(5);
        }
        if (steps[i].answer == NULL) {
            close(fd);
            fd = accept(listener, NULL, NULL);
        } else {
            if (is_owed)
                write_pieces(fd, "{\"late\":true}\n", 0);
            is_owed = steps[i].answer[0] == '\0';
            write_pieces(fd, steps[i].answer, steps[i].piece);
        }
    }
    _exit(0);
}

static pid_t
start(const struct step *steps, size_t count, struct lcp_client **client)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    pid_t pid;

    memcpy(address.sun_path, path, strlen(path) + 1);
    (void)unlink(path);
    REQUIRE(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
    REQUIRE(listen(listener, 4) == 0);
    pid = fork();
    if (pid == 0)
        serve(listener, steps, count);
    close(listener);
    REQUIRE(lcp_client_open(home, client) == LCP_OK);
    return pid;
}

static void
stop(pid_t pid, struct lcp_client *client)
{
    int status = -1;

    lcp_client_close(client);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void
send_tells_what_became_of_it(void)
{
    static const struct step steps[] = {
        {"{\"v\":1,\"cmd\":\"SEND\",\"to\":\"bob\",\"wait\":true,\"payload\":{\"type\":"
         "\"task\",\"message\":"
         "\"a \\\"b\\\"\\n\",\"replyTo\":\"41\"}}",
         "{\"ok\":true,\"accepted\":true,\"id\":\"1b2c\",\"number\":42,\"to\":\"bob\","
         "\"state\":\"acked\",\"ms\":3}\n",
         1},
        {"\"wait\":false,\"payload\":{\"type\":\"chat\",\"message\":\"x\"}}",
         "{\"ok\":false,\"accepted\":true,\"id\":\"1b2d\",\"number\":43,\"state\":"
         "\"queued\"}\n",
         0},
        {"SEND",
         "{\"error\":{\"code\":\"unknown-peer\",\"message\":\"no peer "
         "\\\"eve\\\"\",\"hint\":\"\"}}\n",
         0},
    };
    struct lcp_client *client;
    struct lcp_sent sent;
    pid_t pid = start(steps, COUNT_OF(steps), &client);

    CHECK(lcp_client_send(client, "bob", "task", "a \"b\"\n", "41", true, &sent) ==
          LCP_OK);
    CHECK(sent.ok && sent.accepted && sent.number == 42);
    CHECK_STR(sent.id, "1b2c");
    CHECK_STR(sent.state, "acked");
    CHECK_STR(lcp_client_error(client), "");
    CHECK(lcp_client_send(client, NULL, NULL, "x", NULL, false, &sent) == LCP_OK);
    CHECK(!sent.ok && sent.accepted && sent.number == 43);
    CHECK(lcp_client_send(client, "eve", NULL, "x", NULL, true, &sent) == LCP_EINVAL);
    CHECK_STR(lcp_client_error(client), "no peer \"eve\"");
    stop(pid, client);
}

static char seen[512];

static bool
note(void *ctx, const struct lcp_received *m)
{
    struct lcp_client *client = ctx;
    size_t len = strlen(seen);

    /* the client may be used in between: the strings must survive it */
    if (m->number == 7)
        CHECK(lcp_client_done(client, 7) == LCP_OK);
    snprintf(seen + len, sizeof(seen) - len, "%llu|%s|%s|%s|%s|%s;",
             (unsigned long long)m->number, m->id, m->peer, m->type, m->message,
             m->reply_to);
    return m->number != 8;
}

static void
check_confirms_what_was_taken(void)
{
    static char page[16384];
    struct step steps[] = {
        {"{\"v\":1,\"cmd\":\"CHECK\",\"after\":6}", page, 1000},
        {"{\"v\":1,\"cmd\":\"ACK\",\"ids\":[7]}", "{\"archived\":1}\n", 0},
        {"{\"v\":1,\"cmd\":\"SHOWN\",\"numbers\":[7,9]}", "{\"ok\":true}\n", 0},
        {"{\"v\":1,\"cmd\":\"CHECK\"}", "{\"count\":0,\"messages\":[],\"next\":null}\n",
         0},
    };
    struct lcp_client *client;
    uint64_t next = 1;
    pid_t pid;
    size_t len = (size_t)snprintf(
        page, sizeof(page),
        "{\"count\":3,\"messages\":["
        "{\"id\":\"a\",\"type\":\"chat\",\"message\":\"\\u4f60]}\\\"\",\"_number\":7,"
        "\"_peer\":{\"name\":\"bob\"}},"
        "{\"id\":\"b\",\"type\":\"task\",\"message\":\"\",\"replyTo\":\"a\",\"_"
        "number\":8,\"_peer\":{\"name\":"
        "\"eve\"}},{\"id\":\"c\",\"type\":\"chat\",\"message\":\"deep\",\"_number\":9,"
        "\"_peer\":{\"name\":\"bob\"},"
        "\"x\":");

    /* as deep as a message may be: deeper than one document with the page around it */
    for (int i = 0; i < LCP_JSON_DEPTH_MAX - 1; i++)
        len += (size_t)snprintf(page + len, sizeof(page) - len, "[");
    for (int i = 0; i < LCP_JSON_DEPTH_MAX - 1; i++)
        len += (size_t)snprintf(page + len, sizeof(page) - len, "]");
    snprintf(page + len, sizeof(page) - len, "}],\"next\":9,\"_source\":\"daemon\"}\n");
    pid = start(steps, COUNT_OF(steps), &client);
    CHECK(lcp_client_check(client, 6, note, client, &next) == LCP_OK);
    CHECK(next == 9);
    CHECK_STR(seen,
              "7|a|bob|chat|\xe4\xbd\xa0]}\"|;8|b|eve|task||a;9|c|bob|chat|deep|;");
    CHECK(lcp_client_check(client, 0, note, client, &next) == LCP_OK);
    CHECK(next == 0);
    stop(pid, client);
}

static void
a_late_reply_answers_nothing(void)
{
    static const struct step steps[] = {
        {"\"PING\"", "", 0},
        {"\"STATUS\"", "{\"uptime\":1}\n", 0},
        {"\"STATUS\"", NULL, 0},
        {"\"v\":1", "{\"uptime\":2}\n", 0},
    };
    struct lcp_client *client;
    const char *reply;
    pid_t pid = start(steps, COUNT_OF(steps), &client);

    CHECK(lcp_client_call(client, "{\"cmd\":\"PING\"}", 30, &reply) == LCP_ETIMEOUT);
    CHECK(strstr(lcp_client_error(client), "in time") != NULL);
    CHECK(lcp_client_call(client, "{\"cmd\":\"STATUS\"}", 5000, &reply) == LCP_OK);
    CHECK_STR(reply, "{\"uptime\":1}");
    CHECK(lcp_client_call(client, "{\"cmd\":\"STATUS\"}", 5000, &reply) == LCP_ECLOSED);
    CHECK(lcp_client_call(client, "{}", 5000, &reply) == LCP_OK);
    CHECK_STR(reply, "{\"uptime\":2}");
    stop(pid, client);
}

static void
requests_have_a_form(void)
{
    static const struct step steps[] = {
        {"{\"cmd\":\"STATUS\",\"v\":1}", "{}\n", 0},
    };
    struct lcp_client *client;
    const char *reply;
    static char big[300 * 1024];
    struct lcp_sent sent;
    pid_t pid = start(steps, COUNT_OF(steps), &client);

    memset(big, 'x', sizeof(big) - 1);
    CHECK(lcp_client_call(client, "STATUS", 5000, &reply) == LCP_EINVAL);
    CHECK(lcp_client_send(client, NULL, NULL, big, NULL, true, &sent) == LCP_EFULL);
    CHECK(lcp_client_call(client, "{\"cmd\":\"STATUS\",\"v\":1}", 5000, &reply) ==
          LCP_OK);
    stop(pid, client);
}

static void
nobody_there(void)
{
    struct lcp_client *client = NULL;
    char long_home[256];

    (void)unlink(path);
    CHECK(lcp_client_open(home, &client) == LCP_ECLOSED);
    CHECK(client == NULL);
    memset(long_home, 'x', sizeof(long_home) - 1);
    long_home[0] = '/';
    long_home[sizeof(long_home) - 1] = '\0';
    CHECK(lcp_client_open(long_home, &client) == LCP_EFULL);
    lcp_client_close(NULL);
}

static void
replies_are_searched_by_bytes(void)
{
    static const struct {
        const char *label, *object, *name, *value;
    } rows[] = {
        {"first", "{\"a\":1,\"b\":2}", "a", "1"},
        {"last", "{\"a\":[{\"b\":3}],\"b\":\"x\\\"}\"}", "b", "\"x\\\"}\""},
        {"spaced", " { \"a\" : [ 1 , 2 ] , \"b\" : null } ", "b", "null"},
        {"container", "{\"a\":{\"x\":[\"]\"]},\"b\":0}", "a", "{\"x\":[\"]\"]}"},
        {"absent", "{\"a\":1}", "b", NULL},
        {"empty", "{}", "b", NULL},
        {"no object", "[]", "b", NULL},
        {"cut in a string", "{\"a\":\"x", "a", NULL},
        {"cut in a list", "{\"a\":[1,", "a", NULL},
        {"cut behind the colon", "{\"a\":", "a", NULL},
        {"nothing", "", "a", NULL},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct lcp_span value;
        bool found = lcp_reply_member(lcp_span_str(rows[i].object), rows[i].name,
                                      &value);

        CHECK_ROW(rows[i].label, found == (rows[i].value != NULL));
        if (found && rows[i].value != NULL)
            CHECK_ROW(rows[i].label, lcp_span_eq(value, lcp_span_str(rows[i].value)));
    }
}

int
main(void)
{
    signal(SIGPIPE, SIG_IGN);
    snprintf(home, sizeof(home), "/tmp/lcp-client-%llx",
             (unsigned long long)lcp_os_mono_ms());
    REQUIRE(lcp_os_mkdir(home) == LCP_OK);
    REQUIRE(lcp_path_join(path, sizeof(path), home, "lcp.sock") == LCP_OK);
    send_tells_what_became_of_it();
    check_confirms_what_was_taken();
    a_late_reply_answers_nothing();
    requests_have_a_form();
    nobody_there();
    replies_are_searched_by_bytes();
    (void)unlink(path);
    (void)rmdir(home);
    return check_end("test_client");
}
