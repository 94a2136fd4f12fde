# SPDX-License-Identifier: MIT
"""Forgeries and replays, one kind after the other: none changes a state, each is counted.

    test_forgers.py --lcp PATH --tools FOLDER [--acks N] [--day N] [--newer N]

The node has three peers, all played by this script: Friend, Other, and Fresh, who speaks LCP/1.2
where the node does. `--tools` is the folder of scale_fill. Before and after each attack a picture is
taken of all that a peer could change; the last step of each part is a genuine packet of the same
kind, which must have its effect: so what was refused was refused for what was false in it."""

import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import harness as h  # noqa: E402
import measure as m  # noqa: E402
from peer import RECEIPT, Peer, digest  # noqa: E402

REPORT = h.Report("test_forgers")
SEED = int(os.environ.get("LCP_TEST_SEED", "0")) or random.randint(1, 1 << 32)
RNG = random.Random(SEED)


def number(flag, default):
    return int(h.argument(flag, "") or default)


def is_answer(parts):
    """A receipt that names the DATA it answers. News of what became of honest mail may come at any
    time; they name none."""
    return parts[0] == RECEIPT and any(len(entry) > 2 for entry in h.json.loads(parts[2])["of"])


class Stage:
    """The node and who is around it."""

    def __init__(self, scratch, binary):
        self.peers = [Peer(name) for name in ("Friend", "Other", "Fresh")]
        self.friend, self.other, self.fresh = self.peers
        self.stranger = Peer("Friend")  # from nowhere, under a peer's name, with a key of his own
        self.node = h.Home(scratch, binary, "Victim").init()
        for peer in self.peers:
            self.node.add_peer(peer.name, peer.end.ip, peer.key.public)
        self.node.start()

    def everyone(self):
        return self.peers + [self.stranger]

    def picture(self):
        """All that a peer's packets could change, but for the counters."""
        status = self.node.status()
        rows = self.node.ask("SENT", v=1)["messages"]
        return {
            "inbox": status["inbox_count"], "unread": status["unread"],
            "stored": status["store"]["messages"],
            "sent": sorted((row["id"], row["state"], row.get("by")) for row in rows),
            "peers": [(peer["name"], peer["online"], peer["fingerprint"], peer["pinned"],
                       peer.get("version"), peer["queued"]) for peer in status["peers"]],
        }

    def peer_row(self, name):
        return [row for row in self.node.status()["peers"] if row["name"] == name][0]

    def state_of(self, id_):
        rows = [row for row in self.node.ask("SENT", v=1, id=id_)["messages"] if row["id"] == id_]
        return rows[0]["state"] if rows else None

    def attack(self, claim, packets, counters, silent=True, but=()):
        """Sends packets, a list of (peer, kind, body, seq or None), and waits until each is counted
        under one of these names; then nothing may have changed, and, if silent, nobody may have
        got an ACK or a RECEIPT for it."""
        names = tuple(counters) + ("throttled", "admissions_full")
        before, old = self.node.counters(), self.picture()
        for peer in self.everyone():
            peer.listen()
        seqs = set()
        for at, (peer, kind, body, seq) in enumerate(packets):
            seqs.add(h.unpack(peer.send(self.node, kind, body, seq))[1])
            if at % 64 == 63:  # the receive buffer is no part of the test
                self.barrier()
        self.barrier()

        def counted():
            now = self.node.counters()
            return sum(now.get(name, 0) - before.get(name, 0) for name in names)

        h.wait_until(lambda: counted() >= len(packets), 10)
        now = self.node.counters()
        delta = {name: now[name] - before.get(name, 0) for name in now
                 if now[name] != before.get(name, 0)}
        REPORT.check(counted() == len(packets), claim + ": each is counted",
                     "%d packets, %r" % (len(packets), delta))
        new = self.picture()
        for name in but:
            old.pop(name), new.pop(name)
        REPORT.equal(new, old, claim + ": no state changes")
        if silent:
            words = [(peer.name, parts) for peer in self.everyone() for parts in peer.listen(0.05)
                     if (parts[0] == h.ACK and parts[1] in seqs) or is_answer(parts)]
            REPORT.check(not words, claim + ": nothing is answered", words[:3])
        return delta

    def barrier(self):
        """All that was sent before is read: a heartbeat behind it is answered."""
        peer = self.other
        seq = h.unpack(peer.send(self.node, h.HEARTBEAT))[1]
        peer.wait_for(lambda kind, got, _: kind == h.ACK and got == seq, 5)

    def rest(self):
        """Until the buckets have filled again: failures of one part are not charged to the next."""
        time.sleep(3.5)


