/* SPDX-License-Identifier: MIT
 *
 * Datagrams a second through the machine alone: no socket, no curve, no disk. What it
 * costs to refuse, to take in and to send. Links lcp_core.
 *
 *     bench_core [MILLION]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/crypto.h"
#include "core/frame.h"
#include "lcp/core.h"

static struct lcp_core *core;
static struct lcp_key key;
static const struct lcp_endpoint peer_at = {{1}, 9528}, stranger_at = {{2}, 9528};
static uint8_t packet[LCP_DATAGRAM_MAX];
static size_t packet_len;
static uint64_t now_ms = 1000, step;

static double
seconds(void)
{
    struct timespec t;

    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A message of about 340 bytes; its id tells one from the next. */
static void
make_mail(size_t body)
{
    char text[LCP_KEY_B64 + 1], sig[LCP_SIG_B64 + 1];

    lcp_key_print(&key, text);
    memset(sig, 'A', LCP_SIG_B64);
    memcpy(sig + LCP_SIG_B64 - 2, "==", 3);
    lcp_frame_encode(1, LCP_PACKET_DATA, packet);
    packet_len =
        LCP_HEADER_BYTES +
        (size_t)snprintf(
            (char *)packet + LCP_HEADER_BYTES, LCP_PAYLOAD_MAX,
            "{\"id\":\"m0000000000\",\"from\":\"p\",\"to\":\"me\",\"timestamp\":"
            "\"2026-03-28T12:00:00Z\",\"type\":\"chat\",\"message\":\"%*s\","
            "\"security\":{\"algo\":\"ed25519\",\"pubkey\":\"%s\","
            "\"signature\":\"%s\"}}",
            (int)body, "", text, sig);
}

static void
drain(void)
{
    struct lcp_output out;

    while (lcp_core_poll(core, now_ms, &out))
        if (out.kind == LCP_OUT_REFILL)
            lcp_core_refilled(core, now_ms, out.peer, out.after, false);
}

static void
from_stranger(void)
{
    lcp_core_datagram(core, now_ms, &stranger_at, lcp_span(packet, packet_len));
    drain();
}

static void
mail_in(void)
{
    struct lcp_output out;

    for (uint64_t i = 0, n = step; i < 10; i++, n /= 10)
        packet[LCP_HEADER_BYTES + 17 - i] = (uint8_t)('0' + n % 10);
    lcp_core_datagram(core, now_ms, &peer_at, lcp_span(packet, packet_len));
    while (lcp_core_poll(core, now_ms, &out))
        if (out.kind == LCP_OUT_ADMIT)
            lcp_core_admitted(core, now_ms, out.ticket, LCP_ADM_STORED, NULL);
    if (step % 16 == 0)
        now_ms++;
}

static void
mail_out(void)
{
    uint8_t ack[LCP_HEADER_BYTES];
    struct lcp_output out;
    struct lcp_frame frame = {.seq = 0};

    if (lcp_core_offer(core, now_ms, 0, step + 1, lcp_span(packet, 300), false) !=
        LCP_OK)
        abort();
    while (lcp_core_poll(core, now_ms, &out))
        if (out.kind != LCP_OUT_TX ||
            lcp_frame_decode(lcp_span(out.header, LCP_HEADER_BYTES), &frame) != LCP_OK)
            continue;
    lcp_frame_encode(frame.seq, LCP_PACKET_ACK, ack);
    lcp_core_datagram(core, now_ms, &peer_at, lcp_span(ack, sizeof(ack)));
    drain();
    if (step % 16 == 0)
        now_ms++;
}

static void
run(const char *what, uint64_t count, void (*one)(void))
{
    double start = seconds();

    for (step = 0; step < count; step++)
        one();
    printf("%-44s %9.0f/s\n", what, (double)count / (seconds() - start));
}

int
main(int argc, char **argv)
{
    uint64_t count = (argc > 1 ? strtoull(argv[1], NULL, 10) : 1) * 1000000;
    struct lcp_core_config config = {.name = "me", .key = {1}};
    struct lcp_core_peer peer = {.name = "p", .endpoint = peer_at, .has_key = true};
    uint8_t seed[LCP_SEED_BYTES] = {7};
    struct lcp_identity identity;
    size_t size = lcp_core_size(&config.limits);
    void *memory = malloc(size);

    if (lcp_crypto_init() != LCP_OK || memory == NULL)
        return 1;
    lcp_identity_from_seed(seed, &identity);
    key = identity.key;
    memcpy(peer.key, key.bytes, sizeof(peer.key));
    if (lcp_core_init(memory, size, &config, now_ms, &core) != LCP_OK ||
        lcp_core_peer_put(core, now_ms, &peer, NULL) != LCP_OK)
        return 1;
    drain();
    printf("memory of the machine: %zu bytes\n", size);
    make_mail(40);
    run("a stranger's datagram, refused", count, from_stranger);
    run("a message in: parse, admit, ACK", count, mail_in);
    run("a message out: offer, transmit, settle", count, mail_out);
    make_mail(60000);
    run("a message of 60 kB in", count / 100, mail_in);
    free(memory);
    return 0;
}
