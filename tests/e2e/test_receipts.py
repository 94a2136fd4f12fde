# SPDX-License-Identifier: MIT
"""What a sender knows, by the receiver's signature: every state with real daemons, the evidence and
each way of tampering with it, waiting, policy, held mail, the loop guard, pauses, what is a person's
to do, a record of the first version, and peers that speak LCP/1.1 or pretend to."""

import os
import pty
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import harness as h

REPORT = h.Report("test_receipts")
sys.path.insert(0, h.INTEROP)
UUID4 = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")


# --- small helpers ----------------------------------------------------------------------------------------


def row_of(home, message):
    """The row of SENT of a message, by number or id."""
    found = home.lcp("sent", str(message), "--json")
    return (h.only_json(found) or {}).get("messages", [{}])[0]


def reaches(home, message, state, seconds=10):
    """Waits until a sent message has this state; the row."""
    h.wait_until(lambda: row_of(home, message).get("state") == state, seconds, 0.05)
    return row_of(home, message)


def send(home, *words, **more):
    got = home.lcp("send", "--json", *words, **more)
    return got, h.only_json(got) or {}


def settle(one, two):
    """What was owed to `one` before has reached it: a word given later has."""
    _, value = send(one, "--to", two.name, "a later one")
    two.lcp("refuse", value["id"])
    reaches(one, value["id"], "refused")


def at_terminal(home, words, answer, seconds=30):
    """A command at a terminal of its own, where somebody types an answer to its question; standard
    input is no terminal. (exit code, all that stood on the terminal)"""
    master, slave = pty.openpty()
    env = h.clean_environment()
    env.update(home.env)

    def take_terminal():
        import fcntl
        import termios
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    process = subprocess.Popen([home.binary] + list(words), stdin=subprocess.DEVNULL, stdout=slave,
                               stderr=slave, env=env, preexec_fn=take_terminal)
    os.close(slave)
    shown, deadline, answered = b"", time.monotonic() + seconds, False
    while time.monotonic() < deadline:
        try:
            part = os.read(master, 4096)
        except OSError: # the other end is closed
            break
        if not part:
            break
        shown += part
        if not answered and shown.endswith(b"to go on: "):
            os.write(master, answer.encode() + b"\n")
            answered = True
    process.wait(5)
    os.close(master)
    return process.returncode, shown.decode("utf-8", "replace")


def verify(home, proof, *more):
    return home.lcp("verify", "-", *more, stdin=proof if isinstance(proof, str) else h.json.dumps(proof))


def fault_of(home, proof):
    """"" for a valid proof, else the word for what is wrong; both forms must agree."""
    plain, as_json = verify(home, proof), verify(home, proof, "--json")
    value = h.only_json(as_json) or {}
    if plain.code != as_json.code or (plain.code == 0) != (value.get("ok") is True):
        return "the two forms differ: %r %r" % (plain, as_json)
    if plain.code == 0:
        return ""
    word = value.get("fault", "?")
    return word if plain.code == 5 and word in plain.out and not plain.err else "odd: %r" % plain


# --- a peer of our own making -----------------------------------------------------------------------------


def digest(message):
    return h.hashlib.blake2b(h.canonical(message), digest_size=16).hexdigest()


