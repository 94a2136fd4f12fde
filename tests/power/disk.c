/* SPDX-License-Identifier: MIT
 *
 * The folder of files in memory, and what a power failure makes of it. Changes to one
 * place of a file reach the platter in their order, or not at all; between different
 * sectors, and between files, nothing is promised. A write never harms bytes beside it:
 * SQLite's own layer for Unix promises the same of the disk ("powersafe overwrite").
 */
#include "power/disk.h"

#include "check.h"

enum { SMALL_SECTOR_BYTES = 512, LARGE_SECTOR_BYTES = 4096 };

static void
bytes_resize(struct power_bytes *b, size_t len)
{
    if (len > b->cap) {
        size_t cap = len > 2 * b->cap ? len : 2 * b->cap;

        b->data = realloc(b->data, cap);
        REQUIRE(b->data != NULL);
        b->cap = cap;
    }
    if (len > b->len)
        memset(b->data + b->len, 0, len - b->len);
    b->len = len;
}

static void
bytes_put(struct power_bytes *b, size_t at, const uint8_t *data, size_t len)
{
    if (at + len > b->len)
        bytes_resize(b, at + len);
    if (len > 0)
        memcpy(b->data + at, data, len);
}

static void
bytes_apply(struct power_bytes *b, const struct power_change *change)
{
    if (change->data != NULL)
        bytes_put(b, change->at, change->data, change->len);
    else
        bytes_resize(b, change->at);
}

static struct power_file *
file_new(void)
{
    struct power_file *f = calloc(1, sizeof(*f));

    REQUIRE(f != NULL);
    f->refs = 1;
    return f;
}

static void
forget_changes(struct power_file *f)
{
    for (size_t i = 0; i < f->change_count; i++)
        free(f->changes[i].data);
    f->change_count = 0;
}

void
power_file_drop(struct power_file *f)
{
    if (f == NULL || --f->refs > 0)
        return;
    forget_changes(f);
    free(f->changes);
    free(f->now.data);
    free(f->durable.data);
    free(f);
}

static struct power_file **
present_of(struct power_name *n)
{
    return &n->history[n->count - 1];
}

/* Takes over the reference. */
static void
name_becomes(struct power_name *n, struct power_file *f)
{
    if (n->count == POWER_HISTORY_MAX) { /* the durable one stays */
        power_file_drop(n->history[1]);
        memmove(n->history + 1, n->history + 2,
                (POWER_HISTORY_MAX - 2) * sizeof(n->history[0]));
        n->count--;
    }
    n->history[n->count++] = f;
}

/* Keeps one of the files the name may stand for, and that for good. */
static void
name_settles(struct power_name *n, size_t kept)
{
    struct power_file *f = n->history[kept];

    for (size_t i = 0; i < n->count; i++)
        if (i != kept)
            power_file_drop(n->history[i]);
    n->history[0] = f;
    n->count = 1;
}

void
power_disk_free(struct power_disk *d)
{
    for (size_t i = 0; i < d->name_count; i++) {
        name_settles(&d->names[i], 0);
        power_file_drop(d->names[i].history[0]);
    }
    d->name_count = 0;
}

static struct power_name *
find_name(struct power_disk *d, const char *name)
{
    for (size_t i = 0; i < d->name_count; i++)
        if (strcmp(d->names[i].text, name) == 0)
            return &d->names[i];
    return NULL;
}

struct power_file *
power_disk_find(struct power_disk *d, const char *name)
{
    struct power_name *n = find_name(d, name);

    return n != NULL ? *present_of(n) : NULL;
}

struct power_file *
power_disk_open(struct power_disk *d, const char *name, bool may_create)
{
    struct power_name *n = find_name(d, name);

    if ((n == NULL || *present_of(n) == NULL) && !may_create)
        return NULL;
    if (n == NULL) {
        REQUIRE(d->name_count < POWER_NAMES_MAX && strlen(name) <= POWER_NAME_MAX);
        n = &d->names[d->name_count++];
        memset(n, 0, sizeof(*n));
        memcpy(n->text, name, strlen(name) + 1);
        n->count = 1;
    }
    if (*present_of(n) == NULL)
        name_becomes(n, file_new());
    (*present_of(n))->refs++;
    return *present_of(n);
}

void
power_disk_remove(struct power_disk *d, const char *name)
{
    struct power_name *n = find_name(d, name);

    if (n != NULL && *present_of(n) != NULL)
        name_becomes(n, NULL);
}

void
power_disk_sync_folder(struct power_disk *d)
{
    for (size_t i = 0; i < d->name_count; i++)
        name_settles(&d->names[i], d->names[i].count - 1);
}

