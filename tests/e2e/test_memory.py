# SPDX-License-Identifier: MIT
"""Without memory, descriptors or address space: no crash, but an answer or a clean end with a
sentence; what was acknowledged or accepted is there afterwards.

Each command, and the daemon's life, once for every k with the k-th allocation failing, alone and
with all that follow (allocfail.c); of many hundreds a sample, all of them with --all. --seed N
chooses the sample. Then limits on open files and on address space, and more clients than files."""

import os
import random
import shutil
import socket
import sys
import threading
import uuid

import harness as h

REPORT = h.Report("memory")
DAEMON_POINTS = 80
SENTENCES = ("memory", "ENOMEM")
COMMAND_POINTS = 60  # more than that only the commands make that open the record
FOREVER = 1000000


class Failing:
    """Runs commands with the k-th allocation failing."""

    def __init__(self, scratch, shim, rng):
        self.shim, self.rng = shim, rng
        self.counter = scratch.path("count")

    def env(self, k=None, count=None):
        env = {"LD_PRELOAD": self.shim, "LCP_ALLOC_COUNT_FILE": self.counter}
        if k is not None:
            env["LCP_FAIL_ALLOC"] = str(k)
        if count is not None:
            env["LCP_FAIL_ALLOC_COUNT"] = str(count)
        return env

    def count(self):
        with open(self.counter, encoding="ascii") as file:
            return int(file.read())


def ended_well(got):
    """By itself, and with a sentence unless all went well."""
    return isinstance(got.code, int) and got.code >= 0 and got.code < 126 and (
        got.code == 0 or got.err.strip() != "")


# --- commands -------------------------------------------------------------------------------


def every_allocation(failing, home, label, args, before=None, after=None, code=0):
    """Runs the command for every k; code is its exit code when nothing fails. args may be a
    function: what before() just made is new each time. after(result): is all well?"""
    def go(env):
        if before is not None:
            before()
        return home.lcp(*(args() if callable(args) else args), env=env)

    whole = go(failing.env())
    total, bad = failing.count(), []
    points = range(1, total + 1)
    if total > COMMAND_POINTS and "--all" not in sys.argv:
        points = sorted(failing.rng.sample(points, COMMAND_POINTS))
    for k in points:
        for count in (1, FOREVER):
            got = go(failing.env(k, count))
            if not ended_well(got) or (after is not None and not after(got)):
                bad.append((k, count, got))
    REPORT.check(total > 0 and whole.code == code and not bad,
                 "lcp %s: %d of %d allocations fail in turn, it says so and ends"
                 % (label, len(points), total), bad[:2] or whole)


def commands(scratch, binary, failing):
    home = h.Home(scratch, binary, "Alone").init()
    other = h.Key()

    def loads(_):
        return home.lcp("id").code == 0

    def no_bob():
        home.lcp("peer", "remove", "Bob")

    def bob():
        home.lcp("peer", "add", "Bob", "127.1.2.3", other.public)

    fresh = scratch.path("Fresh")
    blank = h.Home(scratch, binary, "Fresh", folder=fresh)
    init = ("init", "--name", "Fresh", "--address", blank.address)

    def gone():
        shutil.rmtree(fresh, ignore_errors=True)

    def whole_or_again(got):
        """What a failed init left behind is no obstacle to the next one."""
        return got.code == 0 or blank.lcp(*init).code == 0

    every_allocation(failing, blank, "init", init, gone, whole_or_again)
    every_allocation(failing, home, "id", ("id",))
    every_allocation(failing, home, "version", ("version",))
    every_allocation(failing, home, "peer add", ("peer", "add", "Bob", "127.1.2.3", other.public),
                     no_bob, loads)
    bob()
    every_allocation(failing, home, "peer list", ("peer", "list"))
    every_allocation(failing, home, "peer set",
                     ("peer", "set", "Bob", "Address=127.1.2.4"), None, loads)
    every_allocation(failing, home, "peer remove", ("peer", "remove", "Bob"), bob, loads)


