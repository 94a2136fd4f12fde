/* SPDX-License-Identifier: MIT
 *
 * Is a stored message what was signed? For a record whose pages were changed behind
 * our back.
 */
#ifndef LCP_NODE_LOOK_H
#define LCP_NODE_LOOK_H

#include "core/msg.h"
#include "store/store.h"

/* False: its text does not fit its digest, its id or its key. True also for a text that
 * was deleted; of one without a digest only the form is asked. */
bool lcp_look_is_sound(struct lcp_msg_scratch *scratch, const struct lcp_row *row);

#endif