# ---- ACKs --------------------------------------------------------------------------------------


def wrong_seqs(right, count):
    near = [seq + step for seq in right for step in (-2, -1, 1, 2)]
    turned = [int.from_bytes(seq.to_bytes(4, "big"), "little") for seq in right]
    drawn = [RNG.getrandbits(32) for _ in range(count)]
    return [seq & 0xFFFFFFFF for seq in [0, 1, 0xFFFFFFFF] + near + turned + drawn
            if seq & 0xFFFFFFFF not in right]


def acks(stage):
    friend, node = stage.friend, stage.node
    sent = node.ask("SEND", v=1, to="Friend", wait=False,
                    payload={"type": "chat", "message": "who acknowledges me?"})
    seq, _ = friend.take_message("who acknowledges me?")
    REPORT.check(seq is not None, "the node transmits its message")
    stage.barrier()
    friend.listen(4.0)  # further tries, so that few come during the sweep
    right = {got for kind, got, _ in friend.seen if kind in (h.DATA, h.HEARTBEAT)}
    wrong = wrong_seqs(right, number("--acks", 5000))
    stage.attack("%d ACKs with wrong numbers" % len(wrong),
                 [(friend, h.ACK, None, seq) for seq in wrong], ("ack_unmatched",))
    stage.attack("the right numbers from another peer",
                 [(stage.other, h.ACK, None, seq) for seq in right], ("ack_unmatched",))
    stage.attack("the right numbers from nowhere",
                 [(stage.stranger, h.ACK, None, seq) for seq in right], ("stranger",))
    stage.attack("the right numbers under other types",
                 [(friend, kind, None, seq) for seq in right for kind in (0, 5, 255)],
                 ("unknown_type",))
    REPORT.check(not m.receiver_has({"state": stage.state_of(sent["id"])}),
                 "nobody has the message yet", stage.state_of(sent["id"]))
    friend.send(node, h.ACK, None, seq)
    REPORT.check(h.wait_until(lambda: m.receiver_has({"state": stage.state_of(sent["id"])}), 5),
                 "the right ACK settles it", stage.state_of(sent["id"]))
    stage.attack("that ACK again", [(friend, h.ACK, None, seq)], ("ack_unmatched",))


# ---- keys --------------------------------------------------------------------------------------


def spoil(genuine, /, **members):
    """The message with members of its security, or others, replaced: no longer what was signed."""
    spoiled = dict(genuine)
    security = dict(genuine["security"])
    for name, value in members.items():
        (security if name in security else spoiled)[name] = value
    spoiled["security"] = security
    return spoiled


def keys(stage):
    friend, other = stage.friend, stage.other
    thief = h.Key()
    forged = []
    for at in range(20):
        good = friend.message("genuine %d" % at)
        body = h.new_message("Friend", "Victim", "forged %d" % at)
        stolen = thief.sign(body)
        forged += [
            (friend, h.DATA, stolen, None),  # whole, under another key
            (friend, h.DATA, spoil(stolen, pubkey=friend.key.public), None),
            (friend, h.DATA, spoil(good, pubkey=thief.public), None),
            (friend, h.DATA, spoil(good, message="paid"), None),
            (friend, h.DATA, spoil(good, type="task"), None),
            (friend, h.DATA, spoil(good, id=body["id"]), None),
            (other, h.DATA, good, None),  # a peer's genuine message from another's endpoint
            (stage.stranger, h.DATA, good, None),
        ]
    RNG.shuffle(forged)
    stage.attack("%d messages with substituted keys, signatures and endpoints" % len(forged), forged,
                 ("other_key", "bad_signature", "differs", "stranger"))
    stage.rest()
    REPORT.check(friend.deliver(stage.node, friend.message("genuine")),
                 "a genuine message is acknowledged")


# ---- a recorded day ----------------------------------------------------------------------------


