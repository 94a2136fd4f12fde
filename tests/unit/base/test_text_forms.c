/* SPDX-License-Identifier: MIT
 *
 * base/text.h: times and endpoints.
 */
#include "base/text.h"

#include "check.h"

static struct lcp_span
span(const char *text)
{
    return lcp_span_str(text);
}

static void
iso8601_reads_every_offset(void)
{
    static const struct {
        const char *text;
        int64_t want;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:00.001+00:00", 1},
        {"2026-03-28T12:00:00.123456+08:00", INT64_C(1774670400123)},
        {"2026-03-28T04:00:00.123Z", INT64_C(1774670400123)},
        {"2026-03-28 12:00:00,123+0800", INT64_C(1774670400123)},
        {"2026-03-28T04:00Z", INT64_C(1774670400000)},
        {"2026-03-27T22:30:00-05:30", INT64_C(1774670400000)},
        {"2026-03-28T12:00:00+08", INT64_C(1774670400000)},
        {"2024-02-29T00:00:00Z", INT64_C(1709164800000)},
        {"2000-02-29T23:59:59.999Z", INT64_C(951868799999)},
        {"1969-12-31T23:59:59.999Z", -1},
        {"1600-02-29T00:00:00Z", INT64_C(-11670998400000)},
        {"0000-01-01T00:00:00Z", INT64_C(-62167219200000)},
        {"9999-12-31T23:59:59.999Z", INT64_C(253402300799999)},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800000)},
    };
    static const char *const broken[] = {
        "",
        "2026-03-28",
        "2026-03-28T12:00:00",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-03-00T00:00:00Z",
        "2026-03-28T24:00:00Z",
        "2026-03-28T12:60:00Z",
        "2026-03-28T12:00:61Z",
        "2026-03-28T12:00:00.Z",
        "2026-03-28T12:00:00Zx",
        "2026-03-28T12:00:00+",
        "2026-03-28T12:00:00+24:00",
        "2026-03-28T12:00:00+08:60",
        "2026-03-28T12:00:00+08:0",
        "26-03-28T12:00:00Z",
        "2026-3-28T12:00:00Z",
        "+026-03-28T12:00:00Z",
        "2026-03-28X12:00:00Z",
    };
    int64_t got;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        got = 1;
        CHECK_ROW(rows[i].text, lcp_iso8601_parse(span(rows[i].text), &got) == LCP_OK);
        CHECK_ROW(rows[i].text, got == rows[i].want);
    }
    for (size_t i = 0; i < COUNT_OF(broken); i++)
        CHECK_ROW(broken[i], lcp_iso8601_parse(span(broken[i]), &got) == LCP_EFORMAT);
}

static void
iso8601_goes_there_and_back(void)
{
    char text[40];
    int64_t back;

    lcp_iso8601_print(INT64_C(1774670400123), text);
    CHECK_STR(text, "2026-03-28T04:00:00.123+00:00");
    lcp_iso8601_print(-1, text);
    CHECK_STR(text, "1969-12-31T23:59:59.999+00:00");
    lcp_iso8601_print(INT64_MAX, text);
    CHECK_STR(text, "9999-12-31T23:59:59.999+00:00");
    lcp_iso8601_print(INT64_MIN, text);
    CHECK_STR(text, "0000-01-01T00:00:00.000+00:00");
    /* Every day of 700 years, at a moving time of the day. */
    for (int64_t day = -200000; day < 60000; day++) {
        int64_t ms = day * 86400000 + (day * 7919 % 86400000 + 86400000) % 86400000;

        lcp_iso8601_print(ms, text);
        back = 0;
        if (lcp_iso8601_parse(span(text), &back) != LCP_OK || back != ms) {
            CHECK_ROW(text, false);
            return;
        }
    }
    CHECK(true);
}

