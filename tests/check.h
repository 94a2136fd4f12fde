/* SPDX-License-Identifier: MIT
 *
 * The whole test framework: a failed check prints where and what, and the program ends
 * with 1 after all its checks ran. CHECK_ROW names the row of a table.
 */
#ifndef LCP_TESTS_CHECK_H
#define LCP_TESTS_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lcp/types.h"

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES(s)                            \
    {                                       \
        (const uint8_t *)(s), sizeof(s) - 1 \
    }

static int check_count;
static int check_failures;

static inline void
check_that(bool ok, const char *label, const char *claim, const char *file, int line)
{
    check_count++;
    if (ok)
        return;
    check_failures++;
    fprintf(stderr, "%s:%d: %s%s%s\n", file, line, label, *label ? ": " : "", claim);
}

#define CHECK(claim) check_that((claim), "", #claim, __FILE__, __LINE__)
#define CHECK_ROW(label, claim) check_that((claim), (label), #claim, __FILE__, __LINE__)
#define CHECK_STR(got, want)                                          \
    do {                                                              \
        const char *got_ = (got), *want_ = (want);                    \
        bool same_ = strcmp(got_, want_) == 0;                        \
        check_that(same_, "", #got " == " #want, __FILE__, __LINE__); \
        if (!same_)                                                   \
            fprintf(stderr, "  got:  %s\n  want: %s\n", got_, want_); \
    } while (0)
/* For what makes going on pointless. */
#define REQUIRE(claim)                                         \
    do {                                                       \
        if (!(claim)) {                                        \
            check_that(false, "", #claim, __FILE__, __LINE__); \
            exit(1);                                           \
        }                                                      \
    } while (0)

static inline int
check_end(const char *name)
{
    printf("%s: %d checks, %d failed\n", name, check_count, check_failures);
    return check_failures != 0 || check_count == 0;
}

#endif
