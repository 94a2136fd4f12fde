# SPDX-License-Identifier: MIT
"""Clocks and sleep. The wall clock goes to 1970, to 2046 and back while mail flows (libfaketime
reads the time from a file that changes under the running daemon), with restarts by TERM and by
KILL in each era. Then a SIGSTOP that outlasts the peer timeout: by the same factor as 150 s do the
default 120 s, and with --soak those 150 s themselves. Never a storm, time to live counts what a
monotonic clock counts, and everybody is online again within one heartbeat."""

import glob
import os
import signal
import sys
import threading
import time

import common as c
import harness as h

REPORT = h.Report("test_clocks")
BEAT_S, TIMEOUT_S = (30, 120) if c.SOAK else (2, 8)
STOP_S = 150 if c.SOAK else 10


def counters(node):
    return dict({"tx": 0, "heartbeats": 0, "slept": 0}, **node.counters())


def peer_row(node, name):
    return [row for row in node.status()["peers"] if row["name"] == name][0]


class Flow(threading.Thread):
    """Mail from one node to another, one message at a time; every answer is kept."""

    def __init__(self, node, to, pause_s=0.02):
        super().__init__(daemon=True)
        self.node, self.to, self.pause_s = node, to, pause_s
        self.over, self.told, self.wrong, self.calls = threading.Event(), {}, [], 0

    def run(self):
        lines, number = None, 0
        while not self.over.is_set():
            try:
                if lines is None:
                    lines = h.IpcLines(self.node.socket, 12)
                number += 1
                text = "%s %d" % (self.node.name, number)
                self.calls += 1
                reply = lines.ask({"cmd": "SEND", "v": 1, "to": self.to, "wait": True,
                                   "payload": {"type": "chat", "message": text}})
                if reply.get("accepted"):
                    self.told[reply["id"]] = text
                elif reply.get("error", {}).get("code") != "stopping":
                    self.wrong.append(reply)
            except (OSError, h.IpcClosed, ValueError):
                lines = None  # a restart; what was not answered may be there, once
            time.sleep(self.pause_s)


def judge_flows(flows, homes):
    """All that was accepted is at its receiver, once, and its sender knows."""
    for flow in flows:
        flow.over.set()
    for flow in flows:
        flow.join(20)
    drained = h.wait_until(lambda: all(peer_row(f.node, f.to)["queued"] == 0 for f in flows), 30, 0.05)
    REPORT.check(drained, "all that was accepted goes out")
    for flow in flows:
        there = [home for home in homes if home.name == flow.to][0]
        mail = [m for m in there.inbox() if m["_peer"]["name"] == flow.node.name]
        have = {m["id"]: m["message"] for m in mail}
        sent = c.all_sent(flow.node)
        lost = [i for i, text in flow.told.items() if have.get(i) != text]
        unknown = [i for i in flow.told if not c.has_it(sent.get(i))]
        REPORT.check(len(mail) == len(have) == len(set(have.values())) and not lost and not unknown
                     and not flow.wrong and flow.told,
                     "%s to %s: %d messages, each delivered once and known to be" % (
                         flow.node.name, flow.to, len(flow.told)),
                     (len(mail), len(have), lost[:3], unknown[:3], flow.wrong[:3]))


# --- the wall clock ---------------------------------------------------------------------------


def faketime_library():
    for folder in ("/usr/lib/*/faketime", "/usr/lib/faketime", "/usr/local/lib/faketime",
                   "/usr/lib64/faketime"):
        for path in glob.glob(folder + "/libfaketimeMT.so.1"):
            return path
    return None


def set_clock(path, text):
    with open(path + ".new", "w") as file:
        file.write(text + "\n")
    os.rename(path + ".new", path)


def are_queued(node, ids):
    """Accepted, not delivered, not given up: transmitted or not."""
    sent = c.all_sent(node)
    return all(sent.get(i) in ("queued", "sent") for i in ids)