def day(stage, tools):
    friend, node = stage.friend, stage.node
    recorded = []
    for at in range(number("--day", 300)):
        message = friend.message("the day's %d" % at, kind=RNG.choice(("chat", "task", "result")))
        if not friend.deliver(node, message):
            REPORT.check(False, "message %d of the day is acknowledged" % at)
        recorded.append(message)
    node.ask("ACK", v=1, all=True)
    replay = [(friend, h.DATA, message, None) for message in recorded]

    def again(claim):
        stage.attack("the day replayed " + claim, replay, ("duplicate", "merged"), silent=False)
        stage.attack("the day from another peer " + claim,
                     [(stage.other, h.DATA, message, None) for message in recorded[:100]],
                     ("other_key",))
        stage.attack("the day from nowhere " + claim,
                     [(stage.stranger, h.DATA, message, None) for message in recorded[:100]],
                     ("stranger",))
        stage.rest()

    again("while it runs")
    node.stop()
    node.start()
    again("after a restart")
    node.stop()
    newer = number("--newer", 1000000)
    fill = os.path.join(tools, "scale_fill")
    if os.access(fill, os.X_OK):
        grown = h.run([fill, node.path, "1", "1", str(newer), "0", "1"], 300)
        REPORT.check(grown.code == 0, "%d newer ids" % newer, grown)
        node.start()
        REPORT.check(node.status()["store"]["messages"] >= newer, "the record holds them")
        again("after %d newer ids" % newer)
    else:
        REPORT.skip("the day after newer ids", "no scale_fill in " + tools)
        node.start()
    REPORT.check(friend.deliver(node, friend.message("a new day")), "a new message is taken")


# ---- known ids, other readers ------------------------------------------------------------------


def known_ids(stage, friend):
    node = stage.node
    known = friend.message("known by its id")
    REPORT.check(friend.deliver(node, known), "a message is stored")
    junk = []
    for at in range(40):
        body = {name: value for name, value in known.items() if name != "security"}
        body["message"] = "junk %d under a known id" % at
        if at % 2 == 0:
            body["lcp"] = "1.2"  # who asks for a signed word
        fake = h.Key().sign(body)
        fake["security"]["pubkey"] = friend.key.public
        junk.append((friend, h.DATA, fake, None))
        junk.append((friend, h.DATA, spoil(known, message="other %d" % at), None))
        junk.append((friend, h.DATA, spoil(known, type="task", lcp="1.2"), None))
        junk.append((stage.other, h.DATA, known, None))
    # Of several at once under one id the first is verified, the others differ from it.
    stage.attack("junk that carries a known id", junk,
                 ("bad_signature", "differs", "other_key", "merged"))
    stage.rest()
    body = {name: value for name, value in known.items() if name != "security"}
    body["message"] = "the peer's own second thought"
    stage.attack("another message of the peer's own under a known id",
                 [(friend, h.DATA, friend.key.sign(body), None)], ("conflict",),
                 silent=friend is not stage.fresh)  # a 1.2 peer may be told that it is refused
    shown = [one for one in node.inbox() if one["id"] == known["id"]]
    REPORT.equal([one["message"] for one in shown], ["known by its id"], "the first one stays")


def other_readers(stage):
    friend = stage.friend
    names = ("Nobody", "victim", "Victim ", "Other", "", "Victim/", "Victim\u0000")
    packets = []
    for name in names * 3:
        packets.append((friend, h.DATA, friend.key.sign(
            h.new_message("Friend", name, "for somebody else")), None))
    stage.attack("messages for somebody else", packets, ("not_for_us", "bad_member", "not_taken"),
                 but=("stored",))
    unsigned = [(friend, h.DATA, spoil(friend.message("for us"), to="Nobody", lcp="1.2"), None)
                for _ in range(20)]
    # Who is verified before he is refused may be counted for both.
    stage.attack("unsigned ones for somebody else", unsigned, ("not_for_us",))
    stage.rest()


# ---- LCP/1.2: hellos ---------------------------------------------------------------------------


def wrong_places(stage):
    """Signed objects of one type in the packets of another."""
    friend, fresh = stage.friend, stage.fresh
    message = fresh.message("in the wrong place")
    stage.attack("hellos and receipts as DATA", [
        (peer, h.DATA, body, None) for peer in (friend, fresh)
        for body in (dict(peer.hello(), id="a1"), dict(peer.receipt("stored", []), id="a2"),
                     peer.hello(), peer.receipt("done", [["a", "0" * 32, 1]]),
                     peer.key.sign(h.new_message(peer.name, "Victim", "x", kind="hello")),
                     peer.key.sign(h.new_message(peer.name, "Victim", "x", kind="receipt")))],
        ("bad_member", "bad_id", "bad_signature", "bad_security"))
    stage.attack("messages and receipts as HEARTBEAT",
                 [(fresh, h.HEARTBEAT, body, None) for body in
                  (message, fresh.receipt("stored", [["a", "0" * 32, 1]]), b"{}", b"\xff", b"[1]")],
                 ("bad_heartbeat", "bad_hello"))
    stage.attack("messages and hellos as RECEIPT",
                 [(fresh, RECEIPT, body, None) for body in
                  (message, fresh.hello(), b"", b"{}", b"\xff\xff")], ("bad_receipt",))
    stage.rest()


