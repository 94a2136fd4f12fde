/* SPDX-License-Identifier: MIT
 *
 * Local requests about mail that is held, paused, refused or released, and what a
 * person did.
 */
#include "rows.h"

static uint64_t
put_in(struct rig *r, const char *id, int state, const char *text)
{
    return put_row(r, &(struct put){.dir = LCP_IN,
                                    .id = id,
                                    .state = state,
                                    .text = text,
                                    .wants_receipts = true});
}

static void
held_mail_shows_a_preview_and_nothing_else(void)
{
    struct rig *r = new_rig(true);
    char text[1200] = "";
    uint64_t number;

    number = put_row(r, &(struct put){.dir = LCP_IN,
                                      .state = LCP_IN_HELD,
                                      .id = UUID(1),
                                      .type = "task",
                                      .text = "a\x1b[2Jb\nc\xe2\x80\xae"
                                              "d\"",
                                      .reason = "policy",
                                      .detail = "Hold = yes",
                                      .expires_life_ms = 62999});
    CHECK(number == 1);
    call(r, "{\"cmd\":\"HELD\"}");
    CHECK(says(r, "{\"messages\":[{\"number\":1,\"id\":\"" UUID(
                      1) "\",\"from\":\"bob\","
                         "\"type\":\"task\",\"at\":\"1970-01-01T00:00:01"));
    CHECK(says(r, "\"reason\":\"policy\",\"detail\":\"Hold = yes\",\"expires_s\":62,"));
    CHECK(says(r, "\"preview\":\"a\\\\x1b[2Jb c\\\\u202ed\\\"\"}],\"next\":null}\n"));
    for (int i = 0; i < 250; i++)
        strcat(text, "\xe4\xbd\xa0");
    (void)put_in(r, UUID(2), LCP_IN_HELD, text);
    text[600] = '\0';
    call(r, "{\"cmd\":\"HELD\",\"after\":1}");
    CHECK(says(r, text));
    strcat(text, "\xe4\xbd\xa0");
    CHECK(strstr(r->f.reply, text) == NULL);
    CHECK(says(r, "\"expires_s\":null"));
    call(r, "{\"cmd\":\"HELD\",\"limit\":1}");
    CHECK(says(r, "],\"next\":1}"));
    (void)put_in(r, UUID(3), LCP_IN_STORED, "x");
    call(r, "{\"cmd\":\"HELD\",\"after\":2}");
    CHECK_STR(r->f.reply, "{\"messages\":[],\"next\":null}\n");
    free_rig(r);
}

/* No way in but RELEASE. */
static void
held_mail_leaves_by_no_other_door(void)
{
    struct rig *r = new_rig(true);

    (void)put_in(r, UUID(1), LCP_IN_HELD, "secret");
    (void)put_row(r, &(struct put){.dir = LCP_IN,
                                   .id = UUID(2),
                                   .state = LCP_IN_STORED,
                                   .text = "about it",
                                   .reply_to = UUID(1)});
    call(r, "{\"cmd\":\"CHECK\"}");
    CHECK(says(r, "{\"count\":1,") && says(r, "\"held\":1,"));
    CHECK(strstr(r->f.reply, "secret") == NULL);
    call(r, "{\"cmd\":\"CHECK\",\"after\":1}");
    CHECK(strstr(r->f.reply, "\"held\"") == NULL);
    call(r, "{\"cmd\":\"READ\",\"id\":1}");
    CHECK(says(r, "\"code\":\"held\"") && says(r, "lcp release"));
    call(r, "{\"cmd\":\"READ\",\"id\":1,\"thread\":true}");
    CHECK(says(r, "\"code\":\"held\""));
    call(r, "{\"cmd\":\"READ\",\"id\":2,\"thread\":true}");
    CHECK(says(r, "about it") && strstr(r->f.reply, "secret") == NULL);
    call(r, "{\"cmd\":\"SHOWN\",\"numbers\":[1]}");
    CHECK(says(r, "{\"ok\":true}"));
    CHECK(look(r, 1).state == LCP_IN_HELD);
    call(r, "{\"cmd\":\"ACK\",\"ids\":[1]}");
    CHECK(says(r, "\"code\":\"held\"") && says(r, "#1 is held"));
    call(r, "{\"cmd\":\"ACK\",\"all\":true}");
    CHECK_STR(r->f.reply, "{\"archived\":1}\n");
    call(r, "{\"cmd\":\"ACK\",\"through\":2}");
    CHECK(look(r, 1).state == LCP_IN_HELD);
    ask(r, "{\"cmd\":\"CHECK\"}", false);
    run_tasks(r);
    CHECK_STR(r->f.reply,
              "{\"count\":0,\"messages\":[],\"next\":null,\"_source\":\"daemon\"}");
    free_rig(r);
}

