/* SPDX-License-Identifier: MIT
 *
 * The names of errors. One row for each enumerator; the compiler counts them.
 */
#include "base/err.h"

const char *
lcp_err_name(enum lcp_err err)
{
    static const char *const names[] = {
        [LCP_OK] = "LCP_OK",
        [LCP_EINVAL] = "LCP_EINVAL",
        [LCP_EFORMAT] = "LCP_EFORMAT",
        [LCP_EVERSION] = "LCP_EVERSION",
        [LCP_EFULL] = "LCP_EFULL",
        [LCP_ENOSPACE] = "LCP_ENOSPACE",
        [LCP_EIO] = "LCP_EIO",
        [LCP_ELOST] = "LCP_ELOST",
        [LCP_ECORRUPT] = "LCP_ECORRUPT",
        [LCP_ENOTFOUND] = "LCP_ENOTFOUND",
        [LCP_EEXIST] = "LCP_EEXIST",
        [LCP_ECONFLICT] = "LCP_ECONFLICT",
        [LCP_EAMBIGUOUS] = "LCP_EAMBIGUOUS",
        [LCP_EPERM] = "LCP_EPERM",
        [LCP_EAUTH] = "LCP_EAUTH",
        [LCP_EAGAIN] = "LCP_EAGAIN",
        [LCP_ETIMEOUT] = "LCP_ETIMEOUT",
        [LCP_ECLOSED] = "LCP_ECLOSED",
        [LCP_EBUSY] = "LCP_EBUSY",
        [LCP_ENOMEM] = "LCP_ENOMEM",
    };
    _Static_assert(sizeof(names) / sizeof(names[0]) == LCP_ERR_COUNT,
                   "a name for each");
    unsigned at = (unsigned)err;

    return at < LCP_ERR_COUNT ? names[at] : "LCP_E?";
}
