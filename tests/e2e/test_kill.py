# SPDX-License-Identifier: MIT
"""kill -9 of either daemon at 200 moments under load: nothing acknowledged is lost, nothing is
stored twice, and each restart is ready in under 2 s.

Two daemons send to each other, a third voice (this script, over raw UDP) sends to both. Each life
of a daemon ends by SIGKILL: inside a commit, by killpoint.so loaded before it (so that an
uncommitted batch exists by construction; it leaves a line of evidence first), or from outside at a
random moment. Callers repeat what they got no answer to under the same id; what was answered is
never repeated, so a loss cannot be healed by accident."""

import os
import random
import signal
import sqlite3
import sys
import threading
import time
import uuid

import harness as h

REPORT = h.Report("test_kill")
KILLS = int(os.environ.get("LCP_TEST_KILLS", "200"))
PAUSE_S = 0.015  # between the messages of one caller: keeps the record small enough to check


class Caller(threading.Thread):
    """One local client of one daemon, which never gives up and never resends what was accepted."""

    def __init__(self, house, node, to, number):
        super().__init__(daemon=True)
        self.house, self.node, self.to, self.number = house, node, to, number
        self.accepted, self.acked, self.wrong = {}, set(), []
        self.repeats = 0
        self.waits = number == 0

    def run(self):
        serial, lines, pending = 0, None, None
        while pending is not None or not self.house.over.is_set():
            try:
                if lines is None:
                    lines = h.IpcLines(self.node.socket, 12)
                if pending is None:
                    serial += 1
                    pending = {"id": str(uuid.uuid4()), "type": "chat", "message": "%s %d.%d %s" % (
                        self.node.name, self.number, serial, "龙" * (serial % 900))}
                reply = lines.ask({"cmd": "SEND", "to": self.to, "wait": self.waits, "v": 1,
                                   "payload": pending})
                if reply.get("accepted") is True or reply.get("ok") is True:
                    self.accepted[pending["id"]] = pending["message"]
                    if reply.get("ok") is True:
                        self.acked.add(pending["id"])
                    pending = None
                elif isinstance(reply.get("error"), dict) and reply["error"].get("code") in (
                        "stopping", "busy"):
                    self.repeats += 1
                else:
                    self.wrong.append(reply)
                    pending = None
                time.sleep(PAUSE_S)
            except (OSError, h.IpcClosed, ValueError):
                self.repeats += pending is not None
                if lines is not None:
                    lines.close()
                lines = None
                time.sleep(0.005)


class Voice(threading.Thread):
    """A peer that speaks raw UDP and believes only ACKs."""

    def __init__(self, house, nodes):
        super().__init__(daemon=True)
        self.house, self.nodes = house, nodes
        self.endpoint = h.Endpoint()
        self.acked = {node.name: {} for node in nodes}
        self.acks = 0

    def run(self):
        waiting = {}
        serial = 0
        while not self.house.over.is_set():
            for node in self.nodes:
                serial += 1
                made = self.endpoint.key.sign(h.new_message("Voice", node.name, "voice %d" % serial))
                seq = self.endpoint.next_seq()
                waiting[seq] = (node.name, made["id"], made["message"])
                self.endpoint.send(node.address, h.packet(h.DATA, seq, h.encode(made)))
            until = time.monotonic() + 0.01
            while time.monotonic() < until:
                got = self.endpoint.recv(until - time.monotonic())
                parts = h.unpack(got[0]) if got else None
                if parts and parts[0] == h.ACK and parts[1] in waiting:
                    name, message_id, text = waiting.pop(parts[1])
                    self.acked[name][message_id] = text
                    self.acks += 1
                elif parts and parts[0] == h.HEARTBEAT:
                    # A real peer answers, and so is seen to be there.
                    self.endpoint.send(got[1][0], h.packet(h.ACK, parts[1]), got[1][1])