def proofs(scratch, binary, failing):
    """Two nodes, and evidence: without memory nothing false is called valid, nor the reverse."""
    one, two = h.pair(scratch, binary, place="proof")
    one.start()
    two.start()
    every_allocation(failing, one, "send --wait stored", ("send", "--wait", "stored", "hello"))
    proof = one.lcp("sent", "1", "--proof", "--json").out
    good, bad = scratch.path("good.json"), scratch.path("bad.json")
    for path, text in ((good, proof), (bad, proof.replace("hello", "jello"))):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    every_allocation(failing, one, "sent --proof", ("sent", "1", "--proof"))
    every_allocation(failing, one, "verify", ("verify", good), None, lambda got: got.code != 5)
    verdicts, k = set(), 0
    REPORT.check(one.lcp("verify", bad, env=failing.env()).code == 5, "what was altered is no proof")
    for k in range(1, failing.count() + 1):
        verdicts.update(one.lcp("verify", bad, env=failing.env(k, count)).code
                        for count in (1, FOREVER))
    REPORT.check(k > 0 and verdicts <= {1, 5},
                 "lcp verify: without memory, too, what was altered is not valid", verdicts)
    one.stop()
    two.stop()


def commands_with_daemon(scratch, binary, failing):
    """The daemon is whole; the command is not."""
    home = h.Home(scratch, binary, "Served").init()
    peer, silent = h.Endpoint(), h.Endpoint()
    home.add_peer("Bob", peer.ip, peer.key.public)
    home.add_peer("Mute", silent.ip, silent.key.public)
    home.start()
    newest = [None]

    def mail():
        message = h.new_message("Bob", "Served", "mail")
        newest[0] = message["id"]
        h.raw_send(peer, home, message)

    def next_id():
        newest[0] = str(uuid.uuid4())

    def known(got):
        """Exit 0 is a promise: the message is in the outbox."""
        return got.code not in (0, 4) or "error" not in home.ask("SENT", v=1, id=newest[0])

    def served(_):
        return "uptime" in home.status()

    def commands_in_turn(rows):
        for label, args, *more in rows:
            every_allocation(failing, home, label, args, *(more + [None, served][len(more):]))

    mail()
    first = newest[0]
    commands_in_turn((
        ("status", ("status",)), ("peer list", ("peer", "list")),
        ("send --no-wait", lambda: ("send", "--to", "Mute", "--no-wait", "--id", newest[0], "x"),
         next_id, known),
        ("check", ("check",)), ("check --json", ("check", "--json")), ("read", ("read", first)),
        ("sent", ("sent",)), ("done", lambda: ("done", newest[0]), mail),
        ("refuse", lambda: ("refuse", "--reason", "no", newest[0]), mail),
        ("pause", ("pause", "Bob")), ("resume --yes", ("resume", "--yes", "Bob")),
        ("log --audit", ("log", "--audit")), ("purge", ("purge", "--older-than", "1d")),
        ("cancel", lambda: ("cancel", newest[0]),
         lambda: (next_id(), home.lcp("send", "--to", "Mute", "--no-wait", "--id", newest[0], "x"))),
    ))
    next_id()
    home.lcp("send", "--to", "Mute", "--no-wait", "--ttl", "1", "--id", newest[0], "dies")
    dead = newest[0]
    h.wait_until(lambda: dead in home.lcp("sent", "--state", "expired", "--json").out, 10, 0.1)
    home.lcp("peer", "set", "Bob", "Hold=yes")
    mail()
    commands_in_turn((
        ("resend", ("resend", dead)), ("held", ("held",)),
        ("release --yes", lambda: ("release", "--yes", newest[0]), mail),
    ))
    home.stop()
    every_allocation(failing, home, "check without a daemon", ("check",))
    every_allocation(failing, home, "sent without a daemon", ("sent",), code=3)
    peer.close()
    silent.close()


# --- the daemon -----------------------------------------------------------------------------


