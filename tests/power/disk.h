/* SPDX-License-Identifier: MIT
 *
 * A folder of files that can lose its power. Every file has the bytes that are surely
 * on the platter and, in order, what was written since its last sync; names are made
 * and removed with a sync of their own. Knows nothing of SQLite.
 */
#ifndef LCP_TESTS_POWER_DISK_H
#define LCP_TESTS_POWER_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/random.h"

enum {
    POWER_NAME_MAX = 255,
    POWER_NAMES_MAX = 8,  /* a database, its log, its journal */
    POWER_HISTORY_MAX = 6 /* files a name may stand for after a power failure */
};

struct power_bytes {
    uint8_t *data;
    size_t len, cap;
};

/* A write of len bytes at `at`, or with data NULL a cut to the size `at`. */
struct power_change {
    size_t at, len;
    uint8_t *data;
};

struct power_file {
    unsigned refs; /* names and open handles */
    struct power_bytes now, durable;
    struct power_change *changes; /* since the last sync, oldest first */
    size_t change_count, change_cap;
};

/* What the name stood for since the folder was synced: first the durable file, last
 * the present one; NULL: none. */
struct power_name {
    char text[POWER_NAME_MAX + 1];
    struct power_file *history[POWER_HISTORY_MAX];
    size_t count;
};

struct power_disk {
    struct power_name names[POWER_NAMES_MAX];
    size_t name_count;
};

void power_disk_free(struct power_disk *d);

/* Another reference, to be dropped; NULL: no such file. */
struct power_file *power_disk_open(struct power_disk *d, const char *name,
                                   bool may_create);
struct power_file *power_disk_find(struct power_disk *d, const char *name);
void power_disk_remove(struct power_disk *d, const char *name);
void power_disk_sync_folder(struct power_disk *d);

void power_file_drop(struct power_file *f);
/* Bytes there were; what lies behind the end reads as zeros. */
size_t power_file_read(const struct power_file *f, size_t at, uint8_t *out, size_t len);
void power_file_write(struct power_file *f, size_t at, const uint8_t *data, size_t len);
void power_file_cut(struct power_file *f, size_t size);
void power_file_sync(struct power_file *f);

/* The power fails: of each file, independently, what was not synced is dropped, kept,
 * or kept in parts, and every name stands for one of the files it may stand for. What
 * there is afterwards is durable. Every handle was closed before. */
void power_disk_fail(struct power_disk *d, struct sim_random *random);

#endif
