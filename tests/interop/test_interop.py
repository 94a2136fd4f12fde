# SPDX-License-Identifier: MIT
"""Our daemon and a Python LCP/1.1 node (legacy_node.py) as two processes on loopback, both on
port 9528: both directions, lost ACKs, duplicates, restarts, 10,000 messages of every shape,
and a legacy client at our socket. First the Python node against itself, so that what it
proves about us is known to be able to fail."""

import base64
import json
import os
import random
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import harness as h  # noqa: E402
import legacy  # noqa: E402
import legacy_client  # noqa: E402

REPORT = h.Report("test_interop")
SHAPES = int(os.environ.get("LCP_TEST_SHAPES", "10000"))

TEXTS = [
    ("ascii", "hello from here"),
    ("empty", ""),
    ("chinese", "来自智能体A的问候!龙虾通讯"),
    ("emoji", "🦞 family 👨‍👩‍👧‍👦 flag 🇨🇳 plane 𝕊"),
    ("quotes and backslashes", 'say "hi" \\ \\\\ \' / </script> \\u0041 \\'),
    ("controls", "tab\there\r\nbell\a esc\x1b[31m nul\x00 del\x7f"),
    ("line separators", "a\u2028b\u2029c\u0085d\ufeffe"),
    ("noncharacters", "\ufdd0 \ufffe \uffff \U0010ffff \ue000"),
    ("right to left", "שלום \u202e mirrored \u202c مرحبا"),
    ("json in a string", '{"id": [1, 2.5e300, NaN], "security": null}'),
    ("long", "龙" * 20000),
]


# --- the Python node by itself -------------------------------------------------------------

KILLERS = [
    ("not UTF-8", b'{"id":"12345678","message":"\xff"}'),
    ("no JSON", b"{nonsense"),
    ("empty payload", b""),
    ("over-deep nesting", b'{"a":' + b"[" * 100000 + b"]" * 100000 + b"}"[:0]),
    ("an integer of 5,000 digits", b'{"id":"12345678","message":"x","n":' + b"1" * 5000 + b"}"),
    ("top level an array", b"[]"),
    ("top level a number", b"1"),
    ("id a number", b'{"id":12345678,"message":"x"}'),
    ("id null", b'{"id":null,"message":"x"}'),
    ("slash in the id", None),
    ("NUL in the id", None),
    ("message a number", None),
    ("lone surrogate in the message", None),
    ("lone surrogate in the id", None),
]


def killer_payload(label, payload, key):
    """Some take effect behind the signature check only, so those are signed."""
    made = h.new_message("AgentA", "AgentB", "x")
    if payload is not None:
        return payload[:h.PAYLOAD_MAX]
    if "slash" in label:
        made["id"] = "../../" + made["id"]
    elif "NUL" in label:
        made["id"] = "a\x00" + made["id"]
    elif "message a number" in label:
        made["message"] = 5
    elif "in the message" in label:
        made["message"] = "\ud800"
    else:
        made["id"] = "\udfff" + made["id"]
    return json.dumps(key.sign(made)).encode("ascii")


