/* SPDX-License-Identifier: MIT
 *
 * admit.c: the table of running admissions.
 */
#include "core/admit.h"

#include "check.h"

enum { CAP = 4 };

static struct lcp_admits admits;
static void *memory;

static void
open_table(void)
{
    struct lcp_arena arena = {.base = NULL};

    lcp_admits_lay(&admits, &arena, CAP);
    memory = malloc(arena.used);
    REQUIRE(memory != NULL);
    arena = (struct lcp_arena){.base = memory};
    lcp_admits_lay(&admits, &arena, CAP);
    lcp_admits_init(&admits, 7);
}

static void
rows_are_told_apart_by_key_and_id(void)
{
    struct lcp_key one = {{1}}, two = {{2}};
    struct lcp_admit *a, *b, *c;

    open_table();
    a = lcp_admits_add(&admits, &one, "x");
    b = lcp_admits_add(&admits, &one, "y");
    c = lcp_admits_add(&admits, &two, "x");
    REQUIRE(a != NULL && b != NULL && c != NULL);
    CHECK(lcp_admits_find(&admits, &one, "x") == a);
    CHECK(lcp_admits_find(&admits, &one, "y") == b);
    CHECK(lcp_admits_find(&admits, &two, "x") == c);
    CHECK(lcp_admits_find(&admits, &two, "y") == NULL);
    lcp_admits_del(&admits, b);
    CHECK(lcp_admits_find(&admits, &one, "y") == NULL);
    CHECK(lcp_admits_find(&admits, &one, "x") == a);
    free(memory);
}

static void
a_ticket_names_one_admission_and_no_later_one(void)
{
    struct lcp_key key = {{1}};
    uint64_t tickets[100];

    open_table();
    for (size_t i = 0; i < COUNT_OF(tickets); i++) {
        struct lcp_admit *row = lcp_admits_add(&admits, &key, "x");

        REQUIRE(row != NULL);
        tickets[i] = lcp_admits_ticket(&admits, row);
        CHECK(lcp_admits_get(&admits, tickets[i]) == row);
        for (size_t k = 0; k < i; k++)
            CHECK(lcp_admits_get(&admits, tickets[k]) == NULL);
        lcp_admits_del(&admits, row);
        CHECK(lcp_admits_get(&admits, tickets[i]) == NULL);
    }
    CHECK(lcp_admits_get(&admits, 0) == NULL);
    CHECK(lcp_admits_get(&admits, UINT64_MAX) == NULL);
    free(memory);
}

static void
a_full_table_says_so_until_one_ends(void)
{
    static const char *const ids[] = {"a", "b", "c", "d"};
    struct lcp_key key = {{1}};

    open_table();
    for (size_t i = 0; i < CAP; i++)
        CHECK(lcp_admits_add(&admits, &key, ids[i]) != NULL);
    CHECK(lcp_admits_add(&admits, &key, "e") == NULL);
    lcp_admits_del(&admits, lcp_admits_find(&admits, &key, "b"));
    CHECK(lcp_admits_add(&admits, &key, "e") != NULL);
    free(memory);
}

static void
numbers_are_noted_once_and_eight_at_most(void)
{
    struct lcp_admit row = {.seq_count = 0};

    for (uint32_t seq = 0; seq < 20; seq++) {
        lcp_admit_note(&row, seq);
        lcp_admit_note(&row, seq);
    }
    CHECK(row.seq_count == LCP_ADMIT_SEQS_MAX);
    for (uint32_t i = 0; i < row.seq_count; i++)
        CHECK(row.seqs[i] == i);
}

int
main(void)
{
    rows_are_told_apart_by_key_and_id();
    a_ticket_names_one_admission_and_no_later_one();
    a_full_table_says_so_until_one_ends();
    numbers_are_noted_once_and_eight_at_most();
    return check_end("admit");
}