static void
release_is_a_person_s_and_is_recorded(void)
{
    struct rig *r = new_rig(true);

    (void)put_in(r, UUID(1), LCP_IN_HELD, "x");
    (void)put_row(
        r, &(struct put){.dir = LCP_OUT, .id = UUID(2), .state = LCP_SENT_EXPIRED});
    call(r, "{\"cmd\":\"RELEASE\",\"id\":1,\"how\":\"typed\"}");
    CHECK_STR(r->f.reply, "{\"ok\":true,\"id\":\"" UUID(
                              1) "\",\"number\":1,\"state\":\"stored\"}\n");
    CHECK(look(r, 1).state == LCP_IN_STORED && look(r, 1).owes);
    CHECK_STR(audit_of(r), "release|uid 7, client 1|#1 " UUID(1) " from bob, typed\n");
    call(r, "{\"cmd\":\"RELEASE\",\"id\":1,\"how\":\"typed\"}");
    CHECK(says(r, "\"code\":\"conflict\"") && says(r, "#1 is stored"));
    call(r, "{\"cmd\":\"RELEASE\",\"id\":2,\"how\":\"typed\"}");
    CHECK(says(r, "no received message fits #2"));
    call(r, "{\"cmd\":\"RELEASE\",\"id\":\"00\",\"how\":\"typed\"}");
    CHECK(says(r, "\"error\""));
    CHECK_STR(audit_of(r), "release|uid 7, client 1|#1 " UUID(1) " from bob, typed\n");
    call(r, "{\"cmd\":\"CHECK\"}");
    CHECK(says(r, "{\"count\":1,") && says(r, "\"held\":0,"));
    free_rig(r);
}

static void
an_act_that_is_not_stored_is_not_recorded(void)
{
    struct rig *r = new_rig(true);

    (void)put_in(r, UUID(1), LCP_IN_HELD, "x");
    lcp_memory_disk_fail(r->disk, LCP_ENOSPACE);
    call(r, "{\"cmd\":\"RELEASE\",\"id\":1,\"how\":\"--yes\"}");
    CHECK(says(r, "\"code\":\"storage-full\""));
    call(r, "{\"cmd\":\"PAUSE\"}");
    CHECK(says(r, "\"code\":\"storage-full\""));
    call(r, "{\"cmd\":\"STATUS\"}");
    CHECK(says(r, "\"paused\":[]"));
    lcp_memory_disk_fail(r->disk, LCP_OK);
    CHECK(look(r, 1).state == LCP_IN_HELD && !look(r, 1).owes);
    CHECK_STR(audit_of(r), "");
    free_rig(r);
}

