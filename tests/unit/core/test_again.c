/* SPDX-License-Identifier: MIT
 *
 * again.c: what passed by lately.
 */
#include "core/again.h"

#include "base/crypto.h"
#include "check.h"

static struct lcp_again again;
static void *memory;

static void
open_table(uint32_t sets, uint32_t unit_ms)
{
    struct lcp_arena arena = {.base = NULL};

    lcp_again_lay(&again, &arena, sets);
    memory = malloc(arena.used);
    REQUIRE(memory != NULL);
    arena = (struct lcp_arena){.base = memory};
    lcp_again_lay(&again, &arena, sets);
    lcp_again_init(&again, unit_ms, 42);
}

static const uint8_t *
digest_of(uint64_t number)
{
    static uint8_t digest[LCP_DIGEST_BYTES];

    lcp_digest(lcp_span(&number, sizeof(number)), digest);
    return digest;
}

static void
what_was_noted_is_known_with_its_age(void)
{
    open_table(16, 64);
    CHECK(lcp_again_age_ms(&again, digest_of(1), 0) == UINT64_MAX);
    lcp_again_note(&again, digest_of(1), 640);
    CHECK(lcp_again_age_ms(&again, digest_of(1), 640) == 0);
    CHECK(lcp_again_age_ms(&again, digest_of(1), 640 + 200) == 192);
    CHECK(lcp_again_age_ms(&again, digest_of(2), 640) == UINT64_MAX);
    lcp_again_note(&again, digest_of(1), 1280);
    CHECK(lcp_again_age_ms(&again, digest_of(1), 1300) == 0); /* anew */
    free(memory);
}

static void
the_longest_known_makes_room(void)
{
    open_table(1, 1);
    for (uint64_t i = 0; i < LCP_AGAIN_WAYS; i++)
        lcp_again_note(&again, digest_of(i), 100 + i);
    lcp_again_note(&again, digest_of(0), 120);
    lcp_again_note(&again, digest_of(99), 121);
    CHECK(lcp_again_age_ms(&again, digest_of(1), 121) == UINT64_MAX);
    CHECK(lcp_again_age_ms(&again, digest_of(0), 121) == 1);
    CHECK(lcp_again_age_ms(&again, digest_of(2), 121) == 19);
    CHECK(lcp_again_age_ms(&again, digest_of(99), 121) == 0);
    free(memory);
}

/* The size the machine uses, at 50,000 new ones a second: what was noted 600 ms ago is
 * still there, and hardly anything is taken for known that is not. */
static void
a_flood_neither_drowns_nor_fakes_a_retransmission(void)
{
    unsigned known = 0, lost = 0;

    open_table(16384, 64);
    for (uint64_t i = 0; i < 150000; i++) {
        uint64_t now_ms = i / 50;

        known += lcp_again_age_ms(&again, digest_of(i), now_ms) != UINT64_MAX;
        lcp_again_note(&again, digest_of(i), now_ms);
        if (i >= 30000)
            lost += lcp_again_age_ms(&again, digest_of(i - 30000), now_ms) ==
                    UINT64_MAX;
    }
    CHECK(known <= 5);
    CHECK(lost <= 120000 / 200);
    free(memory);
}

int
main(void)
{
    REQUIRE(lcp_crypto_init() == LCP_OK);
    what_was_noted_is_known_with_its_age();
    the_longest_known_makes_room();
    a_flood_neither_drowns_nor_fakes_a_retransmission();
    return check_end("again");
}
