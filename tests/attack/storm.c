/* SPDX-License-Identifier: MIT
 *
 * Attackers who have no key, as many packets a second as they like, in a bounded
 * number.
 *
 *     storm strangers SEED NODE COUNT RATE NET
 *     storm forger    SEED NODE SECONDS RATE FROM PEER_SEED REAL REPEATS
 *
 * `strangers`: COUNT packets from 16 endpoints in 127.NET.0.0/24 that are no peer's:
 * noise, headers without sense, forged messages of the peer `Friend`, well-made
 * heartbeats, ACKs and receipts. Whatever comes back is counted.
 *
 * `forger`: for SECONDS, from the peer's own address FROM: messages that claim to be
 * the peer's, each well made and each with a signature that is not valid; REPEATS per
 * cent of them are earlier ones said again. The peer itself (PEER_SEED, 64 hex digits)
 * speaks through the same socket, so it shares the address: REAL genuine messages
 * spread over the time, each repeated on the schedule of LCP/1.1 and then every 3 s,
 * until it is acknowledged. How long each took is printed.
 *
 * The node is `Victim`, the peer `Friend`. One line of JSON at the end.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "core/frame.h"
#include "core/msg.h"

enum {
    BATCH = 32,
    PACKET_MAX = 1500,
    SOURCES = 16,
    REAL_MAX = 1000,
    REMEMBERED = 1 << 16, /* forged ones that can be said again */
    RATE_MAX = 2000000,
    PACKET_RECEIPT = 4,
    SIGNATURE_CHARS = 86, /* of base64, before its last character and the padding */
};

struct packet {
    size_t len;
    uint8_t bytes[PACKET_MAX];
};

/* A genuine message of the peer. */
struct real {
    struct packet packet;
    uint32_t seqs[16]; /* of its transmissions, newest last */
    unsigned tries;
    uint64_t begin_us, due_us, done_us;
    char id[LCP_UUID_CHARS + 1];
};

struct storm {
    uint64_t random;
    struct sockaddr_in node;
    int fds[SOURCES];
    unsigned sources;
    struct packet model; /* a message of Friend to Victim, well made */
    size_t id_at, signature_at;
    struct packet batch[BATCH];
    uint64_t sent, failed, replies, reply_bytes;
    uint64_t *said; /* random states that forged ones were made from */
    struct lcp_identity who;
    struct lcp_msg_scratch *scratch;
    struct real *real;
    unsigned real_count, real_begun, real_done;
};

static void
die(const char *what)
{
    fprintf(stderr, "storm: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t
now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* splitmix64 */
static uint64_t
draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* ---- packets ---- */

static void
build(struct storm *s, const char *text, struct packet *out,
      char id[static LCP_UUID_CHARS + 1])
{
    static char payload[LCP_PAYLOAD_MAX];
    uint8_t random[16], digest[LCP_DIGEST_BYTES];
    struct lcp_draft draft = {.id = id,
                              .from = "Friend",
                              .to = "Victim",
                              .type = "chat",
                              .timestamp = "2026-03-28T12:00:00.123456+08:00",
                              .message = lcp_span_str(text)};
    size_t len = 0;

    lcp_random(random, sizeof(random));
    lcp_uuid_print(random, id);
    if (lcp_msg_build(&draft, &s->who, s->scratch, payload, &len, digest) != LCP_OK ||
        len > PACKET_MAX - LCP_HEADER_BYTES)
        die("building a message");
    lcp_frame_encode((uint32_t)draw(&s->random), LCP_PACKET_DATA, out->bytes);
    memcpy(out->bytes + LCP_HEADER_BYTES, payload, len);
    out->len = LCP_HEADER_BYTES + len;
}

static size_t
find(const struct packet *in, const char *text)
{
    const uint8_t *at = memmem(in->bytes, in->len, text, strlen(text));

    if (at == NULL)
        die(text);
    return (size_t)(at - in->bytes) + strlen(text);
}

static void
put_hex(uint8_t *out, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t) "0123456789abcdef"[value >> (4 * i) & 15];
}

/* A message that says it is the peer's, with an id and a signature of its own. Made
 * from one number, so that it can be made again. */
static void
forge(const struct storm *s, uint64_t from, uint32_t seq, struct packet *out)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint64_t state = from;

    *out = s->model;
    lcp_frame_encode(seq, LCP_PACKET_DATA, out->bytes);
    put_hex(out->bytes + s->id_at, draw(&state));
    for (size_t i = 0; i + 8 <= SIGNATURE_CHARS - 1; i += 8) {
        uint64_t value = draw(&state);

        for (size_t k = 0; k < 8; k++, value >>= 6)
            out->bytes[s->signature_at + i + k] = (uint8_t)digits[value & 63];
    }
}