def python_node_is_what_it_claims(scratch):
    ip = [h.free_address() for _ in range(2)]
    nodes = [legacy.Legacy(scratch, "P1", "P2", ip[0], ip[1]), legacy.Legacy(scratch, "P2", "P1", ip[1], ip[0])]
    for node in nodes:
        node.start()
    for label, text in TEXTS:
        reply = nodes[0].send(text)
        got = nodes[1].find(text)
        REPORT.check(reply["ok"] and len(got) == 1 and got[0]["id"] == reply["id"]
                     and h.signature_is_valid(legacy.as_it_came(got[0])), "python to python: " + label,
                     reply)
    nodes[1].drop(out_ack=1)
    begin = time.monotonic()
    reply = nodes[0].send("retried")
    REPORT.check(reply["ok"] and 0.4 < time.monotonic() - begin < 1.4
                 and len(nodes[1].find("retried")) == 1,
                 "python to python: a lost ACK costs one retry of 0.5 s", reply)
    nodes[1].ask("X-TWICE", message="x")
    for node in nodes:
        node.stop()

    key, endpoint = h.Key(), h.Endpoint()
    for label, payload in KILLERS:
        victim = legacy.Legacy(scratch, "V", "P1", h.free_address(), endpoint.ip).start()
        seq = endpoint.next_seq()
        endpoint.send(victim.address, h.packet(h.DATA, seq, killer_payload(label, payload, key)))
        died = h.wait_until(lambda: not victim.stats()["receiver_alive"], 5)
        _, acked = endpoint.recv_until(lambda kind, got, _: kind == h.ACK and got == seq, 2)
        REPORT.check(died and acked and legacy.fault_of(killer_payload(label, payload, key)) is not None,
                     "the python node acknowledges, then dies of (and our audit sees): " + label)
        victim.stop()
    endpoint.close()


# --- our node with the Python node ------------------------------------------------------------


class Town:
    """AgentA is ours, AgentB the legacy node."""

    def __init__(self, scratch, binary, env=None):
        settings = {"HEARTBEAT_INTERVAL_S": "1", "PEER_TIMEOUT_S": "3"}
        settings.update(env or {})
        self.ours = h.Home(scratch, binary, "AgentA", env=settings).init()
        self.theirs = legacy.Legacy(scratch, "AgentB", "AgentA", h.free_address(), self.ours.address)
        self.ours.add_peer("AgentB", self.theirs.address, self.theirs.key.public)

    def start(self):
        self.theirs.start()
        self.ours.start()
        return self

    def stop(self):
        self.theirs.stop()
        if self.ours.alive():
            self.ours.stop()

    def sent_state(self, message_id):
        got = self.ours.lcp("sent", message_id, "--json").json()
        return got["messages"][0]["state"] if got["messages"] else None


def both_directions(town):
    ours, theirs = town.ours, town.theirs
    last = None
    for label, text in TEXTS:
        sent = ours.lcp("send", "--to", "AgentB", "--json", "-", stdin=text)
        reply = sent.json() if sent.code == 0 else {}
        got = theirs.find(text)
        REPORT.check(sent.code == 0 and reply.get("ok") is True and len(got) == 1
                     and got[0]["id"] == reply["id"] and got[0]["from"] == "AgentA"
                     and got[0]["to"] == "AgentB" and got[0]["type"] == "chat"
                     and h.signature_is_valid(legacy.as_it_came(got[0])),
                     "ours to theirs: " + label, (sent, got))
        back = theirs.send(text, "task", replyTo=reply.get("id"))
        have = [m for m in ours.inbox() if m["id"] == back["id"]]
        REPORT.check(back["ok"] and len(have) == 1 and have[0]["message"] == text
                     and have[0]["type"] == "task" and have[0].get("replyTo") == reply.get("id"),
                     "theirs to ours: " + label, (back, have))
        last = back["id"]
    sent = ours.lcp("send", "--type", "result", "--reply-to", last, "--json", "done")
    got = theirs.find("done")
    REPORT.check(sent.code == 0 and len(got) == 1 and got[0].get("replyTo") == last
                 and got[0]["type"] == "result", "ours to theirs: a result with replyTo", sent)
    REPORT.check(h.wait_until(lambda: theirs.ask("STATUS")["peer_online"], 5),
                 "their node sees ours online by the ACKs of its heartbeats")
    status = ours.status()
    REPORT.check(status.get("peer_online") is True and status["peer"] == "AgentB"
                 and status["peer_ip"] == theirs.address, "our STATUS sees theirs online", status)
    ping = theirs.ask("PING")
    pong = h.wait_until(lambda: [m for m in theirs.inbox() if m["type"] == "pong"], 5)
    REPORT.check(ping["ok"] and len(pong or []) == 1, "their ping gets one pong from our daemon",
                 (ping, pong))
    REPORT.check(not [m for m in ours.inbox() if m["type"] == "ping"],
                 "their ping does not reach our inbox")


