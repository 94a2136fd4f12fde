/* SPDX-License-Identifier: MIT
 *
 * What the pump says to whom, and when: mail both ways, local clients, a full disk,
 * the stop.
 */
#include "rig.h"

static void
nothing_is_acknowledged_before_it_is_stored(void)
{
    struct rig *r = new_rig(true);

    from_bob(r, &r->bob, ID_A, "chat", NULL, "hello");
    CHECK(r->f.sent_count == 0);
    CHECK(r->f.task_count == 1);
    run_tasks(r);
    CHECK(r->f.sent_count == 1 && is_ack(r, 0));
    ask(r, "{\"cmd\":\"CHECK\"}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "{\"count\":1,\"messages\":[{\"id\":\"" ID_A "\"") ==
          r->f.reply);
    CHECK(strstr(r->f.reply, "\"next\":null,\"_source\":\"daemon\"}\n") != NULL);
    free_rig(r);
}

static void
what_was_imported_is_known_whatever_its_content(void)
{
    struct rig *r = new_rig(true);
    struct lcp_row row = {.dir = LCP_IN,
                          .state = LCP_IN_STORED,
                          .peer = "bob",
                          .key = r->bob.key,
                          .id = ID_A,
                          .type = "chat",
                          .reply_to = "",
                          .reason = "",
                          .raw = lcp_span("{}", 2)};
    uint64_t number;

    REQUIRE(r->writer->ops->begin(r->writer) == LCP_OK);
    REQUIRE(r->writer->ops->add(r->writer, &row, &number) == LCP_OK);
    REQUIRE(r->writer->ops->commit(r->writer) == LCP_OK);
    from_bob(r, &r->bob, ID_A, "chat", NULL, "hello");
    run_tasks(r);
    CHECK(r->f.sent_count == 1 && is_ack(r, 0));
    CHECK(status_says(r, "\"duplicate\":1"));
    free_rig(r);
}

static void
a_legacy_client_may_answer_any_id(void)
{
    struct rig *r = new_rig(true);
    const char *request =
        "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\",\"replyTo\":\"task-7\"}}";

    ask(r, request, true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "not-found") != NULL);
    ask(r, request, false);
    run_tasks(r);
    CHECK(r->f.sent_count == 1);
    CHECK(strstr((char *)r->f.sent[0] + LCP_HEADER_BYTES, "\"replyTo\":\"task-7\"") !=
          NULL);
    free_rig(r);
}

static void
a_message_of_the_other_direction_is_named_so(void)
{
    struct rig *r = new_rig(true);

    from_bob(r, &r->bob, ID_A, "chat", NULL, "one");
    run_tasks(r);
    ask(r, "{\"cmd\":\"CANCEL\",\"id\":\"1\"}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"code\":\"not-found\"") != NULL);
    CHECK(strstr(r->f.reply, "no sent message fits 1") != NULL);
    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"wait\":false}", true);
    run_tasks(r);
    ask(r, "{\"cmd\":\"ACK\",\"ids\":[\"2\"]}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"code\":\"not-found\"") != NULL);
    CHECK(strstr(r->f.reply, "no received message fits 2") != NULL);
    free_rig(r);
}

static void
a_full_disk_is_no_ack_and_passes(void)
{
    struct rig *r = new_rig(true);

    lcp_memory_disk_fail(r->disk, LCP_ENOSPACE);
    from_bob(r, &r->bob, ID_A, "chat", NULL, "hello");
    run_tasks(r);
    CHECK(r->f.sent_count == 0);
    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"}}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "storage-full") != NULL);
    ask(r, "{\"cmd\":\"STATUS\"}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"degraded\":\"the disk is full") != NULL);
    lcp_memory_disk_fail(r->disk, LCP_OK);
    r->f.now_ms += 1500;
    lcp_pump_tick(r->pump);
    run_tasks(r);
    from_bob(r, &r->bob, ID_A, "chat", NULL, "hello");
    run_tasks(r);
    CHECK(r->f.sent_count > 0 && is_ack(r, (r->f.sent_count - 1) % 16));
    CHECK(status_says(r, "\"degraded\":null"));
    free_rig(r);
}

static int
count_in_log(const struct rig *r, const char *what)
{
    int count = 0;

    for (const char *at = r->f.log; (at = strstr(at, what)) != NULL; at++)
        count++;
    return count;
}

static void
pass_seconds(struct rig *r, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        r->f.now_ms += 1000;
        lcp_pump_tick(r->pump);
        run_tasks(r);
    }
}

