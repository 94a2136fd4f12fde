/* SPDX-License-Identifier: MIT
 *
 * Out of memory anywhere: each scenario is played once for every k with its k-th
 * allocation failing, alone and with all that follow. Meanwhile nothing is said that is
 * not so; afterwards what was refused works, nobody waits for ever, and nothing leaks.
 */
#include "starve.h"

enum { RECOVERY_MS = 20 * 1000, ALL_OF_THEM = 1000000 };

struct scenario {
    const char *name;
    void (*before)(struct rig *r);
    void (*play)(struct rig *r); /* once starved, and once more with memory back */
    const char *question;        /* asked at the end */
    const char *answer;          /* is in the reply */
    size_t stored;               /* at least so many acknowledgements of mail */
    bool has_receipts;
};

/* ---- what is played ---- */

static void
nothing(struct rig *r)
{
    (void)r;
}

static void
legacy_mail_comes(struct rig *r)
{
    from_bob(r, &r->bob, ID_A, "chat", NULL, "hello");
    run_tasks(r);
    bob_answers(r);
}

static void
legacy_ping_comes(struct rig *r)
{
    from_bob(r, &r->bob, ID_A, "ping", NULL, "");
    run_tasks(r);
    bob_answers(r);
}

static void
mail_comes(struct rig *r)
{
    marked_from_bob(r, 7, ID_A, "hello");
    run_tasks(r);
    bob_answers(r);
}

static void
two_mails_come(struct rig *r)
{
    mail_comes(r);
    marked_from_bob(r, 8, ID_B, "there");
    run_tasks(r);
    bob_answers(r);
}

static void
hello_comes(struct rig *r)
{
    char raw[LCP_SIGNED_PAYLOAD_MAX];

    packet_from_bob(r, LCP_PACKET_HEARTBEAT, 3, raw,
                    build_hello(&r->bob, "bob", "alice", 1, NULL, raw));
    run_tasks(r);
    bob_answers(r);
}

static void
send(struct rig *r)
{
    request(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"id\":\"" ID_B
               "\",\"wait\":false}");
}

static void
send_and_wait(struct rig *r)
{
    request(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"id\":\"" ID_B
               "\",\"wait_for\":\"stored\",\"timeout\":5}");
}

static void
check_and_show(struct rig *r)
{
    request(r, "{\"cmd\":\"CHECK\"}");
    request(r, "{\"cmd\":\"SHOWN\",\"numbers\":[1,2]}");
}

static void
legacy_check(struct rig *r)
{
    said.asked++;
    ask(r, "{\"cmd\":\"CHECK\"}", false);
    run_tasks(r);
    if (said.tag != 0)
        lcp_pump_replied(r->pump, 1, said.tag, true);
    said.tag = 0;
    run_tasks(r);
}

static void
read_thread(struct rig *r)
{
    request(r, "{\"cmd\":\"READ\",\"id\":1,\"thread\":true}");
}

static void
list_sent(struct rig *r)
{
    request(r, "{\"cmd\":\"SENT\"}");
    request(r, "{\"cmd\":\"SENT\",\"id\":1,\"proof\":true}");
}

static void
archive(struct rig *r)
{
    request(r, "{\"cmd\":\"ACK\",\"all\":true}");
}

static void
archive_by_id(struct rig *r)
{
    request(r, "{\"cmd\":\"ACK\",\"ids\":[1,\"" ID_B "\"]}");
}

static void
cancel(struct rig *r)
{
    request(r, "{\"cmd\":\"CANCEL\",\"id\":1}");
}

static void
look_around(struct rig *r)
{
    request(r, "{\"cmd\":\"STATUS\"}");
    request(r, "{\"cmd\":\"PEERS\"}");
    request(r, "{\"cmd\":\"PEERS\",\"unknown\":true}");
    request(r, "{\"cmd\":\"AUDIT\"}");
}

