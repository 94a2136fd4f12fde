/* SPDX-License-Identifier: MIT
 *
 * base/float.h: the known traps by name. The flood of cases is tests/vectors/oracle.py.
 */
#include "base/float.h"

#include "base/big.h"
#include "check.h"

static void
floats_print_as_python_does(void)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"0.0", "0.0"},
        {"-0.0", "-0.0"},
        {"-0e5", "-0.0"},
        {"1.0", "1.0"},
        {"1e0", "1.0"},
        {"1E2", "100.0"},
        {"1.50", "1.5"},
        {"0.1", "0.1"},
        {"0.30000000000000004", "0.30000000000000004"},
        {"1e15", "1000000000000000.0"},
        {"1e16", "1e+16"},
        {"9999999999999998.0", "9999999999999998.0"},
        {"123456789012345678.0", "1.2345678901234568e+17"},
        {"0.0001", "0.0001"},
        {"0.00012345", "0.00012345"},
        {"0.00001", "1e-05"},
        {"1.5e-5", "1.5e-05"},
        {"1e22", "1e+22"},
        {"1e23", "1e+23"},
        {"-1.5e300", "-1.5e+300"},
        {"1e-100", "1e-100"},
        {"9007199254740993.0", "9007199254740992.0"},
        {"9007199254740993.00000000000000000001", "9007199254740994.0"},
        {"5e-324", "5e-324"},
        {"3e-324", "5e-324"},
        {"2.4703282292062327e-324", "0.0"},
        {"2.4703282292062328e-324", "5e-324"},
        {"1e-400", "0.0"},
        {"-1e-400", "-0.0"},
        {"2.2250738585072011e-308", "2.225073858507201e-308"},
        {"2.2250738585072014e-308", "2.2250738585072014e-308"},
        {"1.7976931348623157e308", "1.7976931348623157e+308"},
        {"1.7976931348623158e308", "1.7976931348623157e+308"},
        /* 2^-44: 17 digits by trying precisions, 16 in truth */
        {"5.684341886080801486968994140625e-14", "5.684341886080802e-14"},
        {"9.5367431640625e-7", "9.5367431640625e-07"},
        {"4.35", "4.35"},
        {"2.0e-3", "0.002"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char out[LCP_FLOAT_TEXT_MAX + 1];
        uint64_t bits = 1;

        CHECK_ROW(rows[i].in,
                  lcp_float_parse(lcp_span_str(rows[i].in), &bits) == LCP_OK);
        CHECK_ROW(rows[i].in, !lcp_float_overflows(lcp_span_str(rows[i].in)));
        CHECK(lcp_float_print(bits, out) == strlen(out));
        CHECK_STR(out, rows[i].want);
    }
}

static void
overflow_begins_halfway_to_the_next_power(void)
{
    static const char *const over[] = {"1e309",
                                       "-1e309",
                                       "1.7976931348623159e308",
                                       "0.00017976931348623159e312",
                                       "1e99999999999999999999",
                                       "17976931348623159e292",
                                       "2e308"};

    for (size_t i = 0; i < COUNT_OF(over); i++) {
        uint64_t bits = 7;

        CHECK_ROW(over[i], lcp_float_parse(lcp_span_str(over[i]), &bits) == LCP_EFULL);
        CHECK_ROW(over[i], lcp_float_overflows(lcp_span_str(over[i])));
        CHECK_ROW(over[i], bits == 7);
    }
}

/* What is printed reads back as the same bits, and the C library agrees. */
static void
every_kind_of_double_round_trips(void)
{
    uint64_t state = 42;
    unsigned wrong = 0;

    for (int i = 0; i < 200000; i++) {
        char out[LCP_FLOAT_TEXT_MAX + 1];
        uint64_t bits, back = 0;
        double value;

        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        bits = state ^ state >> 29;
        if (i % 3 == 0) /* near powers of two, subnormals included */
            bits = (bits & UINT64_C(0xfff0000000000000)) + (bits % 5) - 2;
        if ((bits >> 52 & 0x7ff) == 0x7ff)
            continue;
        (void)lcp_float_print(bits, out);
        wrong += lcp_float_parse(lcp_span_str(out), &back) != LCP_OK || back != bits;
        value = strtod(out, NULL);
        wrong += memcmp(&value, &bits, sizeof(bits)) != 0;
    }
    CHECK(wrong == 0);
}

static void
long_division_corrects_its_guesses(void)
{
    /* 2^96 - 1 over 2^64 - 2^32 + 1 and the like, where the first guess is too large */
    static const struct {
        uint64_t num, den;
        uint32_t num_shift, den_shift;
        uint64_t want;
        bool exact;
    } rows[] = {
        {10, 5, 0, 0, 2, true},
        {11, 5, 0, 0, 2, false},
        {1, 3, 64, 0, UINT64_C(0x5555555555555555), false},
        {1, 1, 63, 0, UINT64_C(0x8000000000000000), true},
        {1, UINT64_C(0xffffffff00000001), 64, 0, 1, false},
        {UINT64_MAX, UINT64_C(0x80000000ffffffff), 32, 0, UINT64_C(0x1fffffffc), false},
        {UINT64_C(0x7fffffff80000000), UINT64_C(0x8000000000000001), 64, 0,
         UINT64_C(0xfffffffefffffffe), false},
        {3, 1, 500, 501, 1, false},
        {3, 1, 502, 501, 6, true},
        {0, 7, 0, 100, 0, true},
        {5, 9, 0, 1000, 0, false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct lcp_big num, den;
        bool exact = !rows[i].exact;

        lcp_big_set(&num, rows[i].num);
        lcp_big_set(&den, rows[i].den);
        lcp_big_shift_left(&num, rows[i].num_shift);
        lcp_big_shift_left(&den, rows[i].den_shift);
        CHECK(lcp_big_div(&num, &den, &exact) == rows[i].want);
        CHECK(exact == rows[i].exact);
    }
}

/* (den * q + r) / den over dens whose limbs are all zeros and ones here and there. */
static void
division_undoes_multiplication(void)
{
    uint64_t state = 7;
    unsigned wrong = 0;

    for (int i = 0; i < 100000; i++) {
        struct lcp_big num, den;
        uint64_t q;
        uint32_t rest;
        bool exact = true;

        lcp_big_set(&den, 1);
        for (int limb = 0; limb < 1 + i % 4; limb++) {
            state = state * UINT64_C(6364136223846793005) +
                    UINT64_C(1442695040888963407);
            lcp_big_shift_left(&den, 32);
            lcp_big_mul_add(&den, 1,
                            state >> 62 == 0   ? 0
                            : state >> 62 == 1 ? UINT32_MAX
                                               : (uint32_t)(state >> 13));
        }
        q = state ^ state << 31;
        rest = (uint32_t)i % 3;
        num = den;
        lcp_big_mul64(&num, q);
        if (num.count == 0)
            continue;
        lcp_big_mul_add(&num, 1, rest);
        wrong += lcp_big_div(&num, &den, &exact) != q || exact != (rest == 0);
    }
    CHECK(wrong == 0);
}

int
main(void)
{
    floats_print_as_python_does();
    overflow_begins_halfway_to_the_next_power();
    every_kind_of_double_round_trips();
    long_division_corrects_its_guesses();
    division_undoes_multiplication();
    return check_end("float");
}
