/* SPDX-License-Identifier: MIT
 *
 * The switch of the seeded bugs; nothing at all in a product build.
 */
#include "base/bugs.h"

#ifdef LCP_SEEDED_BUGS
int lcp_bug_active;
#else
typedef int lcp_bugs_are_absent;
#endif