static void
bare(struct storm *s, uint8_t type, size_t payload, struct packet *out)
{
    lcp_frame_encode((uint32_t)draw(&s->random), LCP_PACKET_DATA, out->bytes);
    out->bytes[8] = type;
    for (size_t i = 0; i < payload; i++)
        out->bytes[LCP_HEADER_BYTES + i] = (uint8_t)draw(&s->random);
    out->len = LCP_HEADER_BYTES + payload;
}

static void
make_strange(struct storm *s, struct packet *out)
{
    uint64_t r = draw(&s->random);

    switch (r % 8) {
    case 0: /* noise */
        bare(s, (uint8_t)(r >> 8), r >> 16 & 255, out);
        memset(out->bytes, (int)(r >> 24 & 255), 4);
        break;
    case 1: /* a header, and nothing like it behind */
        bare(s, LCP_PACKET_DATA, r >> 16 & 255, out);
        break;
    case 2:
        bare(s, LCP_PACKET_ACK, 0, out);
        break;
    case 3:
        bare(s, LCP_PACKET_HEARTBEAT, 0, out);
        break;
    case 4: /* genuine, of the peer, from an endpoint that is not its */
        *out = s->model;
        break;
    case 5: /* heartbeats and receipts that carry a forged object */
        forge(s, r, (uint32_t)r, out);
        out->bytes[8] = r >> 40 & 1 ? LCP_PACKET_HEARTBEAT : PACKET_RECEIPT;
        break;
    default:
        forge(s, r, (uint32_t)r, out);
        break;
    }
}

static void
make_forged(struct storm *s, unsigned repeats, struct packet *out)
{
    uint64_t r = draw(&s->random), at = s->sent % REMEMBERED;

    if (r % 100 < repeats && s->sent > REMEMBERED / 2)
        at = draw(&s->random) % (REMEMBERED / 2);
    else
        s->said[at] = r;
    forge(s, s->said[at], (uint32_t)draw(&s->random), out);
}

/* ---- sending and hearing ---- */

static void
send_batch(struct storm *s, unsigned source, unsigned count)
{
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    int sent;

    memset(messages, 0, sizeof(messages));
    for (unsigned i = 0; i < count; i++) {
        parts[i] = (struct iovec){.iov_base = s->batch[i].bytes,
                                  .iov_len = s->batch[i].len};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_name = &s->node;
        messages[i].msg_hdr.msg_namelen = sizeof(s->node);
    }
    sent = sendmmsg(s->fds[source], messages, count, 0);
    s->sent += sent > 0 ? (unsigned)sent : 0;
    s->failed += count - (sent > 0 ? (unsigned)sent : 0);
}

/* Sleeps until that many packets are due; true if some are. */
static bool
pace(uint64_t begin_us, uint64_t done, uint64_t rate)
{
    uint64_t due_us = begin_us + done * 1000000 / rate, at_us = now_us();

    if (due_us > at_us + 200)
        usleep((useconds_t)(due_us - at_us));
    return true;
}

static void
count_replies(struct storm *s)
{
    uint8_t bytes[2048];
    ssize_t got;

    for (unsigned i = 0; i < s->sources; i++) {
        while ((got = recv(s->fds[i], bytes, sizeof(bytes), MSG_DONTWAIT)) >= 0) {
            s->replies++;
            s->reply_bytes += (uint64_t)got;
        }
    }
}

static int
open_source(const char *text)
{
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_port = htons(LCP_PORT_DEFAULT)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 4 << 20;

    if (fd < 0 || inet_pton(AF_INET, text, &here.sin_addr) != 1 ||
        bind(fd, (struct sockaddr *)&here, sizeof(here)) != 0)
        die(text);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    return fd;
}

