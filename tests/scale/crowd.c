/* SPDX-License-Identifier: MIT
 *
 * Many peers in one process: each has an address and a key of its own (people.h),
 * answers HEARTBEAT and DATA by an ACK as a 1.1 node does, beats every 30 s, and sends
 * messages when told to. It takes receipts for answers, unverified: it is no judge.
 *
 *     scale_crowd NET COUNT
 *
 * plays the first COUNT peers of 127.NET.0.0/16 for the node people.h puts there, until
 * its input ends. It says `ready`, and answers each line of its input by one:
 *
 *     send N OPEN    N messages, at most OPEN unanswered; two peers take turns, after
 *                    100 the next two
 *     stats          what has come so far
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "core/frame.h"
#include "core/receipt.h"
#include "people.h"

enum {
    OPEN_MAX = 512,
    EVENTS_MAX = 64,
    BEAT_MS = 30000,
    RETRY_MS = 1000,
    TURN = 100, /* messages of two peers; so receipts cost the same in every crowd */
    LINE_BYTES = 256,
    SEND_MAX = 1000000,
};

struct one {
    int fd;
    struct lcp_identity who;
    uint64_t beat_ms;
};

/* A message that waits for its ACK. */
struct open_one {
    bool is_used;
    uint32_t seq;
    unsigned peer;
    uint64_t at_us, retry_ms;
    size_t len;
    char payload[2048];
};

struct crowd {
    struct one *peers;
    unsigned count;
    int epoll;
    struct sockaddr_in node;
    struct lcp_msg_scratch *scratch;
    char text[LCP_PAYLOAD_MAX];
    struct open_one open[OPEN_MAX];
    uint32_t *waits_us;
    unsigned wanted, open_max, begun, answered, retries, first_peer;
    uint64_t start_us;
    uint32_t seq;
    unsigned long long data, beats, acks, strange;
};

