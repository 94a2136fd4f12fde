/* SPDX-License-Identifier: MIT
 *
 * The life of one record on a machine whose power fails again and again. Beside the
 * real store runs the one in memory, fed with the same batches, as the book of what was
 * acknowledged.
 */
#ifndef LCP_TESTS_POWER_LIFE_H
#define LCP_TESTS_POWER_LIFE_H

#include <stdbool.h>
#include <stdint.h>

/* What is wrong with the store, on purpose. */
enum power_fault {
    POWER_SOUND,
    POWER_SYNC_NORMAL,       /* PRAGMA synchronous = NORMAL */
    POWER_JOURNAL_OFF,       /* PRAGMA journal_mode = OFF */
    POWER_EARLY_ACK,         /* acknowledged before the commit */
    POWER_LOG_UNSYNCED,      /* the disk ignores syncs of the log */
    POWER_DATABASE_UNSYNCED, /* of the database, which a checkpoint relies on */
    POWER_FAULTS
};

struct power_plan {
    uint64_t seed;
    enum power_fault fault;
    bool is_loud;
};

/* Sums over lives. */
struct power_report {
    uint64_t lives, failures; /* of the power */
    uint64_t idle;            /* of these: while nothing was under way */
    uint64_t opening;         /* of these: while the store opened or recovered */
    uint64_t committing, checkpointing, closing;
    uint64_t acknowledged; /* batches */
    uint64_t rows;         /* messages there at the ends of lives */
    uint64_t came, went;   /* batches whose commit the failure met: there, not there */
    uint64_t returned;     /* of these that went, and were there after a later failure:
                              nobody was told, and yet it must not be */
    uint64_t lost;    /* lives that ended with a whole record, but not the right one */
    uint64_t damaged; /* lives that ended with a file SQLite objects to */
};

/* One life of up to so many power failures; ends early with the first broken promise,
 * which is said on stderr if the plan is loud. */
void power_life(const struct power_plan *plan, uint64_t number, unsigned failures,
                struct power_report *report);

#endif