class Keeper(threading.Thread):
    """Starts one daemon again and again, and sees to it that each life ends by SIGKILL."""

    def __init__(self, house, node, seed, kills):
        super().__init__(daemon=True)
        self.house, self.node, self.kills = house, node, kills
        self.rng = random.Random(seed)
        self.evidence = house.scratch.path("kill-" + node.name)
        self.ready_ms, self.deaths, self.wrong = [], [], []

    def plan(self):
        rng = self.rng
        kind = rng.random()
        if kind < 0.30:
            return "write:%d" % rng.randint(3, 400)
        if kind < 0.50:
            return "torn:%d" % rng.randint(3, 400)
        if kind < 0.65:
            return "sync:%d" % rng.randint(2, 100)
        if kind < 0.75:
            return "synced:%d" % rng.randint(2, 100)
        return None

    def died_where(self):
        try:
            with open(self.evidence) as file:
                where = file.read().split()
            os.unlink(self.evidence)
            return where[0] if where else "outside"
        except OSError:
            return "outside"

    def one_life(self):
        plan = self.plan()
        env = {"LCP_KILL_LOG": self.evidence}
        if plan is not None:
            env.update(LCP_KILL_AT=plan, LD_PRELOAD=self.house.shim)
        begin = time.monotonic()
        self.node.start(env=env, wait=False)
        ready = self.node.wait_ready(20)
        if ready:
            self.ready_ms.append((time.monotonic() - begin) * 1000)
            # Those without a plan die from outside at a random moment; the others get time enough
            # to reach theirs.
            life_s = self.rng.uniform(0.02, 0.6) if plan is None else 2.0
            h.wait_until(lambda: self.node.process.poll() is not None, life_s, 0.002)
        if self.node.process.poll() is None:
            self.node.process.send_signal(signal.SIGKILL)
        code = self.node.process.wait()
        if code != -signal.SIGKILL:
            self.wrong.append("exit %s under plan %s: %s" % (code, plan, self.node.log_tail(500)))
        if self.node.process in self.house.scratch.processes:
            self.house.scratch.processes.remove(self.node.process)
        self.deaths.append(self.died_where())

    def run(self):
        try:
            while len(self.deaths) < self.kills and len(self.wrong) < 3:
                self.one_life()
        except Exception as error:
            self.wrong.append(repr(error))


class House:
    def __init__(self, scratch, binary, shim):
        self.scratch, self.shim = scratch, shim
        self.over = threading.Event()
        env = {"HEARTBEAT_INTERVAL_S": "1", "PEER_TIMEOUT_S": "5"}
        self.nodes = h.pair(scratch, binary, env)
        self.voice = Voice(self, self.nodes)
        for node in self.nodes:
            node.add_peer("Voice", self.voice.endpoint.ip, self.voice.endpoint.key.public)


def all_sent(node):
    lines, found, after = h.IpcLines(node.socket, 30), {}, None
    while True:
        request = {"cmd": "SENT", "limit": 100, "v": 1}
        if after is not None:
            request["after"] = after
        page = lines.ask(request)
        for message in page["messages"]:
            found[message["id"]] = message["state"]
        if page.get("next") is None or not page["messages"]:
            lines.close()
            return found
        after = page["next"]


def judge(house, callers):
    """After the last restart, when everything queued has gone out."""
    nodes, voice = house.nodes, house.voice
    for node in nodes:
        node.start()
    drained = h.wait_until(lambda: all(node.status()["queued"] == 0 for node in nodes), 60, 0.1)
    REPORT.check(drained, "all that was accepted is delivered",
                 [node.status()["queued"] for node in nodes])
    total = 0
    for node, other in (nodes, nodes[::-1]):
        mail, sent = node.inbox(), all_sent(other)
        total += len(mail)
        ids, texts = [m["id"] for m in mail], [m["message"] for m in mail]
        have = dict(zip(ids, texts))
        REPORT.check(len(ids) == len(set(ids)) == len(set(texts)),
                     "%s: nothing is stored twice (%d messages)" % (node.name, len(mail)),
                     (len(ids), len(set(ids)), len(set(texts))))
        accepted = {}
        for caller in callers:
            if caller.node is other:
                accepted.update(caller.accepted)
        lost = [i for i, text in accepted.items() if have.get(i) != text]
        REPORT.check(not lost, "%s: has all %d that %s accepted" % (node.name, len(accepted),
                                                                     other.name), lost[:5])
        missing = [i for i in accepted if sent.get(i) not in ("stored", "read", "done")]
        REPORT.check(not missing, "%s: `sent` knows all of them as stored, signed" % other.name,
                     [(i, sent.get(i)) for i in missing[:5]])
        acked = voice.acked[node.name]
        lost = [i for i, text in acked.items() if have.get(i) != text]
        REPORT.check(not lost and acked, "%s: has all %d whose ACK the third voice heard"
                     % (node.name, len(acked)), lost[:5])
        forged = [m["id"] for m in mail if not h.signature_is_valid(
            {name: value for name, value in m.items() if not name.startswith("_")})]
        REPORT.check(not forged, "%s: every stored message verifies" % node.name, forged[:5])
        inbox = os.path.join(node.path, "data", "inbox")
        mirrored = h.wait_until(lambda: len([f for f in os.listdir(inbox)
                                             if f.endswith(".json")]) == len(mail), 20, 0.1)
        REPORT.check(mirrored, "%s: the inbox folder is mended" % node.name,
                     (len(os.listdir(inbox)), len(mail)))
    for node in nodes:
        code, ms = node.stop()
        REPORT.check(code == 0, "%s stops cleanly (%.0f ms)" % (node.name, ms), (code, ms))
        base = sqlite3.connect("file:%s?mode=ro" % os.path.join(node.path, "data", "lcp.db"),
                               uri=True)
        REPORT.equal(base.execute("pragma integrity_check").fetchone()[0], "ok",
                     "%s: the database is whole" % node.name)
        base.close()
    return total


