/* SPDX-License-Identifier: MIT
 *
 * Local clients of the virtual nodes: requests of docs/ipc.md and what came back.
 */
#include "state.h"

#include <assert.h>
#include <stdlib.h>

#include "ipc/ipc.h"

static char *
copy(const char *text)
{
    char *out = malloc(strlen(text) + 1);

    assert(out != NULL);
    memcpy(out, text, strlen(text) + 1);
    return out;
}

int
sim_request(struct sim *sim, char letter, const char *json)
{
    struct sim_node *node = sim_node(sim, letter);
    struct sim_request *r;

    sim->requests = sim_grow(sim->requests, sim->request_count, &sim->request_cap,
                             sizeof(sim->requests[0]));
    r = &sim->requests[sim->request_count];
    *r = (struct sim_request){.node = node->index,
                              .life = node->life,
                              .json = copy(json),
                              .is_send = strstr(json, "\"SEND\"") != NULL};
    if (node->pump == NULL)
        r->reply = copy("");
    else
        sim_push(sim, (struct sim_event){.at_ms = sim->now_ms,
                                         .kind = SIM_EV_REQUEST,
                                         .node = node->index,
                                         .life = node->life,
                                         .arg = sim->request_count});
    return (int)sim->request_count++;
}

void
sim_client_request(struct sim *sim, uint64_t request)
{
    struct sim_request *r = &sim->requests[request];
    struct sim_node *node = &sim->nodes[r->node];

    sim_mix(sim, r->json, strlen(r->json));
    sim_note(sim, r->node, "request", "%.100s", r->json);
    lcp_pump_request(node->pump, request + 1, lcp_span_str(r->json), true);
    sim_leave(node);
}

static void look_answered(struct sim *sim, size_t at);
static void pause_answered(struct sim *sim, size_t at);

void
sim_client_reply(struct sim_node *node, uint64_t client, struct lcp_span bytes,
                 uint64_t tag)
{
    struct sim *sim = node->sim;
    struct sim_request *r;

    if (client == 0 || client > sim->request_count) {
        sim_break(sim, "%c answers a client that never was", sim_letter(node->index));
        return;
    }
    r = &sim->requests[client - 1];
    if (r->reply != NULL || r->node != node->index || r->life != node->life) {
        sim_break(sim, "%c answers request %d twice", sim_letter(node->index),
                  (int)client - 1);
        return;
    }
    if (node->is_armed && node->armed == SIM_CRASH_AFTER_CALL)
        return; /* it does not get out any more */
    r->reply = malloc(bytes.len + 1);
    assert(r->reply != NULL);
    memcpy(r->reply, bytes.data, bytes.len);
    r->reply[bytes.len] = '\0';
    if (r->is_send)
        sim_watch_reply(sim, r);
    sim_note(sim, node->index, "reply", "%s", r->reply);
    if (r->pause != 0)
        pause_answered(sim, client - 1);
    if (r->is_look)
        look_answered(sim, client - 1);
    if (tag != 0)
        sim_push(sim, (struct sim_event){.at_ms = sim->now_ms,
                                         .kind = SIM_EV_REPLIED,
                                         .node = node->index,
                                         .life = node->life,
                                         .arg = client,
                                         .tag = tag});
}

/* Whoever waits for the node that died sees its connection break. */
void
sim_client_crash(struct sim_node *node)
{
    struct sim *sim = node->sim;

    for (size_t i = sim->request_count; i-- > 0;) {
        struct sim_request *r = &sim->requests[i];

        if (r->node == node->index && r->reply == NULL)
            r->reply = copy("");
    }
}

const char *
sim_reply(const struct sim *sim, int request)
{
    return sim->requests[request].reply;
}

int
sim_send(struct sim *sim, char from, char to, const char *text)
{
    char json[SIM_TEXT_MAX + 128];

    (void)snprintf(
        json, sizeof(json),
        "{\"v\":1,\"cmd\":\"SEND\",\"to\":\"%c\",\"payload\":{\"type\":\"chat\","
        "\"message\":\"%.*s\"}}",
        to, SIM_TEXT_MAX, text);
    return sim_request(sim, from, json);
}

void
sim_look(struct sim *sim, char node, bool done)
{
    int request = sim_request(sim, node, "{\"v\":1,\"cmd\":\"CHECK\"}");

    sim->requests[request].is_look = true;
    sim->requests[request].is_done = done;
}

int
sim_refuse(struct sim *sim, char node, const char *id)
{
    struct sim_mail *mail = sim_find_mail(sim, id);
    char json[SIM_TEXT_MAX];

    if (mail == NULL)
        return -1;
    mail->may_be_refused = true;
    (void)snprintf(json, sizeof(json),
                   "{\"v\":1,\"cmd\":\"REFUSE\",\"id\":\"%s\",\"reason\":\"no\"}", id);
    return sim_request(sim, node, json);
}

