# SPDX-License-Identifier: MIT
"""Every system call of a round of send, receive, done: kill -9 at it, and its failure with EIO,
ENOSPC, EINTR and EAGAIN. After each: what was told to a client or acknowledged to the peer is
there, once and unaltered, every state is true, the database is whole, and the daemon either went
on or ended with the right code. A failed fsync of the log or of the database ends it with 70.

A point is (home, call, class of file, number, deed). One life with faultpoint.so counts them all;
160 of them are struck (--points), spread over calls, classes and deeds by --seed; --soak strikes
every one. The life begins with a home that has no record yet ("new"), or with one that was killed
with a full log ("full"), so that the checkpoint of a running daemon is among the points."""

import os
import queue
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid

import common as c
import harness as h

REPORT = h.Report("test_syscalls")
LANES = int(h.argument("--lanes", "") or "4")
LOG_BYTES_MAX = 4 << 20  # the log's size at which a running daemon checkpoints
ENV = {"HEARTBEAT_INTERVAL_S": "1", "PEER_TIMEOUT_S": "5", "RETRY_BASE_MS": "100"}
SYNCS = ("fsync", "fdatasync")
RECORD = ("wal", "db")
NAMED = ("pwrite", "fsync", "fdatasync", "sendmsg", "rename", "unlink")
ERRNOS = ("EIO", "ENOSPC", "EINTR", "EAGAIN")


class Point:
    def __init__(self, home, call, kind, count, deed):
        self.home, self.call, self.kind, self.count, self.deed = home, call, kind, count, deed

    def at(self):
        return "%s:%s:%d%s" % (self.call, self.kind, self.count, "+" if self.lasts else "")

    @property
    def lasts(self):
        return self.deed.endswith("+")

    def __str__(self):
        return "%s %s %s" % (self.home, self.at(), self.deed)


class Facts:
    """What was told to whom in the life of a point."""

    def __init__(self):
        self.out = {}        # id: (text, "accepted" | "delivered" | "refused" | "unknown")
        self.into = {}       # id: text; accepted by the steady node for the struck one
        self.archived = {}   # id: True told, None asked
        self.struck = False
        self.code = None
        self.faults = []

    def wrong(self, text):
        self.faults.append(text)


def copy_home(path, to):
    shutil.copytree(path, to, dirs_exist_ok=True, ignore=shutil.ignore_patterns("lcp.sock"))