class Actor(h.Endpoint):
    """A peer with a key that says what the test wants it to say."""

    def __init__(self, home, name):
        super().__init__()
        self.home, self.name = home, name
        home.add_peer(name, self.ip, self.key.public)

    def next_data(self, seconds=12):
        """(seq, message) of the next DATA; heartbeats are acknowledged, as 1.1 does."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            got = self.recv(deadline - time.monotonic())
            parts = h.unpack(got[0]) if got else None
            if parts and parts[0] == h.HEARTBEAT:
                self.send(self.home.address, h.packet(h.ACK, parts[1]))
            elif parts and parts[0] == h.DATA:
                return parts[1], h.json.loads(parts[2])
        return None, None

    def ack(self, seq):
        self.send(self.home.address, h.packet(h.ACK, seq))

    def receipt(self, state, of, key=None, **more):
        """Sends a receipt; true when it is answered by an ACK."""
        body = dict({"type": "receipt", "from": self.name, "to": self.home.name,
                     "timestamp": "2026-11-23T01:00:00.000+00:00", "state": state, "of": of}, **more)
        seq = self.next_seq()
        self.send(self.home.address, h.packet(h.RECEIPT, seq, h.encode((key or self.key).sign(body))))
        return self.recv_until(lambda kind, got, _: kind == h.ACK and got == seq, 2)[1]


# --- states -----------------------------------------------------------------------------------------------


def every_state(one, two):
    plain = one.lcp("send", "hello")
    REPORT.check(plain.code == 0 and re.match(r"^#\d+ stored by AgentB in \d+ ms, signed\n$", plain.out),
                 "send: waits for stored, and says who signed", plain)
    got, value = send(one, "a task", "--type", "task")
    row = row_of(one, value.get("id"))
    REPORT.check(got.code == 0 and value["state"] == row["state"] == "stored" and value["signed"] is True
                 and row["by"] == two.name and row["signer"] == h.fingerprint(two.key.public)
                 and re.match(r"^\d{4}-\d\d-\d\dT", row["at"]), "sent: state, time, who signed it", row)
    number = two.inbox()[-1]["_number"]
    seen = two.lcp("check", "--peek")
    peeked = two.lcp("read", str(number), "--peek")
    REPORT.check("a task" in seen.out and "a task" in peeked.out, "check and read --peek show mail", seen)
    full = two.lcp("check", "--json")
    REPORT.check(reaches(one, value["id"], "read")["signed"] is True and full.code == 0,
                 "check: its sender hears that it was read")
    REPORT.check(row_of(one, value["id"])["state"] == "read"
                 and one.lcp("sent", str(value["number"])).out.count("signed by AgentB") == 1,
                 "sent: for people too")
    two.lcp("done", str(number))
    REPORT.equal(reaches(one, value["id"], "done")["state"], "done", "done: its sender hears it")
    late = two.lcp("refuse", str(number), "--reason", "changed my mind", "--json")
    REPORT.check(h.is_error(late, (1,), "conflict"), "refuse after done: the first is final", late)
    got, value = send(one, "nobody wants this")
    number = two.inbox()[-1]["_number"]
    refused = two.lcp("refuse", str(number), "--reason", "I do not deploy on Fridays")
    row = reaches(one, value["id"], "refused")
    REPORT.check(refused.code == 0 and row["reason"] == "declined" and row["signed"] is True
                 and row["detail"] == "I do not deploy on Fridays" and number not in
                 [m["_number"] for m in two.inbox()], "refuse: archived, and the sender hears why", row)
    two.lcp("done", str(number))
    settle(one, two)
    REPORT.equal(row_of(one, value["id"])["state"], "refused", "done after refuse: the first is final")
    wrong = two.lcp("refuse", "1", "--reason", "x" * 257)
    REPORT.check(h.is_error(wrong, (2,)), "refuse: a reason that is too long", wrong)


def read_is_after_print(one, two):
    """What could not be printed was not read."""
    two.lcp("done", "--all")
    got, value = send(one, "read me")
    number = two.inbox()[-1]["_number"]
    for words in (["check"], ["check", "--json"], ["read", str(number)]):
        full = two.lcp(*words, stdout_path="/dev/full")
        REPORT.check(full.code == 1, "%s into a full disk: an error" % " ".join(words), full)
    lines = h.IpcLines(two.socket)
    lines.ask({"cmd": "CHECK", "v": 1})
    lines.close() # got it all, and never said that it printed it
    two.lcp("check", "--peek")
    two.lcp("read", str(number), "--peek")
    settle(one, two)
    REPORT.equal(row_of(one, value["id"])["state"], "stored", "not printed, only peeked at: not read")
    two.lcp("read", str(number))
    REPORT.equal(reaches(one, value["id"], "read")["state"], "read", "printed: read")


def one_receipt_for_many(one, two):
    ids = [send(one, "of many %d" % i, "--no-wait")[1]["id"] for i in range(12)]
    h.wait_until(lambda: len(two.inbox()) >= 12, 10, 0.05)
    for value in ids:
        reaches(one, value, "stored")
    before = two.counters()["tx"]
    two.lcp("check", "--json")
    for value in ids:
        reaches(one, value, "read")
    sent = two.counters()["tx"] - before
    REPORT.check(all(row_of(one, value)["state"] == "read" for value in ids) and sent <= 6,
                 "one receipt for each sender and call, not for each message", sent)
    two.lcp("done", "--all")


# --- evidence ---------------------------------------------------------------------------------------------


def evidence(scratch, binary, one, two):
    _, value = send(one, "prove it")
    _, other = send(one, "and this")
    two.lcp("check")
    reaches(one, value["id"], "read")
    reaches(one, other["id"], "read")
    got = one.lcp("sent", str(value["number"]), "--proof")
    proof, second = got.json(), one.lcp("sent", other["id"], "--proof").json()
    REPORT.check(got.code == 0 and set(proof) == {"message", "receipt"}
                 and h.signature_is_valid(proof["message"]) and h.signature_is_valid(proof["receipt"])
                 and proof["message"]["lcp"] == "1.2" and proof["receipt"]["state"] == "read"
                 and [value["id"], digest(proof["message"])] in [e[:2] for e in proof["receipt"]["of"]],
                 "sent ID --proof: two objects, both signed, by Python's own account", got)
    path = scratch.path("proof.json")
    with open(path, "w") as file:
        file.write(got.out)
    good = one.lcp("verify", path)
    REPORT.check(good.code == 0 and "signed by AgentB" in good.out and "read" in good.out
                 and value["id"] in good.out, "verify: valid, and what it proves", good)
    REPORT.equal(fault_of(two, proof), "", "verify: at the receiver's, too")
    REPORT.equal(fault_of(one, h.json.dumps(proof, indent=4, sort_keys=True)), "",
                 "verify: another layout is the same evidence")
    bare = one.lcp("sent", "--proof")
    REPORT.check(h.is_error(bare, (2,)), "sent --proof needs an ID", bare)
    tampering(one, proof, second)
    keys(scratch, binary, one, two, proof)


def changed(proof, part, **members):
    copy = h.json.loads(h.json.dumps(proof))
    copy[part].update(members)
    return copy


def tampering(one, proof, second):
    message, receipt = proof["message"], proof["receipt"]
    stranger = h.Key()
    forged = h.Key()
    rows = [
        ("the text", changed(proof, "message", message="prove that"), "altered-message"),
        ("a member more", changed(proof, "message", extra=1), "altered-message"),
        ("the time of the message", changed(proof, "message", timestamp="2020-01-01T00:00:00Z"),
         "altered-message"),
        ("the state", changed(proof, "receipt", state="done"), "altered-receipt"),
        ("the receipt's time", changed(proof, "receipt", timestamp="2020-01-01T00:00:00Z"),
         "altered-receipt"),
        ("whom it speaks of", changed(proof, "receipt", of=[[second["message"]["id"],
                                                            digest(second["message"])]]), "altered-receipt"),
        ("another message", {"message": second["message"], "receipt": receipt}
         if second["receipt"] != receipt else
         {"message": one.key.sign(dict(message, message="prove that")), "receipt": receipt},
         "other-message"),
        ("our own later text", {"message": one.key.sign(dict(message, message="prove that")),
                                "receipt": receipt}, "other-message"),
        ("another key for the receipt", {"message": message, "receipt": forged.sign(receipt)}, "other-key"),
        ("our own key for the receipt", {"message": message, "receipt": one.key.sign(receipt)}, "other-key"),
        ("somebody's message and receipt", {
            "message": stranger.sign(message), "receipt": forged.sign(receipt)}, "unknown-key"),
        ("no receipt", {"message": message}, "no-proof"),
        ("a receipt for a message", {"message": receipt, "receipt": receipt}, "altered-message"),
        ("a message for a receipt", {"message": message, "receipt": message}, "altered-receipt"),
    ]
    for label, tampered, want in rows:
        REPORT.equal(fault_of(one, tampered), want, "verify: %s: %s" % (label, want))
    for label, text in (("junk", "hello"), ("nothing", ""), ("half", h.json.dumps(proof)[:-40]),
                        ("twice the message", h.json.dumps(proof)[:-1] + ',"message":{}}')):
        REPORT.equal(fault_of(one, text), "no-proof", "verify: %s: no proof" % label)
    gone = one.lcp("verify", "/nonexistent/proof.json", "--json")
    REPORT.check(h.is_error(gone, (1,), "io"), "verify: a file that is not there", gone)


def keys(scratch, binary, one, two, proof):
    """The same evidence, where other keys are known. None of these homes has a daemon."""
    knows = h.Home(scratch, binary, "Carol").init()
    REPORT.equal(fault_of(knows, proof), "unknown-key", "verify: who knows neither: unknown-key")
    knows.add_peer("X", h.free_address(), one.key.public)
    REPORT.equal(fault_of(knows, proof), "unknown-key", "verify: who knows the sender alone: unknown-key")
    knows.add_peer("Y", h.free_address(), two.key.public)
    REPORT.equal(fault_of(knows, proof), "", "verify: a third one who knows both: valid")
    copy = h.Home(scratch, binary, "AgentA", folder=scratch.path("copy"))
    os.makedirs(copy.path)
    os.chmod(copy.path, 0o700)
    shutil.copytree(one.path + "/keys", copy.path + "/keys")
    with open(one.path + "/lcp.conf") as file:
        conf = file.read().replace(two.key.public, h.Key().public)
    with open(copy.path + "/lcp.conf", "w") as file:
        file.write(conf)
    REPORT.equal(fault_of(copy, proof), "other-key", "verify: the receiver's name, another key: other-key")


# --- waiting ----------------------------------------------------------------------------------------------


def waiting(one, two):
    two.lcp("done", "--all")
    for wait, act in (("read", ["check"]), ("done", ["done", "--all"])):
        def answer(text, words=act):
            h.wait_until(lambda: text in [m["message"] for m in two.inbox()], 10, 0.02)
            two.lcp(*words)
        thread = threading.Thread(target=answer, args=("wait for " + wait,))
        thread.start()
        got = one.lcp("send", "--wait", wait, "--timeout", "20", "wait for " + wait)
        thread.join()
        REPORT.check(got.code == 0 and "%s by AgentB" % wait in got.out and got.ms < 15000,
                     "send --wait %s: until it is" % wait, got)
    got = one.lcp("send", "--wait", "stored", "--timeout", "5", "--json", "quick")
    REPORT.check(got.code == 0 and got.json()["state"] == "stored" and got.ms < 4000,
                 "send --wait stored: at once", got)
    got = one.lcp("send", "--wait", "done", "--timeout", "1", "too slow")
    REPORT.check(got.code == 6 and 900 < got.ms < 6000 and "stored by AgentB" in got.out
                 and "not done yet" in got.err, "send --wait: exit 6 when the time is up", (got, got.ms))
    REPORT.equal(row_of(one, re.match(r"#(\d+)", got.out).group(1))["state"], "stored",
                 "and the message goes on")

    def refuse():
        h.wait_until(lambda: "no" in [m["message"] for m in two.inbox()], 10, 0.02)
        two.lcp("refuse", str(two.inbox()[-1]["_number"]), "--reason", "never")
    thread = threading.Thread(target=refuse)
    thread.start()
    got = one.lcp("send", "--wait", "done", "--timeout", "20", "no")
    thread.join()
    REPORT.check(got.code == 5 and "refused by AgentB" in got.out and "never" in got.out and got.ms < 15000,
                 "send --wait done: refused is an end, exit 5", got)
    for words in (("--wait", "loved", "x"), ("--timeout", "5", "x"), ("--wait", "read", "--no-wait", "x"),
                  ("--wait", "read", "--timeout", "soon", "x")):
        got = one.lcp("send", *words)
        REPORT.check(got.code == 2, "send %s: wrong usage" % " ".join(words[:-1]), got)
    two.lcp("done", "--all")


# --- policy -----------------------------------------------------------------------------------------------


def set_policy(home, peer, **keys_):
    for key, value in keys_.items():
        got = home.lcp("peer", "set", peer, "%s=%s" % (key, value))
        if got.code != 0:
            raise RuntimeError("peer set failed: %r" % got)


def policy(scratch, binary):
    one, two = h.pair(scratch, binary, place="policy")
    one.start()
    two.start()
    set_policy(two, one.name, Allow="task, result")
    got, value = send(one, "--type", "chat", "small talk")
    REPORT.check(got.code == 5 and value["state"] == "refused" and value["reason"] == "policy"
                 and value["signed"] is True and not two.inbox(),
                 "Allow: another type is refused, signed, and no agent sees it", got)
    got, _ = send(one, "--type", "task", "work")
    REPORT.check(got.code == 0 and [m["message"] for m in two.inbox()] == ["work"], "Allow: what fits is taken")
    REPORT.check(one.lcp("ping", two.name).code == 0, "Allow: pings are the daemon's")
    dead = one.lcp("sent", "--state", "dead", "--json").json()["messages"]
    REPORT.equal([row["id"] for row in dead], [value["id"]], "sent --state dead lists the refused one")
    set_policy(two, one.name, Allow="")
    again = one.lcp("resend", str(value["number"]), "--json")
    new = h.only_json(again) or {}
    row = reaches(one, new.get("id"), "stored")
    REPORT.check(again.code == 0 and new["of"] == value["id"] != new["id"] and UUID4.match(new["id"])
                 and row["state"] == "stored" and row_of(one, value["id"])["state"] == "refused"
                 and "small talk" in [m["message"] for m in two.inbox()],
                 "resend: a new message of a dead one, which stays", again)
    again = one.lcp("resend", new["id"], "--json")
    REPORT.check(h.is_error(again, (1,), "conflict"), "resend: not of the living", again)
    versions(scratch, binary, two)
    over = over_quota(one, two)

    def finish():
        under_quota(one, two, *over)
        rate(one, two)
        one.stop()
        two.stop()
    return finish


def over_quota(one, two):
    """Over quota is not refused: it waits at the sender, and goes when there is room. `later` asks
    for a minute; other steps run meanwhile."""
    mine = [m for m in two.inbox() if m["_peer"]["name"] == one.name]
    set_policy(two, one.name, QuotaMessages=str(len(mine)))
    set_policy(one, two.name, QuotaBytes="1K")
    count, waits = len(two.inbox()), []
    for home, words in ((one, ("one too many",)), (two, ("--no-wait", "x" * 2000))):
        got, value = send(home, *words)
        waits.append(value["id"])
        REPORT.check(got.code == (4 if home is one else 0) and value["accepted"] is True,
                     "over quota: it stays queued", got)
    h.wait_until(lambda: one.counters()["later"] >= 1, 10, 0.05)
    REPORT.check(two.counters()["later"] >= 1 and one.counters()["later"] >= 1
                 and row_of(one, waits[0])["state"] == row_of(two, waits[1])["state"] == "sent"
                 and len(two.inbox()) == count and not one.inbox(),
                 "QuotaMessages, QuotaBytes: later, and counted")
    two.lcp("done", "--all")
    set_policy(one, two.name, QuotaBytes="64K")
    return waits


def under_quota(one, two, message, big):
    row = reaches(one, message, "stored", 100)
    REPORT.check(row["state"] == "stored" and [m["message"] for m in two.inbox()] == ["one too many"],
                 "done made room, and it is delivered by itself", row)
    row = reaches(two, big, "stored", 100)
    REPORT.equal(row["state"], "stored", "a greater quota let it in")
    set_policy(two, one.name, QuotaMessages="")


def rate(one, two):
    set_policy(two, one.name, RatePerHour="2")
    states = [send(one, "of an hour %d" % i)[1].get("state") for i in range(3)]
    REPORT.equal(states, ["stored", "stored", "sent"], "RatePerHour: what is beyond stays queued")


def versions(scratch, binary, two):
    raw = Actor(two, "Raw")
    set_policy(two, "Raw", MinVersion="1.2")
    REPORT.check(not h.raw_send(raw, two, h.new_message("Raw", two.name, "unmarked")),
                 "MinVersion: an unmarked message is not acknowledged")
    marked = h.new_message("Raw", two.name, "marked", lcp="1.2")
    seq = raw.next_seq()
    raw.send(two.address, h.packet(h.DATA, seq, h.encode(raw.key.sign(marked))))
    seen, found = raw.recv_until(lambda kind, _, body: kind == h.RECEIPT, 5)
    body = h.json.loads(seen[-1][2]) if found else {}
    REPORT.check(found and h.signature_is_valid(body) and body["state"] == "stored"
                 and body["of"] == [[marked["id"], digest(marked), seq]]
                 and body["security"]["pubkey"] == two.key.public and len(seen[-1][2]) <= 1223,
                 "a marked message is answered by a receipt, also to who is not known as 1.2", body)
    REPORT.check(not [p for p in seen if p and p[0] == h.ACK], "and not by a bare ACK", seen)
    texts = [m["message"] for m in two.inbox()]
    REPORT.check("marked" in texts and "unmarked" not in texts, "MinVersion: only the marked one is taken",
                 texts)
    raw.close()
    two.lcp("peer", "remove", "Raw")
    require_key(scratch, binary)


def require_key(scratch, binary):
    home = h.Home(scratch, binary, "Strict", env={"LCP_REQUIRE_KEY": "yes"}).init()
    raw = h.Endpoint()
    home.add_peer("Raw", raw.ip)
    home.start()
    REPORT.check(not h.raw_send(raw, home, h.new_message("Raw", "Strict", "first contact"))
                 and not home.inbox(), "RequireKey: nobody is pinned at first contact")
    got = home.lcp("peer", "set", "Raw", "PublicKey=" + raw.key.public)
    REPORT.check(got.code == 0 and h.raw_send(raw, home, h.new_message("Raw", "Strict", "configured")),
                 "until its key is configured", got)
    raw.close()
    home.stop()


# --- what waits for a person --------------------------------------------------------------------------------


def held_mail(one, two):
    two.lcp("done", "--all")
    set_policy(two, one.name, Hold="yes")
    got, value = send(one, "line one\n\x1b[31mred \u202e turned")
    REPORT.check(got.code == 0 and value["state"] == "held" and value["signed"] is True
                 and value["reason"] == "policy" and not two.inbox(),
                 "Hold: stored, signed as held, seen by no agent", got)
    rows = two.lcp("held", "--json").json()["messages"]
    text = two.lcp("held")
    REPORT.check(len(rows) == 1 and rows[0]["from"] == one.name and rows[0]["expires_s"] > 6 * 86400
                 and "\x1b" not in text.out and "\u202e" not in text.out and "line one" in text.out
                 and "6 days left" in text.out and "held: 1" in two.lcp("check").out
                 and "held" in two.lcp("status").out, "held: a safe preview; check and status tell of it", text)
    number = str(rows[0]["number"])
    for words in (("read", number), ("done", number)):
        got = two.lcp(*words, "--json")
        REPORT.check(h.is_error(got, (1,), "held"), "%s of held mail: an error" % words[0], got)
    for words in (["release", number], ["resume"], ["peer", "trust", one.name, "0" * 32]):
        got = two.lcp(*words, "--json")
        REPORT.check(h.is_error(got, (9,), "unconfirmed"), "%s without a terminal: exit 9" % words[0], got)
    code, shown = at_terminal(two, ["release", number], "yes")
    REPORT.check(code == 9 and "line one" in shown and "\x1b[31m" not in shown and not two.inbox(),
                 "release: another word than the number: exit 9", shown)
    code, shown = at_terminal(two, ["release", number], number)
    REPORT.check(code == 0 and "#%s stored" % number in shown and len(two.inbox()) == 1,
                 "release: the number typed: it is in the inbox", shown)
    REPORT.equal(reaches(one, value["id"], "stored")["state"], "stored", "and its sender hears it")
    got, value = send(one, "turn me away")
    two.lcp("refuse", str(two.lcp("held", "--json").json()["messages"][0]["number"]), "--reason", "no")
    REPORT.equal(reaches(one, value["id"], "refused")["detail"], "no", "refuse of held mail")
    # An id may begin like a number.
    _, value = send(one, "--id", "12345678-7425-40de-944b-%012x" % os.getpid(), "let me in")
    got = two.lcp("release", "12345678", "--yes", "--json")
    REPORT.check(got.code == 0 and got.json()["state"] == "stored", "release --yes, by the id's beginning", got)
    got = two.lcp("release", "999999", "--yes", "--json")
    REPORT.check(h.is_error(got, (1,), "not-found"), "release of what is not held", got)
    set_policy(two, one.name, Hold="")
    audit = two.lcp("log", "--audit", "--json").json()["audit"]
    details = [line["detail"] for line in audit if line["what"] == "release"]
    REPORT.check(len(details) == 2 and "--yes" in details[0] and "typed" in details[1]
                 and all("uid %d" % os.getuid() in line["who"] and "(lcp)" in line["who"] for line in audit),
                 "log --audit: each release, how, and by whom", audit)
    two.lcp("done", "--all")


def pauses(one, two):
    got = two.lcp("pause", one.name)
    REPORT.check(got.code == 0 and one.name in got.out, "pause PEER", got)
    got, value = send(one, "not yet")
    REPORT.check(got.code == 0 and value["state"] == "stored", "paused: stored and signed as always", got)
    two.stop(signal.SIGKILL)
    two.start()
    check = two.lcp("check")
    legacy = two.ask("CHECK")
    number = str(two.lcp("check", "--json").json()["paused"])
    REPORT.check("no messages" in check.out and one.name in check.out and legacy["count"] == 0
                 and one.name in number, "after kill -9 and a restart: still paused, and check says so", check)
    REPORT.check("paused" in two.lcp("status").out.lower() and "PAUSED" in two.lcp("peer", "list").out,
                 "status and peer list show it")
    rows = one.lcp("sent", value["id"], "--json").json()["messages"]
    got = two.lcp("read", value["id"], "--json")
    REPORT.check(h.is_error(got, (1,), "paused"), "read of paused mail: an error", got)
    two.stop()
    check, as_json = two.lcp("check"), two.lcp("check", "--json").json()
    got = two.lcp("read", value["id"], "--json")
    REPORT.check("not yet" not in check.out and one.name in check.out and as_json["count"] == 0
                 and as_json["paused"] == [one.name] and h.is_error(got, (1,), "paused"),
                 "nor is it handed out straight from the store, without a daemon", (check, as_json, got))
    two.start()
    two.lcp("peer", "remove", one.name)
    check = two.lcp("check")
    two.add_peer(one.name, one.address, one.key.public)
    REPORT.check("not yet" not in check.out and one.name in check.out and not two.inbox(),
                 "to remove the peer, and to add it again, ends no pause", check)
    code, shown = at_terminal(two, ["resume", one.name], one.name)
    REPORT.check(code == 0 and "not yet" in two.lcp("check").out, "resume, the peer's name typed", shown)
    REPORT.check(rows[0]["state"] == "stored" and reaches(one, value["id"], "read")["state"] == "read",
                 "only then it is read")
    two.lcp("pause")
    _, value = send(one, "all are paused")
    REPORT.check("everything" in two.lcp("check").out and not two.inbox(), "pause: everything")
    code, shown = at_terminal(two, ["resume"], one.name)
    REPORT.check(code == 9 and not two.inbox(), "resume of everything: another word", shown)
    got = two.lcp("resume", "--yes")
    REPORT.check(got.code == 0 and "nothing is paused" in got.out and two.inbox(), "resume --yes", got)
    what = [line["what"] for line in two.lcp("log", "--audit", "--json").json()["audit"]]
    REPORT.check(what[:4] == ["resume", "pause", "resume", "pause"], "each is in the audit record", what)
    got = two.lcp("pause", "Nobody", "--json")
    REPORT.check(h.is_error(got, (1,), "unknown-peer"), "pause of nobody we know", got)
    two.lcp("done", "--all")


def loop_guard(scratch, binary):
    one, two = h.pair(scratch, binary, env={"LCP_LOOP_LIMIT": "6"}, place="loop")
    one.start()
    two.start()
    handler = {"LCP_HANDLER": "1"}
    states = []
    for i in range(8):
        _, value = send((one, two)[i % 2], "answer %d" % i, env=handler)
        states.append((value.get("state"), value.get("reason")))
    REPORT.check(states[:6] == [("stored", None)] * 6 and states[-1] == ("held", "loop"),
                 "the loop guard holds what two handlers go on saying", states)
    REPORT.check("LOOP GUARD" in two.lcp("status").out + one.lcp("status").out, "status shows it")
    two.lcp("send", "a person says something")
    _, value = send(one, "and is answered", env=handler)
    REPORT.equal(value.get("state"), "stored", "a message sent outside a handler opens it again")
    one.stop()
    two.stop()


# --- without a daemon, and a record of the first version ------------------------------------------------------


def without_a_daemon(scratch, binary):
    home = h.Home(scratch, binary, "Alone").init()
    key = h.Key()
    home.add_peer("Bob", h.free_address(), key.public)
    home.start()
    home.stop()
    got = home.lcp("peer", "trust", "Bob", h.fingerprint(key.public), "--json")
    REPORT.check(h.is_error(got, (9,), "unconfirmed"), "peer trust without daemon and terminal: exit 9", got)
    got = home.lcp("peer", "trust", "Bob", h.fingerprint(key.public), "--yes")
    old = home.lcp("peer", "set", "Bob", "version=1.2")
    audit = home.lcp("log", "--audit", "--json").json()["audit"]
    REPORT.check(got.code == 0 and old.code == 0 and [line["what"] for line in audit] ==
                 ["peer version", "peer trust"] and audit[1]["detail"] == "Bob %s, --yes"
                 % h.fingerprint(key.public) and "uid %d" % os.getuid() in audit[1]["who"],
                 "without a daemon: the audit record is written all the same", audit)
    row = home.lcp("peer", "list", "--json").json()["peers"][0]
    REPORT.check(row["pinned"] == "trusted" and row["version"] == "1.2", "peer set version: in the record", row)
    text = home.lcp("log", "--audit")
    REPORT.check("peer trust" in text.out and "uid" in text.out, "log --audit: for people", text)
    for words in (["held"], ["release", "1", "--yes"], ["refuse", "1"], ["pause"], ["resume", "--yes"],
                  ["resend", "1"]):
        got = home.lcp(*words, "--json")
        REPORT.check(h.is_error(got, (3,), "no-daemon"), "%s: exit 3 without a daemon" % words[0], got)
    got = home.lcp("log")
    REPORT.check(got.code == 2, "log: which one must be said", got)


def first_version(scratch, binary):
    """A home as the first version left it: its record is migrated, and its mail goes on."""
    one = h.Home(scratch, binary, "AgentA", folder=scratch.path("v1")).init()
    two = h.Home(scratch, binary, "AgentB", folder=scratch.path("v1b")).init()
    for home, seed in ((one, b"A" * 32), (two, b"B" * 32)):
        with open(home.path + "/keys/identity.pem", "wb") as file:
            file.write(seed)
    os.makedirs(one.path + "/data", exist_ok=True)
    record = sqlite3.connect(one.path + "/data/lcp.db")
    with open(os.path.join(h.HERE, "home_v1.sql")) as file:
        record.executescript(file.read())
    record.close()
    os.chmod(one.path + "/data/lcp.db", 0o600)
    one.add_peer("AgentB", two.address)
    two.add_peer("AgentA", one.address, one.key.public)
    one.start()
    rows = {row["number"]: row["state"] for row in one.lcp("sent", "--json").json()["messages"]}
    REPORT.check(rows.get(4) == "acked" and rows.get(7) == "expired" and rows.get(5) in ("queued", "sent")
                 and rows.get(6) in ("queued", "sent"), "a first record: what was sent keeps its states", rows)
    mail = one.inbox()
    REPORT.equal([m["message"] for m in mail], ["pending", "seen"], "a first record: the inbox is whole")
    peer = one.lcp("peer", "list", "--json").json()["peers"][0]
    REPORT.check(peer["pinned"] == "first contact" and peer["fingerprint"] == h.fingerprint(two.key.public),
                 "a first record: the pin is kept", peer)
    two.start()
    for number in (5, 6):
        row = reaches(one, number, "stored", 30)
        REPORT.check(row["state"] == "stored" and row["signed"] is True,
                     "a first record: what was queued arrives, and is signed for", row)
    two.lcp("check")
    row = reaches(one, 5, "read")
    proof = one.lcp("sent", "5", "--proof")
    REPORT.check(row["state"] == "read" and proof.code == 0 and fault_of(one, proof.out) == "",
                 "a first record: its messages have proofs, too", row)
    none = one.lcp("sent", "4", "--proof", "--json")
    REPORT.check(h.is_error(none, (1,), "no-proof"), "but not what was only acknowledged", none)
    one.lcp("done", "--all")
    REPORT.check(not one.inbox() and one.alive(), "a first record: old mail can be archived")
    one.stop()
    two.stop()


# --- 1.1, and who pretends ------------------------------------------------------------------------------------


def python_node(scratch, binary):
    import legacy

    home = h.Home(scratch, binary, "Ours", env={"HEARTBEAT_INTERVAL_S": "0.5"}).init()
    node = legacy.Legacy(scratch, "Theirs", "Ours", h.free_address(), home.address)
    home.add_peer("Theirs", node.address, node.key.public)
    node.start()
    home.start()
    got = home.lcp("send", "hello, Python")
    value = home.lcp("sent", "--json").json()["messages"][0]
    REPORT.check(got.code == 0 and "unsigned" in got.out and value["state"] == "acked"
                 and value["signed"] is False and value["signer"] is None,
                 "a Python node: acked, unsigned, exit 0", (got, value))
    mail = node.inbox()
    REPORT.check([m["message"] for m in mail] == ["hello, Python"] and mail[0]["lcp"] == "1.2",
                 "it keeps and ignores the mark", mail)
    none = home.lcp("sent", str(value["number"]), "--proof", "--json")
    REPORT.check(h.is_error(none, (1,), "no-proof"), "it signs nothing: there is no proof", none)
    got = home.lcp("send", "--wait", "stored", "--timeout", "25", "will you say so?")
    REPORT.check(got.code == 6 and "says no more" in got.err and got.ms < 15000,
                 "send --wait stored: it will never say it", (got, got.ms))
    answer = node.send("hello, C")
    REPORT.check(answer["ok"] is True and home.inbox()[-1]["message"] == "hello, C", "and the way back", answer)
    home.lcp("check")
    home.lcp("done", "--all")
    h.wait_until(lambda: node.ask("STATUS")["peer_online"], 5, 0.1)
    REPORT.check(node.ask("STATUS")["peer_online"] and
                 home.lcp("peer", "list", "--json").json()["peers"][0]["version"] == "1.1",
                 "nothing but heartbeats follows; it stays a 1.1 peer")
    node.stop()
    home.stop()


def downgrade(one):
    """Who can send packets from a peer's address, but has no key, makes nothing look delivered."""
    actor = Actor(one, "Mallory")
    got, _ = {}, None
    reply = start_send(one, "Mallory", "to a 1.1 node")
    seq, message = actor.next_data()
    actor.ack(seq)
    got = reply()
    REPORT.check(got.code == 0 and got.json()["state"] == "acked" and got.json()["signed"] is False,
                 "a bare ACK settles while the peer is known as no more than 1.1", got)
    reply = start_send(one, "Mallory", "signed for")
    seq, message = actor.next_data()
    forged_words(one, actor, message)
    REPORT.check(actor.receipt("stored", [[message["id"], digest(message), seq]]),
                 "a receipt is acknowledged after its commit")
    got = reply()
    REPORT.check(got.code == 0 and got.json()["state"] == "stored" and got.json()["signed"] is True,
                 "the true receipt counts", got)
    reply = start_send(one, "Mallory", "no way back")
    seq, message = actor.next_data()
    for _ in range(6):
        actor.ack(seq)
        again, _ = actor.next_data(0.5)
        seq = again or seq
    got = reply()
    REPORT.check(got.code == 4 and got.json()["state"] == "sent" and one.counters()["ack_not_enough"] >= 1,
                 "after one receipt a bare ACK settles nothing: exit 4", got)
    REPORT.check(one.lcp("peer", "set", "Mallory", "version=1.1").code == 0, "peer set version=1.1")
    reply = start_send(one, "Mallory", "back by a person")
    seen = {}
    while len(seen) < 2:
        seq, message = actor.next_data(40)
        if seq is None:
            break
        seen[message["message"]] = True
        actor.ack(seq)
    got = reply()
    REPORT.check(got.json()["state"] == "acked" or reaches(one, got.json()["id"], "acked")["state"] == "acked",
                 "and only then bare ACKs settle again", got)
    actor.close()
    one.lcp("peer", "remove", "Mallory")


