/* SPDX-License-Identifier: MIT
 *
 * Without memory for a moment: what was passed over goes on by itself. The linker sends
 * calloc here.
 */
#include "rig.h"

#include "node/state.h"

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

static size_t refused_size; /* callocs of this many bytes fail; 0: none */

void *
__wrap_calloc(size_t count, size_t size)
{
    return refused_size != 0 && count * size == refused_size
               ? NULL
               : __real_calloc(count, size);
}

static void
acknowledge(struct rig *r, size_t sent)
{
    uint8_t ack[LCP_HEADER_BYTES];

    memcpy(ack, r->f.sent[sent], sizeof(ack));
    ack[8] = LCP_PACKET_ACK;
    lcp_pump_datagram(r->pump, &r->from_bob, lcp_span(ack, sizeof(ack)));
    run_tasks(r);
}

static void
wait_a_second(struct rig *r)
{
    for (int i = 0; i < 4; i++) {
        r->f.now_ms += 250;
        lcp_pump_tick(r->pump);
        run_tasks(r);
    }
}

static void
an_acknowledgement_that_found_no_memory_is_asked_for_again(void)
{
    struct rig *r = new_rig(true);

    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"}}", true);
    run_tasks(r);
    CHECK(r->f.sent_count == 1);
    refused_size = sizeof(struct lcp_job);
    acknowledge(r, 0);
    refused_size = 0;
    CHECK(r->f.reply[0] == '\0');
    wait_a_second(r);
    CHECK(r->f.sent_count > 1);
    acknowledge(r, 1);
    CHECK(strstr(r->f.reply, "\"state\":\"acked\"") != NULL);
    free_rig(r);
}

static void
a_message_that_found_no_memory_goes_later(void)
{
    struct rig *r = new_rig(true);
    uint32_t count = r->pump->flights.count;

    r->pump->flights.count = r->pump->flights.cap / 2; /* the next one makes it grow */
    refused_size = (size_t)r->pump->flights.cap * 2 * sizeof(struct lcp_flight);
    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"wait\":false}", true);
    run_tasks(r);
    refused_size = 0;
    r->pump->flights.count = count;
    CHECK(r->f.sent_count == 0);
    wait_a_second(r);
    CHECK(r->f.sent_count > 0 && r->f.sent[0][8] == LCP_PACKET_DATA);
    free_rig(r);
}

int
main(void)
{
    an_acknowledgement_that_found_no_memory_is_asked_for_again();
    a_message_that_found_no_memory_goes_later();
    return check_end("memory");
}
