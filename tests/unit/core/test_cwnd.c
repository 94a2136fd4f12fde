/* SPDX-License-Identifier: MIT
 *
 * cwnd.c: how the window grows and shrinks, RFC 8085.
 */
#include "core/cwnd.h"

#include "check.h"

static void
a_full_window_that_is_answered_grows_by_one(void)
{
    struct lcp_cwnd w;

    lcp_cwnd_init(&w, 8);
    for (int i = 0; i < 7; i++)
        lcp_cwnd_answered(&w, 8, 64);
    CHECK(w.size == 8);
    lcp_cwnd_answered(&w, 8, 64);
    CHECK(w.size == 9);
    for (int i = 0; i < 9; i++)
        lcp_cwnd_answered(&w, 9, 64);
    CHECK(w.size == 10);
    for (int i = 0; i < 10000; i++)
        lcp_cwnd_answered(&w, w.size, 64);
    CHECK(w.size == 64);
}

static void
a_window_that_is_not_used_does_not_grow(void)
{
    struct lcp_cwnd w;

    lcp_cwnd_init(&w, 8);
    for (int i = 0; i < 1000; i++)
        lcp_cwnd_answered(&w, 3, 64);
    CHECK(w.size == 8);
    for (int i = 0; i < 8; i++)
        lcp_cwnd_answered(&w, 8, 8);
    CHECK(w.size == 8); /* an LCP/1.1 peer's most */
}

static void
silence_halves_it_once_in_a_wait_down_to_four(void)
{
    struct lcp_cwnd w;

    lcp_cwnd_init(&w, 64);
    for (int i = 0; i < 64; i++)
        lcp_cwnd_timeout(&w, 1000, 300);
    CHECK(w.size == 32);
    lcp_cwnd_timeout(&w, 1299, 300);
    CHECK(w.size == 32);
    lcp_cwnd_timeout(&w, 1300, 300);
    CHECK(w.size == 16);
    for (uint64_t t = 2000; t < 20000; t += 300)
        lcp_cwnd_timeout(&w, t, 300);
    CHECK(w.size == 4);
    for (int i = 0; i < 4; i++)
        lcp_cwnd_answered(&w, 4, 64);
    CHECK(w.size == 5);
}

int
main(void)
{
    a_full_window_that_is_answered_grows_by_one();
    a_window_that_is_not_used_does_not_grow();
    silence_halves_it_once_in_a_wait_down_to_four();
    return check_end("cwnd");
}
