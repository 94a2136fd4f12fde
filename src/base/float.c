/* SPDX-License-Identifier: MIT
 *
 * Exact conversion in both directions. Reading: the decimal is held as an integer,
 * scaled by a power of ten into a 64-bit quotient and a sticky remainder, and rounded
 * once. Printing: the double's rounding interval is scaled so that it holds one to ten
 * integers; the shortest and closest decimal is then found by looking at its ends.
 */
#include "base/float.h"
#include "base/big.h"

enum {
    /* A halfway point between two doubles has at most 767 significant digits: with 800
     * and "something follows" every comparison comes out as with all of them. */
    DIGITS_MAX = 800,
    CHUNK = 9,           /* digits that fit a limb */
    EXPONENT_MAX = 310,  /* 10^309 overflows */
    EXPONENT_MIN = -323, /* below 10^-324 is less than half of the least double */
    MANTISSA_BITS = 52,
    LEAST_EXPONENT = -1074, /* of the last bit of a subnormal */
    BIAS = 1075,            /* LEAST_EXPONENT - 1, turned round */
    INFINITE = 0x7ff,
};

static const int64_t written_exponent_max = INT64_C(
    1000000000000); /* any more saturates */

/* value = digits * 10^exponent, and a little more if sticky */
struct decimal {
    bool negative, sticky;
    uint32_t count; /* significant digits taken, 0 for zero */
    int64_t exponent;
};

static bool
is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static int64_t
read_exponent(struct lcp_span text, size_t at)
{
    int64_t value = 0;
    bool negative = false;

    if (at < text.len && (text.data[at] == '+' || text.data[at] == '-'))
        negative = text.data[at++] == '-';
    for (; at < text.len; at++)
        if (value < written_exponent_max)
            value = value * 10 + (text.data[at] - '0');
    return negative ? -value : value;
}

/* Collects digits nine at a time; big may be NULL when only the size is asked. */
struct collector {
    struct lcp_big *big;
    uint32_t chunk, scale;
};

static void
flush(struct collector *c)
{
    if (c->big != NULL && c->scale > 1)
        lcp_big_mul_add(c->big, c->scale, c->chunk);
    c->chunk = 0;
    c->scale = 1;
}

static void
collect(struct collector *c, uint32_t digit)
{
    enum { CHUNK_FULL = 1000000000 }; /* 10^CHUNK */

    c->chunk = c->chunk * 10 + digit;
    c->scale *= 10;
    if (c->scale == CHUNK_FULL)
        flush(c);
}

static struct decimal
read_decimal(struct lcp_span text, struct lcp_big *big)
{
    struct decimal d = {0};
    struct collector c = {.big = big, .scale = 1};
    bool in_fraction = false;
    size_t at = 0;

    if (big != NULL)
        lcp_big_set(big, 0);
    if (text.len > 0 && text.data[0] == '-') {
        d.negative = true;
        at = 1;
    }
    for (; at < text.len && (is_digit(text.data[at]) || text.data[at] == '.'); at++) {
        uint32_t digit = (uint32_t)text.data[at] - '0';

        if (text.data[at] == '.') {
            in_fraction = true;
            continue;
        }
        if (d.count == 0 && digit == 0) { /* leading zeros */
            d.exponent -= in_fraction;
        } else if (d.count < DIGITS_MAX) {
            collect(&c, digit);
            d.count++;
            d.exponent -= in_fraction;
        } else {
            d.sticky |= digit != 0;
            d.exponent += !in_fraction;
        }
    }
    if (d.sticky) {
        collect(&c, 1);
        d.count++;
        d.exponent--;
    }
    flush(&c);
    if (at < text.len)
        d.exponent += read_exponent(text, at + 1);
    return d;
}

static uint32_t
bits_of(uint64_t value)
{
    struct lcp_big big;

    lcp_big_set(&big, value);
    return lcp_big_bits(&big);
}