def forged_hellos(stage):
    fresh, node = stage.fresh, stage.node
    node_hello = fresh.wait_for(lambda kind, _, payload: kind == h.HEARTBEAT and payload, 0.01)
    fresh.send(node, h.HEARTBEAT, fresh.hello())
    node_hello = fresh.wait_for(lambda kind, _, payload: kind == h.HEARTBEAT and payload, 3)
    nonce = h.json.loads(node_hello[2])["nonce"]  # a fresh one: only the signature is missing
    thief = h.Key()
    packets = []
    for _ in range(10):
        good = fresh.hello(echo=nonce)
        packets += [
            (fresh, h.HEARTBEAT, spoil(good, pubkey=thief.public), None),
            (fresh, h.HEARTBEAT, spoil(good, nonce="0" * 16), None),
            (fresh, h.HEARTBEAT, spoil(thief.sign({k: v for k, v in good.items()
                                                   if k != "security"}),
                                       pubkey=fresh.key.public), None),
            (fresh, h.HEARTBEAT, fresh.hello(echo=nonce, key=thief), None),
            (fresh, h.HEARTBEAT, fresh.hello(echo=nonce, to="Nobody"), None),
            (stage.other, h.HEARTBEAT, good, None),
            (stage.stranger, h.HEARTBEAT, good, None),
        ]
    delta = stage.attack("%d forged hellos" % len(packets), packets,
                         ("bad_hello", "bad_signature", "other_key", "stranger", "hello_repeated"),
                         silent=False)
    REPORT.equal(delta.get("hello_fresh", 0), 0, "none of them is fresh")
    REPORT.equal(delta.get("hello_stale", 0), 0, "none of them is believed at all")
    stage.rest()


def old_hellos(stage):
    """What was recorded in two lives of the peer says nothing in a third, nor in our next."""
    fresh, node, recorded = stage.fresh, stage.node, []
    for life in range(2):
        fresh.boot = "%016x" % (life + 1)
        said = fresh.greet(node)
        REPORT.check(said is not None and h.wait_until(
            lambda: stage.peer_row("Fresh")["online"], 5),
            "a hello that echoes brings its peer online (life %d)" % (life + 1))
        recorded += [h.unpack(one)[2] for one in said]
        for _ in range(10):
            payload = h.encode(fresh.hello(echo=RNG.getrandbits(64).to_bytes(8, "big").hex()))
            fresh.send(node, h.HEARTBEAT, payload)
            recorded.append(payload)
        stage.barrier()
        time.sleep(1.1)  # one answer a second
        node.stop()
        node.start()
    REPORT.check(not stage.peer_row("Fresh")["online"], "after a restart nobody is online yet")
    fresh.listen(0.3)
    before = node.counters()
    begin = time.monotonic()
    stage.attack("%d hellos of two lives replayed" % (3 * len(recorded)),
                 [(fresh, h.HEARTBEAT, payload, None) for payload in recorded * 3],
                 ("hello_stale", "hello_repeated"), silent=False)
    heard = [parts for parts in fresh.listen(0.3) + fresh.seen if parts[0] == h.HEARTBEAT and parts[2]]
    REPORT.check(node.counters().get("hello_fresh", 0) == before.get("hello_fresh", 0),
                 "none of them is fresh")
    REPORT.check(not stage.peer_row("Fresh")["online"], "and the peer is not online")
    REPORT.note("%d hellos of ours in all, the replay took %.1f s"
                % (len(heard), time.monotonic() - begin))
    fresh.boot = "%016x" % 3
    REPORT.check(fresh.greet(node) and h.wait_until(lambda: stage.peer_row("Fresh")["online"], 5),
                 "the living peer comes online all the same")


# ---- LCP/1.2: receipts -------------------------------------------------------------------------


