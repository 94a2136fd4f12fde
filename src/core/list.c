/* SPDX-License-Identifier: MIT
 *
 * Linked lists without pointers.
 */
#include "core/list.h"

#include <assert.h>

void
lcp_list_init(struct lcp_list *list)
{
    *list = (struct lcp_list){.head = LCP_NONE, .tail = LCP_NONE};
}

void
lcp_links_init(struct lcp_link *links, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        links[i] = (struct lcp_link){.next = LCP_NONE, .prev = LCP_UNLISTED};
}

void
lcp_list_push(struct lcp_list *list, struct lcp_link *links, uint32_t item)
{
    assert(!lcp_is_listed(links, item));
    links[item] = (struct lcp_link){.next = LCP_NONE, .prev = list->tail};
    if (list->tail == LCP_NONE)
        list->head = item;
    else
        links[list->tail].next = item;
    list->tail = item;
    list->count++;
}

void
lcp_list_remove(struct lcp_list *list, struct lcp_link *links, uint32_t item)
{
    struct lcp_link *link = &links[item];

    assert(lcp_is_listed(links, item) && list->count > 0);
    if (link->prev == LCP_NONE)
        list->head = link->next;
    else
        links[link->prev].next = link->next;
    if (link->next == LCP_NONE)
        list->tail = link->prev;
    else
        links[link->next].prev = link->prev;
    *link = (struct lcp_link){.next = LCP_NONE, .prev = LCP_UNLISTED};
    list->count--;
}

uint32_t
lcp_list_pop(struct lcp_list *list, struct lcp_link *links)
{
    uint32_t item = list->head;

    if (item != LCP_NONE)
        lcp_list_remove(list, links, item);
    return item;
}
