# SPDX-License-Identifier: MIT
"""Floods by attackers who have no key.

    test_storm.py --lcp PATH --tools FOLDER [--strangers N] [--rate N] [--forged-rate N] [--real N]
                  [--repeats PERCENT]

Strangers: a million packets from endpoints that are no peer's get not one byte of reply and cost
under one core, while a real peer's messages are answered within 200 ms (99 of 100). A forger at a
peer's own address: so many well-made messages with bad signatures a second; each genuine message of
the peer, which shares the address, is stored within 30 s. With --repeats also a forger who says so
many of his messages again is watched: what of the peer's comes through is printed, nothing
false may."""

import os
import random
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import harness as h  # noqa: E402
import measure as m  # noqa: E402

REPORT = h.Report("test_storm")
SEED = int(os.environ.get("LCP_TEST_SEED", "0")) or random.randint(1, 1 << 32)
P99_S = 0.2
STORED_S = 30
MEMORY_GROWTH_MB = 16
RATE_SHARE = 0.8  # of what is asked for, at the least
ARRIVED = 0.5  # what a busy machine drops before the node never was an attack on it
FRIEND_SEED = bytes([1] + [0] * 31)  # storm.c: the peer whose key strangers name
PAUSE_S = 0.01


def number(flag, default):
    return int(h.argument(flag, "") or default)


class Friend(threading.Thread):
    """The real peer: a message every 10 ms, each repeated every 500 ms until it is acknowledged."""

    def __init__(self, node, endpoint):
        super().__init__(daemon=True)
        self.node, self.endpoint = node, endpoint
        self.over = threading.Event()
        self.seconds, self.unanswered, self.repeats = [], 0, 0

    def run(self):
        while not self.over.is_set():
            payload = h.encode(self.endpoint.key.sign(
                h.new_message("Friend", "Victim", "one among a million")))
            begin, seqs, answered = time.monotonic(), set(), False
            while not answered and time.monotonic() - begin < 10:
                seq = self.endpoint.next_seq()
                seqs.add(seq)
                self.repeats += len(seqs) > 1
                self.endpoint.send(self.node.address, h.packet(h.DATA, seq, payload))
                answered = self.endpoint.recv_until(
                    lambda kind, got, _: kind == h.ACK and got in seqs, 0.5)[1]
            self.seconds.append(time.monotonic() - begin)
            self.unanswered += not answered
            time.sleep(PAUSE_S)


def victim(scratch, binary, friend):
    node = h.Home(scratch, binary, "Victim").init()
    node.add_peer("Friend", friend.ip, friend.key.public)
    node.start()
    return node


def storm(tools, *words):
    argv = [os.path.join(tools, "attack_storm")] + [str(word) for word in words]
    return subprocess.Popen(argv, stdout=subprocess.PIPE)


def finish(process):
    out = process.communicate()[0]
    if process.returncode != 0:
        raise RuntimeError("storm: exit %d" % process.returncode)
    return h.json.loads(out)


def counted(before, after):
    return {name: after[name] - before.get(name, 0) for name in after
            if after[name] != before.get(name, 0)}


def free_net():
    """A 127.NET.0.0/24 of which nobody holds the first addresses."""
    rng = random.Random(os.getpid() ^ SEED)
    while True:
        net = rng.randint(1, 254)
        probe = h.socket.socket(h.socket.AF_INET, h.socket.SOCK_DGRAM)
        try:
            for last in range(1, 17):
                with h.socket.socket(h.socket.AF_INET, h.socket.SOCK_DGRAM) as probe:
                    probe.bind(("127.%d.0.%d" % (net, last), h.PORT))
            return net
        except OSError:
            continue