/* The double nearest to (q + less than one if sticky) * 2^exponent; q is not 0. */
static uint64_t
round_to_double(uint64_t q, bool sticky, int64_t exponent)
{
    uint32_t up = 64 - bits_of(q);
    int64_t last, shift;
    uint64_t mantissa, half;

    q <<= up;
    exponent -= up;
    last = exponent + 63 - MANTISSA_BITS;
    if (last < LEAST_EXPONENT)
        last = LEAST_EXPONENT;
    shift = last - exponent;
    if (shift > 64)
        return 0;
    mantissa = shift == 64 ? 0 : q >> shift;
    half = UINT64_C(1) << (shift - 1);
    sticky = sticky || (q & (half - 1)) != 0;
    if ((q & half) != 0 && (sticky || (mantissa & 1) != 0))
        mantissa++;
    /* The implicit bit, or a carry into it, adds one to the exponent field by itself.
     */
    return ((uint64_t)(last - LEAST_EXPONENT) << MANTISSA_BITS) + mantissa;
}

static uint64_t
scale_to_double(struct lcp_big *num, int64_t exponent)
{
    struct lcp_big den;
    uint64_t q;
    bool exact;
    int64_t shift;

    if (exponent >= 0) {
        lcp_big_mul_pow5(num, (uint32_t)exponent);
        shift = (int64_t)lcp_big_bits(num) - 64;
        if (shift < 0)
            shift = 0;
        q = lcp_big_shifted(num, (uint32_t)shift, &exact);
        return round_to_double(q, !exact, exponent + shift);
    }
    lcp_big_set(&den, 1);
    lcp_big_mul_pow5(&den, (uint32_t)-exponent);
    /* 63 or 64 bits of quotient */
    shift = (int64_t)lcp_big_bits(&den) + 63 - lcp_big_bits(num);
    if (shift >= 0)
        lcp_big_shift_left(num, (uint32_t)shift);
    else
        lcp_big_shift_left(&den, (uint32_t)-shift);
    q = lcp_big_div(num, &den, &exact);
    return round_to_double(q, !exact, exponent - shift);
}

enum lcp_err
lcp_float_parse(struct lcp_span text, uint64_t *bits)
{
    struct lcp_big big;
    struct decimal d = read_decimal(text, &big);
    int64_t magnitude = d.exponent + d.count; /* value < 10^magnitude */
    uint64_t value = 0;

    if (d.count != 0 && magnitude >= EXPONENT_MAX)
        return LCP_EFULL;
    if (d.count != 0 && magnitude >= EXPONENT_MIN)
        value = scale_to_double(&big, d.exponent);
    if (value >> MANTISSA_BITS >= INFINITE)
        return LCP_EFULL;
    *bits = value | (uint64_t)d.negative << 63;
    return LCP_OK;
}

bool
lcp_float_overflows(struct lcp_span text)
{
    struct decimal d = read_decimal(text, NULL);
    int64_t magnitude = d.exponent + d.count;
    uint64_t bits;

    if (d.count == 0 || magnitude < EXPONENT_MAX - 1)
        return false;
    return magnitude >= EXPONENT_MAX || lcp_float_parse(text, &bits) != LCP_OK;
}

/* floor(log10(2^exponent)), or of 3/4 of that. Both agree with exact arithmetic for
 * every exponent of a double (the oracle test meets every one of them). */
static int32_t
floor_log10(int32_t exponent, bool three_quarters)
{
    enum { UNIT = 1 << 20, LOG10_2 = 315653, LOG10_3_4 = -131008, LIFT = 400 };
    int32_t scaled = exponent * LOG10_2 + (three_quarters ? LOG10_3_4 : 0);

    return (scaled + LIFT * UNIT) / UNIT - LIFT; /* lifted: C divides towards zero */
}

/* floor(c * 2^exponent / 10^k), given 5^|k|. */
static uint64_t
scaled(uint64_t c, int32_t exponent, int32_t k, const struct lcp_big *pow5, bool *exact)
{
    struct lcp_big num, den;
    int32_t shift = exponent - k;

    if (k < 0) {
        num = *pow5;
        lcp_big_mul64(&num, c);
        return lcp_big_shifted(&num, (uint32_t)-shift, exact);
    }
    lcp_big_set(&num, c);
    den = *pow5;
    if (shift >= 0)
        lcp_big_shift_left(&num, (uint32_t)shift);
    else
        lcp_big_shift_left(&den, (uint32_t)-shift);
    return lcp_big_div(&num, &den, exact);
}

/* The shortest decimal t * 10^k within the double's rounding interval, and of several
 * the closest. Ties go to even, so an even mantissa owns its ends. They are those of (4
 * * mantissa +- 2) * 2^(exponent - 2). */