def wall_clock(scratch, binary):
    library = faketime_library()
    if library is None:
        REPORT.skip("tool-faketime: the wall clock", "no libfaketime")
        return
    if h.is_sanitized(binary):
        REPORT.note("the wall clock is set in the build without sanitizers: two libraries that want to "
                    "be first do not fit")
        return
    clock = scratch.path("clock")
    set_clock(clock, "+0")
    env = {"HEARTBEAT_INTERVAL_S": "1", "PEER_TIMEOUT_S": "4", "RETRY_BASE_MS": "100"}
    fake = dict(env, LD_PRELOAD=library, FAKETIME_TIMESTAMP_FILE=clock, FAKETIME_NO_CACHE="1",
                DONT_FAKE_MONOTONIC="1", FAKETIME_DONT_FAKE_MONOTONIC="1")
    one, other = h.pair(scratch, binary, env)
    gone = h.Endpoint()  # a peer that never says a word
    one.add_peer("Gone", gone.ip, gone.key.public)
    one.start(env=fake)
    other.start()
    # What must not die of a clock, what must die of time alone, and when.
    ids = [one.send("a day", to="Gone", wait=False, ttl=86400)["id"] for _ in range(3)]
    short_s = 14
    short = one.send("short", to="Gone", wait=False, ttl=short_s)["id"]
    born = time.monotonic()
    flows = [Flow(one, other.name), Flow(other, one.name)]
    for flow in flows:
        flow.start()
    expired_at = []

    def watch_short():
        if not expired_at and c.all_sent(one).get(short) == "expired":
            expired_at.append(time.monotonic() - born)
        return bool(expired_at)

    eras = [("1970", "@1970-01-01 00:00:10"), ("2046", "@2046-06-01 12:00:00"), ("now", "+0"),
            ("2046", "@2046-06-01 12:00:00"), ("1970", "@1970-01-01 00:00:10"), ("now", "+0")]
    for step, (year, text) in enumerate(eras):
        before, calls = counters(one), flows[0].calls + flows[1].calls
        started = time.monotonic()
        # A millisecond after the jump nothing may believe that 70 years passed.
        set_clock(clock, text)
        era = "era %d, %s" % (step + 1, year)
        told = one.ask("SEND", v=1, to=other.name, wait=True, payload={"type": "chat", "message": era})
        flows[0].told[told["id"]] = era
        message = one.ask("READ", v=1, id=told["id"])["messages"][0]
        shown = message["timestamp"][:4]
        REPORT.check((shown == year) if year != "now" else ("2020" < shown < "2040"),
                     "%d: the daemon's wall clock is in %s, and its mail is taken (%s)" % (
                         step + 1, year, told.get("state")), message["timestamp"])
        h.wait_until(watch_short, 1.2, 0.1)
        after, took = counters(one), time.monotonic() - started
        mails = flows[0].calls + flows[1].calls - calls + 2
        # For a message at most a DATA and an answer each way; besides it heartbeats, their answers
        # and probes of the silent peer.
        extra = after["tx"] - before["tx"] - 3 * mails
        REPORT.check(extra <= 8 * (took + 2), "%d: no storm: %d datagrams for %d messages in %.1f s" % (
            step + 1, after["tx"] - before["tx"], mails, took))
        status = one.status()
        rows = {row["name"]: row for row in status["peers"]}
        REPORT.check(rows[other.name]["online"] and rows[other.name]["last_seen_ms"] < 4000
                     and peer_row(other, one.name)["online"] and status["uptime"] < 600,
                     "%d: both are online, ages and uptime are sane" % (step + 1),
                     (rows[other.name], status["uptime"]))
        REPORT.check(are_queued(one, ids), "%d: what may live a day lives" % (step + 1), c.all_sent(one))
        if step in (0, 1, 3, 4):
            how = signal.SIGTERM if step % 2 else signal.SIGKILL
            one.stop(how)
            one.start(env=fake)
            REPORT.check(are_queued(one, ids),
                         "%d: and after %s and a start in %s too" % (step + 1, how.name, year),
                         one.log_tail(300))
    h.wait_until(watch_short, short_s + 30 - (time.monotonic() - born), 0.1)
    # Each restart may give back what was not saved, a moment each, and takes nothing.
    REPORT.check(expired_at and short_s - 0.5 <= expired_at[0] <= short_s + 8,
                 "%d s to live ended after %s s" % (short_s, ["%.1f" % at for at in expired_at]))
    REPORT.check(len(flows[0].told) > 50 and len(flows[1].told) > 50, "mail flowed in all six eras")
    judge_flows(flows, (one, other))
    for node in (one, other):
        REPORT.check(node.stop()[0] == 0, "%s stops cleanly" % node.name, node.log_tail(500))
    gone.close()


# --- sleep --------------------------------------------------------------------------------------