/* Carol comes, and what bob sends is held from now on. */
static void
reload(struct rig *r)
{
    struct lcp_conf_peer peers[2] = {r->peer, {.name = "carol", .line = 9}};
    struct lcp_conf conf = r->conf;

    peers[0].policy.hold = true;
    peers[1].policy.hold = true;
    REQUIRE(lcp_endpoint_parse(lcp_span_str("127.0.0.4"), PORT, &peers[1].endpoint) ==
            LCP_OK);
    conf.peers = peers;
    conf.peer_count = 2;
    if (lcp_pump_reload(r->pump, &conf) == LCP_OK)
        run_tasks(r);
    bob_answers(r);
    for (uint32_t i = 0; i < r->pump->peers_max; i++) {
        struct lcp_core_peer_view view;

        /* Nobody is here without the limits that were set for him. */
        if (lcp_core_peer_view(r->pump->core, r->f.now_ms, i, &view) &&
            strcmp(view.name, "carol") == 0)
            CHECK_ROW(said.label, r->pump->peers[i].policy != NULL);
    }
}

static void
held_mail_came(struct rig *r)
{
    reload(r);
    mail_comes(r);
}

static void
release(struct rig *r)
{
    request(r, "{\"cmd\":\"HELD\"}");
    request(r, "{\"cmd\":\"RELEASE\",\"id\":1,\"how\":\"--yes\"}");
}

static void
refuse(struct rig *r)
{
    request(r, "{\"cmd\":\"REFUSE\",\"id\":1,\"reason\":\"not mine\"}");
}

static void
pause_all(struct rig *r)
{
    request(r, "{\"cmd\":\"PAUSE\"}");
    request(r, "{\"cmd\":\"CHECK\"}");
    request(r, "{\"cmd\":\"PAUSE\",\"name\":\"bob\"}");
}

static void
resume_all(struct rig *r)
{
    request(r, "{\"cmd\":\"RESUME\",\"how\":\"--yes\"}");
    request(r, "{\"cmd\":\"RESUME\",\"name\":\"bob\",\"how\":\"--yes\"}");
}

static void
sent_and_cancelled(struct rig *r)
{
    r->pump->is_bound = false; /* it never leaves */
    send(r);
    cancel(r);
    r->pump->is_bound = true;
}

static void
resend(struct rig *r)
{
    request(r, "{\"cmd\":\"RESEND\",\"id\":1}");
}

static void
ping(struct rig *r)
{
    request(r, "{\"cmd\":\"PING\"}");
}

static void
archived(struct rig *r)
{
    two_mails_come(r);
    archive(r);
    let_pass(r, RECOVERY_MS);
}

static void
purge(struct rig *r)
{
    request(r, "{\"cmd\":\"PURGE\",\"older_than\":1}");
}

static void
expire(struct rig *r)
{
    said.is_bob_silent = true;
    request(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"id\":\"" ID_C
               "\",\"ttl\":1,\"wait\":false}");
    let_pass(r, 2000);
}

static void
trust_another_key(struct rig *r)
{
    char fingerprint[LCP_FINGERPRINT_CHARS + 1], text[200];
    uint8_t seed[LCP_SEED_BYTES] = {3};
    struct lcp_identity other;

    lcp_identity_from_seed(seed, &other);
    lcp_fingerprint(&other.key, fingerprint);
    said.key = other.key;
    from_bob(r, &other, ID_A, "chat", NULL, "it is me");
    run_tasks(r);
    snprintf(text, sizeof(text),
             "{\"cmd\":\"TRUST\",\"name\":\"bob\",\"fingerprint\":\"%s\",\"how\":"
             "\"--yes\"}",
             fingerprint);
    request(r, text);
}

static void
set_version(struct rig *r)
{
    request(r, "{\"cmd\":\"VERSION\",\"name\":\"bob\",\"version\":\"1.2\"}");
}

static void
ask_and_leave(struct rig *r, const char *text)
{
    ask(r, text, true);
    lcp_pump_client_gone(r->pump, 1);
    run_tasks(r);
    bob_answers(r);
}

static void
gone_client(struct rig *r)
{
    ask_and_leave(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"id\":\"" ID_B
                     "\"}");
    ask_and_leave(r, "{\"cmd\":\"CHECK\"}");
    said.asked = r->f.replies; /* later there is nobody to answer */
}

#define CHECK_ALL "{\"cmd\":\"CHECK\"}"
#define SENT_ALL "{\"cmd\":\"SENT\"}"
#define STATUS "{\"cmd\":\"STATUS\"}"