def lost_acks(town):
    ours, theirs = town.ours, town.theirs
    theirs.drop(out_ack=2)
    before = theirs.stats()["count"]
    sent = ours.lcp("send", "--json", "two acks lost")
    after = theirs.stats()["count"]
    # A heartbeat's ACK may be the one that is dropped; so at least one retry, at most two.
    REPORT.check(sent.code == 0 and len(theirs.find("two acks lost")) == 1
                 and 1 <= after["duplicate"] - before["duplicate"] <= 2,
                 "their lost ACKs: retried, delivered once", (sent, before, after))
    theirs.drop(out_ack=0, in_ack=0)

    before = theirs.stats()["count"]
    theirs.drop(in_data=1)
    sent = ours.lcp("send", "--json", "first try lost")
    # The wait follows the round trips measured before: 0.2 s at least.
    REPORT.check(sent.code == 0 and sent.ms > 190 and len(theirs.find("first try lost")) == 1,
                 "our lost DATA: retried after a measured wait", sent)

    theirs.drop(in_ack=1)
    back = theirs.send("our ack lost")
    have = [m for m in ours.inbox() if m["message"] == "our ack lost"]
    REPORT.check(back["ok"] and len(have) == 1, "our lost ACK: they retry, we store once",
                 (back, len(have)))
    theirs.drop(out_ack=0, in_ack=0, in_data=0)


def late_acks(town):
    """The ACK of the first transmission comes after the third, those of the others never."""
    ours, theirs = town.ours, town.theirs
    before = ours.counters()
    theirs.ask("X-LATE", after=3)
    sent = ours.lcp("send", "--json", "acknowledged late")
    after = ours.counters()
    REPORT.check(sent.code == 0 and 550 < sent.ms < 2800
                 and len(theirs.find("acknowledged late")) == 1
                 and after["retries"] - before["retries"] == 2,
                 "a late ACK of the first transmission settles the message (%.0f ms)" % sent.ms,
                 (sent, before["retries"], after["retries"]))


def duplicates(town):
    ours, theirs = town.ours, town.theirs
    before = ours.counters()
    made = theirs.ask("X-TWICE", message="thrice", times=3)
    want = set(made["seqs"])
    acked = h.wait_until(lambda: want <= set(theirs.stats()["acked"]), 5)
    have = [m for m in ours.inbox() if m["message"] == "thrice"]
    after = ours.counters()
    REPORT.check(acked and len(have) == 1,
                 "the same DATA under three numbers: stored once, acknowledged three times",
                 (made, theirs.stats(), len(have)))
    REPORT.check(after["stored"] == before["stored"] + 1
                 and after["duplicate"] + after["merged"]
                 == before["duplicate"] + before["merged"] + 2,
                 "the repetitions are counted", (before, after))


def five_tries(town):
    """All ACKs lost: queued, not failed; settled by the next sign of life."""
    ours, theirs = town.ours, town.theirs
    theirs.drop(out_ack=1000000)
    begin = time.monotonic()
    sent = ours.lcp("send", "--json", "acks all lost")
    took = time.monotonic() - begin
    reply = sent.json()
    REPORT.check(sent.code == 4 and reply["ok"] is False and reply["accepted"] is True
                 and took < 10.5, "all ACKs lost: exit 4 (queued) within 10 s (%.1f s)" % took, sent)
    REPORT.equal(town.sent_state(reply["id"]), "sent", "all ACKs lost: stays queued")
    count = theirs.stats()["count"]
    theirs.drop(out_ack=0)
    back = theirs.send("sign of life")
    settled = h.wait_until(lambda: town.sent_state(reply["id"]) == "acked", 10, 0.1)
    REPORT.check(back["ok"] and settled and len(theirs.find("acks all lost")) == 1,
                 "their next message is a sign of life: delivered, once", (back, count))


