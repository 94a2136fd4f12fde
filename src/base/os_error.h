/* SPDX-License-Identifier: MIT
 *
 * Inside base/os*.c only: the one place where the system's error numbers become ours.
 */
#ifndef LCP_BASE_OS_ERROR_H
#define LCP_BASE_OS_ERROR_H

#include "lcp/types.h"

/* Remembers errno for lcp_os_last_error() and says what it means to us. */
LCP_MUST_USE enum lcp_err lcp_os_fail(void);
/* The same for an error that was saved before clean-up could overwrite it. */
LCP_MUST_USE enum lcp_err lcp_os_fail_as(int number);

#endif