static uint64_t
shortest(uint64_t mantissa, int32_t exponent, bool narrow_below, int32_t *k)
{
    struct lcp_big pow5;
    bool open = mantissa % 2 != 0;
    bool low_exact, high_exact, exact;
    uint64_t low, high, twice, t;

    *k = floor_log10(exponent, narrow_below);
    lcp_big_set(&pow5, 1);
    lcp_big_mul_pow5(&pow5, (uint32_t)(*k < 0 ? -*k : *k));
    low = scaled(4 * mantissa - (narrow_below ? 1 : 2), exponent - 2, *k, &pow5,
                 &low_exact);
    high = scaled(4 * mantissa + 2, exponent - 2, *k, &pow5, &high_exact);
    low += open || !low_exact;
    high -= open && high_exact;
    /* At most one multiple of ten is inside; it is the shorter one. */
    t = high - high % 10;
    if (t >= low)
        return t;
    twice = scaled(8 * mantissa, exponent - 2, *k, &pow5, &exact);
    t = twice / 2;
    if (twice % 2 != 0 && (!exact || t % 2 != 0))
        t++;
    return t < low ? low : t;
}

static size_t
put_zeros(char *out, size_t count)
{
    memset(out, '0', count);
    return count;
}

static size_t
put_exponent(char *out, int32_t exponent)
{
    uint32_t size = (uint32_t)(exponent < 0 ? -exponent : exponent);
    size_t n = 0;

    out[n++] = 'e';
    out[n++] = exponent < 0 ? '-' : '+';
    if (size >= 100)
        out[n++] = (char)('0' + size / 100);
    out[n++] = (char)('0' + size / 10 % 10);
    out[n++] = (char)('0' + size % 10);
    return n;
}

/* digits: d.ddd * 10^exponent */
static size_t
lay_out(const char *digits, size_t count, int32_t exponent, char *out)
{
    enum { FIXED_FROM = -4, FIXED_BELOW = 16 };
    size_t n = 0, whole;

    if (exponent < FIXED_FROM || exponent >= FIXED_BELOW) {
        out[n++] = digits[0];
        if (count > 1) {
            out[n++] = '.';
            memcpy(out + n, digits + 1, count - 1);
            n += count - 1;
        }
        return n + put_exponent(out + n, exponent);
    }
    if (exponent < 0) {
        memcpy(out, "0.", 2);
        n = 2 + put_zeros(out + 2, (size_t)-exponent - 1);
        memcpy(out + n, digits, count);
        return n + count;
    }
    whole = (size_t)exponent + 1;
    if (count <= whole) {
        memcpy(out, digits, count);
        n = count + put_zeros(out + count, whole - count);
        memcpy(out + n, ".0", 2);
        return n + 2;
    }
    memcpy(out, digits, whole);
    out[whole] = '.';
    memcpy(out + whole + 1, digits + whole, count - whole);
    return count + 1;
}

size_t
lcp_float_print(uint64_t bits, char out[static LCP_FLOAT_TEXT_MAX + 1])
{
    enum { DIGITS = 20 };
    uint64_t mantissa = bits & ((UINT64_C(1) << MANTISSA_BITS) - 1), t;
    int32_t biased = (int32_t)(bits >> MANTISSA_BITS & INFINITE), k = 0;
    char digits[DIGITS];
    size_t n = 0, at = DIGITS, count;

    if (bits >> 63 != 0)
        out[n++] = '-';
    if (mantissa == 0 && biased == 0) {
        memcpy(out + n, "0.0", 4);
        return n + 3;
    }
    t = biased == 0 ? shortest(mantissa, LEAST_EXPONENT, false, &k)
                    : shortest(mantissa | UINT64_C(1) << MANTISSA_BITS, biased - BIAS,
                               mantissa == 0 && biased > 1, &k);
    for (; t != 0; t /= 10)
        digits[--at] = (char)('0' + t % 10);
    k += DIGITS - (int32_t)at - 1;
    for (count = DIGITS - at; count > 1 && digits[at + count - 1] == '0';)
        count--;
    n += lay_out(digits + at, count, k, out + n);
    out[n] = '\0';
    return n;
}
