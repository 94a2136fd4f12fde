# SPDX-License-Identifier: MIT
"""Hostile packets against the real daemon (test_door.py: hostile bytes at the local socket). Each
is a row (label, packet, counter): it gets no answer, its counter goes up by one, and the node
serves on. Rows marked as controls are valid and must be answered, so that silence means
something."""

import base64
import hashlib
import json
import os
import random
import sys
import time
import traceback

import harness as h

REPORT = h.Report("test_hostile")
MUTATIONS = int(os.environ.get("LCP_TEST_MUTATIONS", "10000"))
ED25519_ORDER = 2 ** 252 + 27742317777372353535851937790883648493


class Stage:
    """One node under test and the peer with the pinned key, played by this script."""

    def __init__(self, scratch, binary, folder, peers=1):
        # No heartbeat falls into the test: every datagram that comes back is an answer.
        self.node = h.Home(scratch, binary, "Victim", folder=scratch.path(folder),
                           env={"HEARTBEAT_INTERVAL_S": "3600"}).init()
        self.peers = [h.Endpoint() for _ in range(peers)]
        for number, peer in enumerate(self.peers):
            peer.name = "Peer%d" % number
            self.node.add_peer(peer.name, peer.ip, peer.key.public)
        self.peer = self.peers[0]
        self.sent_valid = 0

    def message(self, text="x", peer=None, **more):
        peer = peer or self.peer
        made = h.new_message(peer.name, "Victim", text)
        made.update(more)
        return made

    def signed(self, text="x", peer=None, **more):
        return (peer or self.peer).key.sign(self.message(text, peer, **more))

    def put(self, datagram, endpoint=None):
        (endpoint or self.peer).send(self.node.address, datagram)

    def valid_is_answered(self, peer=None, seconds=10):
        """A fresh valid message; true when its ACK comes. Also returns all other packets that
        came before it. Repeats as a real sender would when the bucket is still empty."""
        peer = peer or self.peer
        payload = h.encode(self.signed("valid %d" % self.sent_valid, peer))
        self.sent_valid += 1
        others, deadline = [], time.monotonic() + seconds
        mine = set()
        while time.monotonic() < deadline:
            mine.add(peer.next_seq())
            self.put(h.packet(h.DATA, peer.seq, payload), peer)
            seen, found = peer.recv_until(lambda kind, seq, _: kind == h.ACK and seq in mine, 0.5)
            others += seen[:-1] if found else seen
            if found:
                return True, others
        return False, others


# --- packets ---------------------------------------------------------------------------------


