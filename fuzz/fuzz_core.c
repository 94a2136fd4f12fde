/* SPDX-License-Identifier: MIT
 *
 * The machine under any order of feeds, with tiny limits and virtual time. The bytes
 * are a program: each takes a step. Held to: no assert, nothing borrowed after it was
 * given back (payloads are freed then), no ACK for what was not stored or applied, and
 * in the end, when all peers answer as they can (LCP/1.1: ACK, LCP/1.2: receipt), every
 * queued row is settled.
 */
#include "core_bench.h"

static void
mail(struct bench *b)
{
    static const char rest[] =
        "\",\"from\":\"x\",\"to\":\"me\",\"timestamp\":"
        "\"2026-03-28T12:00:00Z\",\"type\":\"chat\",\"message\":\"\","
        "\"security\":{\"algo\":\"ed25519\",\"pubkey\":\"";
    char text[512] = "{\"id\":\"", key[LCP_KEY_B64 + 1], sig[LCP_SIG_B64 + 1];
    uint32_t peer = take(b) % PEERS, seq = take(b) % SEQS;
    uint8_t id = (uint8_t)('a' + take(b) % 16);

    lcp_key_print(&keys[take(b) % 8 == 0 ? (peer + 1) % PEERS : peer], key);
    memset(sig, 'A', LCP_SIG_B64);
    memcpy(sig + LCP_SIG_B64 - 2, "==", 3);
    text[7] = (char)id;
    strcat(text, rest);
    strcat(text, key);
    strcat(text, "\",\"signature\":\"");
    strcat(text, sig);
    strcat(text, take(b) % 8 == 0 ? "\"},\"more\":1}" : "\"}}");
    b->ids_of[seq] |= UINT32_C(1) << (id - 'a');
    packet(b, peer, LCP_PACKET_DATA, seq, lcp_span_str(text));
}

static const char *
security(const struct lcp_key *key)
{
    static char text[256];
    char key_text[LCP_KEY_B64 + 1], sig[LCP_SIG_B64 + 1];

    lcp_key_print(key, key_text);
    memset(sig, 'A', LCP_SIG_B64);
    memcpy(sig + LCP_SIG_B64 - 2, "==", 3);
    snprintf(text, sizeof(text),
             "\"from\":\"x\",\"to\":\"me\",\"timestamp\":\"t\",\"security\":{"
             "\"algo\":\"ed25519\",\"pubkey\":\"%s\",\"signature\":\"%s\"}",
             key_text, sig);
    return text;
}

static void
greet(struct bench *b)
{
    uint32_t peer = take(b) % PEERS, seq = take(b) % SEQS;
    uint8_t nonce = take(b), how = take(b);
    char text[512], echo[2 * LCP_NONCE_BYTES + 1] = "";

    if (how % 4 != 0 && b->has_nonce[peer])
        lcp_hex_print(b->nonces[peer], LCP_NONCE_BYTES, echo);
    snprintf(text, sizeof(text),
             "{\"type\":\"hello\",\"lcp\":\"1.%d\",\"boot\":\"%016x\",\"nonce\":"
             "\"%016x\",\"echo\":\"%s\",%s}",
             how % 16 == 1 ? 1 : 2, how / 128, nonce, echo,
             security(&keys[how % 32 == 2 ? (peer + 1) % PEERS : peer]));
    b->was_beat[seq] = true;
    packet(b, peer, LCP_PACKET_HEARTBEAT, SEQS + seq, lcp_span_str(text));
}

static void
say(struct bench *b, uint32_t peer, const struct lcp_key *key, const char *state,
    uint32_t seq, const uint32_t *of, uint32_t count)
{
    char text[768];
    int len = snprintf(text, sizeof(text),
                       "{\"type\":\"receipt\",%s,\"retryS\":9,\"state\":\"%s\","
                       "\"of\":[",
                       security(key), state);

    for (uint32_t i = 0; i < count; i++)
        len += snprintf(text + len, sizeof(text) - (size_t)len,
                        "%s[\"a\",\"%032d\",%lu]", i > 0 ? "," : "", 0,
                        (unsigned long)of[i]);
    snprintf(text + len, sizeof(text) - (size_t)len, "]}");
    b->was_receipt[seq] = true;
    packet(b, peer, LCP_PACKET_RECEIPT, 2 * SEQS + seq, lcp_span_str(text));
}

static void
say_something(struct bench *b)
{
    uint32_t peer = take(b) % PEERS, seq = take(b) % SEQS, of[WORDS];
    uint8_t how = take(b);

    for (uint32_t i = 0; i < WORDS; i++)
        of[i] = b->known[take(b) % SEQS];
    say(b, peer, &keys[how % 16 == 1 ? (peer + 1) % PEERS : peer],
        how % 4 == 0 ? "later" : "stored", seq, of, 1 + how / 16 % WORDS);
}

