/* SPDX-License-Identifier: MIT
 *
 * Evidence: {"message","receipt"}, both signed. Says what it proves, or what is wrong
 * with it. Pure: whose keys are known is the caller's to find out.
 */
#ifndef LCP_CLI_PROOF_H
#define LCP_CLI_PROOF_H

#include "core/receipt.h"

enum lcp_proof_fault {
    LCP_PROOF_VALID,
    LCP_PROOF_NONE,            /* not a message and a receipt at all */
    LCP_PROOF_ALTERED_MESSAGE, /* the message's signature does not fit */
    LCP_PROOF_ALTERED_RECEIPT, /* the receipt's does not */
    LCP_PROOF_OTHER_MESSAGE,   /* the receipt speaks of another id or content */
    LCP_PROOF_OTHER_KEY,       /* not the receiver signed it */
    LCP_PROOF_UNKNOWN_KEY,     /* nobody we know signed it */
    LCP_PROOF_FAULTS
};

/* "altered-message" and so on; "valid". */
const char *lcp_proof_fault_name(enum lcp_proof_fault fault);

struct lcp_proof {
    char id[LCP_ID_MAX + 1], type[LCP_TYPE_MAX + 1];
    char to[LCP_NAME_MAX + 1]; /* as the sender calls the receiver; "" when too long */
    struct lcp_key sender, receiver; /* who signed the message, who the receipt */
    enum lcp_word word;
    char reason[LCP_REASON_MAX + 1], text[LCP_DETAIL_MAX + 1];
    char at[48]; /* the receiver's clock */
};

/* Checks all but whose keys these are. LCP_ENOMEM, else LCP_OK and *fault: proof is
 * filled in as far as it was checked. */
LCP_MUST_USE enum lcp_err lcp_proof_read(struct lcp_span text, struct lcp_proof *proof,
                                         enum lcp_proof_fault *fault);

struct lcp_known {
    char name[LCP_NAME_MAX + 1]; /* "" for ourselves */
    struct lcp_key key;          /* not set: none is pinned */
};

/* Judges the keys of a proof. receiver: to whom the message went by our record; NULL
 * when we did not send it, as far as the record knows. *sender and *signer: who they
 * are, NULL when unknown. */
enum lcp_proof_fault lcp_proof_judge(const struct lcp_proof *proof,
                                     const struct lcp_known *known, size_t count,
                                     const char *receiver,
                                     const struct lcp_known **sender,
                                     const struct lcp_known **signer);

#endif