static void
strangers(struct storm *s, uint64_t count, uint64_t rate, unsigned net)
{
    uint64_t begin_us = now_us();
    char address[INET_ADDRSTRLEN];

    for (s->sources = 0; s->sources < SOURCES; s->sources++) {
        snprintf(address, sizeof(address), "127.%u.0.%u", net & 255, s->sources + 1);
        s->fds[s->sources] = open_source(address);
    }
    while (s->sent + s->failed < count && pace(begin_us, s->sent + s->failed, rate)) {
        for (unsigned i = 0; i < BATCH; i++)
            make_strange(s, &s->batch[i]);
        send_batch(s, (unsigned)(draw(&s->random) % SOURCES), BATCH);
        count_replies(s);
    }
    begin_us = now_us() - begin_us;
    usleep(500000); /* what is still under way */
    count_replies(s);
    printf("{\"sent\":%llu,\"failed\":%llu,\"seconds\":%.3f,\"rate\":%.0f,\"replies\":%"
           "llu,"
           "\"reply_bytes\":%llu}\n",
           (unsigned long long)s->sent, (unsigned long long)s->failed,
           (double)begin_us / 1e6, (double)s->sent / ((double)begin_us / 1e6),
           (unsigned long long)s->replies, (unsigned long long)s->reply_bytes);
}

/* ---- the peer beside the forger ---- */

static uint64_t
wait_us(unsigned tries)
{
    static const uint64_t waits[] = {500000, 1000000, 2000000};

    return tries <= 3 ? waits[tries - 1] : 3000000;
}

static void
transmit_real(struct storm *s, struct real *r, uint64_t at_us)
{
    uint32_t seq = (uint32_t)draw(&s->random);

    if (r->tries == 0)
        r->begin_us = at_us;
    lcp_frame_encode(seq, LCP_PACKET_DATA, r->packet.bytes);
    r->seqs[r->tries++ % 16] = seq;
    r->due_us = at_us + wait_us(r->tries);
    if (sendto(s->fds[0], r->packet.bytes, r->packet.len, 0,
               (struct sockaddr *)&s->node, sizeof(s->node)) < 0)
        s->failed++;
}

/* An ACK names a transmission, a receipt (whose signature others look at) the id. */
static bool
answers(const struct real *r, const struct lcp_frame *frame)
{
    if (frame->type == PACKET_RECEIPT)
        return memmem(frame->payload.data, frame->payload.len, r->id, LCP_UUID_CHARS) !=
               NULL;
    for (unsigned k = 0; frame->type == LCP_PACKET_ACK && k < r->tries && k < 16; k++) {
        if (r->seqs[k] == frame->seq)
            return true;
    }
    return false;
}

static void
hear_real(struct storm *s)
{
    uint8_t bytes[2048];
    struct lcp_frame frame;
    ssize_t got;

    while ((got = recv(s->fds[0], bytes, sizeof(bytes), MSG_DONTWAIT)) >= 0) {
        s->replies++;
        s->reply_bytes += (uint64_t)got;
        if (lcp_frame_decode(lcp_span(bytes, (size_t)got), &frame) != LCP_OK)
            continue;
        for (unsigned i = 0; i < s->real_begun; i++) {
            struct real *r = &s->real[i];

            if (r->done_us == 0 && answers(r, &frame)) {
                r->done_us = now_us();
                s->real_done++;
            }
        }
    }
}

static void
tend_real(struct storm *s, uint64_t begin_us, uint64_t at_us, uint64_t over_us)
{
    /* The last one has 30 s. */
    uint64_t gap_us = over_us / 2 / (s->real_count > 0 ? s->real_count : 1);

    while (s->real_begun < s->real_count && at_us >= begin_us + s->real_begun * gap_us)
        transmit_real(s, &s->real[s->real_begun++], at_us);
    for (unsigned i = 0; i < s->real_begun; i++) {
        if (s->real[i].done_us == 0 && s->real[i].due_us <= at_us)
            transmit_real(s, &s->real[i], at_us);
    }
}

