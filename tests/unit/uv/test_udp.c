/* SPDX-License-Identifier: MIT
 *
 * The UDP socket on loopback: sizes, a taken port, an address that is not up.
 */
#define _GNU_SOURCE
#include "uv/udp.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/os.h"
#include "base/text.h"
#include "check.h"

enum { TURNS_MAX = 2000 };

struct seen {
    int datagrams, bound, lines, rcv_bytes;
    size_t last_len;
    struct lcp_endpoint last_from;
};

static void
on_datagram(void *ctx, const struct lcp_endpoint *from, struct lcp_span bytes)
{
    struct seen *seen = ctx;

    seen->datagrams++;
    seen->last_len = bytes.len;
    seen->last_from = *from;
}

static void
on_bound(void *ctx, bool is_bound, int rcv_bytes, int snd_bytes)
{
    struct seen *seen = ctx;

    (void)snd_bytes;
    seen->bound += is_bound;
    seen->rcv_bytes = rcv_bytes;
}

static void
on_log(void *ctx, enum lcp_level level, const char *line)
{
    (void)level;
    (void)line;
    ((struct seen *)ctx)->lines++;
}

static const struct lcp_uv_udp_events events = {
    .datagram = on_datagram, .bound = on_bound, .log = on_log};

/* A port that the system found free a moment ago. */
static struct lcp_endpoint
free_endpoint(const char *ip)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct lcp_endpoint out;

    REQUIRE(fd >= 0 && bind(fd, (struct sockaddr *)&in, sizeof(in)) == 0);
    REQUIRE(getsockname(fd, (struct sockaddr *)&in, &len) == 0);
    close(fd);
    REQUIRE(lcp_endpoint_parse(lcp_span_str(ip), ntohs(in.sin_port), &out) == LCP_OK);
    return out;
}

static bool
turn_until(uv_loop_t *loop, const int *value, int want)
{
    for (int i = 0; i < TURNS_MAX && *value < want; i++) {
        (void)uv_run(loop, UV_RUN_NOWAIT);
        if (*value < want)
            lcp_os_sleep_ms(1);
    }
    return *value >= want;
}

static void
end(uv_loop_t *loop)
{
    while (uv_run(loop, UV_RUN_DEFAULT) != 0)
        ;
    CHECK(uv_loop_close(loop) == 0);
}

static void
datagrams_of_every_size_arrive_whole(void)
{
    static const size_t sizes[] = {0, 1, 9, 1472, 1473, 65498};
    static uint8_t payload[LCP_PAYLOAD_MAX];
    static const uint8_t header[LCP_HEADER_BYTES] = "LCP1";
    struct lcp_endpoint a_at = free_endpoint("127.0.0.1"),
                        b_at = free_endpoint("127.0.0.1");
    struct seen a_seen = {0}, b_seen = {0};
    struct lcp_uv_udp a, b;
    uv_loop_t loop;

    REQUIRE(uv_loop_init(&loop) == 0);
    REQUIRE(lcp_uv_udp_open(&a, &loop, &a_at, &events, &a_seen) == LCP_OK);
    REQUIRE(lcp_uv_udp_open(&b, &loop, &b_at, &events, &b_seen) == LCP_OK);
    CHECK(a_seen.bound == 1 && a_seen.rcv_bytes > 0);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        lcp_uv_udp_send(&a, &b_at, lcp_span(header, sizeof(header)),
                        lcp_span(payload, sizes[i]));
        CHECK(turn_until(&loop, &b_seen.datagrams, (int)i + 1));
        CHECK(b_seen.last_len == sizes[i] + sizeof(header));
        CHECK(lcp_endpoint_eq(&b_seen.last_from, &a_at));
    }
    lcp_uv_udp_close(&b);
    for (int i = 0; i < 20; i++) /* to nobody: what comes back must not hurt */
        lcp_uv_udp_send(&a, &b_at, lcp_span(header, sizeof(header)), lcp_span(NULL, 0));
    for (int i = 0; i < 20; i++)
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    CHECK(a_seen.lines == 0);
    lcp_uv_udp_close(&a);
    end(&loop);
}

