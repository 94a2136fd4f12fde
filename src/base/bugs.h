/* SPDX-License-Identifier: MIT
 *
 * Seeded bugs for the simulator: mistakes that are easy to make here, each behind a
 * switch, so that a test can show it would have caught them. Only the libraries built
 * for that test contain them; elsewhere lcp_bug() is the constant false.
 */
#ifndef LCP_BASE_BUGS_H
#define LCP_BASE_BUGS_H

#include <stdbool.h>

enum lcp_bug {
    LCP_BUG_NONE,
    LCP_BUG_ACK_BEFORE_COMMIT,
    LCP_BUG_DEDUP_LOST,        /* known ids are forgotten at restart */
    LCP_BUG_PIN_NOT_RECHECKED, /* the storing transaction trusts the machine's look at
                                  the pin */
    LCP_BUG_LATE_ACK_DROPPED,  /* only the newest transmission's ACK counts */
    LCP_BUG_STATE_BACK,
    LCP_BUG_ADMISSION_NOT_MERGED, /* a retransmission starts a second admission */
    LCP_BUG_REFILL_SKIPS,         /* a queued row is passed over */
    LCP_BUG_FORGOTTEN_AFTER_FIVE, /* like the Python node */
    /* LCP/1.2 */
    LCP_BUG_RECEIPT_BEFORE_COMMIT,
    LCP_BUG_CONFLICT_UNVERIFIED, /* a signed word for junk under a known id */
    LCP_BUG_DIGEST_IGNORED,      /* a receipt for other content changes a state */
    LCP_BUG_ECHO_IGNORED,        /* any verified HELLO makes its peer online */
    LCP_BUG_STICKY_IGNORED,      /* a bare ACK settles the message of a 1.2 peer */
    LCP_BUG_TTL_RESTARTED,       /* a start gives a message its whole life again */
    LCP_BUG_QUOTA_FINAL,         /* over quota is refused instead of later */
    LCP_BUG_READ_BEFORE_PRINT,   /* read is told before the client was there for it */
    LCP_BUG_DONE_AND_REFUSED,    /* the second of the two wins as well */
    LCP_BUG_PAUSE_FORGOTTEN,     /* a restart hands out what is paused */
    LCP_BUG_BUCKET_CHARGES_SUCCESS,
    LCP_BUG_FAIRNESS_LOST, /* one peer may take all admissions and all turns */
    LCP_BUG_COUNT
};

#ifdef LCP_SEEDED_BUGS
extern int lcp_bug_active;

static inline bool
lcp_bug(enum lcp_bug bug)
{
    return lcp_bug_active == (int)bug;
}
#else
static inline bool
lcp_bug(enum lcp_bug bug)
{
    (void)bug;
    return false;
}
#endif

#endif
