# SPDX-License-Identifier: MIT
"""Without memory, descriptors or address space: no crash, but an answer or a clean end with a
sentence; what was acknowledged or accepted is there afterwards.

Twenty scenarios: each command, and the daemon's life, run once for every k with the k-th
allocation failing (allocfail.c), the daemon's in steps unless --all. --seed N chooses them."""

import os
import random
import shutil
import sys
import threading

import harness as h

REPORT = h.Report("memory")
DAEMON_POINTS = 150
SENTENCES = ("memory", "ENOMEM", "cannot allocate")
COMMAND_POINTS = 150  # more than that only the commands make that open the record


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


def every_allocation(failing, home, label, args, before=None, after=None):
    """Runs the command for every k until one run has fewer allocations than k."""
    def fresh():
        if before is not None:
            before()

    fresh()
    whole = home.lcp(*args, env=failing.env())
    total, bad = failing.count(), []
    points = range(1, total + 1)
    if total > COMMAND_POINTS and "--all" not in sys.argv:
        points = sorted(failing.rng.sample(points, COMMAND_POINTS))
    for k in points:
        for count in (1, 1000000):
            fresh()
            got = home.lcp(*args, env=failing.env(k, count))
            if not ended_well(got) or (after is not None and not after()):
                bad.append((k, count, got))
    REPORT.check(total > 0 and isinstance(whole.code, int) and not bad,
                 "lcp %s: %d of %d allocations fail in turn, it says so and ends"
                 % (label, len(points), total),
                 bad[:2])


def commands(scratch, binary, failing):
    home = h.Home(scratch, binary, "Alone").init()
    other = h.Key()

    def loads():
        return home.lcp("id").code == 0

    def no_bob():
        home.lcp("peer", "remove", "Bob")

    def bob():
        home.lcp("peer", "add", "Bob", "127.1.2.3", other.public)

    fresh = scratch.path("Fresh")
    blank = h.Home(scratch, binary, "Fresh", folder=fresh)

    def gone():
        shutil.rmtree(fresh, ignore_errors=True)

    def whole_or_again():
        """What a failed init left behind is no obstacle to the next one."""
        return blank.lcp("init", "--name", "Fresh", "--address", blank.address).code in (0, 1, 2)

    every_allocation(failing, blank, "init", ("init", "--name", "Fresh", "--address", blank.address),
                     gone, whole_or_again)
    every_allocation(failing, home, "id", ("id",))
    every_allocation(failing, home, "version", ("version",))
    every_allocation(failing, home, "peer add", ("peer", "add", "Bob", "127.1.2.3", other.public),
                     no_bob, loads)
    bob()
    every_allocation(failing, home, "peer list", ("peer", "list"))
    every_allocation(failing, home, "peer set",
                     ("peer", "set", "Bob", "Address=127.1.2.4"), None, loads)
    every_allocation(failing, home, "peer remove", ("peer", "remove", "Bob"), bob, loads)


def commands_with_daemon(scratch, binary, failing):
    """The daemon is whole; the command is not."""
    home = h.Home(scratch, binary, "Served").init()
    peer = h.Endpoint()
    home.add_peer("Bob", peer.ip, peer.key.public)
    home.start()
    for number in range(3):
        h.raw_send(peer, home, h.new_message("Bob", "Served", "mail %d" % number))

    def served():
        return "uptime" in home.status()

    for label, args in (("status", ("status",)), ("send", ("send", "--no-wait", "to nobody there")),
                        ("check", ("check",)), ("check --json", ("check", "--json")),
                        ("read", ("read", "1")), ("sent", ("sent",)), ("cancel", ("cancel", "2")),
                        ("done", ("done", "1")), ("peer list", ("peer", "list"))):
        every_allocation(failing, home, label + " with a daemon", args, None, served)
    home.stop()
    every_allocation(failing, home, "check without a daemon", ("check",))
    every_allocation(failing, home, "sent without a daemon", ("sent",))
    peer.close()


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
                got = h.ipc_once(home.socket, request, 5)
                if got.get("accepted"):
                    accepted.append(got["id"])
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