static uint64_t
now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void
die(const char *what)
{
    fprintf(stderr, "scale_crowd: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void
put(struct crowd *c, unsigned peer, enum lcp_packet_type type, uint32_t seq,
    struct lcp_span payload)
{
    uint8_t packet[LCP_HEADER_BYTES + sizeof(c->open[0].payload)];

    lcp_frame_encode(seq, type, packet);
    if (payload.len > 0)
        memcpy(packet + LCP_HEADER_BYTES, payload.data, payload.len);
    /* Lost is lost, as on any network. */
    (void)!sendto(c->peers[peer].fd, packet, LCP_HEADER_BYTES + payload.len, 0,
                  (const struct sockaddr *)&c->node, sizeof(c->node));
}

/* ---- what the peers send ---- */

static void
make_message(struct crowd *c, struct open_one *o)
{
    char id[LCP_UUID_CHARS + 1], name[LCP_NAME_MAX + 1];
    uint8_t random[16], digest[LCP_DIGEST_BYTES];
    struct lcp_draft draft = {
        .id = id,
        .from = name,
        .to = "Big",
        .type = "chat",
        .timestamp = "2026-03-28T12:00:00.123456+08:00",
        .message = lcp_span_str("a message of a size that people write to each other")};

    lcp_random(random, sizeof(random));
    lcp_uuid_print(random, id);
    scale_name(o->peer, name);
    if (lcp_msg_build(&draft, &c->peers[o->peer].who, c->scratch, c->text, &o->len,
                      digest) != LCP_OK ||
        o->len > sizeof(o->payload))
        die("building a message");
    memcpy(o->payload, c->text, o->len);
}

static void
transmit(struct crowd *c, struct open_one *o, uint64_t at_us)
{
    o->retry_ms = at_us / 1000 + RETRY_MS;
    put(c, o->peer, LCP_PACKET_DATA, o->seq, lcp_span(o->payload, o->len));
}

static void
begin_message(struct crowd *c, struct open_one *o)
{
    o->is_used = true;
    o->seq = ++c->seq;
    if (c->begun % TURN == 0)
        c->first_peer = (c->first_peer + 2) % c->count;
    o->peer = (c->first_peer + c->begun % 2) % c->count;
    make_message(c, o);
    o->at_us = now_us();
    c->begun++;
    transmit(c, o, o->at_us);
}

static void
fill_window(struct crowd *c)
{
    for (unsigned i = 0; i < c->open_max && c->begun < c->wanted; i++) {
        if (!c->open[i].is_used)
            begin_message(c, &c->open[i]);
    }
}

static int
by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static void
say_sent(struct crowd *c)
{
    unsigned n = c->answered;

    qsort(c->waits_us, n, sizeof(c->waits_us[0]), by_size);
    printf("{\"sent\":%u,\"ms\":%.1f,\"retries\":%u,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n",
           n, (double)(now_us() - c->start_us) / 1000, c->retries,
           n > 0 ? c->waits_us[n / 2] / 1000.0 : 0.0,
           n > 0 ? c->waits_us[n - 1 - n / 100] / 1000.0 : 0.0);
    fflush(stdout);
    c->wanted = 0;
}

/* ---- what comes ---- */

static void
take_ack(struct crowd *c, unsigned peer, uint32_t seq)
{
    c->acks++;
    for (unsigned i = 0; i < c->open_max; i++) {
        struct open_one *o = &c->open[i];

        if (!o->is_used || o->seq != seq || o->peer != peer)
            continue;
        o->is_used = false;
        c->waits_us[c->answered++] = (uint32_t)(now_us() - o->at_us);
        fill_window(c);
        if (c->answered == c->wanted)
            say_sent(c);
        return;
    }
}

static void
take_receipt(struct crowd *c, unsigned peer, const struct lcp_frame *frame)
{
    struct lcp_receipt receipt;

    if (lcp_receipt_parse(frame->payload, c->scratch, &receipt) != LCP_MSG_OK) {
        c->strange++;
        return;
    }
    for (uint32_t i = 0; i < receipt.count; i++) {
        if (receipt.entries[i].has_seq)
            take_ack(c, peer, receipt.entries[i].seq);
    }
    if (!receipt.entries[0].has_seq) /* news, and no answer */
        put(c, peer, LCP_PACKET_ACK, frame->seq, lcp_span(NULL, 0));
}

static void
take(struct crowd *c, unsigned peer)
{
    uint8_t packet[LCP_DATAGRAM_MAX];
    struct lcp_frame frame;
    ssize_t got;

    while ((got = recv(c->peers[peer].fd, packet, sizeof(packet), 0)) >= 0) {
        if (lcp_frame_decode(lcp_span(packet, (size_t)got), &frame) != LCP_OK) {
            c->strange++;
            continue;
        }
        if (frame.type == LCP_PACKET_ACK) {
            take_ack(c, peer, frame.seq);
            continue;
        }
        if (frame.type == LCP_PACKET_RECEIPT)
            take_receipt(c, peer, &frame);
        c->data += frame.type == LCP_PACKET_DATA;
        c->beats += frame.type == LCP_PACKET_HEARTBEAT;
        if (frame.type == LCP_PACKET_DATA || frame.type == LCP_PACKET_HEARTBEAT)
            put(c, peer, LCP_PACKET_ACK, frame.seq, lcp_span(NULL, 0));
    }
}

/* ---- life ---- */

static void
open_peers(struct crowd *c, unsigned net)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    for (unsigned i = 0; i < c->count; i++) {
        char text[SCALE_ADDRESS_MAX];
        struct sockaddr_in here = {.sin_family = AF_INET,
                                   .sin_port = htons(LCP_PORT_DEFAULT)};
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        struct one *p = &c->peers[i];

        scale_identity(i, &p->who);
        scale_address(net, i, text);
        p->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (p->fd < 0 || inet_pton(AF_INET, text, &here.sin_addr) != 1 ||
            bind(p->fd, (struct sockaddr *)&here, sizeof(here)) != 0 ||
            epoll_ctl(c->epoll, EPOLL_CTL_ADD, p->fd, &event) != 0)
            die(text);
        p->beat_ms = now_us() / 1000 + (uint64_t)i * BEAT_MS / c->count;
    }
}

static void
look_at_clocks(struct crowd *c)
{
    uint64_t at_us = now_us(), at_ms = at_us / 1000;

    for (unsigned i = 0; i < c->count; i++) {
        if (c->peers[i].beat_ms > at_ms)
            continue;
        c->peers[i].beat_ms += BEAT_MS;
        put(c, i, LCP_PACKET_HEARTBEAT, ++c->seq, lcp_span(NULL, 0));
    }
    for (unsigned i = 0; i < c->open_max; i++) {
        if (!c->open[i].is_used || c->open[i].retry_ms > at_ms)
            continue;
        c->retries++;
        transmit(c, &c->open[i], at_us);
    }
}

/* One line of input; false at its end. */
static bool
take_line(struct crowd *c)
{
    char line[LINE_BYTES];
    unsigned wanted, open_max;

    if (fgets(line, sizeof(line), stdin) == NULL)
        return false;
    if (sscanf(line, "send %u %u", &wanted, &open_max) == 2 && wanted > 0 &&
        wanted <= SEND_MAX && open_max > 0 && open_max <= OPEN_MAX && c->wanted == 0) {
        c->wanted = wanted;
        c->open_max = open_max;
        c->begun = c->answered = c->retries = 0;
        c->start_us = now_us();
        fill_window(c);
        return true;
    }
    printf("{\"data\":%llu,\"beats\":%llu,\"acks\":%llu,\"strange\":%llu}\n", c->data,
           c->beats, c->acks, c->strange);
    fflush(stdout);
    return true;
}

static void
run(struct crowd *c)
{
    struct epoll_event events[EVENTS_MAX],
        input = {.events = EPOLLIN, .data.u32 = UINT32_MAX};

    if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input) != 0)
        die("input");
    setvbuf(stdin, NULL, _IONBF, 0); /* or epoll would not know of a second line */
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        int count = epoll_wait(c->epoll, events, EVENTS_MAX, 10);

        for (int i = 0; i < count; i++) {
            if (events[i].data.u32 != UINT32_MAX)
                take(c, events[i].data.u32);
            else if (!take_line(c))
                return;
        }
        look_at_clocks(c);
    }
}