static void
end_hello(struct bench *b, bool is_valid, bool pins)
{
    size_t newest = b->hello_count < TICKETS ? b->hello_count : TICKETS;
    size_t i = newest == 0 ? 0 : take(b) % newest;
    struct lcp_core_peer_view view;
    uint32_t peer = newest == 0 ? PEERS : name_of(b, b->hello_peers[i]);

    if (newest == 0)
        return;
    /* What is valid without a pin makes one. */
    if (peer < PEERS && lcp_core_peer_view(b->core, b->now_ms, b->index[peer], &view))
        pins = pins || !view.has_key;
    lcp_core_hello(b->core, b->now_ms, b->hellos[i], is_valid,
                   pins && peer < PEERS ? keys[peer].bytes : NULL);
    poll(b);
}

/* The row that this number was spent on, if it is one of that peer's queue. */
static uint64_t
number_of(const struct bench *b, uint32_t peer, uint32_t seq)
{
    for (size_t i = 0; i < SEQS && i < b->known_count; i++) {
        uint64_t number = b->known_number[i];

        if (b->known[i] == seq && b->known_peer[i] == peer && number != 0 &&
            b->rows[number].peer == peer && b->rows[number].is_queued)
            return number;
    }
    return 0;
}

/* The record has changed; a machine that knows the peer still has let go of it. */
static void
apply(struct bench *b, const struct words *words, const struct lcp_core_word *told)
{
    for (uint32_t i = 0; i < words->count; i++) {
        bool is_known = words->deleted == b->deleted[words->peer];

        if (told[i].number == 0 || told[i].is_later)
            continue;
        b->rows[told[i].number].is_queued = false;
        HOLDS(!is_known || !lcp_core_is_inflight(b->core, told[i].number));
        if (is_known)
            give_back(b, told[i].number);
    }
}

static void
end_receipt(struct bench *b, enum lcp_admission result)
{
    struct lcp_core_word told[WORDS] = {0};
    struct words words;
    size_t i;

    if (b->words_count == 0)
        return;
    i = take(b) % b->words_count;
    words = b->words[i];
    b->words[i] = b->words[--b->words_count];
    for (i = 0; i < words.count; i++)
        told[i] = (struct lcp_core_word){
            .number = number_of(b, words.peer, words.seqs[i]),
            .has_seq = true,
            .seq = words.seqs[i],
            .is_later = words.is_later,
            .retry_ms = 9000};
    b->is_receipt_applied |= result == LCP_ADM_STORED;
    lcp_core_receipt(b->core, b->now_ms, words.ticket, result, told, words.count);
    if (result == LCP_ADM_STORED)
        apply(b, &words, told);
    poll(b);
}

static void
offer_news(struct bench *b, uint32_t peer)
{
    uint64_t number = ++b->row_count;
    uint8_t *payload = malloc(PAYLOAD);

    HOLDS(payload != NULL);
    memset(payload, (int)number, PAYLOAD);
    b->rows[number].peer = peer;
    if (lcp_core_offer_receipt(b->core, b->now_ms, b->index[peer],
                               number | UINT64_C(1) << 63,
                               lcp_span(payload, PAYLOAD)) == LCP_OK)
        b->rows[number].payload = payload;
    else
        free(payload);
}

static void
tell_news(struct bench *b, uint32_t peer, uint8_t how)
{
    if (how % 4 == 0)
        lcp_core_news(b->core, b->now_ms, b->index[peer]);
    if (how % 4 >= 2 && b->news[peer]) {
        b->news[peer] = false;
        if (how % 4 == 2 && b->row_count + 1 < ROWS)
            offer_news(b, peer);
        else
            lcp_core_no_news(b->core, b->now_ms, b->index[peer], how / 4 % 2);
    }
    poll(b);
}

/* A step of LCP/1.2, or of time. */
static void
step_more(struct bench *b, uint8_t how)
{
    static const enum lcp_admission ends[] = {LCP_ADM_STORED, LCP_ADM_STORED,
                                              LCP_ADM_LATER, LCP_ADM_BADSIG};
    uint32_t peer = how / 8 % PEERS;

    switch (how % 8) {
    case 0:
    case 1:
        greet(b);
        break;
    case 2:
        end_hello(b, how / 8 % 4 != 0, how / 32 % 4 == 0);
        break;
    case 3:
        say_something(b);
        break;
    case 4:
        end_receipt(b, ends[how / 8 % 4]);
        break;
    case 5:
        tell_news(b, peer, how / 32);
        break;
    case 6: {
        uint8_t payload[PAYLOAD] = {0};

        lcp_core_answer(b->core, b->now_ms, b->index[peer],
                        lcp_span(payload, sizeof(payload)));
        poll(b);
        break;
    }
    default:
        lcp_core_set_version(b->core, b->now_ms, b->index[peer],
                             how / 32 % 2 == 0 ? LCP_VERSION_1_1 : LCP_VERSION_1_2);
        break;
    }
}

