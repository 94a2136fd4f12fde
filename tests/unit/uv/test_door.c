/* SPDX-License-Identifier: MIT
 *
 * The local door over real sockets in a folder of its own: requests in pieces, clients
 * that leave, and what may lie at a socket's path.
 */
#define _GNU_SOURCE
#include "uv/door.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/os.h"
#include "check.h"

enum { TURNS_MAX = 2000, TEXT_MAX = 400000 };

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

static bool is_starved; /* the linker sends calloc here */

void *
__wrap_calloc(size_t count, size_t size)
{
    return is_starved ? NULL : __real_calloc(count, size);
}

/* What the door reported, and how the test answers. */
struct seen {
    uint64_t client;
    char request[256];
    bool is_ours;
    int requests, gone, replied_ok, replied_bad;
};

struct bench {
    uv_loop_t loop;
    struct lcp_door door;
    struct seen seen;
    char folder[64], path[108], fault[LCP_LISTEN_FAULT_MAX];
};

static void
on_request(void *ctx, uint64_t client, struct lcp_span request, bool is_ours)
{
    struct seen *seen = ctx;
    size_t len = request.len < sizeof(seen->request) ? request.len
                                                     : sizeof(seen->request) - 1;

    seen->client = client;
    memcpy(seen->request, request.data, len);
    seen->request[len] = '\0';
    seen->is_ours = is_ours;
    seen->requests++;
}

static void
on_gone(void *ctx, uint64_t client)
{
    (void)client;
    ((struct seen *)ctx)->gone++;
}

static void
on_replied(void *ctx, uint64_t client, uint64_t tag, bool ok)
{
    struct seen *seen = ctx;

    (void)client;
    CHECK(tag == 7);
    if (ok)
        seen->replied_ok++;
    else
        seen->replied_bad++;
}

static void
on_log(void *ctx, enum lcp_level level, const char *line)
{
    (void)ctx;
    (void)level;
    (void)line;
}

static const struct lcp_door_events events = {
    .request = on_request, .gone = on_gone, .replied = on_replied, .log = on_log};

static struct bench *
bench_new(void)
{
    struct bench *b = calloc(1, sizeof(*b));

    REQUIRE(b != NULL);
    strcpy(b->folder, "/tmp/lcp-test-door-XXXXXX");
    REQUIRE(mkdtemp(b->folder) != NULL);
    snprintf(b->path, sizeof(b->path), "%s/lcp.sock", b->folder);
    REQUIRE(uv_loop_init(&b->loop) == 0);
    REQUIRE(lcp_door_init(&b->door, &b->loop, &events, &b->seen) == LCP_OK);
    return b;
}

static void
bench_free(struct bench *b)
{
    lcp_door_close(&b->door);
    while (uv_run(&b->loop, UV_RUN_DEFAULT) != 0)
        ;
    CHECK(uv_loop_close(&b->loop) == 0);
    (void)unlink(b->path);
    CHECK(rmdir(b->folder) == 0);
    free(b);
}

