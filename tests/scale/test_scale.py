# SPDX-License-Identifier: MIT
"""A node with 10,000 configured peers, 1,000 of them alive, 100,000 messages queued for those that
are away and 1,000,000 in the record: how much it idles at, how much memory it takes, what a message
costs beside a node of 2 peers and no past, and how soon it is ready.

    test_scale.py --lcp PATH --tools FOLDER [--peers N] [--active N] [--stored N] [--queued N]

The big home is written by scale_fill, its living peers are played by scale_crowd. Figures are CPU
time, not wall time, and ratios of interleaved medians: other load on the machine does not decide."""

import os
import random
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import harness as h  # noqa: E402
import measure as m  # noqa: E402

REPORT = h.Report("test_scale")
IDLE_PERCENT = 2.0
IDLE_S = 20
SETTLE_S = 30  # a heartbeat interval: what the start stirred up is over
MEMORY_MB = 100.0
COST_RATIO = 1.30
READY_S = 2.0
STATUS_S = 0.5  # the answer about 10,000 peers, and so the longest that the loop may be busy
ROUNDS, ROUND_MESSAGES, OPEN = 7, 1500, 16
SENDERS = 4
NODE = 10000  # people.h


def number(flag, default):
    return int(h.argument(flag, "") or default)


def address(net, index):
    return "127.%d.%d.%d" % (net, index // 250, 1 + index % 250)


def free_nets(count):
    """Second bytes of 127/8 where nobody holds the first peer's or the node's address."""
    rng, found = random.Random(os.getpid() ^ time.time_ns()), []
    while len(found) < count:
        net = rng.randint(1, 254)
        probes = []
        try:
            for index in (0, NODE):
                probe = h.socket.socket(h.socket.AF_INET, h.socket.SOCK_DGRAM)
                probes.append(probe)
                probe.bind((address(net, index), h.PORT))
            if net not in found:
                found.append(net)
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
    return found


class Big(h.Home):
    """A home that scale_fill wrote, with the crowd of its living peers."""

    def __init__(self, scratch, binary, tools, folder, net, peers, active, stored, queued):
        super().__init__(scratch, binary, folder, address(net, NODE))
        self.active = active
        self.background = 0.0  # seconds of CPU a second when nothing is asked of it
        begin = time.monotonic()
        words = (os.path.join(tools, "scale_fill"), self.path, net, peers, stored, queued, active)
        made = h.run([str(word) for word in words], 300)
        if made.code != 0:
            raise RuntimeError("scale_fill: %r" % made)
        REPORT.note("%s in %.1f s" % (made.out.strip(), time.monotonic() - begin))
        self.crowd = m.Tool(scratch, [os.path.join(tools, "scale_crowd"), net, active])

    def start_timed(self):
        """Seconds from exec to the line `ready`, and to the first answer."""
        whole = h.clean_environment()
        whole.update(self.env)
        begin = time.monotonic()
        with open(os.path.join(self.scratch.root, self.name + ".log"), "ab") as log:
            self.process = subprocess.Popen([self.binary, "node"], stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=log, env=whole)
        self.scratch.processes.append(self.process)
        line = self.process.stdout.readline()
        said = time.monotonic() - begin
        if not line.startswith(b"ready:"):
            raise RuntimeError("%s said %r; its log ends:\n%s" % (self.name, line, self.log_tail()))
        self.ask("CHECK", limit=1)
        return said, time.monotonic() - begin

    def cpu(self):
        return m.cpu_seconds(self.process.pid)

    def cost_of_receiving(self):
        """CPU microseconds for each message that a living peer sends."""
        before, begin = self.cpu(), time.monotonic()
        said = self.crowd.ask("send %d %d" % (ROUND_MESSAGES, OPEN))
        return self.cost_since(before, begin, ROUND_MESSAGES), said

    def cost_since(self, cpu, begin, messages):
        """Microseconds of CPU a message, without what it would have taken anyway."""
        self.settle()
        took = self.cpu() - cpu - self.background * (time.monotonic() - begin)
        return took / messages * 1e6

    def cost_of_sending(self):
        """The same for messages to the living peers, in turn."""
        before, begin, failed = self.cpu(), time.monotonic(), []

        def send(first):
            lines = h.IpcLines(self.socket, 30)
            for at in range(first, ROUND_MESSAGES // 2, SENDERS):
                reply = lines.ask({"cmd": "SEND", "v": 1, "to": "p%05d" % (at % self.active),
                                   "payload": {"type": "chat", "message": "to one of many"}})
                if not m.receiver_has(reply):
                    failed.append(reply)
            lines.close()

        threads = [threading.Thread(target=send, args=(i,)) for i in range(SENDERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.cost_since(before, begin, ROUND_MESSAGES // 2), failed

    def settle(self):
        """Until what the last messages left to do (files, states) is done."""
        h.wait_until(self.is_quiet, 10, 0)

    def is_quiet(self):
        before = self.cpu()
        time.sleep(0.1)
        return self.cpu() - before < 0.01


def start(big, small):
    said, answered = big.start_timed()
    REPORT.check(answered < READY_S, "the big home is ready within %.0f s of its first start" % READY_S,
                 "%.2f s, first answer after %.2f s" % (said, answered))
    REPORT.note("ready after %.2f s, first answer after %.2f s" % (said, answered))
    small.start_timed()


def idle(big):
    time.sleep(SETTLE_S)
    old = big.counters()
    big.settle()
    begin, before = time.monotonic(), big.cpu()
    time.sleep(IDLE_S)
    took = time.monotonic() - begin
    percent = (big.cpu() - before) / took * 100
    new = big.counters()
    REPORT.note("idle: %.2f %% of a core; counted a second: %s" % (percent, ", ".join(
        "%s %.0f" % (name, (new[name] - old[name]) / took) for name in new if new[name] > old[name])))
    REPORT.check(percent < IDLE_PERCENT, "idle it takes under %.0f %% of a core" % IDLE_PERCENT,
                 "%.2f %%" % percent)
    said = big.crowd.ask("stats")
    REPORT.note("its living peers saw: %r" % said)
    REPORT.check(said["acks"] > 0 and said["beats"] >= big.active,
                 "every living peer was greeted and answered", said)
    big.background = percent / 100


def best_of(what):
    """Seconds it takes, the least of three: others use the machine, too."""
    took = []
    for _ in range(3):
        begin = time.monotonic()
        said = what()
        took.append(time.monotonic() - begin)
    return min(took), said


def status(big, active, queued):
    took, said = best_of(big.status)
    online = sum(1 for peer in said["peers"] if peer["online"])
    REPORT.note("STATUS of %d peers: %.0f ms" % (len(said["peers"]), took * 1000))
    REPORT.equal(online, active, "the living peers are online, the others are not")
    REPORT.equal(said["queued"], queued, "what waits for those that are away still waits")
    REPORT.check(took < STATUS_S, "STATUS is answered within %.1f s" % STATUS_S, "%.2f s" % took)


def compare(big, small, what, measure):
    costs = {big.name: [], small.name: []}
    for _ in range(ROUNDS):
        for home in (big, small):
            cost, said = measure(home)
            costs[home.name].append(cost)
            if isinstance(said, list):
                REPORT.check(not said, "every message was delivered", said[:3])
    # The first round warms what is cold after a start.
    one, other = (m.median(costs[home.name][1:]) for home in (big, small))
    REPORT.note("%s: %.0f us of CPU a message, %.0f us with 2 peers and no past" % (what, one, other))
    REPORT.check(one <= COST_RATIO * other, "%s costs at most %.0f %% more than with 2 peers and "
                 "an empty record" % (what, (COST_RATIO - 1) * 100), costs)


def restart(big):
    """The best of three each: others use the machine, too."""
    for how, stop in (("stopped", big.stop), ("killed", big.kill)):
        took = []
        for _ in range(3):
            code, _ms = stop()
            if how == "stopped":
                REPORT.equal(code, 0, "it stops cleanly")
            took.append(big.start_timed()[1])
            if took[-1] < READY_S:
                break
        REPORT.note("%s and started again: first answer after %.2f s" % (how, min(took)))
        REPORT.check(min(took) < READY_S, "%s it is ready again within %.0f s" % (how, READY_S), took)


def main():
    binary, tools = h.lcp_binary(), h.argument("--tools", "LCP_TEST_TOOLS")
    peers, active = number("--peers", 10000), number("--active", 1000)
    stored, queued = number("--stored", 1000000), number("--queued", 100000)
    if not m.can_measure():
        h.skip_all("no /proc/PID/schedstat here: CPU time cannot be measured finely enough")
    with h.Scratch() as scratch:
        nets = free_nets(2)
        big = Big(scratch, binary, tools, "big", nets[0], peers, active, stored, queued)
        small = Big(scratch, binary, tools, "small", nets[1], 2, 2, 0, 0)
        start(big, small)
        idle(big)
        compare(big, small, "receiving", Big.cost_of_receiving)
        compare(big, small, "sending", Big.cost_of_sending)
        status(big, active, queued)
        most = m.memory_mb(big.process.pid)
        REPORT.note("memory: %.1f MB at most" % most)
        REPORT.check(most < MEMORY_MB, "it never took more than %.0f MB" % MEMORY_MB, most)
        restart(big)
        for home in (big, small):
            home.stop()
            home.crowd.end()
    return REPORT.end()


if __name__ == "__main__":
    sys.exit(main())