def live(home, peer, tag):
    """One short life: mail in, mail out, a look, done, stop. Whatever fails, it goes on; says
    what was promised: (ids acknowledged to the peer, ids accepted of ours)."""
    acked, accepted = [], []
    stop = threading.Event()

    def answer():
        while not stop.is_set():
            got = peer.recv(0.02)
            parts = h.unpack(got[0]) if got else None
            if parts is None:
                continue
            if parts[0] in (h.DATA, h.HEARTBEAT):
                peer.send(home.address, h.packet(h.ACK, parts[1]))
            elif parts[0] == h.ACK and parts[1] in sent:
                acked.append(sent[parts[1]])

    sent = {}
    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        for number in range(3):
            message = peer.key.sign(h.new_message("Bob", home.name, "%s %d" % (tag, number)))
            seq = peer.next_seq()
            sent[seq] = message["id"]
            peer.send(home.address, h.packet(h.DATA, seq, h.encode(message)))
        for request in ({"cmd": "SEND", "v": 1, "payload": {"type": "chat", "message": tag}},
                        {"cmd": "CHECK", "v": 1}, {"cmd": "STATUS", "v": 1},
                        {"cmd": "ACK", "v": 1, "all": True}, {"cmd": "SENT", "v": 1},
                        {"cmd": "RELOAD", "v": 1}):
            try:
                got = h.ipc_once(home.socket, request, 0.5)
                if got.get("accepted"):
                    accepted.append(got["id"])
            except socket.timeout:
                break  # without memory for anybody the door waits
            except (OSError, h.IpcClosed, ValueError):
                pass
        h.wait_until(lambda: len(set(acked)) == 3 or not home.alive(), 0.3, 0.002)
    finally:
        stop.set()
        thread.join()
    return set(acked), accepted


def known(home):
    """Every id in the record, read by a daemon that is whole."""
    lines = h.IpcLines(home.socket)
    try:
        sent = lines.ask({"cmd": "SENT", "v": 1, "limit": 1000})["messages"]
        return {row["id"] for row in sent}
    finally:
        lines.close()