def sleep(scratch, binary):
    # Short tries, so that what waits for silent peers has had all of them before the sleep.
    env = {"HEARTBEAT_INTERVAL_S": str(BEAT_S), "PEER_TIMEOUT_S": str(TIMEOUT_S), "RETRY_BASE_MS": "20"}
    homes = [h.Home(scratch, binary, name, env=env).init() for name in ("Sleeper", "Waker")]
    one, other = homes
    one.add_peer(other.name, other.address, other.key.public)
    other.add_peer(one.name, one.address, one.key.public)
    gone = [h.Endpoint() for _ in range(5)]
    for number, endpoint in enumerate(gone):
        one.add_peer("Gone%d" % number, endpoint.ip, endpoint.key.public)
    one.start()
    other.start()
    for node, to in ((one, other), (other, one)):
        REPORT.check(h.wait_until(lambda: peer_row(node, to.name)["online"], 10, 0.02),
                     "%s sees %s" % (node.name, to.name))
    waiting = [one.send("waits", to="Gone%d" % n, wait=False, ttl=86400)["id"]
               for n in range(5) for _ in range(20)]
    dies = one.send("dies asleep", to="Gone0", wait=False, ttl=max(1, STOP_S // 2))["id"]
    flows = [Flow(one, other.name, 0.01), Flow(other, one.name, 0.01)]
    for flow in flows:
        flow.start()
    h.wait_until(lambda: all(len(flow.told) > 20 for flow in flows), 10, 0.01)
    away = h.wait_until(lambda: all(row["away"] for row in one.status()["peers"]
                                    if row["name"] != other.name), 20, 0.05)
    REPORT.check(away, "the silent peers are away")
    one.process.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    before_other = counters(other)
    for number in range(100):
        text = "sent to a sleeper %d" % number
        reply = other.send(text, to=one.name, wait=False)
        flows[1].told[reply["id"]] = text
    h.wait_until(lambda: time.monotonic() - stopped >= STOP_S, STOP_S + 1, 0.05)
    offline = not peer_row(other, one.name)["online"]
    REPORT.check(offline, "a peer asleep for %d s is offline to the other after %d s" % (STOP_S, TIMEOUT_S))
    spent = counters(other)["tx"] - before_other["tx"]
    REPORT.check(spent < 60 + 4 * STOP_S, "and nobody shouts at it: %d datagrams in %d s" % (spent, STOP_S))
    for endpoint in gone:
        while endpoint.recv(0.001) is not None:
            pass
    for flow in flows:
        flow.over.set()  # what comes now is the sleep's own, not new mail
    held = peer_row(other, one.name)["queued"]
    one.process.send_signal(signal.SIGCONT)
    woke = time.monotonic()
    back = h.wait_until(lambda: peer_row(other, one.name)["online"], BEAT_S * 1.1 + 1, 0.01)
    REPORT.check(back, "it is online again %.2f s after waking (heartbeat %d s)" % (
        time.monotonic() - woke, BEAT_S))
    REPORT.check(peer_row(one, other.name)["online"], "and never thought that the other was gone")
    burst, until = 0, woke + 1.5
    for endpoint in gone:
        while endpoint.recv(max(until - time.monotonic(), 0.001)) is not None:
            burst += 1
    # A heartbeat, a probe and its tries for each; not what was "missed" in the meantime.
    REPORT.check(burst <= 5 * 8, "no storm: %d datagrams to five silent peers in %.1f s" % (
        burst, time.monotonic() - woke))
    states = c.all_sent(one)
    live = {states.get(i) for i in waiting}
    REPORT.check(live <= {"queued", "sent"}, "what may live a day lives", live)
    REPORT.check(h.wait_until(lambda: c.all_sent(one).get(dies) == "expired", 5, 0.05),
                 "what had half the sleep to live has expired", states.get(dies))
    REPORT.check("%s: offline" % other.name not in one.log_tail(100000), "its log tells of no lost peer",
                 one.log_tail(600))
    now = counters(one)
    REPORT.check(now["slept"] >= 1, "and it knows that it slept", now)
    REPORT.check(held >= 100, "what the other had for it waited: %d messages" % held)
    judge_flows(flows, homes)
    for node in homes:
        REPORT.check(node.stop()[0] == 0, "%s stops cleanly" % node.name, node.log_tail(500))
    for endpoint in gone:
        endpoint.close()


def main():
    binary = h.lcp_binary()
    with h.Scratch() as scratch:
        wall_clock(scratch, binary)
        sleep(scratch, binary)
        return REPORT.end()


if __name__ == "__main__":
    sys.exit(main())