/* What the daemon writes by itself each second is small. */
static void
small_writes_that_still_fit_do_not_end_a_full_disk(void)
{
    struct rig *r = new_rig(true);

    for (int i = 0; i < 5; i++) {
        lcp_memory_disk_fail(r->disk, LCP_ENOSPACE);
        from_bob(r, &r->bob, ID_A, "chat", NULL, "hello");
        run_tasks(r);
        lcp_memory_disk_fail(r->disk, LCP_OK);
        pass_seconds(r, 5);
        CHECK(status_says(r, "\"degraded\":\"the disk is full"));
    }
    CHECK(count_in_log(r, "the disk is full") == 1);
    CHECK(count_in_log(r, "(LCP_ENOSPACE)") == 1);
    CHECK(count_in_log(r, "works again") == 0);
    pass_seconds(r, 30); /* nobody writes, and nothing fails */
    CHECK(status_says(r, "\"degraded\":null"));
    CHECK(count_in_log(r, "works again") == 1);
    free_rig(r);
}

static void
a_lost_fsync_says_nothing_more(void)
{
    struct rig *r = new_rig(true);

    lcp_memory_disk_fail(r->disk, LCP_ELOST);
    from_bob(r, &r->bob, ID_A, "chat", NULL, "hello");
    run_tasks(r);
    CHECK(r->f.lost != NULL);
    CHECK(r->f.sent_count == 0);
    free_rig(r);
}

static void
a_send_is_answered_when_durable(void)
{
    struct rig *r = new_rig(true);

    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"wait\":false}", true);
    CHECK(r->f.reply[0] == '\0' && r->f.sent_count == 0);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "{\"ok\":false,\"accepted\":true,\"id\":\"") ==
          r->f.reply);
    CHECK(strstr(r->f.reply, "\"to\":\"bob\",\"state\":\"sent\"") != NULL);
    CHECK(r->f.sent_count == 1 && r->f.sent[0][8] == LCP_PACKET_DATA);
    free_rig(r);
}

static void
an_ack_settles_and_is_told(void)
{
    struct rig *r = new_rig(true);
    uint8_t ack[LCP_HEADER_BYTES];

    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"}}", false);
    run_tasks(r);
    CHECK(r->f.reply[0] == '\0');
    memcpy(ack, r->f.sent[0], sizeof(ack));
    ack[8] = LCP_PACKET_ACK;
    lcp_pump_datagram(r->pump, &r->from_bob, lcp_span(ack, sizeof(ack)));
    CHECK(r->f.reply[0] == '\0'); /* not before that is on disk too */
    run_tasks(r);
    CHECK(strstr(r->f.reply, "{\"ok\":true,\"accepted\":true") == r->f.reply);
    CHECK(r->f.reply_end && r->f.reply[r->f.reply_len - 1] == '}');
    free_rig(r);
}

static void
one_id_is_one_message(void)
{
    struct rig *r = new_rig(true);

    ask(r,
        "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"id\":\"" ID_A
        "\",\"wait\":false}",
        true);
    run_tasks(r);
    ask(r,
        "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"id\":\"" ID_A
        "\",\"wait\":false}",
        true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"number\":1") != NULL);
    ask(r,
        "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"y\"},\"id\":\"" ID_A
        "\",\"wait\":false}",
        true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"code\":\"conflict\"") != NULL);
    CHECK(r->f.sent_count == 1);
    free_rig(r);
}

static void
a_bare_ack_archives_only_what_was_handed_out(void)
{
    struct rig *r = new_rig(true);

    from_bob(r, &r->bob, ID_A, "chat", NULL, "one");
    run_tasks(r);
    ask(r, "{\"cmd\":\"CHECK\"}", false);
    run_tasks(r);
    CHECK(r->f.tag != 0);
    from_bob(r, &r->bob, ID_B, "chat", NULL, "two");
    run_tasks(r);
    lcp_pump_replied(r->pump, 1, r->f.tag, true);
    run_tasks(r);
    ask(r, "{\"cmd\":\"ACK\",\"ids\":[]}", false);
    run_tasks(r);
    CHECK_STR(r->f.reply, "{\"archived\":0}");
    ask(r, "{\"cmd\":\"ack\"}", false);
    run_tasks(r);
    CHECK_STR(r->f.reply, "{\"archived\":1}");
    ask(r, "{\"cmd\":\"CHECK\"}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, ID_B) != NULL && strstr(r->f.reply, ID_A) == NULL);
    free_rig(r);
}

static void
a_reply_that_did_not_leave_hands_out_nothing(void)
{
    struct rig *r = new_rig(true);

    from_bob(r, &r->bob, ID_A, "chat", NULL, "one");
    run_tasks(r);
    ask(r, "{\"cmd\":\"CHECK\"}", false);
    run_tasks(r);
    lcp_pump_replied(r->pump, 1, r->f.tag, false);
    ask(r, "{\"cmd\":\"ACK\"}", false);
    run_tasks(r);
    CHECK_STR(r->f.reply, "{\"archived\":0}");
    free_rig(r);
}

static void
a_ping_is_answered_once_and_kept_from_the_inbox(void)
{
    struct rig *r = new_rig(true);

    from_bob(r, &r->bob, ID_A, "ping", NULL, "");
    run_tasks(r);
    CHECK(r->f.sent_count == 2 && is_ack(r, 0));
    CHECK(strstr((char *)r->f.sent[1] + LCP_HEADER_BYTES, "\"type\":\"pong\"") != NULL);
    CHECK(strstr((char *)r->f.sent[1] + LCP_HEADER_BYTES, "\"replyTo\":\"" ID_A "\"") !=
          NULL);
    from_bob(r, &r->bob, ID_A, "ping", NULL, "");
    run_tasks(r);
    CHECK(r->f.sent_count == 3 && is_ack(r, 2));
    ask(r, "{\"cmd\":\"CHECK\"}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "{\"count\":0,") == r->f.reply);
    free_rig(r);
}

static void
a_ttl_goes_on_over_a_restart(void)
{
    struct rig *r = new_rig(true);
    char fault[LCP_CONF_FAULT_MAX];

    ask(r,
        "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"ttl\":60,\"wait\":false}",
        true);
    run_tasks(r);
    close_pump(r);
    r->f.now_ms += 61000; /* wall and monotone clock of the fake go together */
    REQUIRE(open_pump(r, fault) == LCP_OK);
    lcp_pump_tick(r->pump);
    run_tasks(r);
    ask(r, "{\"cmd\":\"SENT\"}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"state\":\"expired\"") != NULL);
    CHECK(strstr(r->f.reply, "\"reason\":\"ttl\"") != NULL);
    free_rig(r);
}