class Lane(threading.Thread):
    """A steady daemon, and beside it one that is struck again and again."""

    def __init__(self, scratch, binary, shim, number, points, results):
        super().__init__(daemon=True)
        self.shim, self.points, self.results = shim, points, results
        self.folder = os.path.join(scratch.root, "l%d" % number)
        os.mkdir(self.folder)
        self.scratch, self.binary = scratch, binary
        self.steady = h.Home(scratch, binary, "Steady%d" % number, env=dict(ENV)).init()
        self.struck = h.Home(scratch, binary, "Struck%d" % number, env=dict(ENV)).init()
        for one, other in ((self.steady, self.struck), (self.struck, self.steady)):
            one.add_peer(other.name, other.address, other.key.public)
        self.log = os.path.join(self.folder, "points")
        self.after = 0  # the steady node's last message seen

    def prepare(self):
        """The two homes a life can begin with."""
        self.steady.start()
        copy_home(self.struck.path, os.path.join(self.folder, "new"))
        self.struck.start()
        wal = os.path.join(self.struck.path, "data", "lcp.db-wal")
        size = 60000
        for _ in range(2000):
            left = LOG_BYTES_MAX - os.path.getsize(wal)
            if left < 70 << 10:
                break
            if left < 400 << 10:
                size = 10
            self.struck.send("x" * size)
        h.wait_until(lambda: self.struck.status()["queued"] == 0, 10)
        self.struck.kill()
        copy_home(self.struck.path, os.path.join(self.folder, "full"))
        shutil.rmtree(self.struck.path)
        self.forget_inbox()

    def forget_inbox(self):
        """So that the steady node's inbox stays small."""
        self.steady.ask("ACK", all=True, v=1)

    # --- one life

    def ask(self, facts, cmd, seconds=13, **members):
        """A reply, or None when the daemon or the connection is gone."""
        try:
            lines = h.IpcLines(self.struck.socket, seconds)
            try:
                return lines.ask(dict({"cmd": cmd, "v": 1}, **members))
            finally:
                lines.close()
        except (OSError, h.IpcClosed, ValueError):
            return None

    def send(self, facts, text, wait=True, message_id=None):
        made = message_id or str(uuid.uuid4())
        reply = self.ask(facts, "SEND", wait=wait, to=self.steady.name,
                         payload={"id": made, "type": "chat", "message": text})
        if reply is None:
            outcome = "unknown"
        elif reply.get("accepted") is True:
            outcome = "delivered" if c.has_it(reply.get("state")) else "accepted"
        elif "error" in reply:
            outcome = "refused"
        else:
            outcome = "unknown"
            facts.wrong("SEND answered %r" % reply)
        facts.out[made] = (text, outcome)
        return made

    def mail_in(self, facts, text):
        made = str(uuid.uuid4())
        reply = self.steady.ask("SEND", wait=False, v=1, to=self.struck.name,
                                payload={"id": made, "type": "chat", "message": text})
        if not reply.get("accepted"):
            facts.wrong("the steady node refused: %r" % reply)
        facts.into[made] = text

    def check(self, facts):
        reply = self.ask(facts, "CHECK", limit=100)
        return [] if reply is None or "messages" not in reply else reply["messages"]

    def round(self, facts, patience_s):
        self.send(facts, "out one")
        self.mail_in(facts, "into one")
        self.mail_in(facts, "into two")
        wanted = set(facts.into)
        mail = h.wait_until(lambda: not self.struck.alive() or (
            lambda got: got if wanted <= {m["id"] for m in got} else None)(self.check(facts)), 2 * patience_s, 0.01)
        if not self.struck.alive():
            return
        mail = mail or self.check(facts)
        self.ask(facts, "SHOWN", numbers=[m["_number"] for m in mail])
        done = [m["id"] for m in mail if m["id"] in wanted][:1]
        if done:
            reply = self.ask(facts, "ACK", ids=done)
            facts.archived[done[0]] = True if reply and reply.get("archived") == 1 else None
        self.send(facts, "out two", wait=False)
        self.ask(facts, "STATUS")
        self.ask(facts, "PING", to=self.steady.name)

        def settled():
            if not self.struck.alive():
                return True
            status = self.ask(facts, "STATUS")
            return status is not None and status.get("queued") == 0
        h.wait_until(settled, patience_s, 0.02)

    def live(self, point, env, facts):
        shutil.rmtree(self.struck.path, ignore_errors=True)
        copy_home(os.path.join(self.folder, point.home), self.struck.path)
        self.struck.start(env=env, wait=False)
        if self.struck.wait_ready(20):
            self.round(facts, 0.7 if point.lasts else 3)
        elif self.struck.alive():
            facts.wrong("neither ready nor ended in 20 s")
        if self.struck.alive():
            # The daemon itself: a tracer before it would only let go of it.
            status = self.ask(facts, "STATUS") if env.get("LCP_FAULT_COUNT") else None
            os.kill(status["pid"] if status else self.struck.process.pid, signal.SIGTERM)
        try:
            facts.code = self.struck.process.wait(10)
        except subprocess.TimeoutExpired:
            facts.wrong("SIGTERM did not end it in 10 s")
            self.struck.process.kill()
            facts.code = self.struck.process.wait()
        if self.struck.process in self.scratch.processes:
            self.scratch.processes.remove(self.struck.process)

    # --- what must be true behind it

    def judge(self, point, facts, log):
        self.judge_code(point, facts, log)
        self.struck.start()
        for made, (text, outcome) in list(facts.out.items()):
            if outcome != "unknown":
                continue
            # Nobody was told anything: the same call again must be taken, and be one message.
            self.send(facts, text, wait=False, message_id=made)
            if facts.out[made][1] not in ("accepted", "delivered"):
                facts.wrong("repeating %s: %s" % (made, facts.out[made]))
        self.send(facts, "out last", wait=False)

        def drained():
            rows = [p for p in self.steady.status()["peers"] if p["name"] == self.struck.name]
            return rows[0]["queued"] == 0 and self.struck.status()["queued"] == 0
        if not h.wait_until(drained, 30, 0.02):
            facts.wrong("not drained in 30 s")
        self.judge_out(facts)
        self.judge_in(facts)
        code, _ = self.struck.stop()
        if code != 0:
            facts.wrong("the life after ended with %s" % code)
        whole = c.integrity(self.struck.path)
        if whole != "ok":
            facts.wrong("integrity_check: " + whole)

    def judge_code(self, point, facts, log):
        """Of the struck life: 70 for a lost sync of the record, else a clean end, or a refusal to
        start in a sentence."""
        tail = "; its log: " + log[-300:]
        if not facts.struck:
            if facts.code != 0:
                facts.wrong("not struck, and exit %s%s" % (facts.code, tail))
        elif point.deed in ("kill", "torn", "killed"):
            if facts.code != -signal.SIGKILL:
                facts.wrong("exit %s%s" % (facts.code, tail))
        elif point.call in SYNCS and point.kind in RECORD:
            if facts.code != 70:
                facts.wrong("a failed sync of the %s ended with %s%s" % (point.kind, facts.code, tail))
            elif "lost" not in log and "sync" not in log:
                facts.wrong("70 without a word%s" % tail)
        elif facts.code != 0:
            started = "ready: " in log
            if started or facts.code not in (1, 70) or "\nlcp: " not in "\n" + log:
                facts.wrong("exit %s without a sentence%s" % (facts.code, tail))

    def judge_out(self, facts):
        sent = c.all_sent(self.struck)
        page = self.steady.inbox()
        mine = [m for m in page if m["_peer"]["name"] == self.struck.name]
        self.forget_inbox()
        texts = {}
        for message in mine:
            texts.setdefault(message["id"], []).append(message["message"])
        for made, (text, outcome) in facts.out.items():
            got = texts.pop(made, [])
            if outcome == "refused":
                if got or made in sent:
                    facts.wrong("refused, and yet sent: %s %r" % (made, sent.get(made)))
            elif got != [text]:
                facts.wrong("%s (%s): the peer has %r" % (text, outcome, got))
            elif not c.has_it(sent.get(made)):
                facts.wrong("%s: delivered, and shown as %r" % (text, sent.get(made)))
        if texts:
            facts.wrong("nobody sent these: %r" % texts)

    def judge_in(self, facts):
        mail = [m for m in self.struck.inbox() if m["id"] in facts.into]
        ids = [m["id"] for m in mail]
        claims = c.all_sent(self.steady)
        archive = lambda: c.files_of(self.struck.path, "inbox_archive")  # noqa: E731
        if len(ids) != len(set(ids)):
            facts.wrong("stored twice: %r" % ids)
        for message in mail:
            if message["message"] != facts.into[message["id"]] or not h.signature_is_valid(
                    c.without_ours(message)):
                facts.wrong("altered: %r" % message)
        for made, text in facts.into.items():
            told = facts.archived.get(made, False)
            if not c.has_it(claims.get(made)):
                facts.wrong("%s: delivered, and the sender shows %r" % (text, claims.get(made)))
            if told is True and made in ids:
                facts.wrong("%s: archived, and pending again" % text)
            if told is False and made not in ids:
                facts.wrong("%s: acknowledged and lost" % text)
            if told is None and made not in ids:
                facts.archived[made] = told = True  # done, though nobody was told
            if told is True and not h.wait_until(lambda: made in archive(), 5, 0.02):
                facts.wrong("%s: archived, and not in the folder" % text)
        def mirrored():
            inbox = c.files_of(self.struck.path, "inbox")
            return None not in inbox.values() and {i for i in inbox if i in facts.into} == set(ids)
        if not h.wait_until(mirrored, 5, 0.02):
            facts.wrong("the inbox folder is not mended: %r, pending %r"
                        % (sorted(c.files_of(self.struck.path, "inbox")), sorted(ids)))

    def strike(self, point):
        facts = Facts()
        self.after = 0
        log = os.path.join(self.scratch.root, self.struck.name + ".log")
        for path in (self.log, log):
            if os.path.exists(path):
                os.unlink(path)
        try:
            self.live(point, c.shim_env(self.shim, self.log, point.at(), point.deed.rstrip("+")), facts)
            text = open(log, errors="replace").read() if os.path.exists(log) else ""
            facts.struck = os.path.exists(self.log)
            self.judge(point, facts, text)
        except Exception as error:
            facts.wrong("%s: %s" % (type(error).__name__, error))
            if self.struck.process is not None and self.struck.alive():
                self.struck.kill()
        if facts.faults:
            self.keep(point)
        return facts

    def keep(self, point):
        """Evidence; and nothing of a spoiled life reaches the next one."""
        to = os.path.join(self.folder, "bad-" + str(point).replace(" ", "_"))
        if os.path.isdir(self.struck.path):
            copy_home(self.struck.path, to)
        for made, state in c.all_sent(self.steady).items():
            if state == "queued":
                self.steady.ask("CANCEL", id=made, v=1)
        self.forget_inbox()

    def run(self):
        for point in iter(self.points.get, None):
            self.results.put((point, self.strike(point)))

    # --- which points there are

    def count(self, home, prefix=()):
        """{(call, class): number} of a life without faults, and the ways it ended."""
        facts = Facts()
        if os.path.exists(self.log):
            os.unlink(self.log)
        start = self.struck.start
        if prefix:
            self.struck.start = lambda **more: start(prefix=prefix, **more)
        self.live(Point(home, "", "", 0, ""), c.shim_env(self.shim, self.log, count=True), facts)
        self.struck.start = start
        found = {}
        for line in open(self.log):
            call, kind, count = line.split()
            found[(call, kind)] = max(found.get((call, kind), 0), int(count))
        facts.faults += ["%s refused" % t for t, o in facts.out.values() if o != "delivered"
                         and t == "out one"]
        return found, facts