static void
a_taken_port_is_not_shared(void)
{
    struct lcp_endpoint at = free_endpoint("127.0.0.1");
    struct seen seen = {0};
    struct lcp_uv_udp a, b;
    uv_loop_t loop;

    REQUIRE(uv_loop_init(&loop) == 0);
    REQUIRE(lcp_uv_udp_open(&a, &loop, &at, &events, &seen) == LCP_OK);
    CHECK(lcp_uv_udp_open(&b, &loop, &at, &events, &seen) == LCP_EBUSY);
    lcp_uv_udp_close(&a);
    lcp_uv_udp_close(&b);
    end(&loop);
}

static void
an_address_that_is_not_up_is_waited_for(void)
{
    struct lcp_endpoint at, to;
    struct seen seen = {0};
    struct lcp_uv_udp udp;
    uv_loop_t loop;

    /* TEST-NET-3 of RFC 5737: on no interface. */
    REQUIRE(lcp_endpoint_parse(lcp_span_str("203.0.113.7:9528"), 0, &at) == LCP_OK);
    REQUIRE(lcp_endpoint_parse(lcp_span_str("127.0.0.1:9528"), 0, &to) == LCP_OK);
    REQUIRE(uv_loop_init(&loop) == 0);
    CHECK(lcp_uv_udp_open(&udp, &loop, &at, &events, &seen) == LCP_OK);
    CHECK(udp.fd < 0 && seen.bound == 0 && seen.lines == 1);
    lcp_uv_udp_send(&udp, &to, lcp_span("x", 1), lcp_span(NULL, 0)); /* lost, no harm */
    /* It comes up: stood in for by another address. */
    udp.address = free_endpoint("127.0.0.1");
    CHECK(turn_until(&loop, &seen.bound, 1));
    CHECK(udp.fd >= 0 && seen.lines == 2);
    lcp_uv_udp_close(&udp);
    end(&loop);
}

/* As bind_now leaves it when uv_poll_start fails. */
static void
half_bind(struct lcp_uv_udp *udp)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons(udp->address.port)};

    udp->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    REQUIRE(udp->fd >= 0 && bind(udp->fd, (struct sockaddr *)&in, sizeof(in)) == 0);
    REQUIRE(uv_poll_init(udp->loop, &udp->poll, udp->fd) == 0);
    udp->poll.data = udp;
}

/* Bound, and the loop did not take it at the first try: that socket goes on, for the
 * port is its own. */
static void
a_socket_that_could_not_be_watched_is_not_bound_twice(void)
{
    static const uint8_t header[LCP_HEADER_BYTES] = "LCP1";
    struct lcp_endpoint at, from = free_endpoint("127.0.0.1");
    struct seen seen = {0}, other_seen = {0};
    struct lcp_uv_udp udp, other;
    uv_loop_t loop;

    REQUIRE(lcp_endpoint_parse(lcp_span_str("203.0.113.7:9528"), 0, &at) == LCP_OK);
    REQUIRE(uv_loop_init(&loop) == 0);
    REQUIRE(lcp_uv_udp_open(&udp, &loop, &at, &events, &seen) == LCP_OK);
    REQUIRE(lcp_uv_udp_open(&other, &loop, &from, &events, &other_seen) == LCP_OK);
    udp.address = free_endpoint("127.0.0.1");
    half_bind(&udp);
    CHECK(turn_until(&loop, &seen.bound, 1));
    lcp_uv_udp_send(&other, &udp.address, lcp_span(header, sizeof(header)),
                    lcp_span(NULL, 0));
    CHECK(turn_until(&loop, &seen.datagrams, 1));
    lcp_uv_udp_close(&other);
    lcp_uv_udp_close(&udp);
    end(&loop);
}

int
main(void)
{
    datagrams_of_every_size_arrive_whole();
    a_taken_port_is_not_shared();
    an_address_that_is_not_up_is_waited_for();
    a_socket_that_could_not_be_watched_is_not_bound_twice();
    return check_end("udp");
}