static void
say_forged(const struct storm *s, uint64_t took_us)
{
    printf("{\"sent\":%llu,\"failed\":%llu,\"rate\":%.0f,\"replies\":%llu,\"real\":%u,"
           "\"stored\":%u,\"seconds\":[",
           (unsigned long long)s->sent, (unsigned long long)s->failed,
           (double)s->sent / ((double)took_us / 1e6), (unsigned long long)s->replies,
           s->real_begun, s->real_done);
    for (unsigned i = 0, first = 1; i < s->real_begun; i++) {
        const struct real *r = &s->real[i];

        if (r->done_us == 0)
            continue;
        printf("%s%.3f", first ? "" : ",", (double)(r->done_us - r->begin_us) / 1e6);
        first = 0;
    }
    printf("]}\n");
}

static void
forger(struct storm *s, uint64_t over_us, uint64_t rate, const char *from,
       unsigned repeats)
{
    uint64_t begin_us, at_us;

    s->fds[0] = open_source(from);
    s->sources = 1;
    for (unsigned i = 0; i < s->real_count; i++)
        build(s, "a genuine message in a storm", &s->real[i].packet, s->real[i].id);
    begin_us = now_us();
    for (at_us = begin_us; at_us < begin_us + over_us &&
                           (s->real_count == 0 || s->real_done < s->real_count);
         at_us = now_us()) {
        for (unsigned i = 0; i < BATCH; i++)
            make_forged(s, repeats, &s->batch[i]);
        send_batch(s, 0, BATCH);
        tend_real(s, begin_us, at_us, over_us);
        hear_real(s);
        pace(begin_us, s->sent + s->failed, rate);
    }
    say_forged(s, at_us - begin_us);
}

/* ---- the command line ---- */

static uint64_t
number(const char *text, uint64_t max)
{
    uint64_t value = 0;

    if (lcp_uint_parse(lcp_span_str(text), 0, max, &value) != LCP_OK)
        die(text);
    return value;
}

static void
set_up(struct storm *s, const char *seed, const char *node)
{
    char key[LCP_KEY_B64 + 1], id[LCP_UUID_CHARS + 1];

    s->random = number(seed, UINT64_MAX);
    s->node = (struct sockaddr_in){.sin_family = AF_INET,
                                   .sin_port = htons(LCP_PORT_DEFAULT)};
    s->scratch = malloc(sizeof(*s->scratch));
    s->said = calloc(REMEMBERED, sizeof(s->said[0]));
    s->real = calloc(REAL_MAX, sizeof(s->real[0]));
    if (inet_pton(AF_INET, node, &s->node.sin_addr) != 1 || s->scratch == NULL ||
        s->said == NULL || s->real == NULL)
        die(node);
    build(s, "what the forger says in the name of the peer", &s->model, id);
    s->id_at = find(&s->model, "\"id\":\"");
    s->signature_at = find(&s->model, "\"signature\":\"");
    lcp_key_print(&s->who.key, key);
    (void)find(&s->model, key); /* it is the peer's own key that it names */
}

int
main(int argc, char **argv)
{
    struct storm *s = calloc(1, sizeof(*s));
    bool is_forger = argc == 10 && strcmp(argv[1], "forger") == 0;
    uint8_t seed[LCP_SEED_BYTES] = {1};

    if (s == NULL || lcp_crypto_init() != LCP_OK ||
        (!is_forger && (argc != 7 || strcmp(argv[1], "strangers") != 0))) {
        fprintf(stderr, "usage: see the head of storm.c\n");
        return 2;
    }
    if (is_forger && lcp_hex_parse(lcp_span_str(argv[7]), seed, sizeof(seed)) != LCP_OK)
        die("PEER_SEED");
    lcp_identity_from_seed(seed, &s->who);
    set_up(s, argv[2], argv[3]);
    if (is_forger) {
        s->real_count = (unsigned)number(argv[8], REAL_MAX);
        forger(s, number(argv[4], 3600) * 1000000, number(argv[5], RATE_MAX), argv[6],
               (unsigned)number(argv[9], 100));
    } else {
        strangers(s, number(argv[4], UINT32_MAX), number(argv[5], RATE_MAX),
                  (unsigned)number(argv[6], 254));
    }
    free(s->scratch);
    free(s->said);
    free(s->real);
    free(s);
    return 0;
}