def deeds_of(call, kind):
    """A "+" is a fault that stays; of those, which take long, only each sixteenth number."""
    if call in ("pwrite", "write"):
        lasting = () if kind == "local" else ("EIO+", "ENOSPC+")
        return ("kill", "torn", "killed") + lasting + ERRNOS
    return ("kill", "killed") + ERRNOS


def choose(counts, rng):
    """All points, those that must be among a few first."""
    groups = {}
    for home, found in counts.items():
        for (call, kind), many in found.items():
            for deed in deeds_of(call, kind):
                points = [Point(home, call, kind, n, deed) for n in range(1, many + 1)
                          if not deed.endswith("+") or n % 16 == 1]
                rng.shuffle(points)
                groups[(home, call, kind, deed)] = points
    first, rest, pairs = [], [], set()
    keys = sorted(groups)
    rng.shuffle(keys)
    # Each sync of the record with each errno; each kind of call killed once and failed once.
    for key in keys:
        home, call, kind, deed = key
        if call in SYNCS and kind in RECORD and deed in ERRNOS:
            first.append(groups[key].pop())
        elif call in NAMED and (call, kind, deed in ERRNOS) not in pairs:
            pairs.add((call, kind, deed in ERRNOS))
            first.append(groups[key].pop())
    while any(groups.values()):
        for key in keys:
            if groups[key]:
                rest.append(groups[key].pop())
    return first + rest


