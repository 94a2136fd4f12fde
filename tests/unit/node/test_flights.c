/* SPDX-License-Identifier: MIT
 *
 * The table of borrowed payloads against a plain array, under a seeded stream of
 * operations.
 */
#include "node/flights.h"

#include "check.h"

enum { NUMBERS = 300, STEPS = 200000 };

static uint64_t
next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static bool
holds(const struct lcp_flights *f, uint64_t number)
{
    for (uint32_t i = 0; i < f->cap; i++)
        if (f->slots[i].number == number)
            return true;
    return false;
}

static void
every_number_is_found_until_deleted(void)
{
    struct lcp_flights flights;
    bool is_in[NUMBERS] = {false};
    uint64_t state = 7, count = 0;

    REQUIRE(lcp_flights_init(&flights, 1) == LCP_OK);
    for (size_t step = 0; step < STEPS; step++) {
        size_t at = next_random(&state) % NUMBERS;
        uint64_t number = at % 2 ? at + 1 : (at + 1) | LCP_EPHEMERAL;

        if (is_in[at]) {
            lcp_flights_del(&flights, number);
            count--;
        } else {
            REQUIRE(lcp_flights_put(&flights, number, malloc(8)) == LCP_OK);
            count++;
        }
        is_in[at] = !is_in[at];
        if (flights.count != count)
            break;
    }
    CHECK(flights.count == count);
    for (size_t at = 0; at < NUMBERS; at++) {
        uint64_t number = at % 2 ? at + 1 : (at + 1) | LCP_EPHEMERAL;

        CHECK(holds(&flights, number) == is_in[at]);
        lcp_flights_del(&flights, number); /* an unknown one is fine */
    }
    CHECK(flights.count == 0);
    lcp_flights_free(&flights);
}

int
main(void)
{
    every_number_is_found_until_deleted();
    return check_end("flights");
}