def strangers(scratch, binary, tools):
    count, rate = number("--strangers", 1000000), number("--rate", 100000)
    endpoint = h.Endpoint(key=h.Key(FRIEND_SEED))
    node = victim(scratch, binary, endpoint)
    friend = Friend(node, endpoint)
    friend.start()
    h.wait_until(lambda: len(friend.seconds) >= 20, 10)
    calm = m.quantile(friend.seconds, 0.99)
    del friend.seconds[:]
    before, memory = node.counters(), m.memory_mb(node.process.pid)
    cpu, begin = m.cpu_seconds(node.process.pid), time.monotonic()
    attack = storm(tools, "strangers", SEED, node.address, count, rate, free_net())
    while attack.poll() is None:
        time.sleep(0.02)
    share = (m.cpu_seconds(node.process.pid) - cpu) / (time.monotonic() - begin)
    during = list(friend.seconds)
    said = finish(attack)
    friend.over.set()
    friend.join()
    after = counted(before, node.counters())
    p99 = m.quantile(during, 0.99)
    REPORT.note("%d packets of strangers at %d/s: %.0f %% of a core; %d messages of the peer, p50 "
                "%.1f ms, p99 %.1f ms (%.1f ms in calm), %d repeats; counted: %r"
                % (said["sent"], said["rate"], share * 100, len(during),
                   m.median(during) * 1000, p99 * 1000, calm * 1000, friend.repeats, after))
    REPORT.check(said["sent"] >= count - 1000, "%d packets were sent" % count, said)
    REPORT.equal((said["replies"], said["reply_bytes"]), (0, 0), "not one byte of reply to strangers")
    REPORT.check(share < 1.0, "they cost under one core", "%.2f" % share)
    REPORT.check(p99 < P99_S, "99 of 100 messages of a real peer take under %.0f ms meanwhile"
                 % (P99_S * 1000), "%.3f s" % p99)
    REPORT.equal(friend.unanswered, 0, "every message of the real peer is acknowledged")
    refused = sum(after.get(name, 0) for name in
                  ("stranger", "too_short", "bad_magic", "unknown_type"))
    REPORT.check(refused >= ARRIVED * said["sent"], "most arrived", after)
    # What else arrives is the real peer's.
    rest = after["datagrams"] - refused
    REPORT.check(rest <= 3 * (len(friend.seconds) + friend.repeats) + 20,
                 "each that arrived is counted, but for the peer's", after)
    REPORT.equal(len(node.inbox()), after["stored"] + before["stored"],
                 "what is stored is the real peer's, each once")
    grown = m.memory_mb(node.process.pid) - memory
    REPORT.check(grown < MEMORY_GROWTH_MB, "memory does not grow with strangers", "%.1f MB" % grown)
    node.stop()
    endpoint.close()


def forger(scratch, binary, tools, repeats, is_promised):
    real, rate = number("--real", 100), number("--forged-rate", 50000)
    endpoint = h.Endpoint(key=h.Key(FRIEND_SEED))
    endpoint.close()  # the forger takes its place, and plays the peer too
    node = victim(scratch, binary, endpoint)
    before, cpu, begin = node.counters(), m.cpu_seconds(node.process.pid), time.monotonic()
    said = finish(storm(tools, "forger", SEED, node.address, 2 * STORED_S, rate, endpoint.ip,
                        FRIEND_SEED.hex(), real, repeats))
    share = (m.cpu_seconds(node.process.pid) - cpu) / (time.monotonic() - begin)
    after = counted(before, node.counters())
    took = sorted(said["seconds"]) or [0]
    in_time = sum(1 for seconds in took if seconds <= STORED_S and said["stored"])
    REPORT.note("%d bad signatures at %d/s (%d %% said before): %.0f %% of a core; %d of %d genuine "
                "messages stored in %d s, p50 %.2f s, slowest %.2f s; counted: %r"
                % (said["sent"], said["rate"], repeats, share * 100, in_time, said["real"], STORED_S,
                   m.median(took), took[-1], after))
    REPORT.equal(len(node.inbox()), said["stored"], "nothing but the peer's own is stored, each once")
    REPORT.equal(after.get("stored", 0), said["stored"], "what is acknowledged is what is stored")
    REPORT.check(after.get("throttled", 0) + after.get("bad_signature", 0) > 0 and
                 after.get("conflict", 0) == 0, "the forged ones are counted", after)
    REPORT.check(said["rate"] >= RATE_SHARE * rate, "%d a second were sent" % rate, said["rate"])
    REPORT.check(after["datagrams"] >= ARRIVED * said["sent"], "most arrived", after)
    REPORT.check(share < 1.2, "the forger costs about a core at most", "%.2f" % share)
    if is_promised:
        REPORT.equal((said["real"], in_time), (real, real),
                     "each of %d genuine messages is stored within %d s" % (real, STORED_S))
    node.stop()


def main():
    binary, tools = h.lcp_binary(), h.argument("--tools", "LCP_TEST_TOOLS")
    if not m.can_measure():
        h.skip_all("no /proc/PID/schedstat here: CPU time cannot be measured finely enough")
    REPORT.note("seed %d (LCP_TEST_SEED)" % SEED)
    repeats = number("--repeats", 0)
    with h.Scratch() as scratch:
        strangers(scratch, binary, tools)
    with h.Scratch() as scratch:
        forger(scratch, binary, tools, 0, True)
    if repeats > 0:
        with h.Scratch() as scratch:
            forger(scratch, binary, tools, repeats, False)
    return REPORT.end()


if __name__ == "__main__":
    sys.exit(main())