static void
stopping_answers_who_waits_and_becomes_idle(void)
{
    struct rig *r = new_rig(true);

    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"}}", true);
    run_tasks(r);
    lcp_pump_stop(r->pump);
    CHECK(strstr(r->f.reply, "\"state\":\"sent\"") != NULL);
    run_tasks(r);
    CHECK(lcp_pump_is_idle(r->pump));
    ask(r, "{\"cmd\":\"STATUS\"}", true);
    CHECK(strstr(r->f.reply, "\"code\":\"stopping\"") != NULL);
    free_rig(r);
}

static void
a_client_that_left_is_handed_nothing(void)
{
    struct rig *r = new_rig(true);

    from_bob(r, &r->bob, ID_A, "chat", NULL, "one");
    run_tasks(r);
    ask(r, "{\"cmd\":\"CHECK\"}", false);
    lcp_pump_client_gone(r->pump, 1);
    run_tasks(r);
    CHECK(r->f.replies == 0);
    ask(r, "{\"cmd\":\"ACK\"}", false);
    run_tasks(r);
    CHECK_STR(r->f.reply, "{\"archived\":0}");
    free_rig(r);
}

/* Or a full inbox would be printed whole for each page. */
static void
a_legacy_page_is_not_looked_for_in_the_whole_inbox(void)
{
    static char large[60 * 1024], middle[6 * 1024];
    struct rig *r = new_rig(true);
    char id[] = "00000000-5d7c-4e2a-9b1f-0a1b2c3d4e5f";

    memset(large, 'x', sizeof(large) - 1);
    memset(middle, 'x', sizeof(middle) - 1);
    for (int i = 0; i < 102; i++) {
        snprintf(id, 9, "%08x", (unsigned)i);
        id[8] = '-';
        from_bob(r, &r->bob, id, "chat", NULL, i == 0 ? large : middle);
        run_tasks(r);
        if (i == 5 || i == 101) {
            from_bob(r, &r->bob, i == 5 ? ID_A : ID_B, "chat", NULL, "short");
            run_tasks(r);
        }
    }
    ask(r, "{\"cmd\":\"CHECK\"}", false);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "{\"count\":2,") == r->f.reply);
    CHECK(strstr(r->f.reply, ID_A) != NULL && strstr(r->f.reply, ID_B) == NULL);
    CHECK(strstr(r->f.reply, "\"more\":true") != NULL);
    free_rig(r);
}

int
main(void)
{
    nothing_is_acknowledged_before_it_is_stored();
    what_was_imported_is_known_whatever_its_content();
    a_legacy_client_may_answer_any_id();
    a_message_of_the_other_direction_is_named_so();
    a_full_disk_is_no_ack_and_passes();
    small_writes_that_still_fit_do_not_end_a_full_disk();
    a_lost_fsync_says_nothing_more();
    a_send_is_answered_when_durable();
    an_ack_settles_and_is_told();
    one_id_is_one_message();
    a_bare_ack_archives_only_what_was_handed_out();
    a_reply_that_did_not_leave_hands_out_nothing();
    a_ping_is_answered_once_and_kept_from_the_inbox();
    a_ttl_goes_on_over_a_restart();
    stopping_answers_who_waits_and_becomes_idle();
    a_client_that_left_is_handed_nothing();
    a_legacy_page_is_not_looked_for_in_the_whole_inbox();
    return check_end("pump");
}
