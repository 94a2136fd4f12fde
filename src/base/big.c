/* SPDX-License-Identifier: MIT
 *
 * Schoolbook arithmetic on 32-bit limbs. The numbers are short (a double of usual size
 * needs three limbs), so nothing cleverer would pay.
 */
#include "base/big.h"

#include <assert.h>

static void
push(struct lcp_big *big, uint32_t limb)
{
    assert(big->count < LCP_BIG_LIMBS);
    big->limb[big->count++] = limb;
}

static void
trim(struct lcp_big *big)
{
    while (big->count > 0 && big->limb[big->count - 1] == 0)
        big->count--;
}

void
lcp_big_set(struct lcp_big *big, uint64_t value)
{
    big->limb[0] = (uint32_t)value;
    big->limb[1] = (uint32_t)(value >> 32);
    big->count = 2;
    trim(big);
}

void
lcp_big_mul_add(struct lcp_big *big, uint32_t factor, uint32_t add)
{
    uint64_t carry = add;

    for (uint32_t i = 0; i < big->count; i++) {
        carry += (uint64_t)big->limb[i] * factor;
        big->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry != 0)
        push(big, (uint32_t)carry);
}

void
lcp_big_mul64(struct lcp_big *big, uint64_t factor)
{
    uint32_t low = (uint32_t)factor, high = (uint32_t)(factor >> 32);
    uint64_t carry = 0; /* below 2^33, so that the sums below fit */
    uint32_t before = 0;

    if (high == 0) {
        lcp_big_mul_add(big, low, 0);
        trim(big);
        return;
    }
    for (uint32_t i = 0; i < big->count; i++) {
        uint64_t a = (uint64_t)big->limb[i] * low;
        uint64_t b = (uint64_t)before * high;
        uint64_t sum = (uint32_t)a + (uint64_t)(uint32_t)b + (uint32_t)carry;

        before = big->limb[i];
        big->limb[i] = (uint32_t)sum;
        carry = (a >> 32) + (b >> 32) + (carry >> 32) + (sum >> 32);
    }
    carry += (uint64_t)before * high;
    push(big, (uint32_t)carry);
    push(big, (uint32_t)(carry >> 32));
    trim(big);
}

void
lcp_big_mul_pow5(struct lcp_big *big, uint32_t exponent)
{
    enum { STEP = 13, WIDE_STEP = 27 }; /* the largest powers in 32 and in 63 bits */
    static const uint32_t pow5[STEP + 1] = {
        1,     5,      25,      125,     625,      3125,      15625,
        78125, 390625, 1953125, 9765625, 48828125, 244140625, 1220703125,
    };
    const uint64_t wide = UINT64_C(7450580596923828125);

    for (; exponent >= WIDE_STEP; exponent -= WIDE_STEP)
        lcp_big_mul64(big, wide);
    for (; exponent > STEP; exponent -= STEP)
        lcp_big_mul_add(big, pow5[STEP], 0);
    lcp_big_mul_add(big, pow5[exponent], 0);
}

void
lcp_big_shift_left(struct lcp_big *big, uint32_t bits)
{
    uint32_t whole = bits / 32, rest = bits % 32;

    if (big->count == 0)
        return;
    assert(big->count + whole < LCP_BIG_LIMBS);
    big->limb[big->count] = 0;
    for (uint32_t i = big->count + 1; i-- > 0;) {
        uint64_t pair = (uint64_t)big->limb[i] << 32 | (i > 0 ? big->limb[i - 1] : 0);

        big->limb[i + whole] = (uint32_t)((pair << rest) >> 32);
    }
    memset(big->limb, 0, whole * sizeof(big->limb[0]));
    big->count += whole + 1;
    trim(big);
}

static uint32_t
bits_of(uint32_t limb)
{
    uint32_t bits = 0;

    for (uint32_t step = 16; step > 0; step /= 2)
        if (limb >> step != 0) {
            limb >>= step;
            bits += step;
        }
    return bits + (limb != 0);
}

uint32_t
lcp_big_bits(const struct lcp_big *big)
{
    return big->count == 0 ? 0
                           : 32 * (big->count - 1) + bits_of(big->limb[big->count - 1]);
}

uint64_t
lcp_big_shifted(const struct lcp_big *big, uint32_t bits, bool *exact)
{
    uint32_t whole = bits / 32, rest = bits % 32;
    uint64_t value = 0;

    *exact = true;
    for (uint32_t i = 0; i < whole && i < big->count; i++)
        *exact = *exact && big->limb[i] == 0;
    for (uint32_t i = 0; i < 3 && whole + i < big->count; i++) {
        uint64_t limb = big->limb[whole + i];

        if (i == 0) {
            *exact = *exact && (limb & ((UINT64_C(1) << rest) - 1)) == 0;
            value = limb >> rest;
        } else if (32 * i - rest < 64) {
            value |= limb << (32 * i - rest);
        }
    }
    return value;
}

/* Takes digit * den * 2^(32 at) from num; true if that was one den too much. */
static bool
subtract(struct lcp_big *num, const struct lcp_big *den, uint32_t at, uint64_t digit)
{
    uint64_t carry = 0;
    uint32_t borrow = 0;

    for (uint32_t i = 0; i <= den->count; i++) {
        uint32_t old = num->limb[at + i], part;

        carry += i < den->count ? den->limb[i] * digit : 0;
        part = (uint32_t)carry;
        carry >>= 32;
        num->limb[at + i] = old - part - borrow;
        borrow = (uint64_t)part + borrow > old;
    }
    return borrow != 0;
}

static void
add_back(struct lcp_big *num, const struct lcp_big *den, uint32_t at)
{
    uint64_t carry = 0;

    for (uint32_t i = 0; i <= den->count; i++) {
        carry += (uint64_t)num->limb[at + i] + (i < den->count ? den->limb[i] : 0);
        num->limb[at + i] = (uint32_t)carry;
        carry >>= 32;
    }
}

/* Long division in base 2^32: each digit is guessed from the top two limbs of what is
 * left and the top limb of den, which has its highest bit set; such a guess is at most
 * 2 too large (Knuth, TAOCP 4.3.1, theorem B). */
uint64_t
lcp_big_div(struct lcp_big *num, struct lcp_big *den, bool *exact)
{
    uint32_t shift = (32 - lcp_big_bits(den) % 32) % 32;
    uint64_t quotient = 0;
    uint32_t top;

    assert(den->count > 0);
    lcp_big_shift_left(num, shift);
    lcp_big_shift_left(den, shift);
    while (num->count <= den->count)
        push(num, 0);
    push(num, 0);
    top = den->limb[den->count - 1];
    for (uint32_t at = num->count - den->count; at-- > 0;) {
        uint32_t high = at + den->count;
        uint64_t pair = (uint64_t)num->limb[high] << 32 | num->limb[high - 1];
        uint64_t digit = pair / top;

        if (digit > UINT32_MAX)
            digit = UINT32_MAX;
        if (digit != 0 && subtract(num, den, at, digit))
            do {
                digit--;
                add_back(num, den, at);
            } while (num->limb[high] != 0);
        quotient = quotient << 32 | digit;
    }
    trim(num);
    *exact = num->count == 0;
    return quotient;
}
