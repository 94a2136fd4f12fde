# SPDX-License-Identifier: MIT
"""Bad networks in real network namespaces: everything arrives exactly once, within a stated bound.

    test_networks.py loss|trouble --lcp PATH --tools FOLDER [--messages N]

`loss` prints a table of goodput and latency at 0 to 40 % loss each way, with the node's own timing
and with that of LCP/1.1 (`Timing = fixed`), where the node knows the word. `trouble` has a pair of
nodes for each other kind of bad luck. The pairs live side by side, each in namespaces of its own.
Needs root; else it says SKIP."""

import os
import random
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import net as n  # noqa: E402
import harness as h  # noqa: E402
import measure as m  # noqa: E402

REPORT = h.Report("test_networks")
SEED = int(os.environ.get("LCP_TEST_SEED", "0")) or random.randint(1, 1 << 31)
LOSSES = (0.0, 0.01, 0.05, 0.10, 0.20, 0.40)
LOSS_BOUND_S = 120  # at 40 % each way a fifth of all five-try rounds fails, and a round is 15 s away
LOSS_BOUND_MESSAGE_S = 0.5  # and each message each way adds so much
TROUBLE_S = 15
TROUBLE_BOUND_S = 90  # after the trouble ended: a probe's longest pause by then, and a round
CALM_GAP_S = 0.1


def number(flag, default):
    return int(h.argument(flag, "") or default)


