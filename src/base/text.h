/* SPDX-License-Identifier: MIT
 *
 * Text forms: hex, base64, UTF-8, ISO-8601, UUID v4, names, ids, endpoints, and
 * escaping of foreign text for terminals and logs. No locale, no allocation.
 */
#ifndef LCP_BASE_TEXT_H
#define LCP_BASE_TEXT_H

#include "lcp/types.h"

/* out holds 2 * len + 1 bytes. */
void lcp_hex_print(const uint8_t *data, size_t len, char *out);
/* Exactly 2 * len hex digits of either case. */
LCP_MUST_USE enum lcp_err lcp_hex_parse(struct lcp_span text, uint8_t *out, size_t len);

/* Standard base64 with padding; out holds 4 * ceil(len / 3) + 1 bytes. */
void lcp_base64_print(const uint8_t *data, size_t len, char *out);
/* Canonical only: exact length for `len` bytes, no white space, unused bits zero. */
LCP_MUST_USE enum lcp_err lcp_base64_parse(struct lcp_span text, uint8_t *out,
                                           size_t len);

/* True for well-formed UTF-8 (no surrogates, no overlong forms). */
bool lcp_utf8_valid(struct lcp_span text);
/* Decodes one code point at *at and advances; U+FFFD and one byte on malformed input.
 */
uint32_t lcp_utf8_next(struct lcp_span text, size_t *at);
/* Encodes; returns 1..4 bytes. */
size_t lcp_utf8_put(uint32_t code_point, char out[static 4]);
/* The longest prefix of at most `max` bytes that does not cut a code point. */
size_t lcp_utf8_cut(struct lcp_span text, size_t max);

/* "2026-03-28T12:00:00.123456Z" style; with millisecond precision, zone "+00:00". out:
 * 40 B. */
void lcp_iso8601_print(int64_t wall_ms, char out[static 40]);
/* Any offset, optional fraction; LCP_EFORMAT else. */
LCP_MUST_USE enum lcp_err lcp_iso8601_parse(struct lcp_span text, int64_t *wall_ms);

/* From 16 random bytes; lower case; out: LCP_UUID_CHARS + 1. */
void lcp_uuid_print(const uint8_t random[static 16], char *out);
/* 8-4-4-4-12 lower- or upper-case hex; is_v4 also demands version 4 and the
 * RFC variant. */
bool lcp_uuid_is(struct lcp_span text);
bool lcp_uuid_is_v4_lower(struct lcp_span text);

/* 1..64 bytes of UTF-8 without white space (Unicode's too), controls or '/'. */
bool lcp_name_is_valid(struct lcp_span text);
/* [A-Za-z0-9._:-]{1,128} */
bool lcp_id_is_valid(struct lcp_span text);

/* "1.2.3.4", "1.2.3.4:9528", "[fd7a::1]:9528", "fd7a::1"; default_port when none is
 * given. Addresses only, no names. */
LCP_MUST_USE enum lcp_err lcp_endpoint_parse(struct lcp_span text,
                                             uint16_t default_port,
                                             struct lcp_endpoint *out);
void lcp_endpoint_print(const struct lcp_endpoint *ep,
                        char out[static LCP_ENDPOINT_TEXT_MAX + 1]);
/* Without the port. */
void lcp_ip_print(const struct lcp_endpoint *ep,
                  char out[static LCP_ENDPOINT_TEXT_MAX + 1]);
bool lcp_endpoint_eq(const struct lcp_endpoint *a, const struct lcp_endpoint *b);
bool lcp_endpoint_is_ipv4(const struct lcp_endpoint *ep);
/* 100.64.0.0/10, fd7a:115c:a1e0::/48 or loopback: the body does not travel in clear. */
bool lcp_endpoint_is_private_path(const struct lcp_endpoint *ep);

/* Makes foreign text safe for a terminal or a log: controls (C0, C1, 0x7f),
 * bidirectional and zero-width format characters and malformed bytes become visible
 * \x.. or \u.... escapes. With keep_newlines, '\n' and '\t' stay. Cuts at cap; always
 * terminates. Returns the length written. */
size_t lcp_text_escape(struct lcp_span text, bool keep_newlines, char *out, size_t cap);
/* The same for what must stay one word: spaces become escapes, too. */
size_t lcp_text_escape_word(struct lcp_span text, char *out, size_t cap);

/* Seconds from "90", "15m", "24h", "7d"; LCP_EFORMAT else, LCP_EFULL on overflow. */
LCP_MUST_USE enum lcp_err lcp_duration_parse(struct lcp_span text, uint64_t *seconds);
/* A decimal integer within [min, max], nothing around it. */
LCP_MUST_USE enum lcp_err lcp_uint_parse(struct lcp_span text, uint64_t min,
                                         uint64_t max, uint64_t *out);

#endif