def main():
    binary = h.lcp_binary()
    shim = h.argument("--killpoint", "LCP_KILLPOINT")
    if not sys.platform.startswith("linux") or not os.path.exists(shim):
        h.skip_all("needs Linux and killpoint.so (--killpoint PATH or LCP_KILLPOINT)")
    slow = h.is_sanitized(binary)
    budget_ms = 10000 if slow else 2000
    with h.Scratch() as scratch:
        seed = int(os.environ.get("LCP_TEST_SEED", str(random.SystemRandom().getrandbits(32))))
        REPORT.note("seed %d (LCP_TEST_SEED)" % seed)
        house = House(scratch, binary, os.path.abspath(shim))
        if slow:
            for node in house.nodes:
                node.env["ASAN_OPTIONS"] = "verify_asan_link_order=0"
        one, other = house.nodes
        callers = [Caller(house, node, to.name, number) for node, to in ((one, other), (other, one))
                   for number in range(3)]
        keepers = [Keeper(house, node, seed + number, KILLS // 2)
                   for number, node in enumerate(house.nodes)]
        begin = time.monotonic()
        for thread in [house.voice] + callers + keepers:
            thread.start()
        for keeper in keepers:
            keeper.join()
        REPORT.note("%d kills in %.0f s" % (sum(len(k.deaths) for k in keepers),
                                            time.monotonic() - begin))
        house.over.set()
        deaths = [where for keeper in keepers for where in keeper.deaths]
        for keeper in keepers:
            REPORT.check(not keeper.wrong, "%s died by SIGKILL only" % keeper.node.name,
                         keeper.wrong[:3])
        inside = sum(where in ("write", "torn", "sync") for where in deaths)
        REPORT.check(len(deaths) >= KILLS and inside * 2 >= len(deaths),
                     "%d kills, %d of them with an uncommitted batch (%s)" % (
                         len(deaths), inside, ", ".join("%s %d" % (where, deaths.count(where))
                                                        for where in sorted(set(deaths)))))
        ready = sorted(ms for keeper in keepers for ms in keeper.ready_ms)
        REPORT.check(ready and ready[-1] < budget_ms and len(ready) > KILLS * 0.8,
                     "restart to ready in under %d ms (%d restarts: median %.0f, worst %.0f ms)" % (
                         budget_ms, len(ready), ready[len(ready) // 2] if ready else 0,
                         ready[-1] if ready else 0))
        # The callers must get an answer to what they still hold, so the judge starts the daemons.
        total = judge_after(house, callers)
        REPORT.note("%d messages stored, %d accepted, %d answered as acked, %d repeats under the same "
                    "id, %d ACKs heard by the third voice" % (
                        total, sum(len(c.accepted) for c in callers),
                        sum(len(c.acked) for c in callers), sum(c.repeats for c in callers),
                        house.voice.acks))
        REPORT.check(not any(c.wrong for c in callers), "no caller got a wrong answer",
                     [c.wrong[:2] for c in callers if c.wrong])
        REPORT.check(sum(c.repeats for c in callers) > KILLS // 10 and total > KILLS,
                     "the load was there: calls were cut off and repeated")
        return REPORT.end()


def judge_after(house, callers):
    for node in house.nodes:
        node.start()
    for caller in callers:
        caller.join(30)
    REPORT.check(not any(caller.is_alive() for caller in callers),
                 "every caller got its last answer")
    for node in house.nodes:
        node.kill()
    return judge(house, callers)


if __name__ == "__main__":
    sys.exit(main())