size_t
power_file_read(const struct power_file *f, size_t at, uint8_t *out, size_t len)
{
    size_t there = at < f->now.len ? f->now.len - at : 0;

    if (there > len)
        there = len;
    if (there > 0)
        memcpy(out, f->now.data + at, there);
    memset(out + there, 0, len - there);
    return there;
}

static void
change(struct power_file *f, struct power_change c)
{
    if (f->change_count == f->change_cap) {
        f->change_cap = f->change_cap == 0 ? 64 : 2 * f->change_cap;
        f->changes = realloc(f->changes, f->change_cap * sizeof(f->changes[0]));
        REQUIRE(f->changes != NULL);
    }
    f->changes[f->change_count++] = c;
    bytes_apply(&f->now, &c);
}

void
power_file_write(struct power_file *f, size_t at, const uint8_t *data, size_t len)
{
    struct power_change c = {at, len, malloc(len > 0 ? len : 1)};

    REQUIRE(c.data != NULL);
    memcpy(c.data, data, len);
    change(f, c);
}

void
power_file_cut(struct power_file *f, size_t size)
{
    change(f, (struct power_change){size, 0, NULL});
}

void
power_file_sync(struct power_file *f)
{
    for (size_t i = 0; i < f->change_count; i++)
        bytes_apply(&f->durable, &f->changes[i]);
    forget_changes(f);
}

/* How a file fares. */
struct fate {
    size_t whole;       /* so many changes arrived in order and whole */
    size_t sector;      /* the others arrive sector by sector; 0: whole or not at all */
    unsigned per_mille; /* of which so many */
    bool grows,
        garbage; /* the size arrives before the bytes, which are then anything */
};

static struct fate
draw_fate(const struct power_file *f, struct sim_random *random)
{
    static const unsigned shares[] = {50, 500, 950};
    struct fate fate = {.per_mille = shares[sim_random_in(random, 0, 2)]};

    fate.grows = sim_random_chance(random, 300);
    fate.garbage = sim_random_chance(random, 500);
    switch (sim_random_in(random, 0, 6)) {
    case 0:
        fate.per_mille = 0;
        break;
    case 1:
        fate.per_mille = 1000;
        break;
    case 2:
        break;
    case 3:
        fate.sector = SMALL_SECTOR_BYTES;
        break;
    case 4:
        fate.sector = LARGE_SECTOR_BYTES;
        break;
    default: /* in order, up to some point, where it is torn */
        fate.sector = sim_random_chance(random, 500) ? SMALL_SECTOR_BYTES
                                                     : LARGE_SECTOR_BYTES;
        fate.whole = (size_t)sim_random_in(random, 0, f->change_count);
        fate.per_mille = sim_random_chance(random, 500) ? 0 : fate.per_mille;
        break;
    }
    return fate;
}

/* The size reached the platter, the bytes did not: what was there before shows. */
static void
grow(struct power_bytes *b, size_t len, bool garbage, struct sim_random *random)
{
    size_t old = b->len;

    if (len <= old)
        return;
    bytes_resize(b, len);
    if (garbage)
        sim_random_fill(random, b->data + old, len - old);
}

static void
tear(struct power_bytes *b, const struct power_change *c, const struct fate *fate,
     struct sim_random *random)
{
    size_t done = 0;

    while (done < c->len) {
        size_t at = c->at + done, part = c->len - done;

        if (fate->sector > 0 && part > fate->sector - at % fate->sector)
            part = fate->sector - at % fate->sector;
        if (sim_random_chance(random, fate->per_mille)) {
            grow(b, at, fate->garbage, random);
            bytes_put(b, at, c->data + done, part);
        } else if (fate->grows) {
            grow(b, at + part, fate->garbage, random);
        }
        done += part;
    }
}

static void
file_fails(struct power_file *f, struct sim_random *random)
{
    struct fate fate = draw_fate(f, random);

    for (size_t i = 0; i < f->change_count; i++) {
        const struct power_change *c = &f->changes[i];

        if (i < fate.whole)
            bytes_apply(&f->durable, c);
        else if (c->data != NULL)
            tear(&f->durable, c, &fate, random);
        else if (sim_random_chance(random, fate.per_mille))
            bytes_apply(&f->durable, c);
    }
    forget_changes(f);
    bytes_resize(&f->now, 0);
    bytes_put(&f->now, 0, f->durable.data, f->durable.len);
}

void
power_disk_fail(struct power_disk *d, struct sim_random *random)
{
    for (size_t i = 0; i < d->name_count; i++) {
        struct power_name *n = &d->names[i];

        name_settles(n, (size_t)sim_random_in(random, 0, n->count - 1));
        REQUIRE(n->history[0] == NULL || n->history[0]->refs == 1);
        if (n->history[0] != NULL)
            file_fails(n->history[0], random);
    }
}