def restart_of_theirs(town):
    ours, theirs = town.ours, town.theirs
    theirs.stop()
    ids = []
    for number in range(20):
        sent = ours.lcp("send", "--no-wait", "--json", "while away %d" % number)
        ids.append(sent.json()["id"])
        if sent.code not in (0, 4):
            REPORT.check(False, "accepted while they are away", sent)

    def given_up():
        row = ours.status()["peers"][0]
        return row["away"] and row["inflight"] == 0
    REPORT.check(h.wait_until(given_up, 20, 0.1), "their node stopped: known to be away, all parked",
                 ours.status()["peers"])
    theirs.start()

    def all_there():
        have = {m["id"] for m in theirs.inbox()}
        return set(ids) <= have
    arrived = h.wait_until(all_there, 30, 0.1)
    REPORT.check(arrived, "their node restarted: 20 queued messages arrive")
    settled = h.wait_until(lambda: all(town.sent_state(i) == "acked" for i in ids), 10, 0.2)
    REPORT.check(settled, "and all 20 are acked in `sent`")
    reply = theirs.send("numbers from 1 again")
    REPORT.check(reply["ok"] and [m for m in ours.inbox() if m["id"] == reply["id"]],
                 "a sender whose numbers start at 1 again is no duplicate", reply)


def restart_of_ours(town):
    ours, theirs = town.ours, town.theirs
    theirs.stop()
    ids = [ours.lcp("send", "--no-wait", "--json", "over our restart %d" % n).json()["id"]
           for n in range(20)]
    before = len(ours.inbox())
    ours.kill()
    theirs.start()
    answers = []
    sender = threading.Thread(target=lambda: answers.append(theirs.send("sent to a dead node")))
    sender.start()
    h.wait_until(lambda: theirs.stats()["count"]["out_data"] >= 2, 5)
    ours.start()
    sender.join(15)
    REPORT.check(answers and answers[0]["ok"],
                 "our node killed and started again within their five tries: delivered", answers)
    arrived = h.wait_until(lambda: set(ids) <= {m["id"] for m in theirs.inbox()}, 30, 0.1)
    REPORT.check(arrived, "our node killed with 20 queued: all arrive after the restart")
    REPORT.equal(len(ours.inbox()), before + 1, "our inbox survived the kill")
    settled = h.wait_until(lambda: all(town.sent_state(i) == "acked" for i in ids), 10, 0.2)
    REPORT.check(settled, "and all 20 are acked")
    texts = [m["message"] for m in theirs.inbox()]
    REPORT.check(len(texts) == len(set(texts)) or len(set(texts)) >= len(ids),
                 "nothing arrived twice")


# --- every shape --------------------------------------------------------------------------------