def start_send(home, to, text):
    """Sends beside the test; call the result for the command's result."""
    box = []
    thread = threading.Thread(target=lambda: box.append(home.lcp("send", "--to", to, "--json", text)))
    thread.start()

    def result():
        thread.join(30)
        return box[0]
    return result


def forged_words(one, actor, message):
    """Receipts that must change nothing, each for a reason of its own."""
    stranger, right = h.Key(), digest(message)
    before = one.counters()
    actor.receipt("done", [[message["id"], right]], key=stranger)
    actor.receipt("done", [[message["id"], "0" * 32]])
    actor.receipt("done", [[h.new_message("a", "b", "c")["id"], right]])
    actor.receipt("loved", [[message["id"], right]])
    own = one.lcp("sent", "--json").json()["messages"]
    other = [row for row in own if row["to"] != "Mallory"][0]
    actor.receipt("refused", [[other["id"], right]])
    row = [r for r in one.lcp("sent", "--json").json()["messages"] if r["id"] == message["id"]][0]
    after = one.counters()
    REPORT.check(row["state"] in ("queued", "sent") and row_of(one, other["id"])["state"] == other["state"],
                 "another key, digest, id, state or peer: no state changes", row)
    REPORT.check(after["receipt_foreign"] - before["receipt_foreign"] >= 3
                 and after["other_key"] + after["bad_receipt"] > before["other_key"] + before["bad_receipt"],
                 "and each is counted", {name: (before[name], after[name]) for name in
                                         ("receipt_foreign", "other_key", "bad_receipt", "receipts")})