def in_parallel(jobs):
    """Runs all; what one raises becomes a failed check."""
    def guard(job):
        try:
            job()
        except Exception as error:  # pylint: disable=broad-except
            REPORT.check(False, "a pair of nodes came to its end", repr(error))

    threads = [threading.Thread(target=guard, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# ---- loss --------------------------------------------------------------------------------------


def loss_bound():
    return LOSS_BOUND_S + int(LOSS_BOUND_MESSAGE_S * number("--messages", 100))


class Lossy:
    """One cell of the table: one loss rate, one timing."""

    def __init__(self, pair, loss):
        self.pair, self.loss = pair, loss
        self.goodput = self.p50 = self.p99 = None

    def live(self):
        """First calm: a message each way ten times a second, for the latency; then a burst, for
        the goodput."""
        pair, count = self.pair, number("--messages", 100)
        if self.loss > 0:
            pair.net.lose(self.loss)
        pair.begin()
        pair.send(count, CALM_GAP_S)
        pair.sent(60)
        pair.finish(loss_bound())
        latencies = pair.audit()
        if latencies:
            self.p50, self.p99 = m.median(latencies), m.quantile(latencies, 0.99)
        begin = time.time()
        burst = pair.send(count, 0)
        pair.sent(60)
        pair.finish(loss_bound())
        ids = {id_ for sender in burst for id_ in sender.accepted}
        ends = [n.received_at(message) for node in pair.nodes for message in node.inbox()
                if message["id"] in ids]
        pair.audit()
        retries = sum(node.counters()["retries"] for node in pair.nodes)
        if retries == 0 and self.loss >= 0.20:
            pair.problems.append("no retries: was anything lost?")
        if len(ends) == 2 * count:
            self.goodput = 2 * count / (max(ends) - begin)
        pair.end()


def knows_timing(binary):
    with open(binary, "rb") as file:
        return b"LCP_TIMING" in file.read()


def loss(scratch, binary, tools):
    timings = [("own", ())]
    if knows_timing(binary):
        timings.append(("fixed", ("Timing = fixed",)))
    else:
        REPORT.note("this binary has one timing only, that of LCP/1.1")
    cells, serial = {}, 0
    for share in LOSSES:
        for timing, lines in timings:
            serial += 1
            pair = n.Pair(scratch, binary, tools, serial, "%d %% loss, %s timing"
                          % (share * 100, timing), SEED + serial, lines)
            cells[share, timing] = Lossy(pair, share)
    in_parallel([cell.live for cell in cells.values()])

    def show(value, form):
        return "-" if value is None else form % value

    REPORT.note("loss each way | timing | goodput, messages/s | p50, ms | p99, ms")
    for (share, timing), cell in cells.items():
        REPORT.note("%12d%% | %-6s | %19s | %7s | %7s" % (
            share * 100, timing, show(cell.goodput, "%.1f"),
            show(cell.p50 and cell.p50 * 1000, "%.0f"), show(cell.p99 and cell.p99 * 1000, "%.0f")))
    for cell in cells.values():
        REPORT.check(not cell.pair.problems and cell.goodput is not None,
                     "%s: everything exactly once within %d s" % (cell.pair.label, loss_bound()),
                     cell.pair.problems)


# ---- other trouble -----------------------------------------------------------------------------


def steady(**rows):
    """The same trouble all the time."""
    def trouble(pair, until):
        pair.net.set(**rows)
        time.sleep(max(0.0, until - time.monotonic()))
    return trouble


def narrow(pair, until):
    pair.net.narrow(128)
    time.sleep(max(0.0, until - time.monotonic()))


def partition(pair, until):
    pair.net.set(drop_left=1000000, drop_right=1000000)
    time.sleep(max(0.0, until - time.monotonic()))


def flapping(pair, until):
    while time.monotonic() < until:
        for value in (1000000, 0):
            pair.net.set(drop_left=value, drop_right=value)
            time.sleep(1)


def bursts(pair, until):
    rng = random.Random(SEED)
    while time.monotonic() < until:
        pair.net.set(drop_left=900000, drop_right=900000)
        time.sleep(rng.uniform(0.05, 0.6))
        pair.net.set(drop_left=0, drop_right=0)
        time.sleep(rng.uniform(0.2, 1.0))


def restarting(pair, until):
    """Both, every second; every other time without a warning."""
    turn = 0
    while time.monotonic() < until:
        turn += 1
        for node in pair.nodes:
            node.stop(signal.SIGKILL if turn % 2 else signal.SIGTERM)
            node.begin(wait=False)
        time.sleep(1)


def many(key, least):
    return lambda said: said[key] >= least


# What happens, and how the relay's own count shows that it did.
TROUBLES = {
    "a hundred copies of each":
        (steady(copies=100),
         lambda said: said["to_right"] + said["to_left"] > 50 * said["from_left"]),
    "a thousand in disorder, over 3 s": (steady(jitter_ms=3000, copies=50), many("held_most", 1000)),
    "one in ten changed, checksum right": (steady(corrupt=100000), many("changed", 10)),
    "one in ten cut": (steady(truncate=100000), many("changed", 10)),
    "128 kbit/s": (narrow, many("to_right", 10)),
    "lost in bursts": (bursts, many("lost", 10)),
    "cut off": (partition, many("lost", 10)),
    "one way only": (steady(drop_left=1000000), many("lost", 10)),
    "flapping each second": (flapping, many("lost", 10)),
    "both restarting each second": (restarting, many("to_right", 10)),
}


class Troubled:
    def __init__(self, pair, trouble, has_happened):
        self.pair, self.trouble, self.has_happened = pair, trouble, has_happened
        self.took = None

    def live(self):
        pair = self.pair
        pair.begin()
        count = number("--messages", 100)
        pair.send(count, TROUBLE_S / count)
        self.trouble(pair, time.monotonic() + TROUBLE_S)
        said = pair.net.heal()
        if not self.has_happened(said):
            pair.problems.append("the trouble did not happen: %r" % said)
        for node in pair.nodes:
            node.wait_ready()
        begin = time.monotonic()
        pair.sent(60)
        if pair.finish(TROUBLE_BOUND_S) is not None:
            self.took = time.monotonic() - begin
        pair.audit()
        pair.end()


def trouble(scratch, binary, tools):
    all_ = [Troubled(n.Pair(scratch, binary, tools, serial, label, SEED + serial), *what)
            for serial, (label, what) in enumerate(TROUBLES.items())]
    in_parallel([one.live for one in all_])
    for one in all_:
        ok = REPORT.check(not one.pair.problems and one.took is not None,
                          "%s: everything exactly once, at most %d s after its end"
                          % (one.pair.label, TROUBLE_BOUND_S), one.pair.problems)
        if ok:
            REPORT.note("all there %.1f s after the trouble ended" % one.took)


def main():
    binary, tools = h.lcp_binary(), h.argument("--tools", "LCP_TEST_TOOLS")
    reason = n.why_not()
    if reason is not None:
        h.skip_all(reason)
    REPORT.note("seed %d (LCP_TEST_SEED)" % SEED)
    with h.Scratch() as scratch:
        if "trouble" in sys.argv[1:2]:
            trouble(scratch, binary, tools)
        else:
            loss(scratch, binary, tools)
    return REPORT.end()


if __name__ == "__main__":
    sys.exit(main())