def daemon(scratch, binary, failing, points):
    peer = h.Endpoint()
    template = h.Home(scratch, binary, "Daemon").init()
    template.add_peer("Bob", peer.ip, peer.key.public)
    template.start(env=failing.env())
    live(template, peer, "count")
    template.stop()
    total = failing.count()
    chosen = sorted(failing.rng.sample(range(1, total + 1), min(points, total)))
    crashed, lost, silent, ran_on = [], [], [], 0
    for k in chosen:
        count = failing.rng.choice((1, 1, 20))
        template.start(env=failing.env(k, count), wait=False)
        ready = template.wait_ready(5)
        acked, accepted = live(template, peer, "k%d" % k) if ready else (set(), [])
        if template.alive():
            ran_on += 1
            code, _ = template.stop()
        else:
            code = template.process.wait()
            template.scratch.processes.remove(template.process)
        if not isinstance(code, int) or code < 0 or code >= 126:
            crashed.append((k, code, template.log_tail(500)))
        elif code != 0 and not any(word in template.log_tail(400) for word in SENTENCES):
            silent.append((k, code, template.log_tail(500)))
        template.start()
        missing = set(accepted) - known(template)
        for one in acked:
            if "error" in template.ask("READ", v=1, id=one):
                missing.add(one)
        if missing:
            lost.append((k, missing))
        template.stop()
    REPORT.note("daemon: %d of %d allocations tried, it went on in %d" % (len(chosen), total, ran_on))
    REPORT.check(not crashed, "the daemon does not crash, whichever allocation fails", crashed[:2])
    REPORT.check(not silent, "when it ends, it says that memory ran out", silent[:2])
    REPORT.check(not lost, "what it had acknowledged or accepted is there afterwards", lost[:2])
    peer.close()


# --- files and address space ------------------------------------------------------------------


def limited(scratch, binary, what, number, values):
    home = h.Home(scratch, binary, "Limit-" + what.split()[-1]).init()
    peer = h.Endpoint()
    home.add_peer("Bob", peer.ip, peer.key.public)
    bad, ready = [], 0
    for value in values:
        prefix = ["prlimit", "--%s=%d" % (number, value)]
        if h.run(prefix + [binary, "version"], 10, home.env).code != 0:
            continue  # not even the loader has enough: not ours to say
        home.start(wait=False, prefix=prefix)
        if home.wait_ready(5):
            ready += 1
            live(home, peer, "limited")
        code = home.stop()[0] if home.alive() else home.process.wait()
        if not isinstance(code, int) or code < 0 or (code != 0 and not home.log_tail(400).strip()):
            bad.append((value, code, home.log_tail(400)))
    REPORT.check(not bad, "%s: no crash at any limit (%d served)" % (what, ready), bad[:3])
    REPORT.check(ready > 0, "%s: with enough of it, it serves" % what)
    home.start()
    REPORT.check("uptime" in home.status(), "%s: and afterwards all is well" % what)
    home.stop()
    peer.close()


def main():
    binary = h.lcp_binary()
    shim = h.argument("--allocfail", "LCP_TEST_ALLOCFAIL")
    seed = int(h.argument("--seed", "LCP_TEST_SEED") or 1)
    print("seed %d" % seed, flush=True)
    with h.Scratch() as scratch:
        failing = Failing(scratch, shim, random.Random(seed))
        if not h.is_sanitized(binary):
            commands(scratch, binary, failing)
            commands_with_daemon(scratch, binary, failing)
            points = 1 << 30 if "--all" in sys.argv else DAEMON_POINTS
            daemon(scratch, binary, failing, points)
            megabytes = range(8 << 20, 120 << 20, 4 << 20)
            limited(scratch, binary, "address space", "as", megabytes)
        limited(scratch, binary, "open files", "nofile", range(3, 40))
    return REPORT.end()


if __name__ == "__main__":
    sys.exit(main())
