/* SPDX-License-Identifier: MIT
 *
 * Canonical bytes of a parsed JSON object: what Python's
 * json.dumps(m, sort_keys=True, separators=(',', ':')) prints, docs/protocol.md
 * "Signature".
 */
#ifndef LCP_CORE_CANON_H
#define LCP_CORE_CANON_H

#include "base/json.h"

/* Room for the canonical form of any payload that was accepted. A one-byte control or
 * a two-byte code point becomes six bytes; four bytes become twelve; number text may
 * grow ("1e15" -> "1000000000000000.0"): 8 x covers every case (a unit test proves the
 * worst ones). */
enum { LCP_CANON_BYTES_MAX = 8 * LCP_PAYLOAD_MAX };

/* Prints the object at nodes[0] without its top-level member `skip` (NULL: all). Out is
 * written up to cap; LCP_EFULL when it does not fit. Needs under a KiB of stack:
 * nesting is bounded and the reader left the members sorted. */
LCP_MUST_USE enum lcp_err lcp_canon_print(const struct lcp_json *doc, const char *skip,
                                          char *out, size_t cap, size_t *len);

/* One float the way Python's repr prints it. text is a JSON number with '.', 'e' or 'E'
 * that does not overflow. Returns the length; out holds LCP_FLOAT_CHARS. Independent of
 * the locale. */
enum { LCP_FLOAT_CHARS = 32 };
size_t lcp_canon_float(struct lcp_span text, char out[static LCP_FLOAT_CHARS]);

#endif