static const struct scenario scenarios[] = {
    {"mail of 1.1", nothing, legacy_mail_comes, CHECK_ALL, "\"count\":1", 1, false},
    {"ping of 1.1", nothing, legacy_ping_comes, CHECK_ALL, "\"count\":0", 1, false},
    {"mail", nothing, mail_comes, CHECK_ALL, "\"count\":1", 1, false},
    {"two mails", nothing, two_mails_come, CHECK_ALL, "\"count\":2", 2, false},
    {"hello", nothing, hello_comes, STATUS, "\"fresh\":", 0, false},
    {"send", nothing, send, SENT_ALL, "\"state\":\"acked\"", 0, false},
    {"send, receipt", nothing, send, SENT_ALL, "\"state\":\"stored\"", 0, true},
    {"wait", nothing, send_and_wait, SENT_ALL, "\"state\":\"acked\"", 0, false},
    {"wait, receipt", nothing, send_and_wait, SENT_ALL, "\"signed\":true", 0, true},
    {"check", two_mails_come, check_and_show, STATUS, "\"unread\":0", 2, false},
    {"legacy check", two_mails_come, legacy_check, STATUS, "\"unread\":0", 2, false},
    {"read", two_mails_come, read_thread, "{\"cmd\":\"READ\",\"id\":1}", ID_A, 2,
     false},
    {"sent", send, list_sent, SENT_ALL, ID_B, 0, true},
    {"done", two_mails_come, archive, CHECK_ALL, "\"count\":0", 2, false},
    {"done, ids", two_mails_come, archive_by_id, CHECK_ALL, "\"count\":0", 2, false},
    {"cancel", send, cancel, SENT_ALL, ID_B, 0, false},
    {"status", two_mails_come, look_around, STATUS, "\"unread\":2", 2, false},
    {"reload", nothing, reload, STATUS, "carol", 0, false},
    {"hold", reload, mail_comes, "{\"cmd\":\"HELD\"}", ID_A, 1, false},
    {"release", held_mail_came, release, CHECK_ALL, "\"count\":1", 1, false},
    {"refuse", two_mails_come, refuse, CHECK_ALL, "\"count\":1", 2, false},
    {"pause", two_mails_come, pause_all, CHECK_ALL, "\"count\":0", 2, false},
    {"resume", pause_all, resume_all, STATUS, "\"paused\":[]", 0, false},
    {"resend", sent_and_cancelled, resend, SENT_ALL, "\"state\":\"acked\"", 0, false},
    {"ping", nothing, ping, STATUS, "bob", 0, false},
    {"purge", archived, purge, "{\"cmd\":\"READ\",\"id\":1}", "not-found", 2, false},
    {"expiry", nothing, expire, SENT_ALL, "\"state\":\"expired\"", 0, false},
    {"trust", nothing, trust_another_key, STATUS, "\"pinned\":\"trusted\"", 0, false},
    {"version", nothing, set_version, STATUS, "\"version\":\"1.2\"", 0, false},
    {"gone", mail_comes, gone_client, SENT_ALL, "\"state\":\"acked\"", 1, false},
};

/* ---- each of them, for every k ---- */

static bool
count_creditor(void *ctx, const char *peer)
{
    (void)peer;
    ++*(int *)ctx;
    return true;
}

static int
creditors(struct rig *r)
{
    int count = 0;

    REQUIRE(r->reader->ops->each_creditor(r->reader, count_creditor, &count) == LCP_OK);
    return count;
}

