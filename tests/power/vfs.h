/* SPDX-License-Identifier: MIT
 *
 * A machine that runs SQLite on a disk that can lose its power: a VFS, registered as
 * the default, so that the store under test does not know. Locks and the shared memory
 * of the log's index live in the machine and go with its power.
 */
#ifndef LCP_TESTS_POWER_VFS_H
#define LCP_TESTS_POWER_VFS_H

#include <sqlite3.h>

#include "power/disk.h"

enum { POWER_REGIONS_MAX = 16, POWER_LOCKS = SQLITE_SHM_NLOCK };

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
    sqlite3_vfs vfs;
};

/* The machine is zeroed or was removed; it stays where it is. */
void power_machine_install(struct power_machine *m);
void power_machine_remove(struct power_machine *m);

#endif
