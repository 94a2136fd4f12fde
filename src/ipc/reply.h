/* SPDX-License-Identifier: MIT
 *
 * Looks into a reply without parsing it: a page of messages may hold more nodes, and
 * they may nest deeper, than one document is allowed. What is found is then parsed
 * message by message.
 */
#ifndef LCP_IPC_REPLY_H
#define LCP_IPC_REPLY_H

#include "lcp/types.h"

/* The raw value of an object's own member, its name without escapes; false: not there,
 * or the text is damaged. The spans borrow from object. */
bool lcp_reply_member(struct lcp_span object, const char *name, struct lcp_span *value);

/* The next element of an array (brackets and all); *at is 0 at first. */
bool lcp_reply_next(struct lcp_span array, size_t *at, struct lcp_span *element);

/* A member that is an unsigned number; 0 when it is not, or null. */
uint64_t lcp_reply_number(struct lcp_span object, const char *name);
bool lcp_reply_is_true(struct lcp_span object, const char *name);

/* Decodes a member that is a string; "" when it is none or longer than cap. */
void lcp_reply_text(struct lcp_span object, const char *name, char *out, size_t cap);

#endif