static void
refuse_is_final_and_told(void)
{
    static const struct {
        const char *label;
        int state, after;
        bool is_taken;
    } rows[] = {
        {"held", LCP_IN_HELD, LCP_IN_REFUSED, true},
        {"stored", LCP_IN_STORED, LCP_IN_REFUSED, true},
        {"read", LCP_IN_HANDED, LCP_IN_REFUSED, true},
        {"done", LCP_IN_ARCHIVED, LCP_IN_ARCHIVED, false},
        {"refused", LCP_IN_REFUSED, LCP_IN_REFUSED, false},
        {"consumed", LCP_IN_CONSUMED, LCP_IN_CONSUMED, false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct rig *r = new_rig(true);
        struct seen seen;

        (void)put_in(r, UUID(1), rows[i].state, "x");
        call(r, "{\"cmd\":\"REFUSE\",\"id\":1,\"reason\":\"not mine\"}");
        seen = look(r, 1);
        CHECK_ROW(rows[i].label, seen.state == rows[i].after);
        if (rows[i].is_taken) {
            CHECK_STR(r->f.reply,
                      "{\"ok\":true,\"id\":\"" UUID(
                          1) "\",\"number\":1,\"state\":\"refused\",\"told\":true}\n");
            CHECK_STR(seen.reason, "declined");
            CHECK_STR(seen.detail, "not mine");
            CHECK_ROW(rows[i].label, seen.owes);
        } else {
            CHECK_ROW(rows[i].label, says(r, "\"code\":\"conflict\""));
            CHECK_ROW(rows[i].label, strcmp(seen.detail, "not mine") != 0);
        }
        free_rig(r);
    }
}

static void
a_1_1_sender_hears_of_no_refusal(void)
{
    struct rig *r = new_rig(true);

    (void)put_row(r,
                  &(struct put){.dir = LCP_IN, .id = UUID(1), .state = LCP_IN_STORED});
    call(r, "{\"cmd\":\"REFUSE\",\"id\":1}");
    CHECK(says(r, "\"told\":false"));
    CHECK(!look(r, 1).owes);
    call(r, "{\"cmd\":\"REFUSE\",\"id\":7}");
    CHECK(says(r, "no received message fits #7"));
    free_rig(r);
}

/* What is paused is in the record; nothing of it is handed out, and it says so. */
static void
what_is_paused_waits(void)
{
    struct rig *r = new_rig(true);
    char fault[LCP_CONF_FAULT_MAX];

    (void)put_in(r, UUID(1), LCP_IN_STORED, "fresh");
    (void)put_in(r, UUID(2), LCP_IN_HANDED, "seen");
    (void)put_in(r, UUID(3), LCP_IN_ARCHIVED, "old");
    call(r, "{\"cmd\":\"PAUSE\",\"name\":\"bob\"}");
    CHECK_STR(r->f.reply, "{\"ok\":true,\"paused\":[\"bob\"]}\n");
    for (int round = 0; round < 2; round++) {
        call(r, "{\"cmd\":\"CHECK\"}");
        CHECK(says(r, "{\"count\":0,\"messages\":[],\"paused\":[\"bob\"],\"held\":0,"
                      "\"next\":null,"));
        call(r, "{\"cmd\":\"READ\",\"id\":1}");
        CHECK(says(r, "\"code\":\"paused\"") && says(r, "lcp resume"));
        call(r, "{\"cmd\":\"READ\",\"id\":2}");
        CHECK(says(r, "\"code\":\"paused\""));
        call(r, "{\"cmd\":\"READ\",\"id\":3}");
        CHECK(says(r, "\"old\""));
        ask(r, "{\"cmd\":\"CHECK\"}", false);
        run_tasks(r);
        CHECK(says(r, "{\"count\":0,") && r->f.tag == 0);
        CHECK(status_says(r, "\"paused\":[\"bob\"]"));
        CHECK(status_says(r, "\"paused\":true"));
        close_pump(r); /* and a restart forgets nothing */
        REQUIRE(open_pump(r, fault) == LCP_OK);
        lcp_pump_tick(r->pump);
        run_tasks(r);
    }
    call(r, "{\"cmd\":\"RESUME\",\"name\":\"bob\",\"how\":\"--yes\"}");
    CHECK_STR(r->f.reply, "{\"ok\":true,\"paused\":[]}\n");
    call(r, "{\"cmd\":\"CHECK\"}");
    CHECK(says(r, "{\"count\":2,") && says(r, "\"paused\":[],"));
    CHECK(status_says(r, "\"paused\":[]") && status_says(r, "\"paused\":false"));
    CHECK_STR(audit_of(r), "resume|uid 7, client 1|bob, --yes\n"
                           "pause|uid 7, client 1|bob\n");
    free_rig(r);
}

static void
the_whole_node_can_be_paused(void)
{
    struct rig *r = new_rig(true);

    (void)put_in(r, UUID(1), LCP_IN_STORED, "x");
    call(r, "{\"cmd\":\"PAUSE\"}");
    CHECK_STR(r->f.reply, "{\"ok\":true,\"paused\":[\"\"]}\n");
    call(r, "{\"cmd\":\"PAUSE\",\"name\":\"bob\"}");
    CHECK_STR(r->f.reply, "{\"ok\":true,\"paused\":[\"\",\"bob\"]}\n");
    call(r, "{\"cmd\":\"RESUME\",\"name\":\"bob\",\"how\":\"typed\"}");
    CHECK_STR(r->f.reply, "{\"ok\":true,\"paused\":[\"\"]}\n");
    call(r, "{\"cmd\":\"CHECK\"}");
    CHECK(says(r, "{\"count\":0,") && says(r, "\"paused\":[\"\"]"));
    call(r, "{\"cmd\":\"READ\",\"id\":1}");
    CHECK(says(r, "\"code\":\"paused\""));
    CHECK(status_says(r, "\"paused\":[\"\"]"));
    call(r, "{\"cmd\":\"PAUSE\",\"name\":\"eve\"}");
    CHECK(says(r, "\"code\":\"unknown-peer\""));
    call(r, "{\"cmd\":\"RESUME\",\"how\":\"typed\"}");
    call(r, "{\"cmd\":\"CHECK\"}");
    CHECK(says(r, "{\"count\":1,"));
    CHECK(strstr(audit_of(r), "resume|uid 7, client 1|everything, typed\n") ==
          audit_of(r));
    free_rig(r);
}

static void
a_version_taken_back_is_recorded(void)
{
    struct rig *r = new_rig(true);
    struct lcp_store_peer known = {0};

    call(r, "{\"cmd\":\"PAUSE\",\"name\":\"bob\"}");
    call(r, "{\"cmd\":\"VERSION\",\"name\":\"bob\",\"version\":\"1.2\"}");
    CHECK_STR(r->f.reply, "{\"ok\":true}\n");
    call(r, "{\"cmd\":\"STATUS\"}");
    CHECK(says(r, "\"version\":\"1.2\",\"online\":"));
    call(r, "{\"cmd\":\"PAUSE\",\"name\":\"bob\"}");
    REQUIRE(r->reader->ops->peer_get(r->reader, "bob", &known) == LCP_OK);
    CHECK(known.version == LCP_VERSION_1_2);
    (void)put_in(r, UUID(1), LCP_IN_ARCHIVED, "x");
    call(r, "{\"cmd\":\"READ\",\"id\":1}");
    CHECK(says(r, "\"version\":\"1.2\"}"));
    call(r, "{\"cmd\":\"VERSION\",\"name\":\"bob\",\"version\":\"1.1\"}");
    call(r, "{\"cmd\":\"PEERS\"}");
    CHECK(says(r, "\"version\":\"1.1\",\"online\":"));
    call(r, "{\"cmd\":\"READ\",\"id\":1}");
    CHECK(says(r, "\"version\":\"1.1\"}"));
    REQUIRE(r->reader->ops->peer_get(r->reader, "bob", &known) == LCP_OK);
    CHECK(known.version == LCP_VERSION_1_1 && known.is_paused);
    CHECK(strstr(audit_of(r), "peer version|uid 7, client 1|bob 1.1\n") == audit_of(r));
    call(r, "{\"cmd\":\"VERSION\",\"name\":\"eve\",\"version\":\"1.1\"}");
    CHECK(says(r, "\"code\":\"unknown-peer\""));
    free_rig(r);
}

static void
the_audit_record_is_shown_newest_first(void)
{
    struct rig *r = new_rig(true);
    char request[200], fingerprint[LCP_FINGERPRINT_CHARS + 1];

    lcp_fingerprint(&r->bob.key, fingerprint);
    call(r, "{\"cmd\":\"AUDIT\"}");
    CHECK_STR(r->f.reply, "{\"audit\":[]}\n");
    snprintf(request, sizeof(request),
             "{\"cmd\":\"TRUST\",\"name\":\"bob\",\"fingerprint\":\"%s\",\"how\":"
             "\"typed\"}",
             fingerprint);
    call(r, request);
    CHECK(says(r, "{\"ok\":true,\"key\":"));
    call(r, "{\"cmd\":\"PAUSE\"}");
    call(r, "{\"cmd\":\"AUDIT\"}");
    CHECK(says(r, "{\"audit\":[{\"number\":2,\"at\":\"2026-"));
    CHECK(says(r, "\"who\":\"uid 7, client 1\",\"what\":\"pause\",\"detail\":"
                  "\"everything\"},{\"number\":1,"));
    snprintf(request, sizeof(request),
             "\"what\":\"peer trust\",\"detail\":\"bob %s, typed", fingerprint);
    CHECK(says(r, request));
    call(r, "{\"cmd\":\"AUDIT\",\"limit\":1}");
    CHECK(says(r, "\"pause\"") && strstr(r->f.reply, "trust") == NULL);
    free_rig(r);
}

/* The word that is owed afterwards goes out at once. */
static void
what_becomes_of_mail_is_told_to_its_sender(void)
{
    static const struct {
        const char *label, *request;
        int before, after;
    } rows[] = {
        {"shown", "{\"cmd\":\"SHOWN\",\"numbers\":[1]}", LCP_IN_STORED, LCP_IN_HANDED},
        {"shown again", "{\"cmd\":\"SHOWN\",\"numbers\":[1]}", LCP_IN_HANDED,
         LCP_IN_HANDED},
        {"done", "{\"cmd\":\"ACK\",\"ids\":[1]}", LCP_IN_STORED, LCP_IN_ARCHIVED},
        {"all done", "{\"cmd\":\"ACK\",\"all\":true}", LCP_IN_STORED, LCP_IN_ARCHIVED},
        {"only looked at", "{\"cmd\":\"READ\",\"id\":1}", LCP_IN_STORED, LCP_IN_STORED},
        {"listed", "{\"cmd\":\"CHECK\"}", LCP_IN_STORED, LCP_IN_STORED},
        {"released", "{\"cmd\":\"RELEASE\",\"id\":1,\"how\":\"typed\"}", LCP_IN_HELD,
         LCP_IN_STORED},
        {"refused", "{\"cmd\":\"REFUSE\",\"id\":1}", LCP_IN_HELD, LCP_IN_REFUSED},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct rig *r = new_rig(true);
        bool is_moved = rows[i].after != rows[i].before;
        size_t receipts = 0;

        (void)put_in(r, UUID(1), rows[i].before, "x");
        r->f.now_ms += 40000;
        lcp_pump_tick(r->pump);
        run_tasks(r);
        bob_acks(r, last_sent(r, LCP_PACKET_HEARTBEAT)); /* he is there */
        r->f.sent_count = 0;
        call(r, rows[i].request);
        CHECK_ROW(rows[i].label, look(r, 1).state == rows[i].after);
        CHECK_ROW(rows[i].label, look(r, 1).owes == is_moved);
        for (size_t n = 0; n < r->f.sent_count; n++)
            receipts += r->f.sent[n][8] == LCP_PACKET_RECEIPT;
        CHECK_ROW(rows[i].label, receipts == is_moved);
        free_rig(r);
    }
}

static void
status_tells_how_it_stands_with_a_peer(void)
{
    static const char *const members[] = {
        "\"version\":\"1.1\"", "\"fresh\":false", "\"paused\":false",
        "\"looping\":false",   "\"rto_ms\":500",  "\"window\":8",
    };
    struct rig *r = new_rig(true);

    (void)put_in(r, UUID(1), LCP_IN_HELD, "x");
    call(r, "{\"cmd\":\"STATUS\"}");
    for (size_t i = 0; i < COUNT_OF(members); i++)
        CHECK_ROW(members[i], says(r, members[i]));
    CHECK(says(r, "\"held\":1,\"paused\":[],"));
    free_rig(r);
}

int
main(void)
{
    held_mail_shows_a_preview_and_nothing_else();
    held_mail_leaves_by_no_other_door();
    release_is_a_person_s_and_is_recorded();
    an_act_that_is_not_stored_is_not_recorded();
    refuse_is_final_and_told();
    a_1_1_sender_hears_of_no_refusal();
    what_is_paused_waits();
    the_whole_node_can_be_paused();
    a_version_taken_back_is_recorded();
    the_audit_record_is_shown_newest_first();
    what_becomes_of_mail_is_told_to_its_sender();
    status_tells_how_it_stands_with_a_peer();
    return check_end("verbs");
}
