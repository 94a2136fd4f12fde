/* SPDX-License-Identifier: MIT
 *
 * The virtual network: links of one direction that lose, double, delay, reorder and
 * corrupt.
 */
#include "state.h"

#include <assert.h>
#include <stdlib.h>

#include "base/text.h"
#include "core/msg.h"

enum { LATE_MS = 500, TYPE_AT = 8 };

struct lcp_endpoint
sim_endpoint(int index)
{
    struct lcp_endpoint ep = {.ip = {[10] = 0xff, [11] = 0xff, 100, 64, 0, 0},
                              .port = 9528};

    ep.ip[15] = (uint8_t)(index + 1);
    return ep;
}

int
sim_who(const struct lcp_endpoint *endpoint)
{
    for (int i = 0; i < SIM_ENDPOINTS; i++) {
        struct lcp_endpoint ep = sim_endpoint(i);

        if (lcp_endpoint_eq(&ep, endpoint))
            return i;
    }
    return -1;
}

struct sim_link *
sim_link(struct sim *sim, char from, char to)
{
    return &sim->links[sim_index(from)][sim_index(to)];
}

void
sim_drop_next(struct sim *sim, char from, char to, uint32_t count)
{
    sim_link(sim, from, to)->drop_next = count;
}

void
sim_cut(struct sim *sim, char a, char b, bool is_cut)
{
    sim_link(sim, a, b)->is_cut = is_cut;
    sim_link(sim, b, a)->is_cut = is_cut;
}

/* DATA, a receipt, or an ACK of DATA: what sim_drop_next counts. */
static bool
is_mail(struct sim *sim, int from, int to, const uint8_t *bytes, size_t len)
{
    struct sim_seq *seq;
    uint32_t number;

    if (len < LCP_HEADER_BYTES)
        return false;
    if (bytes[8] == LCP_PACKET_DATA)
        return true;
    number = (uint32_t)bytes[4] << 24 | (uint32_t)bytes[5] << 16 |
             (uint32_t)bytes[6] << 8 | bytes[7];
    seq = sim_seqs_find(&sim->delivered,
                        (uint64_t)(from + 1) << 48 | (uint64_t)(to + 1) << 40 | number);
    return bytes[8] == LCP_PACKET_RECEIPT ||
           (bytes[8] == LCP_PACKET_ACK && seq != NULL && seq->mail >= 0);
}

static bool
is_lost_on(struct sim *sim, int from, int to, const uint8_t *bytes, size_t len)
{
    struct sim_link *link = &sim->links[from][to];

    if (to == SIM_X)
        return true;
    if (link->is_cut) {
        /* Only when the way back is open is it one-way. */
        if (!sim->links[to][from].is_cut)
            sim_count(sim, SIM_ONE_WAY);
        return true;
    }
    if (link->drop_next > 0 && is_mail(sim, from, to, bytes, len)) {
        link->drop_next--;
        sim_count(sim, SIM_LOSS);
        return true;
    }
    if (!sim_random_chance(&sim->net_random, link->loss))
        return false;
    sim_count(sim, SIM_LOSS);
    return true;
}

/* Past UDP's checksum. The type too: that DATA which became a HEARTBEAT is not
 * acknowledged is a rule of ours. */
static void
corrupt(struct sim *sim, struct sim_event *event)
{
    size_t at = sim_random_in(&sim->net_random, 0, event->len - 1);

    event->bytes[at] ^= (uint8_t)sim_random_in(&sim->net_random, 1, 255);
    event->is_corrupt = at >= TYPE_AT;
    sim_count(sim, SIM_CORRUPTION);
}

static void
put_on_way(struct sim *sim, int from, int to, const uint8_t *bytes, size_t len)
{
    struct sim_link *link = &sim->links[from][to];
    uint64_t delay_ms = sim_random_in(&sim->net_random, link->delay_min_ms,
                                      link->delay_max_ms);
    struct sim_event event = {.at_ms = sim->now_ms + delay_ms,
                              .kind = SIM_EV_DATAGRAM,
                              .node = to,
                              .from = from,
                              .serial = ++link->put,
                              .len = len};

    if (delay_ms >= LATE_MS)
        sim_count(sim, SIM_DELAY);
    if (event.at_ms < link->last_arrival_ms)
        sim_count(sim, SIM_REORDERING);
    else
        link->last_arrival_ms = event.at_ms;
    event.bytes = malloc(len > 0 ? len : 1);
    assert(event.bytes != NULL);
    memcpy(event.bytes, bytes, len);
    if (len > 0 && sim_random_chance(&sim->net_random, link->corruption))
        corrupt(sim, &event);
    if (sim_random_chance(&sim->net_random, link->truncation)) {
        event.len = sim_random_in(&sim->net_random, 0, len);
        event.is_corrupt = event.len < len;
    }
    sim_push(sim, event);
}

