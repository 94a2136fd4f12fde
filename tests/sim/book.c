/* SPDX-License-Identifier: MIT
 *
 * The watcher's book: every message by its id, every sequence number by who sent it to
 * whom.
 */
#include "state.h"

#include <assert.h>
#include <stdlib.h>

/* Ids. */

static uint32_t
hash_id(const char *id)
{
    uint32_t hash = 2166136261u;

    for (; *id != '\0'; id++)
        hash = (hash ^ (uint8_t)*id) * 16777619u;
    return hash;
}

static void
index_mail(struct sim *sim, size_t at)
{
    size_t i = hash_id(sim->mails[at].id) & (sim->bucket_count - 1);

    while (sim->mail_buckets[i] != 0)
        i = (i + 1) & (sim->bucket_count - 1);
    sim->mail_buckets[i] = (uint32_t)at + 1;
}

struct sim_mail *
sim_find_mail(struct sim *sim, const char *id)
{
    if (sim->bucket_count == 0)
        return NULL;
    for (size_t i = hash_id(id) & (sim->bucket_count - 1);;
         i = (i + 1) & (sim->bucket_count - 1)) {
        if (sim->mail_buckets[i] == 0)
            return NULL;
        if (strcmp(sim->mails[sim->mail_buckets[i] - 1].id, id) == 0)
            return &sim->mails[sim->mail_buckets[i] - 1];
    }
}

struct sim_mail *
sim_mail(struct sim *sim, const char *id, int from, int to)
{
    struct sim_mail *mail = sim_find_mail(sim, id);

    if (mail != NULL)
        return mail;
    sim->mails = sim_grow(sim->mails, sim->mail_count, &sim->mail_cap,
                          sizeof(sim->mails[0]));
    mail = &sim->mails[sim->mail_count];
    *mail = (struct sim_mail){.label = (int)sim->mail_count + 1,
                              .from = from,
                              .to = to,
                              .may_end = sim->options.may_end};
    memcpy(mail->id, id, strlen(id) + 1);
    sim->mail_count++;
    if (sim->mail_count * 2 > sim->bucket_count) {
        sim->bucket_count = sim->bucket_count == 0 ? 256 : sim->bucket_count * 2;
        free(sim->mail_buckets);
        sim->mail_buckets = calloc(sim->bucket_count, sizeof(sim->mail_buckets[0]));
        assert(sim->mail_buckets != NULL);
        for (size_t i = 0; i < sim->mail_count; i++)
            index_mail(sim, i);
    } else {
        index_mail(sim, sim->mail_count - 1);
    }
    return mail;
}

void
sim_may_end(struct sim *sim, char from, char to, const char *id)
{
    sim_mail(sim, id, sim_index(from), sim_index(to))->may_end = true;
}

struct sim_mail *
sim_mail_in(struct sim *sim, int node, uint64_t number)
{
    for (size_t i = sim->mail_count; i-- > 0;)
        if (sim->mails[i].to == node && sim->mails[i].in_number == number)
            return &sim->mails[i];
    return NULL;
}

/* Sequence numbers. */

static size_t
seq_slot(const struct sim_seqs *seqs, uint64_t key)
{
    size_t i = (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (seqs->cap - 1);

    while (seqs->rows[i].key != 0 && seqs->rows[i].key != key)
        i = (i + 1) & (seqs->cap - 1);
    return i;
}

struct sim_seq *
sim_seqs_find(struct sim_seqs *seqs, uint64_t key)
{
    size_t i;

    if (seqs->cap == 0)
        return NULL;
    i = seq_slot(seqs, key);
    return seqs->rows[i].key != 0 ? &seqs->rows[i] : NULL;
}

struct sim_seq *
sim_seqs_put(struct sim_seqs *seqs, uint64_t key)
{
    struct sim_seq row = {.key = key, .mail = -1, .others = {-1, -1, -1}};
    size_t i;

    if (seqs->count * 2 >= seqs->cap) {
        struct sim_seqs bigger = {.cap = seqs->cap == 0 ? 1024 : seqs->cap * 2,
                                  .count = seqs->count};

        bigger.rows = calloc(bigger.cap, sizeof(bigger.rows[0]));
        assert(bigger.rows != NULL);
        for (i = 0; i < seqs->cap; i++)
            if (seqs->rows[i].key != 0)
                bigger.rows[seq_slot(&bigger, seqs->rows[i].key)] = seqs->rows[i];
        free(seqs->rows);
        *seqs = bigger;
    }
    i = seq_slot(seqs, key);
    if (seqs->rows[i].key != 0) {
        row.others[0] = seqs->rows[i].mail;
        row.others[1] = seqs->rows[i].others[0];
        row.others[2] = seqs->rows[i].others[1];
    }
    seqs->count += seqs->rows[i].key == 0;
    seqs->rows[i] = row;
    return &seqs->rows[i];
}
