/* SPDX-License-Identifier: MIT
 *
 * Names of errors for logs and tests. Sentences for people are made in cli/.
 */
#ifndef LCP_BASE_ERR_H
#define LCP_BASE_ERR_H

#include "lcp/types.h"

/* "LCP_EFULL" and so on; "LCP_E?" for a number that is none. Static storage. */
const char *lcp_err_name(enum lcp_err err);

#endif