static void
end_admission(struct bench *b)
{
    size_t i = b->ticket_count == 0 ? 0 : take(b) % b->ticket_count;
    enum lcp_admission result = (enum lcp_admission)(take(b) % (LCP_ADM_LATER + 1));

    if (b->ticket_count == 0)
        return;
    /* Every number that came with this id may be answered from now on. */
    if (result == LCP_ADM_STORED || result == LCP_ADM_DUPLICATE)
        b->stored |= UINT32_C(1) << (b->tickets[i].id - 'a') % 32;
    lcp_core_admitted(b->core, b->now_ms, b->tickets[i].ticket, result,
                      take(b) % 4 == 0 ? keys[take(b) % PEERS].bytes : NULL);
    b->tickets[i] = b->tickets[--b->ticket_count];
    poll(b);
}

static void
put(struct bench *b, uint32_t peer, bool has_key)
{
    struct lcp_core_peer p = {
        .name = names[peer],
        .endpoint = place(peer),
        .has_key = has_key,
    };

    memcpy(p.key, keys[peer].bytes, sizeof(p.key));
    if (lcp_core_peer_put(b->core, b->now_ms, &p, &b->index[peer]) != LCP_OK)
        return;
    poll(b);
}

static void
del(struct bench *b, uint32_t peer)
{
    lcp_core_peer_del(b->core, b->now_ms, b->index[peer]);
    poll(b);
    if (b->has_refill[peer])
        lcp_core_refilled(b->core, b->now_ms, b->index[peer], 0, false);
    b->has_refill[peer] = b->news[peer] = false;
    b->deleted[peer]++;
    b->index[peer] = LCP_NO_PEER;
}

static void
queue(struct bench *b, uint32_t peer, uint8_t how)
{
    uint64_t number = b->row_count + 1;

    if (number >= ROWS || b->index[peer] == LCP_NO_PEER)
        return;
    b->row_count++;
    b->rows[number].peer = peer;
    if (how == 0) {
        offer(b, b->index[peer], number | UINT64_C(1) << 63, false);
    } else if (lcp_core_reserve(b->core, b->now_ms, b->index[peer], PAYLOAD)) {
        b->rows[number].is_queued = true;
        if (how < 3) {
            HOLDS(offer(b, b->index[peer], number, true));
        } else {
            lcp_core_unreserve(b->core, b->index[peer], PAYLOAD);
            lcp_core_queued(b->core, b->now_ms, b->index[peer]);
        }
    } else {
        b->rows[number].is_queued = true;
        lcp_core_queued(b->core, b->now_ms, b->index[peer]);
    }
    poll(b);
}

static void
forget(struct bench *b)
{
    uint64_t number = b->row_count == 0 ? 0 : 1 + take(b) % b->row_count;
    bool is_ephemeral;

    if (number == 0)
        return;
    is_ephemeral = !b->rows[number].is_queued && b->rows[number].payload != NULL;
    lcp_core_forget(b->core, b->now_ms,
                    is_ephemeral ? number | UINT64_C(1) << 63 : number,
                    take(b) % 2 == 0);
    b->rows[number].is_queued = false;
    give_back(b, number);
    poll(b);
}

static void
end_refill(struct bench *b, uint32_t peer, bool is_well)
{
    if (!b->has_refill[peer])
        return;
    b->has_refill[peer] = false;
    if (is_well)
        carry_out_refill(b, &b->refills[peer]);
    else
        lcp_core_refill_failed(b->core, b->now_ms, b->refills[peer].peer);
    poll(b);
}

static void
answer(struct bench *b, size_t i)
{
    if (i < b->known_count)
        packet(b, b->known_peer[i % SEQS], LCP_PACKET_ACK, b->known[i % SEQS],
               lcp_span("", 0));
}

