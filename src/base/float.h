/* SPDX-License-Identifier: MIT
 *
 * Decimal text to IEEE 754 double and back, exact in every case and in integers only:
 * no strtod, no printf, no locale, no rounding mode. A double travels as its 64 bits.
 */
#ifndef LCP_BASE_FLOAT_H
#define LCP_BASE_FLOAT_H

#include "lcp/types.h"

enum { LCP_FLOAT_TEXT_MAX = 31 }; /* without the NUL; the longest real one has 24 */

/* The bits of the double nearest to a JSON number (RFC 8259 grammar, already checked;
 * any length), ties to even. LCP_EFULL when that would be infinite. */
LCP_MUST_USE enum lcp_err lcp_float_parse(struct lcp_span text, uint64_t *bits);

/* True if lcp_float_parse would say LCP_EFULL; converts only what is near the limit. */
bool lcp_float_overflows(struct lcp_span text);

/* What Python's repr prints for a finite double: the shortest digits that round-trip,
 * and of those the closest. NUL-terminated; returns the length. */
size_t lcp_float_print(uint64_t bits, char out[static LCP_FLOAT_TEXT_MAX + 1]);

#endif
