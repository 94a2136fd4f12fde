/* SPDX-License-Identifier: MIT
 *
 * Machines that run SQLite each on a disk of its own that can lose its power: a VFS for
 * every machine. Locks and the shared memory of the log's index live in the machine and
 * go with its power. Any number of machines beside each other, on one thread; no file
 * of the real system is touched; all follows from the seeds.
 *
 *     struct power_machine *m = power_machine_new(seed);
 *     power_machine_open(m, false, &writer);      the store of store/store.h
 *     power_machine_open(m, true, &reader);       beside it, any number
 *     ...
 *     power_machine_arm(m, 17, false);            optional: in the middle of something
 *     ...                                         calls fail once is_on() is false
 *     power_machine_cut(m);                       the power is gone, whatever was armed
 *     reader->ops->close(reader);                 the dead process's handles: close all
 *     writer->ops->close(writer);
 *     power_machine_restart(m, &random);          what was not synced is dropped or
 * torn power_machine_open(m, false, &writer);      as after a reboot
 *     ...
 *     power_machine_free(m);                      every handle was closed
 *
 * A process that dies without a loss of power (kill -9) is cut, close, then
 * power_machine_revive: the disk keeps all that was written.
 */
#ifndef LCP_TESTS_POWER_VFS_H
#define LCP_TESTS_POWER_VFS_H

#include <sqlite3.h>

#include "power/disk.h"
#include "store/store.h"

enum { POWER_REGIONS_MAX = 64, POWER_LOCKS = SQLITE_SHM_NLOCK };

struct power_machine {
    struct power_disk disk;
    struct sim_random random; /* of SQLite: salts */
    bool is_on;
    bool skips_log, skips_database; /* says "synced" and did nothing */
    bool waits_for_sync; /* the power fails at a sync, the next one when it is due */
    uint64_t left;       /* changes and syncs before the power fails */
    uint64_t spent;      /* changes and syncs so far */
    unsigned opened;     /* handles on the database file */
    unsigned shared, reserved, exclusive;
    unsigned mapped;
    void *regions[POWER_REGIONS_MAX];
    unsigned readers[POWER_LOCKS];
    bool is_taken[POWER_LOCKS];
    char name[32]; /* of the VFS */
    sqlite3_vfs vfs;
};

/* A machine that is on, with an empty disk. The newest machine also seeds SQLite's own
 * generator, from then on. */
struct power_machine *power_machine_new(uint64_t seed);
void power_machine_free(struct power_machine *m);

/* Opens the record of this machine; the errors of lcp_store_sqlite_open. */
LCP_MUST_USE enum lcp_err power_machine_open(struct power_machine *m, bool read_only,
                                             struct lcp_store **out);

/* The power fails at the change or sync number `left` from now, 1 is the next; at_sync:
 * not before the first sync after it. UINT64_MAX: never. */
void power_machine_arm(struct power_machine *m, uint64_t left, bool at_sync);
static inline bool
power_machine_is_on(const struct power_machine *m)
{
    return m->is_on;
}

/* Nothing works from now on. */
void power_machine_cut(struct power_machine *m);
/* Every handle was closed. restart: each file loses of what was not synced all, nothing
 * or parts (a subset of the writes, torn at 512 or 4,096 bytes), as the lot says.
 * revive: loses nothing. The machine is on again, nothing armed. */
void power_machine_restart(struct power_machine *m, struct sim_random *random);
void power_machine_revive(struct power_machine *m);

#endif