static const struct {
    const char *text, *want; /* NULL: refused */
} endpoint_rows[] = {
    {"1.2.3.4", "1.2.3.4:9528"},
    {"1.2.3.4:1", "1.2.3.4:1"},
    {"255.255.255.255:65535", "255.255.255.255:65535"},
    {"[fd7a::1]:9529", "[fd7a::1]:9529"},
    {"fd7a::1", "[fd7a::1]:9528"},
    {"[fd7a::1]", "[fd7a::1]:9528"},
    {"::", "[::]:9528"},
    {"::1", "[::1]:9528"},
    {"1::", "[1::]:9528"},
    {"::ffff:1.2.3.4", "1.2.3.4:9528"},
    {"64:ff9b::1.2.3.4", "[64:ff9b::102:304]:9528"},
    {"1:2:3:4:5:6:7:8", "[1:2:3:4:5:6:7:8]:9528"},
    {"1:2:3:4:5:6:1.2.3.4", "[1:2:3:4:5:6:102:304]:9528"},
    {"1:0:0:4:0:0:0:8", "[1:0:0:4::8]:9528"},
    {"1:0:0:4:5:0:0:8", "[1::4:5:0:0:8]:9528"},
    {"1:0:3:4:5:6:7:8", "[1:0:3:4:5:6:7:8]:9528"},
    {"1::3:4:5:6:7:8", "[1:0:3:4:5:6:7:8]:9528"},
    {"FD7A:115C:A1E0:0:0:0:0:0001", "[fd7a:115c:a1e0::1]:9528"},
    {"1:2:3:4:5:6:7::", "[1:2:3:4:5:6:7:0]:9528"},
    {"", NULL},
    {":", NULL},
    {":9528", NULL},
    {"1.2.3", NULL},
    {"1.2.3.4.5", NULL},
    {"1.2.3.256", NULL},
    {"1.2.3.04", NULL},
    {"1.2.3.", NULL},
    {"1.2.3.4:", NULL},
    {"1.2.3.4:0", NULL},
    {"1.2.3.4:65536", NULL},
    {"1.2.3.4:+1", NULL},
    {"1.2.3.4:000001", NULL},
    {" 1.2.3.4", NULL},
    {"0x1.2.3.4", NULL},
    {"[1.2.3.4]:1", NULL},
    {"[::1", NULL},
    {"[::1]9", NULL},
    {"[::1]:", NULL},
    {"[]:1", NULL},
    {"::1]:1", NULL},
    {"1:2:3:4:5:6:7", NULL},
    {"1:2:3:4:5:6:7:8:9", NULL},
    {"1::2::3", NULL},
    {":::", NULL},
    {"1:2:3:4:5:6:7::8", NULL},
    {"12345::", NULL},
    {"g::", NULL},
    {"1.2.3.4::", NULL},
    {"::1.2.3.4:5", NULL},
    {"fe80::1%eth0", NULL},
    {"localhost", NULL},
    {"bob:9528", NULL},
};

static void
endpoints_parse_and_print(void)
{
    char text[LCP_ENDPOINT_TEXT_MAX + 1];

    for (size_t i = 0; i < COUNT_OF(endpoint_rows); i++) {
        struct lcp_endpoint ep, back;
        enum lcp_err err = lcp_endpoint_parse(span(endpoint_rows[i].text),
                                              LCP_PORT_DEFAULT, &ep);

        if (endpoint_rows[i].want == NULL) {
            CHECK_ROW(endpoint_rows[i].text, err == LCP_EFORMAT);
            continue;
        }
        CHECK_ROW(endpoint_rows[i].text, err == LCP_OK);
        if (err != LCP_OK)
            continue;
        lcp_endpoint_print(&ep, text);
        CHECK_STR(text, endpoint_rows[i].want);
        CHECK_ROW(endpoint_rows[i].text,
                  lcp_endpoint_parse(span(text), 1, &back) == LCP_OK);
        CHECK_ROW(endpoint_rows[i].text, lcp_endpoint_eq(&ep, &back));
        lcp_ip_print(&ep, text);
        CHECK_ROW(endpoint_rows[i].text,
                  lcp_endpoint_parse(span(text), ep.port, &back) == LCP_OK);
        CHECK_ROW(endpoint_rows[i].text, lcp_endpoint_eq(&ep, &back));
    }
}

static void
private_paths_are_tailnet_and_loopback(void)
{
    static const struct {
        const char *text;
        bool is_private, is_ipv4;
    } rows[] = {
        {"100.64.0.0", true, true},
        {"100.127.255.255", true, true},
        {"100.63.255.255", false, true},
        {"100.128.0.0", false, true},
        {"127.9.9.9", true, true},
        {"10.0.0.1", false, true},
        {"192.168.1.1", false, true},
        {"::1", true, false},
        {"::", false, false},
        {"fd7a:115c:a1e0::9", true, false},
        {"fd7a:115c:a1e1::9", false, false},
        {"fe80::1", false, false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct lcp_endpoint ep = {.port = 0};

        CHECK_ROW(rows[i].text,
                  lcp_endpoint_parse(span(rows[i].text), 1, &ep) == LCP_OK);
        CHECK_ROW(rows[i].text,
                  lcp_endpoint_is_private_path(&ep) == rows[i].is_private);
        CHECK_ROW(rows[i].text, lcp_endpoint_is_ipv4(&ep) == rows[i].is_ipv4);
    }
}

int
main(void)
{
    iso8601_reads_every_offset();
    iso8601_goes_there_and_back();
    endpoints_parse_and_print();
    private_paths_are_tailnet_and_loopback();
    return check_end("text_forms");
}