def points_of(failing, template, peer, points):
    """Half of them while it starts, which is most, half in what comes then."""
    totals = []
    template.start()  # the record is made
    template.stop()
    for does_live in (False, True):
        template.start(env=failing.env())
        if does_live:
            live(template, peer, "count")
        template.stop()
        totals.append(failing.count())
    start, total = totals
    if points >= total:
        return total, list(range(1, total + 1))
    chosen = failing.rng.sample(range(1, start + 1), points // 2)
    return total, sorted(chosen + failing.rng.sample(range(start + 1, total + 1),
                                                     min(points // 2, total - start)))


def end_of(home):
    """Its exit code, whoever ended it."""
    if home.alive():
        return home.stop()[0]
    home.scratch.processes.remove(home.process)
    return home.process.wait()


def daemon(scratch, binary, failing, points):
    peer = h.Endpoint()
    template = h.Home(scratch, binary, "Daemon").init()
    template.add_peer("Bob", peer.ip, peer.key.public)
    total, chosen = points_of(failing, template, peer, points)
    crashed, lost, silent, ran_on = [], [], [], 0
    for k in chosen:
        count = failing.rng.choice((1, 1, 1, 20, FOREVER))
        template.start(env=failing.env(k, count), wait=False)
        ready = template.wait_ready(2)
        acked, accepted = live(template, peer, "k%d" % k) if ready else (set(), [])
        ran_on += template.alive()
        code = end_of(template)
        if not isinstance(code, int) or code < 0 or code >= 126:
            crashed.append((k, count, code, template.log_tail(500)))
        elif code != 0 and not any(word in template.log_tail(400) for word in SENTENCES):
            silent.append((k, count, code, template.log_tail(500)))
        template.start()
        missing = set(accepted) - known(template)
        for one in acked:
            if "error" in template.ask("READ", v=1, id=one):
                missing.add(one)
        if missing:
            lost.append((k, count, missing))
        template.stop()
    REPORT.note("daemon: %d of %d allocations tried, it went on in %d" % (len(chosen), total, ran_on))
    REPORT.check(not crashed, "the daemon does not crash, whichever allocation fails", crashed[:2])
    REPORT.check(not silent, "when it ends, it says that memory ran out", silent[:2])
    REPORT.check(not lost, "what it had acknowledged or accepted is there afterwards", lost[:2])
    REPORT.check(ran_on > 0, "it goes on where it can")
    peer.close()


# --- files and address space ------------------------------------------------------------------


def limited(scratch, binary, what, option, values):
    home = h.Home(scratch, binary, "Limit-" + what.split()[-1]).init()
    peer = h.Endpoint()
    home.add_peer("Bob", peer.ip, peer.key.public)
    bad, ready, refused = [], 0, 0
    for value in values:
        prefix = ["prlimit", "--%s=%d" % (option, value)]
        if h.run(prefix + [binary, "version"], 10, home.env).code != 0:
            continue  # not even the loader has enough: not ours to say
        for command in (("id",), ("check",), ("peer", "list"), ("status",)):
            got = h.run(prefix + [binary] + list(command), 10, home.env)
            if not ended_well(got):
                bad.append((value, command, got))
        home.start(wait=False, prefix=prefix)
        if home.wait_ready(5):
            ready += 1
            live(home, peer, "limited")
        code = end_of(home)
        refused += code == 1
        if code not in (0, 1) or (code == 1 and not home.log_tail(400).strip()):
            bad.append((value, code, home.log_tail(400)))
    REPORT.check(not bad, "%s: no crash at any limit (%d served, %d refused)"
                 % (what, ready, refused), bad[:3])
    REPORT.check(ready > 0 and refused > 0, "%s: with enough it serves, with less it says so" % what)
    home.start()
    REPORT.check("uptime" in home.status(), "%s: and afterwards all is well" % what)
    home.stop()
    peer.close()


def enter(home):
    """However long the queue before the door is."""
    def tried():
        try:
            return h.ipc_connect(home.socket)
        except BlockingIOError:
            return None
    return h.wait_until(tried, 10)


def more_clients_than_files(scratch, binary):
    """They do not keep the daemon from its own files, and it serves on when they leave."""
    home = h.Home(scratch, binary, "Crowd").init()
    peer = h.Endpoint()
    home.add_peer("Bob", peer.ip, peer.key.public)
    home.start(prefix=["prlimit", "--nofile=44"])
    crowd = []
    for number in range(100):
        stream = enter(home)
        if number % 2:
            stream.sendall(b'{"cmd":"STA')  # half a request
        crowd.append(stream)
    REPORT.check("uptime" in home.status(), "100 clients and 44 files: who asks is answered")
    message = h.new_message("Bob", "Crowd", "through the crowd")
    REPORT.check(h.raw_send(peer, home, message), "100 clients and 44 files: mail is acknowledged")
    path = os.path.join(home.path, "data", "inbox", "msg_%s.json" % message["id"])
    REPORT.check(h.wait_until(lambda: os.path.exists(path), 5),
                 "100 clients and 44 files: the folders are written", home.log_tail())
    for stream in crowd:
        stream.close()
    many = [h.ipc_once(home.socket, {"cmd": "STATUS"}) for _ in range(50)]
    REPORT.check(all("uptime" in got for got in many), "when they leave, all is well")
    REPORT.equal(home.stop()[0], 0, "and it ends in peace")
    peer.close()


def main():
    binary = h.lcp_binary()
    shim = h.argument("--allocfail", "LCP_TEST_ALLOCFAIL")
    if not shim or not os.path.exists(shim):
        h.skip_all("needs the allocfail library: Linux only")
    seed = int(h.argument("--seed", "LCP_TEST_SEED") or 1)
    print("seed %d" % seed, flush=True)
    with h.Scratch() as scratch:
        failing = Failing(scratch, shim, random.Random(seed))
        if not h.is_sanitized(binary):
            commands(scratch, binary, failing)
            commands_with_daemon(scratch, binary, failing)
            proofs(scratch, binary, failing)
            points = 1 << 30 if "--all" in sys.argv else DAEMON_POINTS
            daemon(scratch, binary, failing, points)
            limited(scratch, binary, "address space", "as",
                    [number << 20 for number in (8, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 24, 32, 64)])
        limited(scratch, binary, "open files", "nofile", (4, 5, 6, 8, 12, 16, 24, 30, 34, 36, 40))
        more_clients_than_files(scratch, binary)
    return REPORT.end()


if __name__ == "__main__":
    sys.exit(main())