def killer_rows(stage):
    """Every killer of docs/protocol.md "What the legacy node does", unsigned and signed."""
    key, rows = stage.peer.key, []

    def text_of(made, ascii_only=True):
        return json.dumps(made, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")

    def both(label, counter, raw=None, **members):
        """raw: a function from the text of a valid message to hostile text."""
        for sign in (False, True):
            made = stage.message(**members)
            if sign:
                made = key.sign(made)
            payload = text_of(made)
            if raw is not None:
                payload = raw(payload)
            rows.append(("%s, %s" % (label, "signed" if sign else "unsigned"), payload, counter))

    def splice(insert):
        """Puts a member into the text and signs what Python reads there."""
        def build(sign):
            made = stage.message()
            payload = json.dumps(made)[:-1].encode() + b"," + insert + b"}"
            if not sign:
                return payload
            try:
                security = key.sign(json.loads(payload))["security"]
            except (ValueError, RecursionError):
                return None
            return payload[:-1] + b',"security":' + json.dumps(security).encode() + b"}"
        return build

    def spliced(label, counter, insert):
        for sign in (False, True):
            payload = splice(insert)(sign)
            if payload is not None:
                rows.append(("%s, %s" % (label, "signed" if sign else "unsigned"), payload, counter))

    both("not UTF-8", "bad_utf8", lambda text: text.replace(b'"x"', b'"\xff"'))
    both("overlong UTF-8", "bad_utf8", lambda text: text.replace(b'"x"', b'"\xc0\xaf"'))
    both("truncated UTF-8", "bad_utf8", lambda text: text.replace(b'"x"', b'"\xe9\xbe"'))
    both("beyond U+10FFFF", "bad_utf8", lambda text: text.replace(b'"x"', b'"\xf4\x90\x80\x80"'))
    both("raw surrogate", ("bad_utf8", "json_surrogate"),
         lambda text: text.replace(b'"x"', b'"\xed\xa0\x80"'))
    both("half a message", "bad_json", lambda text: text[:len(text) // 2])
    both("trailing comma", "bad_json", lambda text: text[:-1] + b",}")
    both("trailing bytes", "bad_json", lambda text: text + b"x")
    both("a second object", "bad_json", lambda text: text + b"{}")
    both("trailing NUL", "bad_json", lambda text: text + b"\0")
    both("byte order mark", "bad_json", lambda text: b"\xef\xbb\xbf" + text)
    both("in an array", "bad_json", lambda text: b"[" + text + b"]")
    both("raw control in a string", "bad_json", lambda text: text.replace(b'"x"', b'"\n"'))
    both("unknown escape", "bad_json", lambda text: text.replace(b'"x"', b'"\\q"'))
    both("short \\u escape", "bad_json", lambda text: text.replace(b'"x"', b'"\\u12"'))
    both("single quotes", "bad_json", lambda text: text.replace(b'"x"', b"'x'"))
    both("lone surrogate in the message", "json_surrogate", text="\ud800")
    both("low surrogate in the message", "json_surrogate", text="\udc00\ud800")
    both("lone surrogate in the id", ("json_surrogate", "bad_id"), id="\udfff1234567")
    both("lone surrogate in a member's name", "json_surrogate", **{"\ud900": 1})
    both("id a number", ("bad_id", "bad_member"), id=12345678)
    both("id null", ("bad_id", "bad_member"), id=None)
    both("id an object", ("bad_id", "bad_member"), id={})
    both("id empty", "bad_id", id="")
    both("id of 129 characters", "bad_id", id="a" * 129)
    both("slash in the id", "bad_id", id="../../../../tmp/x")
    both("NUL in the id", "bad_id", id="1234\x005678")
    both("space in the id", "bad_id", id="1234 5678")
    both("newline behind the id", "bad_id", id="12345678\n")
    both("id not ASCII", "bad_id", id="龙虾12345678")
    both("message a number", "bad_member", message=5)
    both("message an array", "bad_member", message=["x"])
    for name in ("from", "to", "timestamp", "type", "message"):
        both(name + " null", "bad_member", **{name: None})
        both(name + " true", "bad_member", **{name: True})
    both("replyTo a number", "bad_member", replyTo=7)
    both("replyTo an object", "bad_member", replyTo={})
    both("to somebody else", ("not_for_us", "bad_security"), to="Nobody")
    both("to us and a mailbox sign", ("not_for_us", "bad_security"), to="Victim2")
    both("to us in another case", ("not_for_us", "bad_security"), to="victim")
    spliced("duplicate id", "json_duplicate", b'"id":"11111111-1111-4111-8111-111111111111"')
    spliced("duplicate message", "json_duplicate", b'"message":"y"')
    spliced("duplicate name, escaped", "json_duplicate", b'"m\\u0065ssage":"y"')
    spliced("duplicate member deep inside", "json_duplicate", b'"a":[{"b":{"c":1,"d":2,"c":1}}]')
    spliced("duplicate empty names", "json_duplicate", b'"":1,"":2')
    spliced("NaN", ("json_number", "bad_json"), b'"n":NaN')
    spliced("Infinity", ("json_number", "bad_json"), b'"n":Infinity')
    spliced("-Infinity", ("json_number", "bad_json"), b'"n":-Infinity')
    spliced("1e999", "json_number", b'"n":1e999')
    spliced("-1e999", "json_number", b'"n":[-1e999]')
    spliced("just above the largest double", "json_number", b'"n":1.7976931348623159e308')
    spliced("integer of 1,001 digits", "json_number", b'"n":1' + b"0" * 1000)
    spliced("integer of 5,000 digits", "json_number", b'"n":' + b"7" * 5000)
    spliced("leading zero", "bad_json", b'"n":012')
    spliced("leading plus", "bad_json", b'"n":+1')
    spliced("hex number", "bad_json", b'"n":0x10')
    spliced("bare decimal point", "bad_json", b'"n":.5')
    spliced("depth 65", "json_depth", b'"n":' + b"[" * 64 + b"]" * 64)
    spliced("depth 65 by objects", "json_depth", b'"n":' + b'{"a":' * 64 + b"1" + b"}" * 64)
    spliced("depth 30,000", "json_depth", b'"n":' + b"[" * 30000 + b"]" * 30000)
    spliced("4,097 nodes", "json_nodes", b'"n":[' + b"0," * 4096 + b"0]")
    spliced("30,000 nodes", "json_nodes", b'"n":[' + b"0," * 30000 + b"0]")
    spliced("5,000 members", ("json_nodes", "json_duplicate"),
            b",".join(b'"k%d":0' % number for number in range(5000)))
    for name in ("id", "from", "to", "timestamp", "type", "message"):
        made = stage.message()
        del made[name]
        counter = ("bad_id", "bad_member") if name == "id" else "bad_member"
        rows.append((name + " missing, unsigned", text_of(made), counter))
        rows.append((name + " missing, signed", text_of(key.sign(made)), counter))
    for label, payload, counter in (
            ("empty payload", b"", "bad_json"), ("no JSON", b"{nonsense", "bad_json"),
            ("top level an array", b"[]", "bad_json"), ("top level a number", b"1", "bad_json"),
            ("top level a string", b'"LCP1"', "bad_json"), ("white space only", b"  ", "bad_json"),
            ("empty object", b"{}", ("bad_member", "bad_id")),
            ("60,000 opening brackets", b"[" * 60000, ("json_depth", "bad_json")),
            ("60,000 opening braces", b'{"a":' * 12000, ("json_depth", "bad_json"))):
        rows.append((label, payload, counter))
    return rows


def security_rows(stage):
    key, rows = stage.peer.key, []

    def row(label, counter, change):
        made = stage.signed()
        security = made["security"]
        replaced = change(security)
        if replaced is not None:
            made["security"] = replaced
        rows.append((label, h.encode(made), counter))

    def member(name, value):
        def change(security):
            security[name] = value(security[name]) if callable(value) else value
        return change

    def without(name):
        def change(security):
            del security[name]
        return change

    def last_bits(text):
        """The same bytes in non-canonical base64: an unused bit set."""
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        end = len(text.rstrip("="))
        return text[:end - 1] + letters[letters.index(text[end - 1]) + 1] + text[end:]

    def malleable(text):
        raw = base64.b64decode(text)
        s = int.from_bytes(raw[32:], "little") + ED25519_ORDER
        return base64.b64encode(raw[:32] + s.to_bytes(32, "little")).decode()

    def flipped(text):
        return ("A" if text[10] != "A" else "B").join([text[:10], text[11:]])

    made = stage.message()
    rows.append(("security missing", h.encode(made), "bad_security"))
    for label, value in (("null", None), ("an array", []), ("a string", "ed25519"), ("empty", {})):
        made = stage.message(security=value)
        rows.append(("security " + label, h.encode(made), "bad_security"))
    row("algo missing", "bad_security", without("algo"))
    row("pubkey missing", "bad_security", without("pubkey"))
    row("signature missing", "bad_security", without("signature"))
    row("algo rsa", "bad_security", member("algo", "rsa"))
    row("algo in capitals", "bad_security", member("algo", "ED25519"))
    row("algo none", "bad_security", member("algo", None))
    row("pubkey a number", "bad_security", member("pubkey", 1))
    row("pubkey empty", "bad_security", member("pubkey", ""))
    row("pubkey without padding", "bad_security", member("pubkey", lambda t: t[:-1]))
    row("pubkey with a newline", "bad_security", member("pubkey", lambda t: t + "\n"))
    row("pubkey not canonical", "bad_security", member("pubkey", last_bits))
    row("signature a number", "bad_security", member("signature", 1))
    row("signature empty", "bad_security", member("signature", ""))
    row("signature too long", "bad_security", member("signature", lambda t: t + "AAAA"))
    row("signature with spaces", "bad_security", member("signature", lambda t: t[:-2] + "  "))
    row("signature not canonical", "bad_security", member("signature", last_bits))
    row("signature flipped", "bad_signature", member("signature", flipped))
    row("signature plus the group order", "bad_signature", member("signature", malleable))
    row("signature all zero", "bad_signature", member("signature", "A" * 86 + "=="))
    row("pubkey all zero", ("bad_security", "other_key"), member("pubkey", "A" * 43 + "="))

    made = stage.signed("signed")
    made["message"] = "changed"
    rows.append(("content changed behind the signature", h.encode(made), "bad_signature"))
    made = stage.signed("signed")
    made["extra"] = 1
    rows.append(("a member added behind the signature", h.encode(made), "bad_signature"))
    made = stage.signed("signed", nested={"security": {"a": 1}})
    made["nested"]["security"]["a"] = 2
    rows.append(("a nested security is signed", h.encode(made), "bad_signature"))
    stranger = h.Key()
    rows.append(("signed by another key", h.encode(stranger.sign(stage.message())), "other_key"))
    made = stranger.sign(stage.message())
    made["security"]["pubkey"] = key.public
    rows.append(("another key's signature under the pinned key", h.encode(made), "bad_signature"))
    made = stage.message()
    made = key.sign(dict(made, to="Nobody"))
    rows.append(("validly signed, to somebody else", h.encode(made), "not_for_us"))
    return rows


def header_rows(stage):
    rows, valid = [], h.encode(stage.signed())
    whole = h.packet(h.DATA, 77, valid)
    for size in range(0, 9):
        rows.append(("%d bytes" % size, whole[:size], "too_short"))
    for label, magic in (("LCP2", b"LCP2"), ("lcp1", b"lcp1"), ("zeros", bytes(4)),
                         ("HTTP", b"HTTP")):
        rows.append(("magic " + label, magic + whole[4:], "bad_magic"))
    for kind in (0, 5, 127, 255):
        rows.append(("packet type %d" % kind, h.packet(kind, 77, valid), "unknown_type"))
    rows.append(("an ACK nobody waits for", h.packet(h.ACK, 0x12345678), "ack_unmatched"))
    rows.append(("an ACK with a payload", h.packet(h.ACK, 0x12345679, valid), "ack_unmatched"))
    return rows


CONTROLS = [
    ("id ..", {"id": ".."}),
    ("id of one character", {"id": "x"}),
    ("id of 128 characters", {"id": "a" * 128}),
    ("replyTo null", {"replyTo": None}),
    ("a type nobody knows", {"type": "frobnicate 龙"}),
    ("unknown members", {"extra": [1, 2.5, {"deep": None}], "lcp": "9.9"}),
    ("depth 64", {"n": json.loads("[" * 63 + "]" * 63)}),
    ("an integer of 1,000 digits", {"n": int("7" * 1000)}),
    ("control characters", {"message": "\x00\x01\x1b[31m\x7f"}),
    ("calls itself something else", {"from": "Bobby"}),
]


def expect_silence(stage, rows, section):
    """The table's engine."""
    for label, payload, counter in rows:
        wanted = (counter,) if isinstance(counter, str) else counter
        for attempt in range(4):
            before = stage.node.counters()
            if section == "header":
                datagram, seq = payload, None
            else:
                seq = stage.peer.next_seq()
                datagram = h.packet(h.DATA, seq, payload)
            stage.put(datagram)
            answered, others = stage.valid_is_answered()
            after = stage.node.counters()
            if after.get("throttled", 0) == before.get("throttled", 0):
                break
            # The bucket was empty: what fell to it says nothing about the row. It fills again.
            stage.valid_is_answered()
        moved = {name: after[name] - before.get(name, 0) for name in after
                 if after[name] != before.get(name, 0)}
        REPORT.check(answered and not others and any(moved.get(name) == 1 for name in wanted)
                     and moved.get("stored") == 1,
                     "%s: %s" % (label, " or ".join(wanted)),
                     "served on: %s, answers: %r, counters moved: %r" % (answered, others, moved))
        if not stage.node.alive():
            raise RuntimeError("the daemon died at: " + label)


def controls(stage):
    for label, members in CONTROLS:
        seq = stage.peer.next_seq()
        stage.put(h.packet(h.DATA, seq, h.encode(stage.signed("control: " + label, **members))))
        _, found = stage.peer.recv_until(lambda kind, got, _: kind == h.ACK and got == seq, 5)
        REPORT.check(found, "control, accepted: " + label)


def strangers(stage):
    """A validly signed message from anywhere but the peer's endpoint."""
    before = stage.node.counters()
    payload = h.encode(stage.signed("from elsewhere"))
    elsewhere = h.Endpoint(key=stage.peer.key)
    other_port = h.Endpoint(ip=stage.peer.ip, port=0, key=stage.peer.key)
    for endpoint in (elsewhere, other_port):
        for kind in (h.DATA, h.HEARTBEAT, h.ACK):
            stage.put(h.packet(kind, 4711, payload if kind == h.DATA else b""), endpoint)
    answered, others = stage.valid_is_answered()
    after = stage.node.counters()
    silent = elsewhere.recv(0.05) is None and other_port.recv(0.05) is None
    REPORT.check(answered and silent and not others
                 and after["stranger"] - before["stranger"] == 6,
                 "right key, wrong address or port: silence, 6 times `stranger`",
                 (answered, silent, others, before["stranger"], after["stranger"]))
    unknown = stage.node.lcp("peer", "list", "--unknown", "--json")
    REPORT.check(unknown.code == 0 and elsewhere.ip in unknown.out,
                 "`peer list --unknown` names the stranger", unknown)
    elsewhere.close()
    other_port.close()


def alarms(stage):
    """Only a verified packet may make the node call for a person."""
    def log():
        return stage.node.log_tail(1 << 20)

    forger, stranger = h.Key(), h.Key()
    for key in (forger, stranger):
        key.print = hashlib.blake2b(base64.b64decode(key.public), digest_size=16).hexdigest()
    forged = forger.sign(stage.message("forged"))
    forged["message"] = "changed behind the signature"
    before = stage.node.counters()
    stage.put(h.packet(h.DATA, stage.peer.next_seq(), h.encode(forged)))
    answered, others = stage.valid_is_answered()
    moved = stage.node.counters()
    REPORT.check(answered and not others and forger.print not in log()
                 and moved["other_key"] + moved["bad_signature"]
                 == before["other_key"] + before["bad_signature"] + 1,
                 "another key that did not sign what it carries: counted, no alarm", log()[-500:])
    # At most one alarm a minute and peer: this one is only counted when a row above caused one.
    stage.put(h.packet(h.DATA, stage.peer.next_seq(), h.encode(stranger.sign(stage.message()))))
    answered, others = stage.valid_is_answered()
    REPORT.check(answered and not others and "trust %s" % stage.peer.name in log(),
                 "another key that did sign: an alarm that says what to do", log()[-500:])


def conflicts(stage):
    made = stage.message("first content")
    first, other = h.encode(stage.peer.key.sign(made)), dict(made, message="other content")
    seqs = [stage.peer.next_seq() for _ in range(4)]
    before = stage.node.counters()
    stage.put(h.packet(h.DATA, seqs[0], first))
    stage.peer.recv_until(lambda kind, seq, _: seq == seqs[0], 5)
    stage.put(h.packet(h.DATA, seqs[1], h.encode(stage.peer.key.sign(other))))
    answered, others = stage.valid_is_answered()
    after = stage.node.counters()
    REPORT.check(answered and not others and after["conflict"] - before["conflict"] == 1,
                 "a known id with other content, verified: no answer, `conflict`", (others, after))
    # The same content, unsigned: it may be answered only if it is byte-equal.
    forged = dict(made, message="forged content")
    forged["security"] = stage.peer.key.sign(made)["security"]
    stage.put(h.packet(h.DATA, seqs[2], h.encode(forged)))
    answered, others = stage.valid_is_answered()
    last = stage.node.counters()
    REPORT.check(answered and not others and last["conflict"] == after["conflict"]
                 and last["bad_signature"] - after["bad_signature"] == 1,
                 "a known id with forged content: `bad_signature`, no conflict is claimed",
                 (others, after, last))
    stage.put(h.packet(h.DATA, seqs[3], first))
    _, found = stage.peer.recv_until(lambda kind, seq, _: kind == h.ACK and seq == seqs[3], 5)
    REPORT.check(found, "the first content again: answered again")


# --- mutations ---------------------------------------------------------------------------------


def mutate(rng, packet):
    data = bytearray(packet)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        kind, at = rng.randrange(8), rng.randrange(max(len(data), 1))
        if kind == 0 and data:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and data:
            data[at] = rng.randrange(256)
        elif kind == 2:
            del data[at:at + rng.randrange(1, 9)]
        elif kind == 3:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 9)))
        elif kind == 4:
            data[at:at] = rng.choice([b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\0",
                                      b"\\ud800", b"1e999", b"null", b"\xff"])
        elif kind == 5:
            data = data[:at]
        elif kind == 6:
            size = rng.randrange(1, 64)
            data[at:at] = data[at:at + size]
        else:
            other = rng.randrange(max(len(data), 1))
            low, high = min(at, other), max(at, other)
            data = data[:low] + data[high:] if rng.random() < 0.3 else data[:high] + data[low:]
    return bytes(data[:h.PAYLOAD_MAX + 9])