int
sim_pause(struct sim *sim, char letter, char peer, bool is_paused)
{
    struct sim_node *node = sim_node(sim, letter);
    char json[SIM_TEXT_MAX], name[32] = "";
    int *last = peer == 0 ? &node->all_pause : &node->pauses[sim_index(peer)];
    int request;

    if (*last != 0 && sim_reply(sim, *last - 1) == NULL)
        return -1; /* one after the other */
    if (peer != 0)
        (void)snprintf(name, sizeof(name), ",\"name\":\"%c\"", peer);
    (void)snprintf(json, sizeof(json), "{\"v\":1,\"cmd\":\"%s\"%s%s}",
                   is_paused ? "PAUSE" : "RESUME", name,
                   is_paused ? "" : ",\"how\":\"--yes\"");
    if (!is_paused) { /* from now on it may be handed out */
        if (peer == 0) {
            node->all_paused_at = 0;
        } else {
            node->paused_at[sim_index(peer)] = 0;
        }
    }
    request = sim_request(sim, letter, json);
    *last = request + 1;
    sim->requests[request].pause = peer == 0 ? -1 : sim_index(peer) + 1;
    sim->requests[request].is_pause = is_paused;
    return request;
}

/* What a paused peer wrote is handed to nobody. */
static void
check_handed(struct sim *sim, const struct sim_node *node, const struct sim_mail *mail,
             size_t look)
{
    size_t at = mail->from >= 0 ? node->paused_at[mail->from] : 0;

    if ((node->all_paused_at != 0 && look >= node->all_paused_at) ||
        (at != 0 && look >= at))
        sim_break(sim, "%c hands out m%d of %c, which is paused",
                  sim_letter(node->index), mail->label, sim_letter(mail->from));
    if (mail->in_state == LCP_IN_HELD)
        sim_break(sim, "%c hands out m%d, which is held", sim_letter(node->index),
                  mail->label);
}

/* The client prints what came, and says so. */
static void
look_answered(struct sim *sim, size_t at)
{
    static const char member[] = "\"_number\":";
    const struct sim_request r = sim->requests[at];
    struct sim_node *node = &sim->nodes[r.node];
    char shown[8192] = "{\"v\":1,\"cmd\":\"SHOWN\",\"numbers\":[", list[8000] = "";
    size_t len = 0;

    for (const char *p = strstr(r.reply, member); p != NULL;
         p = strstr(p + 1, member)) {
        uint64_t number = strtoull(p + sizeof(member) - 1, NULL, 10);
        struct sim_mail *mail = sim_mail_in(sim, r.node, number);

        if (mail == NULL || len + 24 > sizeof(list))
            continue;
        check_handed(sim, node, mail, at);
        mail->is_shown = true;
        len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%llu",
                                len > 0 ? "," : "", (unsigned long long)number);
    }
    if (len == 0)
        return;
    (void)snprintf(shown + strlen(shown), sizeof(shown) - strlen(shown), "%s]}", list);
    (void)sim_request(sim, sim_letter(r.node), shown);
    if (!r.is_done)
        return;
    (void)snprintf(shown, sizeof(shown), "{\"v\":1,\"cmd\":\"ACK\",\"ids\":[%s]}",
                   list);
    (void)sim_request(sim, sim_letter(r.node), shown);
}

static void
pause_answered(struct sim *sim, size_t at)
{
    const struct sim_request *r = &sim->requests[at];
    struct sim_node *node = &sim->nodes[r->node];

    if (!r->is_pause || strstr(r->reply, "\"ok\":true") == NULL)
        return;
    if (r->pause < 0)
        node->all_paused_at = sim->request_count;
    else
        node->paused_at[r->pause - 1] = sim->request_count;
}

uint64_t
sim_counter(struct sim *sim, char node, const char *name)
{
    int request = sim_request(sim, node, "{\"v\":1,\"cmd\":\"STATUS\"}");
    struct lcp_json doc = {.cap = LCP_IPC_NODES_MAX};
    const char *reply;
    uint32_t at;
    int64_t value = -1;

    sim_run_ms(sim, 0);
    reply = sim_reply(sim, request);
    if (reply == NULL)
        return SIZE_MAX;
    if (sim->nodes_buf == NULL)
        sim->nodes_buf = calloc(LCP_IPC_NODES_MAX, sizeof(sim->nodes_buf[0]));
    doc.nodes = sim->nodes_buf;
    assert(doc.nodes != NULL);
    if (lcp_json_parse(lcp_span(reply, strcspn(reply, "\n")), &doc) !=
        LCP_JSON_FAULT_NONE)
        return SIZE_MAX;
    at = lcp_json_member(&doc, 0, "counters");
    at = at == 0 ? 0 : lcp_json_member(&doc, at, name);
    if (at == 0 || lcp_json_int(&doc, at, &value) != LCP_OK)
        return SIZE_MAX;
    return (uint64_t)value;
}
