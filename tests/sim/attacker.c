/* SPDX-License-Identifier: MIT
 *
 * Somebody on the path: hears everything, can say anything in anybody's name, has no
 * key. What it sends is marked as foreign, so that the watcher can tell.
 */
#include "state.h"

#include <assert.h>
#include <stdlib.h>

enum { FLOOD_BYTES = 300, TYPE_AT = 8, FLOOD_SPREAD_MS = 50 };

void
sim_record(struct sim *sim, int from, int to, const uint8_t *bytes, size_t len)
{
    struct sim_recorded *r;

    if (sim->recorded == NULL)
        sim->recorded = calloc(SIM_RECORDED_MAX, sizeof(sim->recorded[0]));
    assert(sim->recorded != NULL);
    r = &sim->recorded[sim->recorded_count++ % SIM_RECORDED_MAX];
    free(r->bytes);
    *r = (struct sim_recorded){.from = from, .to = to, .len = len};
    r->bytes = malloc(len > 0 ? len : 1);
    assert(r->bytes != NULL);
    memcpy(r->bytes, bytes, len);
}

void
sim_forget_recorded(struct sim *sim)
{
    for (size_t i = 0; sim->recorded != NULL && i < SIM_RECORDED_MAX; i++)
        free(sim->recorded[i].bytes);
    free(sim->recorded);
}

static const struct sim_recorded *
pick_recorded(const struct sim *sim, uint64_t pick)
{
    uint64_t count = sim->recorded_count < SIM_RECORDED_MAX ? sim->recorded_count
                                                            : SIM_RECORDED_MAX;

    return count == 0 ? NULL : &sim->recorded[pick % count];
}

static void
say(struct sim *sim, int from, int to, const uint8_t *bytes, size_t len,
    bool is_corrupt, uint64_t delay_ms)
{
    struct sim_event event = {.at_ms = sim->now_ms + delay_ms,
                              .kind = SIM_EV_DATAGRAM,
                              .node = to,
                              .from = from,
                              .len = len,
                              .is_corrupt = is_corrupt,
                              .is_foreign = true};

    if (to == SIM_X)
        return;
    event.bytes = malloc(len > 0 ? len : 1);
    assert(event.bytes != NULL);
    memcpy(event.bytes, bytes, len);
    sim_push(sim, event);
}

bool
sim_replay(struct sim *sim, uint64_t pick, bool to_another)
{
    const struct sim_recorded *r = pick_recorded(sim, pick);
    int to;

    if (r == NULL)
        return false;
    to = to_another ? (int)(pick / 7 % (uint64_t)sim->options.nodes) : r->to;
    if (to == r->from)
        to = r->to;
    sim_count(sim, SIM_REPLAY);
    say(sim, r->from, to, r->bytes, r->len, false, 1);
    return true;
}

unsigned
sim_replay_each(struct sim *sim, char from, char to, enum lcp_packet_type type)
{
    uint64_t first = sim->recorded_count > SIM_RECORDED_MAX
                         ? sim->recorded_count - SIM_RECORDED_MAX
                         : 0;
    unsigned count = 0;

    for (uint64_t i = first; i < sim->recorded_count; i++) {
        const struct sim_recorded *r = &sim->recorded[i % SIM_RECORDED_MAX];

        if (r->from != sim_index(from) || r->to != sim_index(to) ||
            r->len < LCP_HEADER_BYTES || r->bytes[TYPE_AT] != type)
            continue;
        say(sim, r->from, r->to, r->bytes, r->len, false, 1 + count++);
    }
    return count;
}