def may_be_answered(datagram):
    """Does Python think this is a valid message or heartbeat of the peer's? Lenient: what it
    calls invalid is invalid."""
    parts = h.unpack(datagram)
    if parts is None or parts[0] not in (h.DATA, h.HEARTBEAT):
        return False
    if parts[0] == h.HEARTBEAT:
        return True
    try:
        message = json.loads(parts[2].decode("utf-8"))
    except (ValueError, RecursionError):
        return False
    return isinstance(message, dict) and h.signature_is_valid(message)


def mutations(scratch, binary):
    seed = int(os.environ.get("LCP_TEST_SEED", str(random.SystemRandom().getrandbits(32))))
    REPORT.note("seed %d (LCP_TEST_SEED)" % seed)
    rng = random.Random(seed)
    stage = Stage(scratch, binary, "mutations", peers=40)
    stage.node.start()
    before = stage.node.counters()
    answers, greetings, wrong, allowed_count, done = 0, 0, [], 0, 0
    allowed = [set() for _ in stage.peers]
    forbidden = [set() for _ in stage.peers]
    dead = None
    while done < MUTATIONS and dead is None:
        index = done // 25 % len(stage.peers)
        peer = stage.peers[index]
        base = stage.signed("m%d 龙🦞 \\ \" \x1f" % done, peer, extra=[1, 2.5, {"a": None}])
        datagram = mutate(rng, h.packet(h.DATA, peer.next_seq(), h.encode(base)))
        parts = h.unpack(datagram)
        if may_be_answered(datagram):
            allowed[index].add(parts[1])
            allowed_count += 1
        elif parts is not None:
            forbidden[index].add(parts[1])
        stage.put(datagram, peer)
        done += 1
        if done % 25:
            continue
        answered, others = stage.valid_is_answered(peer)
        answers += len(others)
        for got in others:
            if got is not None and got[0] == h.HEARTBEAT:  # ours, of itself: bounded below
                greetings += 1
            elif got is None or got[0] != h.ACK or got[1] not in allowed[index]:
                wrong.append(got)
        if not answered:
            dead = "no answer to a valid message after %d mutations" % done
    after = stage.node.counters()
    moved = {name: after[name] - before.get(name, 0) for name in after
             if after[name] != before.get(name, 0)}
    REPORT.check(dead is None and stage.node.alive(),
                 "%d mutations: the node serves on" % done, (dead, stage.node.log_tail()))
    REPORT.check(not wrong and greetings <= 2 * len(stage.peers),
                 "no invalid one got an answer (%d were valid still, %d answers, %d greetings)"
                 % (allowed_count, answers - greetings, greetings), wrong[:10])
    rejected = sum(count for name, count in moved.items()
                   if name.startswith(("bad_", "json_", "too_", "unknown_", "not_", "other_")))
    REPORT.check(rejected > done * 0.5 and moved.get("throttled", 0) < done * 0.4,
                 "the checks saw most of them (%d rejected, %d throttled)"
                 % (rejected, moved.get("throttled", 0)), moved)
    REPORT.note("counters: " + json.dumps(moved))
    mail = stage.node.inbox()
    foreign = [m for m in mail if not h.signature_is_valid(
        {name: value for name, value in m.items() if not name.startswith("_")})]
    REPORT.check(not foreign, "all %d stored messages carry a valid signature" % len(mail),
                 foreign[:3])
    stage.node.stop()
    for peer in stage.peers:
        peer.close()