def cross_check(lane, sanitized):
    """faultpoint.so must see each such call that the kernel sees."""
    if shutil.which("strace") is None:
        REPORT.skip("tool-strace: the calls counted are all there are", "no strace")
        return
    if sanitized:
        REPORT.note("the count is compared with the kernel's in the build without sanitizers")
        return
    path = os.path.join(lane.folder, "strace")
    calls = "pwrite64,pwritev,pwritev2,writev,fsync,fdatasync,sync_file_range,msync,sendmsg,sendmmsg," \
            "sendto,rename,renameat,renameat2,unlink,unlinkat"
    found, _ = lane.count("full", ("strace", "-f", "-qq", "-o", path, "-e", "trace=" + calls))
    seen = {}
    for line in open(path, errors="replace"):
        words = line.split(None, 1)
        name = words[1].split("(")[0] if len(words) > 1 else ""
        # One call may be printed in two halves.
        if name and name[0] != "<" and name[0] != "-" and name[0] != "+":
            name = {"pwrite64": "pwrite"}.get(name, name)
            seen[name] = seen.get(name, 0) + 1
    mine = {}
    for (call, _), many in found.items():
        if call in NAMED:
            mine[call] = mine.get(call, 0) + many
    REPORT.equal(mine, seen, "the library counts exactly the calls that strace sees: %s" % seen)