/* Returns how many allocations there were. from 0: none fails. */
static unsigned long
play_starved(const struct scenario *s, unsigned long from, unsigned long count)
{
    long live = memory.live;
    struct rig *r = new_watched();

    snprintf(said.label, sizeof(said.label), "%s, allocation %lu%s", s->name, from,
             count > 1 ? " and all after it" : "");
    said.speaks_receipts = s->has_receipts;
    s->before(r);
    memory.calls = 0;
    memory.from = from;
    memory.through = from + count - 1;
    memory.is_on = true;
    s->play(r);
    let_pass(r, 1000);
    memory.is_on = false;
    let_pass(r, RECOVERY_MS);
    s->play(r);
    let_pass(r, RECOVERY_MS);
    CHECK_ROW(said.label, r->f.replies == said.asked);
    CHECK_ROW(said.label, said.stored >= s->stored);
    CHECK_ROW(said.label, lcp_pump_is_idle(r->pump) && creditors(r) == 0);
    CHECK_ROW(said.label, strstr(call(r, STATUS), "\"degraded\":null") != NULL);
    call(r, s->question);
    if (strstr(r->f.reply, s->answer) == NULL)
        fprintf(stderr, "%s: %s lacks %s\n", said.label, r->f.reply, s->answer);
    CHECK_ROW(said.label, strstr(r->f.reply, s->answer) != NULL);
    free_rig(r);
    CHECK_ROW(said.label, memory.live == live);
    return memory.calls;
}

/* The pump itself: it is there whole, or not at all. */
static unsigned long
start_starved(unsigned long from, unsigned long count)
{
    long live = memory.live;
    struct rig *r = new_watched();
    char fault[LCP_CONF_FAULT_MAX];
    struct lcp_pump_config config = {
        .world = &r->f.world, .conf = &r->conf, .identity = &r->us, .version = "test"};
    enum lcp_err err;

    snprintf(said.label, sizeof(said.label), "start, allocation %lu, %lu of them", from,
             count);
    two_mails_come(r);
    pause_all(r);
    archive(r);
    lcp_pump_free(r->pump);
    r->f.task_count = 0;
    r->pump = NULL;
    config.writer = r->writer;
    config.reader = r->reader;
    memory.calls = 0;
    memory.from = from;
    memory.through = from + count - 1;
    memory.is_on = true;
    err = lcp_pump_new(&config, fault, &r->pump);
    memory.is_on = false;
    CHECK_ROW(said.label, err == LCP_OK || (err == LCP_ENOMEM && r->pump == NULL));
    if (err != LCP_OK)
        err = lcp_pump_new(&config, fault, &r->pump);
    REQUIRE(err == LCP_OK);
    CHECK_ROW(said.label, status_says(r, "\"paused\":[\"\",\"bob\"]"));
    free_rig(r);
    CHECK_ROW(said.label, memory.live == live);
    return memory.calls;
}

/* It ends at once; what was accepted before is in the record. */
static unsigned long
stop_starved(unsigned long from, unsigned long count)
{
    long live = memory.live;
    struct rig *r = new_watched();

    snprintf(said.label, sizeof(said.label), "stop, allocation %lu, %lu of them", from,
             count);
    send(r);
    said.asked++;
    memory.calls = 0;
    memory.from = from;
    memory.through = from + count - 1;
    memory.is_on = true;
    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"y\"}}", true);
    marked_from_bob(r, 7, ID_A, "hello");
    lcp_pump_stop(r->pump);
    run_tasks(r);
    memory.is_on = false;
    CHECK_ROW(said.label, lcp_pump_is_idle(r->pump) && r->f.replies == said.asked);
    free_rig(r);
    CHECK_ROW(said.label, memory.live == live);
    return memory.calls;
}

int
main(void)
{
    unsigned long all = 0, calls;

    for (size_t i = 0; i < COUNT_OF(scenarios); i++) {
        calls = play_starved(&scenarios[i], 0, 1);
        CHECK_ROW(scenarios[i].name, calls > 0);
        for (unsigned long k = 1; k <= calls; k++) {
            (void)play_starved(&scenarios[i], k, 1);
            (void)play_starved(&scenarios[i], k, ALL_OF_THEM);
        }
        all += calls;
    }
    calls = start_starved(0, 1);
    for (unsigned long k = 1; k <= calls; k++) {
        (void)start_starved(k, 1);
        (void)start_starved(k, ALL_OF_THEM);
    }
    all += calls;
    calls = stop_starved(0, 1);
    for (unsigned long k = 1; k <= calls; k++) {
        (void)stop_starved(k, 1);
        (void)stop_starved(k, ALL_OF_THEM);
    }
    printf("starved: %zu scenarios, %lu allocations\n", COUNT_OF(scenarios) + 2,
           all + calls);
    return check_end("starved");
}
