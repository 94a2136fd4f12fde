/* SPDX-License-Identifier: MIT
 *
 * The protocol machine alone: two of them, wired to each other in memory. This file is
 * their network, their worker, their disk and their clock.
 */
#include <lcp/core.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define A22 "AAAAAAAAAAAAAAAAAAAAAA" /* no signature: nothing here verifies it */
static const char mail[] =
    "{\"id\":\"m1\",\"from\":\"A\",\"to\":\"B\",\"timestamp\":\"2026-03-28T12:00:00Z\","
    "\"type\":\"chat\",\"message\":\"hello\",\"security\":{\"algo\":\"ed25519\","
    "\"pubkey\":\"" KEY "\",\"signature\":\"" A22 A22 A22 "AAAAAAAAAAAAAAAAAAAA==\"}}";
static struct lcp_core *nodes[2];
static const struct lcp_endpoint places[2] = {{{1}, 9528}, {{2}, 9528}};

static void
carry_out(uint64_t now_ms, int self, const struct lcp_output *out)
{
    uint8_t packet[LCP_DATAGRAM_MAX];

    if (out->kind == LCP_OUT_TX) {
        memcpy(packet, out->header, LCP_HEADER_BYTES);
        memcpy(packet + LCP_HEADER_BYTES, out->payload.data, out->payload.len);
        printf("%5d %c sends type %d\n", (int)now_ms, 'A' + self, packet[8]);
        lcp_core_datagram(nodes[!self], now_ms, &places[self],
                          lcp_span(packet, LCP_HEADER_BYTES + out->payload.len));
        for (struct lcp_output next; lcp_core_poll(nodes[!self], now_ms, &next);)
            carry_out(now_ms, !self, &next);
    } else if (out->kind == LCP_OUT_ADMIT) { /* verify, store, then: */
        printf("%5d %c stores it\n", (int)now_ms, 'A' + self);
        lcp_core_admitted(nodes[self], now_ms, out->ticket, LCP_ADM_STORED, NULL);
    } else if (out->kind == LCP_OUT_REFILL) { /* the queue holds nothing else */
        lcp_core_refilled(nodes[self], now_ms, out->peer, out->after, false);
    } else {
        printf("%5d %c: %s\n", (int)now_ms, 'A' + self,
               out->kind == LCP_OUT_SETTLED ? "delivered" : "the other one is there");
    }
}

int
main(void)
{
    for (int i = 0; i < 2; i++) {
        struct lcp_core_config config = {.name = i ? "B" : "A", .random_seed = {i}};
        struct lcp_core_peer peer = {.name = i ? "A" : "B", .endpoint = places[!i]};
        size_t size = lcp_core_size(&config.limits);
        if (lcp_core_init(malloc(size), size, &config, 0, &nodes[i]) != LCP_OK ||
            lcp_core_peer_put(nodes[i], 0, &peer, NULL) != LCP_OK)
            return 1;
    }
    if (lcp_core_offer(nodes[0], 0, 0, 1, lcp_span_str(mail), false) != LCP_OK)
        return 1;
    for (uint64_t now_ms = 0; now_ms < 60000; now_ms = lcp_core_next_ms(nodes[0]))
        for (struct lcp_output out; lcp_core_poll(nodes[0], now_ms, &out);)
            carry_out(now_ms, 0, &out);
    return 0;
}