class Shapes:
    """Requests of every shape a caller may make. Seeded, so a failure can be had again."""

    TYPES = ["chat", "task", "result", "chat", "task", "result", "pong", "progress", "Chat",
             "x-custom", "a b", "类型", "🦞", "null", "1", "a/b", "../up", 'quo"te', "back\\slash"]

    def __init__(self, seed, known):
        self.rng = random.Random(seed)
        self.known = known

    def code_point(self):
        while True:
            low, high = self.rng.choice([(0, 0x7F), (0x80, 0x7FF), (0x800, 0xFFFF),
                                         (0x10000, 0x10FFFF), (0x4E00, 0x9FFF)])
            code = self.rng.randint(low, high)
            if not 0xD800 <= code <= 0xDFFF:
                return chr(code)

    def text(self, limit):
        rng = self.rng
        kind = rng.randrange(10)
        size = rng.choice([0, 1, 2, 7, 8, 9, 60, 61, 300]) if rng.random() < 0.97 else limit
        if kind == 0:
            made = "".join(chr(rng.randrange(32)) for _ in range(min(size, limit // 6)))
        elif kind == 1:
            made = "".join(rng.choice('"\\/\b\f\n\r\t\'{}[]:,') for _ in range(min(size, limit // 2)))
        elif kind == 2:
            made = "".join(chr(rng.randint(0x1F300, 0x1FAFF)) for _ in range(min(size, limit // 4)))
        elif kind == 3:
            made = json.dumps({"id": rng.random(), "security": [None] * rng.randrange(5)})
        elif kind == 4:
            made = rng.choice(["\ufeff", "\u2028", "\x7f", "\x80", "\uffff", "\U0010ffff", "\ue000",
                               "\x00"]) * min(size, limit // 6)
        elif kind == 5:
            made = "".join(rng.choice("abc \u0301\u200d\u202e") for _ in range(min(size, limit // 3)))
        elif kind == 6:
            made = "\\ud800\\u0000" * min(size, limit // 28)
        elif kind == 7:
            made = "龙虾通讯"[rng.randrange(4)] * min(size, limit // 3)
        else:
            made = "".join(self.code_point() for _ in range(min(size, limit // 6)))
        return made

    def payload(self, number):
        rng = self.rng
        made = {"type": rng.choice(self.TYPES), "message": "%d " % number + self.text(60000)}
        if rng.random() < 0.4:
            # Of ids that are no UUIDs the socket takes only what it knows.
            made["replyTo"] = rng.choice(self.known + [
                "%08x-0000-4000-8000-%012x" % (rng.getrandbits(32), rng.getrandbits(48))] * 3)
        return made


def every_shape(town):
    ours, theirs = town.ours, town.theirs
    seed = int(os.environ.get("LCP_TEST_SEED", str(random.SystemRandom().getrandbits(32))))
    REPORT.note("seed %d (LCP_TEST_SEED)" % seed)
    known = ["A.b_c:d-9", "x", "9" * 128, ".."]
    for odd in known:
        made = theirs.key.sign(dict(h.new_message("AgentB", "AgentA", "known as " + odd), id=odd))
        raw = base64.b64encode(h.packet(h.DATA, 0x7f000000 + len(odd), h.encode(made))).decode()
        theirs.ask("X-RAW", data=raw)
    h.wait_until(lambda: set(known) <= {m["id"] for m in ours.inbox()}, 5)
    shapes = Shapes(seed, known)
    work = [shapes.payload(number) for number in range(SHAPES)]
    one, each = SHAPES // 10, SHAPES // 20
    sent, faults, lock = {}, [], threading.Lock()

    def note(payload, reply):
        with lock:
            if reply.get("ok") is True and "id" in reply:
                sent[reply["id"]] = payload
            elif len(faults) < 20:
                faults.append((str(payload)[:200], reply))
            else:
                faults.append(None)

    def guarded(task, share):
        try:
            task(share)
        except Exception as error:  # a dead thread must not look like success
            with lock:
                faults.append(repr(error))

    def on_one_connection(share):
        lines = h.IpcLines(ours.socket, 30)
        for payload in share:
            note(payload, lines.ask({"cmd": "SEND", "payload": payload}))
        lines.close()

    def each_its_own(share):
        for payload in share:
            note(payload, legacy_client.ask(ours.socket, {"cmd": "SEND", "payload": payload}))

    threads = [threading.Thread(target=guarded, args=(on_one_connection, work[:one])),
               threading.Thread(target=guarded, args=(each_its_own, work[one:one + each]))]
    rest, many = work[one + each:], 24
    threads += [threading.Thread(target=guarded, args=(on_one_connection, rest[n::many]))
                for n in range(many)]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - begin
    REPORT.check(not faults and len(sent) == SHAPES,
                 "%d messages of every shape are delivered" % SHAPES,
                 "%d delivered, %d faults: %r" % (len(sent), len(faults), faults[:5]))
    REPORT.check(took < 60, "in %.1f s (%.0f/s)" % (took, SHAPES / took))
    REPORT.check(theirs.stats()["receiver_alive"], "their receive thread lives")
    check_payloads(theirs, sent)


def check_payloads(theirs, sent):
    wrong, seen, longest = [], {}, 0
    for _, payload in theirs.payloads():
        fault = legacy.fault_of(payload)
        if fault is not None:
            wrong.append((fault, payload[:200]))
            continue
        message = json.loads(payload)
        longest = max(longest, len(payload))
        seen[message["id"]] = message
    REPORT.check(not wrong, "none of our %d datagrams would have stopped a legacy node"
                 % len(theirs.payloads()), wrong[:5])
    differ = [(i, str(p)[:200]) for i, p in sent.items()
              if i not in seen or seen[i]["message"] != p["message"] or seen[i]["type"] != p["type"]
              or seen[i].get("replyTo") != p.get("replyTo")]
    REPORT.check(not differ, "each arrived as it was asked for, verified by PyNaCl over "
                 "json.dumps (longest payload %d bytes)" % longest, differ[:5])


def refused_shapes(town):
    """What may not go out is refused at the socket, by a sentence, and never sent."""
    ours, theirs = town.ours, town.theirs
    before = theirs.stats()["count"]["in_data"]
    rows = [
        ("lone surrogate", b'{"cmd":"SEND","payload":{"type":"chat","message":"\\ud800"}}\n'),
        ("message a number", b'{"cmd":"SEND","payload":{"type":"chat","message":5}}\n'),
        ("message absent", b'{"cmd":"SEND","payload":{"type":"chat"}}\n'),
        ("type an array", b'{"cmd":"SEND","payload":{"type":[],"message":"x"}}\n'),
        ("payload a string", b'{"cmd":"SEND","payload":"x"}\n'),
        ("not UTF-8", b'{"cmd":"SEND","payload":{"type":"chat","message":"\xff"}}\n'),
        ("replyTo a number", b'{"cmd":"SEND","payload":{"type":"chat","message":"x","replyTo":{}}}\n'),
        ("replyTo nobody knows",
         b'{"cmd":"SEND","payload":{"type":"chat","message":"x","replyTo":"x/y"}}\n'),
        ("too long", b'{"cmd":"SEND","payload":{"type":"chat","message":"'
         + b"x" * 65498 + b'"}}\n'),
        ("too long escaped", b'{"cmd":"SEND","payload":{"type":"chat","message":"'
         + b"\\u0001" * 11000 + b'"}}\n'),
    ]
    for label, request in rows:
        with h.ipc_connect(ours.socket) as stream:
            stream.sendall(request)
            try:
                reply = json.loads(stream.recv(65536))
            except ValueError:
                reply = {}
        REPORT.check("error" in reply or reply.get("ok") is False, "refused at the socket: " + label,
                     reply)
    check = ours.send("after the refused")
    REPORT.check(check["ok"] and theirs.stats()["count"]["in_data"] == before + 1,
                 "nothing of the refused went out", (before, theirs.stats()["count"]))


def longest_message(town):
    ours, theirs = town.ours, town.theirs
    low, high = 60000, h.PAYLOAD_MAX
    while low + 1 < high:
        middle = (low + high) // 2
        if ours.send("y" * middle).get("ok") is True:
            low = middle
        else:
            high = middle
    longest = max(len(payload) for _, payload in theirs.payloads())
    REPORT.check(h.PAYLOAD_MAX - 4 <= longest <= h.PAYLOAD_MAX and theirs.find("y" * low),
                 "the longest message fills a datagram to the byte (message %d, payload %d)"
                 % (low, longest))


def legacy_client_at_our_socket(town):
    ours, theirs = town.ours, town.theirs
    ours.ask("ACK", all=True)
    for cmd in ("SEND", "send", "SeNd"):
        reply = legacy_client.ask(ours.socket, {
            "cmd": cmd, "payload": {"type": "chat", "message": "by " + cmd, "replyTo": None}})
        REPORT.check(reply.get("ok") is True and isinstance(reply.get("id"), str)
                     and len(theirs.find("by " + cmd)) == 1, "legacy client: " + cmd, reply)
    texts = ["mail 一", "mail 🦞", "x" * 200]
    for text in texts:
        theirs.send(text)
    for cmd in ("CHECK", "check"):
        reply = legacy_client.ask(ours.socket, {"cmd": cmd})
        REPORT.check([m["message"] for m in reply["messages"]] == texts
                     and reply["count"] == 3 and all(os.path.exists(m["_filepath"])
                                                     for m in reply["messages"]),
                     "legacy client: %s hands out whole messages with _filepath" % cmd, reply)
    theirs.send("nobody saw me")
    reply = legacy_client.ask(ours.socket, {"cmd": "ack"})
    REPORT.equal(reply.get("archived"), 3, "legacy client: ACK archives what a CHECK handed out")
    reply = legacy_client.ask(ours.socket, {"cmd": "Check"})
    REPORT.equal([m["message"] for m in reply["messages"]], ["nobody saw me"],
                 "legacy client: mail nobody saw is still there")
    for cmd in ("STATUS", "Status"):
        reply = legacy_client.ask(ours.socket, {"cmd": cmd})
        REPORT.check(all(name in reply for name in ("peer", "peer_ip", "peer_online",
                                                    "peer_last_seen", "inbox_count", "uptime"))
                     and reply["inbox_count"] == 1, "legacy client: " + cmd, reply)
    for cmd in ("PING", "ping"):
        reply = legacy_client.ask(ours.socket, {"cmd": cmd})
        REPORT.check(isinstance(reply.get("ok"), bool), "legacy client: " + cmd, reply)
    reply = legacy_client.ask(ours.socket, {"cmd": "FROBNICATE"})
    REPORT.check("error" in reply, "legacy client: an unknown command gets an error", reply)

    for number in range(4):
        theirs.send("%d " % number + "龙" * 10000)
    with h.ipc_connect(ours.socket) as stream:
        stream.send(b'{"cmd":"CHECK"}')
        got = b""
        stream.settimeout(3)
        try:
            while True:
                part = stream.recv(1 << 20)
                if not part:
                    break
                got += part
                try:
                    json.loads(got)
                    break
                except ValueError:
                    pass
        except TimeoutError:
            pass
    reply = json.loads(got)
    REPORT.check(len(got) <= 65536 and reply["count"] == len(reply["messages"]) < 5
                 and reply.get("more"),
                 "legacy client: CHECK gives whole messages up to 64 KiB, count of those, and more",
                 (len(got), reply.get("count"), reply.get("more")))
    reply = legacy_client.ask(ours.socket, {"cmd": "ACK"})
    rest = legacy_client.ask(ours.socket, {"cmd": "CHECK"})
    REPORT.check(rest["count"] > 0 and rest["messages"][0]["message"] != "nobody saw me",
                 "legacy client: ACK and CHECK again reads on", (reply, rest.get("count")))


def main():
    with h.Scratch() as scratch:
        python_node_is_what_it_claims(scratch)
        if REPORT.failed:
            return REPORT.end()
        binary = h.lcp_binary()
        town = Town(scratch, binary).start()
        for test in (both_directions, lost_acks, late_acks, duplicates, legacy_client_at_our_socket,
                     refused_shapes, longest_message, five_tries, restart_of_theirs,
                     restart_of_ours, every_shape):
            print("# " + test.__name__, flush=True)
            try:
                test(town)
            except Exception as error:
                REPORT.check(False, test.__name__ + " ran to its end",
                             traceback.format_exc() + town.ours.log_tail())
                if not town.ours.alive() or not isinstance(error, (KeyError, TypeError)):
                    break
        town.stop()
        code = REPORT.end()
        if code:
            print(town.ours.log_tail())
        return code


if __name__ == "__main__":
    sys.exit(main())