/* Another type, another number, a byte of the payload, or the end cut off. */
bool
sim_mutate(struct sim *sim, uint64_t pick)
{
    const struct sim_recorded *r = pick_recorded(sim, pick);
    uint8_t bytes[LCP_DATAGRAM_MAX];
    bool is_corrupt = true;
    size_t len;

    if (r == NULL || r->len < LCP_HEADER_BYTES)
        return false;
    len = r->len;
    memcpy(bytes, r->bytes, len);
    switch (pick / 11 % 4) {
    case 0:
        bytes[TYPE_AT] = (uint8_t)(1 + pick / 44 % 5);
        break;
    case 1:
        bytes[4 + pick / 44 % 4] ^= (uint8_t)(1 + pick / 97 % 255);
        is_corrupt = false;
        break;
    case 2:
        len = LCP_HEADER_BYTES + pick / 44 % (len - LCP_HEADER_BYTES + 1);
        break;
    default:
        if (len > LCP_HEADER_BYTES)
            bytes[LCP_HEADER_BYTES + pick / 44 % (len - LCP_HEADER_BYTES)] ^=
                (uint8_t)(1 + pick / 97 % 255);
        break;
    }
    sim_count(sim, SIM_MUTATION);
    is_corrupt = is_corrupt && (len != r->len || memcmp(bytes, r->bytes, len) != 0);
    say(sim, r->from, r->to, bytes, len, is_corrupt, 1);
    return true;
}

/* Junk that looks like mail until its signature is looked at: recorded DATA of that way
 * with other numbers and another byte in the middle; where there is none, noise. */
void
sim_flood(struct sim *sim, char as, char to, unsigned count)
{
    uint8_t bytes[LCP_DATAGRAM_MAX];

    sim_count(sim, SIM_FLOOD);
    for (unsigned i = 0; i < count; i++) {
        uint64_t pick = sim_random_next(&sim->net_random);
        const struct sim_recorded *r = pick_recorded(sim, pick);
        size_t len = FLOOD_BYTES;

        sim_random_fill(&sim->net_random, bytes, FLOOD_BYTES);
        if (r != NULL && r->from == sim_index(as) && r->to == sim_index(to)) {
            memcpy(bytes, r->bytes, r->len);
            len = r->len;
        }
        memcpy(bytes, "LCP1", 4);
        sim_random_fill(&sim->net_random, bytes + 4, 4);
        if (len > LCP_HEADER_BYTES)
            bytes[LCP_HEADER_BYTES + pick / 3 % (len - LCP_HEADER_BYTES)] ^= 1;
        say(sim, sim_index(as), sim_index(to), bytes, len, true,
            pick % FLOOD_SPREAD_MS);
    }
}

void
sim_forge_receipt(struct sim *sim, char from, char to, enum lcp_word word,
                  const char *id, const uint8_t *digest)
{
    char name[2] = {from, '\0'}, other[2] = {to, '\0'};
    uint8_t bytes[LCP_SIGNED_PACKET_MAX] = "LCP1";
    const struct sim_mail *mail = sim_find_mail(sim, id);
    struct lcp_receipt_entry entry = {.has_seq = false};
    struct lcp_receipt_draft draft = {.from = name,
                                      .to = other,
                                      .timestamp = "2026-03-28T12:00:00+00:00",
                                      .word = word,
                                      .entries = &entry,
                                      .count = 1};
    uint32_t used = 0;
    size_t len = 0;

    if (sim->scratch == NULL)
        sim->scratch = malloc(sizeof(*sim->scratch));
    assert(sim->scratch != NULL && strlen(id) <= LCP_ID_MAX);
    memcpy(entry.id, id, strlen(id) + 1);
    if (digest != NULL)
        memcpy(entry.digest, digest, sizeof(entry.digest));
    else if (mail != NULL)
        memcpy(entry.digest, mail->digest, sizeof(entry.digest));
    if (lcp_receipt_build(&draft, &sim_node(sim, from)->identity, sim->scratch,
                          (char *)bytes + LCP_HEADER_BYTES, &len, &used) != LCP_OK)
        assert(!"a forged receipt must be well formed");
    sim_random_fill(&sim->net_random, bytes + 4, 4);
    bytes[TYPE_AT] = LCP_PACKET_RECEIPT;
    say(sim, sim_index(from), sim_index(to), bytes, len + LCP_HEADER_BYTES, false, 1);
}