static int
enter(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    REQUIRE(fd >= 0 && strlen(path) < sizeof(address.sun_path));
    strcpy(address.sun_path, path);
    REQUIRE(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    REQUIRE(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    return fd;
}

static void
put(int fd, const char *text)
{
    CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

/* Turns the loop until *value reaches want. The sleep only spares the processor. */
static bool
turn_until(struct bench *b, const int *value, int want)
{
    for (int i = 0; i < TURNS_MAX && *value < want; i++) {
        (void)uv_run(&b->loop, UV_RUN_NOWAIT);
        if (*value < want)
            lcp_os_sleep_ms(1);
    }
    return *value >= want;
}

/* Turns the loop until the client has bytes or the end; -1: neither came. */
static ssize_t
get(struct bench *b, int fd, char *out, size_t cap)
{
    ssize_t got = -1;

    for (int i = 0; i < TURNS_MAX && got < 0; i++) {
        (void)uv_run(&b->loop, UV_RUN_NOWAIT);
        got = recv(fd, out, cap - 1, 0);
        if (got < 0 && errno == ECONNRESET)
            got = 0;
        if (got < 0)
            lcp_os_sleep_ms(1);
    }
    if (got >= 0)
        out[got] = '\0';
    return got;
}

static void
reply(struct bench *b, const char *text, bool end)
{
    lcp_door_reply(&b->door, b->seen.client, lcp_span_str(text), end, 7);
}

static void
one_request_is_open_at_a_time(void)
{
    struct bench *b = bench_new();
    char text[64];
    int fd;

    REQUIRE(lcp_door_listen(&b->door, b->path, LCP_LISTEN_HOME, b->fault) == LCP_OK);
    fd = enter(b->path);
    put(fd, "{\"cmd\":\"A\"}\n{\"cmd\":\"B\"}\n");
    CHECK(turn_until(b, &b->seen.requests, 1));
    for (int i = 0; i < 20; i++)
        (void)uv_run(&b->loop, UV_RUN_NOWAIT);
    CHECK(b->seen.requests == 1);
    CHECK(b->seen.is_ours);
    CHECK_STR(b->seen.request, "{\"cmd\":\"A\"}");
    reply(b, "1\n", false);
    CHECK(get(b, fd, text, sizeof(text)) == 2);
    CHECK(turn_until(b, &b->seen.requests, 2));
    CHECK_STR(b->seen.request, "{\"cmd\":\"B\"}");
    CHECK(b->seen.replied_ok == 1);
    reply(b, "2", true);
    CHECK(get(b, fd, text, sizeof(text)) == 1);
    CHECK(get(b, fd, text, sizeof(text)) == 0);
    close(fd);
    bench_free(b);
}

static void
a_request_may_come_byte_by_byte(void)
{
    static const char request[] =
        "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"}{\\\"\"}}";
    struct bench *b = bench_new();
    char text[64];
    int fd;

    REQUIRE(lcp_door_listen(&b->door, b->path, LCP_LISTEN_HOME, b->fault) == LCP_OK);
    fd = enter(b->path);
    for (size_t i = 0; i + 1 < sizeof(request); i++) {
        CHECK(b->seen.requests == 0);
        CHECK(send(fd, request + i, 1, MSG_NOSIGNAL) == 1);
        (void)uv_run(&b->loop, UV_RUN_NOWAIT);
        (void)uv_run(&b->loop, UV_RUN_NOWAIT);
    }
    CHECK(turn_until(b, &b->seen.requests, 1));
    CHECK_STR(b->seen.request, request);
    CHECK(!b->seen.is_ours);
    reply(b, "{}", true);
    CHECK(get(b, fd, text, sizeof(text)) == 2);
    close(fd);
    bench_free(b);
}

static void
who_speaks_another_protocol_is_shown_out(void)
{
    static const char *const rows[] = {"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02",
                                       "[1]", "x", "\xef\xbb\xbf{}"};
    struct bench *b = bench_new();
    char text[64];

    REQUIRE(lcp_door_listen(&b->door, b->path, LCP_LISTEN_HOME, b->fault) == LCP_OK);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int fd = enter(b->path);

        put(fd, rows[i]);
        CHECK_ROW(rows[i], get(b, fd, text, sizeof(text)) == 0);
        close(fd);
    }
    CHECK(b->seen.requests == 0);
    bench_free(b);
}

static void
a_request_too_long_is_shown_out(void)
{
    struct bench *b = bench_new();
    char *text = calloc(1, TEXT_MAX);
    size_t sent = 0;
    ssize_t got;
    int fd;

    REQUIRE(text != NULL);
    memset(text, ' ', TEXT_MAX - 1);
    memcpy(text, "{\"a\":\"", 6);
    REQUIRE(lcp_door_listen(&b->door, b->path, LCP_LISTEN_HOME, b->fault) == LCP_OK);
    fd = enter(b->path);
    for (int i = 0; i < TURNS_MAX && sent < TEXT_MAX; i++) {
        got = send(fd, text + sent, TEXT_MAX - sent, MSG_NOSIGNAL);
        if (got < 0 && errno != EAGAIN)
            break;
        sent += got > 0 ? (size_t)got : 0;
        (void)uv_run(&b->loop, UV_RUN_NOWAIT);
    }
    CHECK(get(b, fd, text, TEXT_MAX) == 0);
    CHECK(b->seen.requests == 0);
    close(fd);
    free(text);
    bench_free(b);
}

static void
a_half_closed_client_gets_its_reply(void)
{
    struct bench *b = bench_new();
    char text[64];
    int fd;

    REQUIRE(lcp_door_listen(&b->door, b->path, LCP_LISTEN_HOME, b->fault) == LCP_OK);
    fd = enter(b->path);
    put(fd, "{}");
    CHECK(shutdown(fd, SHUT_WR) == 0);
    CHECK(turn_until(b, &b->seen.requests, 1));
    for (int i = 0; i < 20; i++)
        (void)uv_run(&b->loop, UV_RUN_NOWAIT);
    CHECK(b->seen.gone == 0);
    reply(b, "{}", false);
    CHECK(get(b, fd, text, sizeof(text)) == 2);
    CHECK(turn_until(b, &b->seen.replied_ok, 1));
    CHECK(get(b, fd, text, sizeof(text)) == 0);
    close(fd);
    bench_free(b);
}

static void
who_leaves_is_reported(void)
{
    struct bench *b = bench_new();
    int fd;

    REQUIRE(lcp_door_listen(&b->door, b->path, LCP_LISTEN_HOME, b->fault) == LCP_OK);
    fd = enter(b->path);
    put(fd, "{}\n");
    CHECK(turn_until(b, &b->seen.requests, 1));
    close(fd);
    CHECK(turn_until(b, &b->seen.gone, 1));
    reply(b, "{}", false); /* to nobody */

    fd = enter(b->path);
    put(fd, "{}\n");
    CHECK(turn_until(b, &b->seen.requests, 2));
    close(fd);
    reply(b, "{}", false); /* before the loop could see it leave */
    CHECK(turn_until(b, &b->seen.replied_bad, 1));
    CHECK(b->seen.replied_ok == 0);
    CHECK(b->seen.gone == 1);
    bench_free(b);
}

/* What a process calls itself is foreign text. */
static void
the_record_can_name_who_asked(void)
{
    struct bench *b = bench_new();
    char who[96], want[96];
    int fd;

    REQUIRE(lcp_door_listen(&b->door, b->path, LCP_LISTEN_HOME, b->fault) == LCP_OK);
    fd = enter(b->path);
    put(fd, "{}\n");
    CHECK(turn_until(b, &b->seen.requests, 1));
    snprintf(want, sizeof(want), "uid %lu", (unsigned long)getuid());
#if defined(__linux__)
    REQUIRE(prctl(PR_SET_NAME, "a\x1b[31mb") == 0);
    snprintf(want, sizeof(want), "uid %lu, pid %ld (a\\x1b[31mb)",
             (unsigned long)getuid(), (long)getpid());
    lcp_os_who_self(who, sizeof(who));
    CHECK_STR(who, want);
#endif
    lcp_door_who(&b->door, b->seen.client, who, sizeof(who));
    CHECK_STR(who, want);
    lcp_door_who(&b->door, b->seen.client + 1, who, sizeof(who));
    CHECK_STR(who, "");
    close(fd);
    bench_free(b);
}

static void
a_full_house_shows_the_idle_out(void)
{
    struct bench *b = bench_new();
    int fds[LCP_DOOR_CONNECTIONS_MAX + 1];

    REQUIRE(lcp_door_listen(&b->door, b->path, LCP_LISTEN_HOME, b->fault) == LCP_OK);
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = enter(b->path);
        (void)uv_run(&b->loop, UV_RUN_NOWAIT);
    }
    CHECK(b->door.connection_count == LCP_DOOR_CONNECTIONS_MAX);
    put(fds[COUNT_OF(fds) - 1], "{}\n");
    CHECK(turn_until(b, &b->seen.requests, 1));
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        close(fds[i]);
    bench_free(b);
}

/* What lies at the path before the door opens, and what must come of it. */
/* libuv would ask for nobody else until the first one is let in. */
static void
a_guest_without_memory_is_let_in_later(void)
{
    struct bench *b = bench_new();
    int first, second;

    CHECK(lcp_door_listen(&b->door, b->path, LCP_LISTEN_HOME, b->fault) == LCP_OK);
    is_starved = true;
    first = enter(b->path);
    put(first, "{\"cmd\":\"STATUS\"}\n");
    for (int i = 0; i < 10; i++)
        (void)uv_run(&b->loop, UV_RUN_NOWAIT);
    CHECK(b->door.connection_count == 0 && b->seen.requests == 0);
    is_starved = false;
    second = enter(b->path);
    put(second, "{\"cmd\":\"STATUS\"}\n");
    CHECK(turn_until(b, &b->seen.requests, 2));
    CHECK(b->door.connection_count == 2);
    close(first);
    close(second);
    bench_free(b);
}

static void
nothing_foreign_is_removed(void)
{
    struct bench *b = bench_new();
    struct lcp_listen first, second;
    struct stat before, after;
    char other[108];

    REQUIRE(lcp_listen_open(&first, b->path, LCP_LISTEN_SHARED, b->fault) == LCP_OK);
    REQUIRE(listen(first.fd, 1) == 0);
    CHECK(lstat(b->path, &before) == 0 && (before.st_mode & 07777) == 0600);
    CHECK(lcp_listen_open(&second, b->path, LCP_LISTEN_SHARED, b->fault) == LCP_EBUSY);
    close(first.fd);
    CHECK(lcp_listen_open(&second, b->path, LCP_LISTEN_SHARED, b->fault) == LCP_OK);
    CHECK(unlink(b->path) == 0); /* somebody takes the name from us */
    CHECK(lcp_listen_open(&first, b->path, LCP_LISTEN_SHARED, b->fault) == LCP_OK);
    lcp_listen_remove(&second);
    CHECK(lstat(b->path, &after) == 0);
    lcp_listen_remove(&first);
    CHECK(lstat(b->path, &after) != 0);
    close(first.fd);
    close(second.fd);

    snprintf(other, sizeof(other), "%s/other", b->folder);
    CHECK(lcp_os_write_file(other, lcp_span_str("x"), 0600, false) == LCP_OK);
    CHECK(symlink(other, b->path) == 0);
    CHECK(lcp_listen_open(&first, b->path, LCP_LISTEN_HOME, b->fault) == LCP_EEXIST);
    CHECK(lstat(b->path, &after) == 0 && S_ISLNK(after.st_mode));
    CHECK(unlink(b->path) == 0);
    CHECK(lcp_listen_open(&first, other, LCP_LISTEN_SHARED, b->fault) == LCP_EEXIST);
    CHECK(lstat(other, &after) == 0 && S_ISREG(after.st_mode));
    CHECK(unlink(other) == 0);
    bench_free(b);
}

static void
a_path_too_long_says_the_limit(void)
{
    char path[200], fault[LCP_LISTEN_FAULT_MAX];
    struct lcp_listen l;

    memset(path, 'a', sizeof(path) - 1);
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    CHECK(lcp_listen_open(&l, path, LCP_LISTEN_HOME, fault) == LCP_EFULL);
    CHECK(strstr(fault, "107") != NULL || strstr(fault, "103") != NULL);
}

int
main(void)
{
    (void)signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    one_request_is_open_at_a_time();
    a_request_may_come_byte_by_byte();
    who_speaks_another_protocol_is_shown_out();
    a_request_too_long_is_shown_out();
    a_half_closed_client_gets_its_reply();
    who_leaves_is_reported();
    the_record_can_name_who_asked();
    a_full_house_shows_the_idle_out();
    a_guest_without_memory_is_let_in_later();
    nothing_foreign_is_removed();
    a_path_too_long_says_the_limit();
    return check_end("door");
}
