/* SPDX-License-Identifier: MIT
 *
 * What a node does to its record, drawn by lot: the jobs of a batch, as values, so that
 * two stores can be given the same. And all that can be read of a record, as bytes, so
 * that two can be compared.
 */
#ifndef LCP_TESTS_POWER_WORK_H
#define LCP_TESTS_POWER_WORK_H

#include "sim/random.h"
#include "store/store.h"

enum { POWER_RAW_MAX = 60000, POWER_BATCH_MAX = 64 };

enum power_job_kind {
    POWER_ADD_IN,
    POWER_ADD_OUT,
    POWER_MOVE_IN,
    POWER_MOVE_OUT,
    POWER_TRANSMITTED,
    POWER_RESIGN,
    POWER_PURGE,
    POWER_PIN,
    POWER_UNPIN,
    POWER_LIFE,
    POWER_SEEN,
    POWER_TOLD,
    POWER_PEER,
    POWER_FORGET_PEER,
    POWER_AUDIT,
};

struct power_job {
    enum power_job_kind kind;
    char id[LCP_UUID_CHARS + 1], peer[LCP_NAME_MAX + 1];
    uint64_t number, lot; /* lot: of what else there is to choose */
    int state;
    size_t raw_len;
};

/* known: messages there are; next: of ids. */
struct power_job power_job_draw(struct sim_random *random, uint64_t known,
                                uint64_t *next);
/* Errors other than of the disk are a result like any. */
LCP_MUST_USE enum lcp_err power_job_do(struct lcp_store *s,
                                       const struct power_job *job);

struct power_dump {
    uint8_t *data;
    size_t len, cap;
};
/* False: it could not be read. *out is reused; the caller frees data. */
bool power_dump(struct lcp_store *s, struct power_dump *out);

#endif
