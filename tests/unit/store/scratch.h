/* SPDX-License-Identifier: MIT
 *
 * A folder of its own for each test program, removed at its end. Include first: it asks
 * for POSIX.
 */
#ifndef LCP_TESTS_SCRATCH_H
#define LCP_TESTS_SCRATCH_H

#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700
#endif
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "check.h"

static char scratch_path[LCP_PATH_MAX];

static inline void
scratch_make(void)
{
    const char *base = getenv("TMPDIR");

    snprintf(scratch_path, sizeof(scratch_path), "%s/lcp-store-XXXXXX",
             base != NULL && base[0] != '\0' ? base : "/tmp");
    REQUIRE(mkdtemp(scratch_path) != NULL);
}

static inline int
scratch_remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

static inline void
scratch_remove(void)
{
    nftw(scratch_path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Path of a name inside; valid until the fourth call after it. */
static inline const char *
scratch(const char *name)
{
    static char paths[4][LCP_PATH_MAX];
    static unsigned at;

    at = (at + 1) % 4;
    REQUIRE(lcp_path_join(paths[at], sizeof(paths[at]), scratch_path, name) == LCP_OK);
    return paths[at];
}

/* A fresh empty place for the next test. */
static inline void
scratch_clear(void)
{
    scratch_remove();
    REQUIRE(mkdir(scratch_path, 0700) == 0);
}

#endif