void
sim_transmit(struct sim *sim, int from, int to, const uint8_t *bytes, size_t len,
             bool is_lost)
{
    const struct sim_link *link = &sim->links[from][to];

    sim_record(sim, from, to, bytes, len);
    is_lost = is_lost || is_lost_on(sim, from, to, bytes, len);
    sim_watch_sent(sim, from, to, bytes, len, is_lost);
    if (is_lost)
        return;
    put_on_way(sim, from, to, bytes, len);
    if (sim_random_chance(&sim->net_random, link->duplication)) {
        sim_count(sim, SIM_DUPLICATION);
        for (unsigned i = 0; i < (link->copies > 0 ? link->copies : 1); i++)
            put_on_way(sim, from, to, bytes, len);
    }
}

/* Of what arrived before this one, at most serial - 1 were put on the way before it. */
static void
note_overtaken(struct sim_link *link, uint64_t serial)
{
    if (serial == 0)
        return;
    if (link->arrived + 1 > serial && link->arrived + 1 - serial > link->deepest)
        link->deepest = link->arrived + 1 - serial;
    link->arrived++;
}

void
sim_deliver(struct sim *sim, struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->node];
    struct lcp_endpoint from = sim_endpoint(event->from);

    note_overtaken(&sim->links[event->from][event->node], event->serial);
    if (node->is_legacy) {
        sim_legacy_deliver(sim, event);
        free(event->bytes);
        return;
    }
    sim_watch_delivered(sim, event);
    lcp_pump_datagram(node->pump, &from, lcp_span(event->bytes, event->len));
    free(event->bytes);
    sim_leave(node);
}

void
sim_inject(struct sim *sim, char as, char to, struct lcp_span bytes)
{
    put_on_way(sim, sim_index(as), sim_index(to), bytes.data, bytes.len);
}

void
sim_forge(struct sim *sim, char as, char to, uint64_t who, const char *id,
          const char *text)
{
    struct sim_random random = sim_random_stream(sim->options.seed, ~who);
    uint8_t seed[LCP_SEED_BYTES], digest[LCP_DIGEST_BYTES], bytes[LCP_DATAGRAM_MAX];
    char from[2] = {as, '\0'}, name[2] = {to, '\0'};
    struct lcp_identity identity;
    struct lcp_draft draft = {.id = id,
                              .from = from,
                              .to = name,
                              .type = "chat",
                              .timestamp = "2026-03-28T12:00:00+00:00",
                              .message = lcp_span_str(text)};
    size_t len = 0;

    if (who == (uint64_t)as && as != 'X') {
        identity = sim_node(sim, as)->identity; /* itself, by a way around its node */
        if (sim_find_mail(sim, id) != NULL)
            sim_find_mail(sim, id)->has_conflict = true;
    } else {
        sim_random_fill(&random, seed, sizeof(seed));
        lcp_identity_from_seed(seed, &identity);
        sim_count(sim, SIM_IMPOSTOR);
    }
    if (sim->scratch == NULL)
        sim->scratch = malloc(sizeof(*sim->scratch));
    assert(sim->scratch != NULL);
    if (lcp_msg_build(&draft, &identity, sim->scratch, (char *)bytes + LCP_HEADER_BYTES,
                      &len, digest) != LCP_OK)
        assert(!"a forged message must be well formed");
    memcpy(bytes, "LCP1", 4);
    sim_random_fill(&sim->net_random, bytes + 4, 4);
    bytes[8] = LCP_PACKET_DATA;
    put_on_way(sim, sim_index(as), sim_index(to), bytes, len + LCP_HEADER_BYTES);
}