int
main(int argc, char **argv)
{
    struct crowd *c = calloc(1, sizeof(*c));
    char address[SCALE_ADDRESS_MAX];
    int net = argc == 3 ? atoi(argv[1]) : -1, count = argc == 3 ? atoi(argv[2]) : -1;

    if (c == NULL || net < 0 || net > 255 || count < 1 || count > SCALE_PEERS_MAX) {
        fprintf(stderr, "usage: scale_crowd NET COUNT\n");
        return 2;
    }
    c->count = (unsigned)count;
    c->peers = calloc(c->count, sizeof(c->peers[0]));
    c->scratch = malloc(sizeof(*c->scratch));
    c->waits_us = calloc(SEND_MAX, sizeof(c->waits_us[0]));
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (c->peers == NULL || c->scratch == NULL || c->waits_us == NULL || c->epoll < 0 ||
        lcp_crypto_init() != LCP_OK)
        die("start");
    scale_address((unsigned)net, SCALE_NODE, address);
    c->node = (struct sockaddr_in){.sin_family = AF_INET,
                                   .sin_port = htons(LCP_PORT_DEFAULT)};
    (void)inet_pton(AF_INET, address, &c->node.sin_addr);
    open_peers(c, (unsigned)net);
    run(c);
    free(c->peers);
    free(c->scratch);
    free(c->waits_us);
    free(c);
    return 0;
}