def forged_receipts(stage):
    fresh, other, node = stage.fresh, stage.other, stage.node
    text = "who says that he has me?"
    sent = node.ask("SEND", v=1, to="Fresh", wait=False,
                    payload={"type": "chat", "message": text})
    seq, message = fresh.take_message(text)
    if seq is None:
        REPORT.check(False, "the node transmits its message to a 1.2 peer")
        return
    entry, thief = [sent["id"], digest(message), seq], h.Key()
    told = {"stored": "stored", "done": "done", "read": "read"}

    def lies(entries, **more):
        return [fresh.receipt(state, [one], **more) for state in told for one in entries]

    changed = dict(message, message="another content")
    stage.attack("receipts for other content, by the peer itself",
                 [(fresh, RECEIPT, body, None) for body in lies(
                     [[sent["id"], digest(changed), seq], [sent["id"], "0" * 32, seq],
                      [sent["id"], digest(changed)]])],
                 ("receipt_foreign",), silent=False)
    stage.attack("receipts for what was never sent",
                 [(fresh, RECEIPT, body, None) for body in lies(
                     [["00000000-0000-4000-8000-%012d" % at, entry[1], seq] for at in range(5)])],
                 ("receipt_foreign",), silent=False)
    stage.attack("receipts of another peer",
                 [(other, RECEIPT, other.receipt(state, [entry]), None) for state in told],
                 ("receipt_foreign",), silent=False, but=("peers",))
    bad = []
    for body in lies([entry]):
        bad += [
            (fresh, RECEIPT, spoil(body, state="done"
                                   if body["state"] == "stored" else "stored"), None),
            (fresh, RECEIPT, spoil(body, pubkey=thief.public), None),
            (fresh, RECEIPT, fresh.receipt(body["state"], [entry], key=thief), None),
            (fresh, RECEIPT, fresh.receipt(body["state"], [entry], to="Nobody"), None),
            (fresh, RECEIPT, fresh.receipt("eaten", [entry]), None),
            (fresh, RECEIPT, fresh.receipt(body["state"], []), None),
            (fresh, RECEIPT, fresh.receipt(body["state"], [entry + [1]]), None),
            (fresh, RECEIPT, fresh.receipt(body["state"], [entry] * 30), None),
            (fresh, RECEIPT, fresh.receipt(body["state"], "all"), None),
            (fresh, RECEIPT, fresh.receipt(body["state"], [entry], text="x" * 2000), None),
            (other, RECEIPT, body, None),
            (stage.stranger, RECEIPT, body, None),
        ]
    stage.attack("%d forged and malformed receipts" % len(bad), bad,
                 ("bad_receipt", "bad_signature", "other_key", "stranger"))
    stage.attack("a bare ACK of a 1.2 peer", [(fresh, h.ACK, None, seq)],
                 ("ack_not_enough",))
    REPORT.check(not m.receiver_has({"state": stage.state_of(sent["id"])}),
                 "nobody has the message yet", stage.state_of(sent["id"]))
    true_receipts(stage, sent["id"], entry)


def true_receipts(stage, id_, entry):
    """The peer's own word counts, goes only forward, and its first end stays."""
    fresh, node = stage.fresh, stage.node
    stored = fresh.receipt("stored", [entry])
    done = fresh.receipt("done", [entry[:2]])

    def say(body):
        seq = h.unpack(fresh.send(node, RECEIPT, body))[1]
        return fresh.wait_for(lambda kind, got, _: kind == h.ACK and got == seq, 5) is not None

    REPORT.check(say(stored), "the peer's own receipt is acknowledged")
    REPORT.equal(stage.state_of(id_), "stored", "and settles the message")
    REPORT.check(say(done), "done is acknowledged")
    REPORT.equal(stage.state_of(id_), "done", "and believed")
    refused = fresh.receipt("refused", [entry[:2]], reason="declined", text="changed my mind")
    for body in (stored, refused, stored, done):
        say(body)
        REPORT.equal(stage.state_of(id_), "done", "after %s it is still done" % body["state"])


def main():
    binary, tools = h.lcp_binary(), h.argument("--tools", "LCP_TEST_TOOLS")
    REPORT.note("seed %d (LCP_TEST_SEED)" % SEED)
    with h.Scratch() as scratch:
        stage = Stage(scratch, binary)
        speaks = stage.fresh.greet(stage.node) is not None
        acks(stage)
        keys(stage)
        known_ids(stage, stage.friend)
        other_readers(stage)
        if speaks:
            wrong_places(stage)
            forged_hellos(stage)
            old_hellos(stage)
            known_ids(stage, stage.fresh)
            forged_receipts(stage)
        else:
            REPORT.skip("hellos and receipts", "this binary does not speak LCP/1.2")
        day(stage, tools)
        stage.node.stop()
        for peer in stage.everyone():
            peer.close()
    return REPORT.end()


if __name__ == "__main__":
    sys.exit(main())