def flood(stage):
    """No reply to strangers and a busy honest peer is not throttled by their noise."""
    stranger = h.Endpoint()
    for number in range(5000):
        stage.put(h.packet(h.DATA, number, b"{" * (number % 600)), stranger)
    answered, _ = stage.valid_is_answered()
    REPORT.check(answered and stranger.recv(0.05) is None,
                 "5,000 packets of a stranger: silence, and the peer is served")
    stranger.close()


def main():
    binary = h.lcp_binary()
    with h.Scratch() as scratch:
        stage = Stage(scratch, binary, "rows")
        stage.node.start()
        answered, _ = stage.valid_is_answered()
        REPORT.check(answered, "control: a valid message is answered")
        steps = [
            ("header", lambda: expect_silence(stage, header_rows(stage), "header")),
            ("killers", lambda: expect_silence(stage, killer_rows(stage), "killers")),
            ("security", lambda: expect_silence(stage, security_rows(stage), "security")),
            ("controls", lambda: controls(stage)),
            ("strangers", lambda: strangers(stage)),
            ("alarms", lambda: alarms(stage)),
            ("conflicts", lambda: conflicts(stage)),
            ("flood", lambda: flood(stage)),
            ("mutations", lambda: mutations(scratch, binary)),
        ]
        for name, step in steps:
            print("# " + name, flush=True)
            try:
                step()
            except Exception:
                REPORT.check(False, name + " ran to its end",
                             traceback.format_exc() + stage.node.log_tail())
                if not stage.node.alive():
                    break
        status = stage.node.lcp("status", "--json")
        REPORT.check(status.code == 0 and "counters" in status.json(),
                     "`lcp status --json` has the counters", status)
        mail = stage.node.inbox()
        texts = [m["message"] for m in mail if m["message"].startswith("valid ")]
        REPORT.check(len(texts) == len(set(texts)), "each valid message is stored once")
        code, ms = stage.node.stop()
        REPORT.check(code == 0 and ms < 2000, "the node stops cleanly after all this", (code, ms))
        return REPORT.end()


if __name__ == "__main__":
    sys.exit(main())