static void
step(struct bench *b)
{
    uint8_t what = take(b), how = take(b);
    uint32_t peer = how % PEERS;

    switch (what % 16) {
    case 0:
        b->now_ms += how;
        break;
    case 1:
        if (how < 224)
            step_more(b, how);
        else /* often found to have slept */
            b->now_ms += how * UINT64_C(1000);
        break;
    case 2:
    case 3: {
        uint64_t next = lcp_core_next_ms(b->core);

        b->now_ms = next != LCP_NEVER && next > b->now_ms ? next : b->now_ms;
        break;
    }
    case 4:
    case 5:
        mail(b);
        break;
    case 6:
    case 7:
        end_admission(b);
        break;
    case 8:
    case 9:
        queue(b, peer, how / PEERS % 8);
        break;
    case 10:
        answer(b, b->known_count - 1 -
                      how % (b->known_count < SEQS ? b->known_count + 1 : SEQS));
        break;
    case 11:
        b->was_beat[take(b) % SEQS] = true;
        for (uint32_t i = 0; i < SEQS; i++)
            if (b->was_beat[i])
                packet(b, peer, LCP_PACKET_HEARTBEAT, SEQS + i, lcp_span("", 0));
        break;
    case 12:
        b->holds_refills = how % 2;
        end_refill(b, how / 2 % PEERS, how / 8 % 4 != 0);
        break;
    case 13:
        forget(b);
        break;
    case 14:
        if (how / PEERS % 4 == 0)
            del(b, peer);
        else
            put(b, peer, how / PEERS % 2);
        break;
    default: { /* anything at all */
        size_t len = how < b->left ? how : b->left;
        struct lcp_endpoint from = place(peer);

        if (len < LCP_HEADER_BYTES || b->in[8] != LCP_PACKET_HEARTBEAT)
            lcp_core_datagram(b->core, b->now_ms, &from, lcp_span(b->in, len));
        b->in += len;
        b->left -= len;
        break;
    }
    }
    poll(b);
}

/* What is out comes to an end. */
static void
end_everything(struct bench *b)
{
    b->holds_refills = false;
    for (uint32_t i = 0; i < PEERS; i++) {
        end_refill(b, i, true);
        if (b->news[i])
            tell_news(b, i, 3);
    }
    while (b->ticket_count > 0) {
        b->ticket_count--;
        lcp_core_admitted(b->core, b->now_ms, b->tickets[b->ticket_count].ticket,
                          LCP_ADM_LATER, NULL);
        poll(b);
    }
    while (b->words_count > 0)
        end_receipt(b, LCP_ADM_STORED);
}

/* As its peer can: an ACK, and of LCP/1.2 a receipt for each message. */
static void
answer_well(struct bench *b, size_t i)
{
    uint32_t peer = b->known_peer[i % SEQS];
    struct lcp_core_peer_view view;

    if (b->known_number[i % SEQS] != 0 &&
        lcp_core_peer_view(b->core, b->now_ms, b->index[peer], &view) &&
        view.version == LCP_VERSION_1_2) {
        struct lcp_key key;

        memcpy(key.bytes, view.key, sizeof(key.bytes));
        if (!view.has_key) /* cannot be: its proof would have pinned one */
            lcp_core_set_version(b->core, b->now_ms, b->index[peer], LCP_VERSION_1_1);
        else
            say(b, peer, &key, "stored", 0, &b->known[i % SEQS], 1);
        end_everything(b);
    }
    answer(b, i);
}

static bool
is_queued(const struct bench *b)
{
    for (uint64_t n = 1; n <= b->row_count; n++)
        if (b->rows[n].is_queued && b->index[b->rows[n].peer] != LCP_NO_PEER)
            return true;
    return false;
}

/* All peers answer at once, for an hour: nothing may be left. */
static void
settle_everything(struct bench *b)
{
    uint64_t end = b->now_ms + 3600000;

    end_everything(b);
    while (b->now_ms < end && is_queued(b)) {
        size_t from = b->known_count;
        uint64_t next;

        poll(b);
        end_everything(b);
        for (size_t i = from; i < b->known_count; i++)
            answer_well(b, i);
        next = lcp_core_next_ms(b->core);
        if (next == LCP_NEVER)
            break;
        b->now_ms = next > b->now_ms ? next : b->now_ms;
    }
    HOLDS(!is_queued(b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lcp_core_config config = {
        .name = "me",
        .key = {99},
        .limits = {.peers_max = 3,
                   .inflight_max = 10,
                   .parked_max = 4,
                   .admissions_max = 6,
                   .admissions_peer_max = 4},
    };
    size_t memory_size = lcp_core_size(&config.limits);
    void *memory = malloc(memory_size);
    static struct bench b;

    for (uint32_t i = 0; i < PEERS; i++) {
        struct lcp_identity identity;
        uint8_t seed[LCP_SEED_BYTES] = {(uint8_t)(1 + i)};

        lcp_identity_from_seed(seed, &identity);
        keys[i] = identity.key;
    }
    b = (struct bench){.in = data, .left = size, .now_ms = 1000};
    HOLDS(memory != NULL);
    HOLDS(lcp_core_init(memory, memory_size, &config, b.now_ms, &b.core) == LCP_OK);
    for (uint32_t i = 0; i < PEERS; i++)
        b.index[i] = LCP_NO_PEER;
    put(&b, 0, true);
    put(&b, 1, false);
    while (b.left > 0)
        step(&b);
    settle_everything(&b);
    for (uint64_t n = 0; n < ROWS; n++)
        free(b.rows[n].payload);
    free(memory);
    return 0;
}
