/* SPDX-License-Identifier: MIT
 *
 * Doubly linked lists over indexes of a table. Several lists may share one array of
 * links as long as an item is in one of them at a time.
 */
#ifndef LCP_CORE_LIST_H
#define LCP_CORE_LIST_H

#include "lcp/types.h"

#define LCP_NONE UINT32_MAX           /* no item */
#define LCP_UNLISTED (UINT32_MAX - 1) /* prev of an item that is in no list */

struct lcp_link {
    uint32_t next, prev;
};

struct lcp_list {
    uint32_t head, tail, count;
};

void lcp_list_init(struct lcp_list *list);
/* Marks all items as being in no list. */
void lcp_links_init(struct lcp_link *links, uint32_t count);
/* The item must be in no list. */
void lcp_list_push(struct lcp_list *list, struct lcp_link *links, uint32_t item);
/* The item must be in this list. */
void lcp_list_remove(struct lcp_list *list, struct lcp_link *links, uint32_t item);
/* The oldest, or LCP_NONE. */
uint32_t lcp_list_pop(struct lcp_list *list, struct lcp_link *links);

static inline bool
lcp_is_listed(const struct lcp_link *links, uint32_t item)
{
    return links[item].prev != LCP_UNLISTED;
}

#endif