def strike_all(lanes, points, wanted, results):
    """Strikes until so many points were reached; returns their results."""
    struck, missed, bad = [], [], []
    waiting = queue.Queue()
    pool = list(reversed(points))
    ahead = min(len(pool), wanted)
    for _ in range(ahead):
        waiting.put(pool.pop())
    for lane in lanes:
        lane.points = waiting
        lane.start()
    under_way = ahead
    while under_way:
        point, facts = results.get()
        under_way -= 1
        if facts.faults:
            bad.append((point, facts))
            REPORT.check(False, str(point), "\n".join(facts.faults[:6]))
        if facts.struck:
            struck.append((point, facts))
        else:
            missed.append(point)
            if pool:
                waiting.put(pool.pop())
                under_way += 1
    for _ in lanes:
        waiting.put(None)
    return struck, missed, bad


def main():
    binary, shim = h.lcp_binary(), c.shim()
    rng = random.Random(c.seed())
    sanitized = h.is_sanitized(binary)
    with h.Scratch() as scratch:
        REPORT.note("seed %d (--seed)" % c.seed())
        waiting, results = queue.Queue(), queue.Queue()
        lanes = [Lane(scratch, binary, shim, n, waiting, results) for n in range(LANES)]
        for lane in lanes:
            lane.prepare()
        counts = {}
        for home in ("new", "full"):
            counts[home], facts = lanes[0].count(home)
            REPORT.check(facts.code == 0 and not facts.faults, "a life without faults (%s): %d calls, %s" % (
                home, sum(counts[home].values()), ", ".join("%s %s %d" % (call, kind, many)
                                                            for (call, kind), many
                                                            in sorted(counts[home].items()))),
                (facts.code, facts.faults))
            missing = [call for call in NAMED if not any(key[0] == call for key in counts[home])]
            REPORT.check(not missing or home != "new", "each named call happens in it", missing)
        REPORT.check(counts["full"].get(("fdatasync", "db"), 0) > 1,
                     "with a full log the running daemon checkpoints", counts["full"])
        cross_check(lanes[0], sanitized)
        lanes[0].forget_inbox()
        points = choose(counts, rng)
        wanted = int(h.argument("--points", "") or (len(points) if c.SOAK else 160))
        only = h.argument("--only", "")
        if only:
            points = [point for point in points if only in str(point)]
            wanted = min(wanted, len(points))
        begin = time.monotonic()
        struck, missed, _ = strike_all(lanes, points, wanted, results)
        by_deed = {}
        for point, facts in struck:
            by_deed.setdefault(point.deed, []).append(facts.code)
        REPORT.note("%d points of %d struck in %.0f s, %d not reached; %s" % (
            len(struck), len(points), time.monotonic() - begin, len(missed),
            ", ".join("%s %d" % (deed, len(codes)) for deed, codes in sorted(by_deed.items()))))
        REPORT.check(len(struck) >= wanted - len(missed) and len(missed) <= max(2, wanted // 5),
                     "%d points were reached" % len(struck), [str(p) for p in missed[:20]])
        syncs = [(str(p), f.code) for p, f in struck if p.call in SYNCS and p.kind in RECORD
                 and p.deed in ERRNOS]
        REPORT.check(all(code == 70 for _, code in syncs) and (syncs or only),
                     "each of %d failed syncs of log and database ended the daemon with 70" % len(syncs),
                     [s for s in syncs if s[1] != 70][:10])
        for lane in lanes:
            code, _ = lane.steady.stop()
            REPORT.check(code == 0, "%s ends cleanly" % lane.steady.name, code)
        return REPORT.end()


if __name__ == "__main__":
    sys.exit(main())