# --- all of it ------------------------------------------------------------------------------------------------


def main():
    binary = h.lcp_binary()
    with h.Scratch() as scratch:
        one, two = h.pair(scratch, binary)
        one.start()
        two.start()
        later = []
        steps = [("policy", lambda: later.append(policy(scratch, binary))),
                 ("states", lambda: every_state(one, two)),
                 ("read", lambda: read_is_after_print(one, two)),
                 ("many", lambda: one_receipt_for_many(one, two)),
                 ("evidence", lambda: evidence(scratch, binary, one, two)),
                 ("waiting", lambda: waiting(one, two)),
                 ("held", lambda: held_mail(one, two)),
                 ("pauses", lambda: pauses(one, two)),
                 ("downgrade", lambda: downgrade(one)),
                 ("loops", lambda: loop_guard(scratch, binary)),
                 ("alone", lambda: without_a_daemon(scratch, binary)),
                 ("first version", lambda: first_version(scratch, binary)),
                 ("python", lambda: python_node(scratch, binary)),
                 ("quota", lambda: [finish() for finish in later])]
        only = h.argument("--only", "LCP_TEST_ONLY")
        for name, step in steps:
            if only and only != name and not (only, name) == ("policy", "quota"):
                continue
            print("# " + name, flush=True)
            try:
                step()
            except Exception: # noqa: BLE001 - the other steps tell more
                import traceback
                REPORT.check(False, name + " ran to its end", traceback.format_exc())
    return REPORT.end()


if __name__ == "__main__":
    sys.exit(main())
