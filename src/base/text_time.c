/* SPDX-License-Identifier: MIT
 *
 * ISO-8601 without the C library's calendar: no locale, no time zone of this machine.
 */
#include "base/text.h"

enum {
    SECOND_MS = 1000,
    MINUTE_MS = 60 * SECOND_MS,
    HOUR_MS = 60 * MINUTE_MS,
    DAY_MS = 24 * HOUR_MS,
    YEAR_MAX = 9999,
    DAYS_PER_ERA = 146097, /* 400 Gregorian years */
    EPOCH_DAYS = 719468,   /* from 0000-03-01 to 1970-01-01 */
};

/* Days from 1970-01-01. Years are counted from March, so that the leap day comes last.
 */
static int64_t
days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t era, of_era, of_year;

    if (month <= 2)
        year--;
    era = (year >= 0 ? year : year - 399) / 400;
    of_era = year - era * 400;
    of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    return era * DAYS_PER_ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
           EPOCH_DAYS;
}

static void
date_of(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    int64_t shifted = days + EPOCH_DAYS, era, of_era, of_year, year_of_era;

    era = (shifted >= 0 ? shifted : shifted - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    of_era = shifted - era * DAYS_PER_ERA;
    year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    *month = (5 * of_year + 2) / 153;
    *day = of_year - (153 * *month + 2) / 5 + 1;
    *month = (*month + 2) % 12 + 1;
    *year = year_of_era + era * 400 + (*month <= 2);
}

static char *
put_number(char *out, int64_t value, int width, char after)
{
    for (int i = width; i-- > 0; value /= 10)
        out[i] = (char)('0' + value % 10);
    out[width] = after;
    return out + width + 1;
}

void
lcp_iso8601_print(int64_t wall_ms, char out[static 40])
{
    /* Years of four digits only; a clock outside of them is wrong anyway. */
    const int64_t least = days_of(0, 1, 1) * DAY_MS;
    const int64_t most = days_of(YEAR_MAX + 1, 1, 1) * DAY_MS - 1;
    int64_t days, year, month, day, rest;

    wall_ms = wall_ms < least ? least : wall_ms > most ? most : wall_ms;
    days = (wall_ms - least) / DAY_MS;
    rest = (wall_ms - least) % DAY_MS;
    date_of(days + days_of(0, 1, 1), &year, &month, &day);
    out = put_number(out, year, 4, '-');
    out = put_number(out, month, 2, '-');
    out = put_number(out, day, 2, 'T');
    out = put_number(out, rest / HOUR_MS, 2, ':');
    out = put_number(out, rest / MINUTE_MS % 60, 2, ':');
    out = put_number(out, rest / SECOND_MS % 60, 2, '.');
    out = put_number(out, rest % SECOND_MS, 3, '+');
    memcpy(out, "00:00", 6);
}

struct cursor {
    struct lcp_span text;
    size_t at;
    bool failed;
};

static bool
take(struct cursor *c, char wanted)
{
    if (c->at >= c->text.len || c->text.data[c->at] != (uint8_t)wanted)
        return false;
    c->at++;
    return true;
}

static void
expect(struct cursor *c, char wanted)
{
    if (!take(c, wanted))
        c->failed = true;
}

static int64_t
number(struct cursor *c, int width, int64_t min, int64_t max)
{
    int64_t value = 0;

    for (int i = 0; i < width; i++) {
        if (c->at >= c->text.len || c->text.data[c->at] < '0' ||
            c->text.data[c->at] > '9') {
            c->failed = true;
            return min;
        }
        value = value * 10 + (c->text.data[c->at++] - '0');
    }
    if (value < min || value > max)
        c->failed = true;
    return value;
}

static int64_t
fraction_ms(struct cursor *c)
{
    int64_t value = 0, unit = SECOND_MS / 10;
    size_t start = c->at;

    for (; c->at < c->text.len && c->text.data[c->at] >= '0' &&
           c->text.data[c->at] <= '9';
         c->at++, unit /= 10)
        value += unit * (c->text.data[c->at] - '0');
    if (c->at == start)
        c->failed = true;
    return value;
}

/* Z, +hh:mm, +hhmm or +hh; what the wall there is ahead of UTC. */
static int64_t
offset_ms(struct cursor *c)
{
    int64_t sign = 1, value;

    if (take(c, 'Z') || take(c, 'z'))
        return 0;
    if (take(c, '-'))
        sign = -1;
    else
        expect(c, '+');
    value = number(c, 2, 0, 23) * HOUR_MS;
    if (take(c, ':') || c->at < c->text.len)
        value += number(c, 2, 0, 59) * MINUTE_MS;
    return sign * value;
}

static int64_t
days_in_month(int64_t year, int64_t month)
{
    return month == 12 ? 31 : days_of(year, month + 1, 1) - days_of(year, month, 1);
}

enum lcp_err
lcp_iso8601_parse(struct lcp_span text, int64_t *wall_ms)
{
    struct cursor c = {.text = text};
    int64_t year, month, day, value;

    year = number(&c, 4, 0, YEAR_MAX);
    expect(&c, '-');
    month = number(&c, 2, 1, 12);
    expect(&c, '-');
    day = number(&c, 2, 1, 31);
    if (!take(&c, 'T') && !take(&c, 't'))
        expect(&c, ' ');
    if (c.failed || day > days_in_month(year, month))
        return LCP_EFORMAT;
    value = days_of(year, month, day) * DAY_MS;
    value += number(&c, 2, 0, 23) * HOUR_MS;
    expect(&c, ':');
    value += number(&c, 2, 0, 59) * MINUTE_MS;
    if (take(&c, ':')) {
        value += number(&c, 2, 0, 60) * SECOND_MS; /* 60: a leap second */
        if (take(&c, '.') || take(&c, ','))
            value += fraction_ms(&c);
    }
    value -= offset_ms(&c);
    if (c.failed || c.at != text.len)
        return LCP_EFORMAT;
    *wall_ms = value;
    return LCP_OK;
}
