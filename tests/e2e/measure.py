# SPDX-License-Identifier: MIT
"""What tests that measure share: CPU time and memory of a process, medians, helpers in C that
answer line by line, and the one question that every delivery ends with: does the receiver have it?"""

import json
import os
import statistics
import subprocess

# What a SEND reply or a SENT row may say of a message that is with its receiver: the word of a
# 1.1 peer, or the signed states of LCP/1.2.
WITH_RECEIVER = ("acked", "held", "stored", "read", "done")


def receiver_has(reply):
    """Of a SEND reply or a row of SENT."""
    return isinstance(reply, dict) and reply.get("state") in WITH_RECEIVER


def can_measure():
    """CPU time by the nanosecond: Linux only."""
    return os.path.exists("/proc/self/schedstat")


def cpu_seconds(pid):
    """Of all living threads. Ours live as long as their process."""
    total = 0
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, task)) as file:
            total += int(file.read().split()[0])
    return total / 1e9


def memory_mb(pid, which="VmHWM"):
    """VmHWM: the most it ever was; VmRSS: now."""
    with open("/proc/%d/status" % pid) as file:
        for line in file:
            if line.startswith(which + ":"):
                return int(line.split()[1]) / 1024
    return 0.0


def median(values):
    return statistics.median(values)


def quantile(values, share):
    """The value that `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Tool:
    """A helper process that says `ready`, then answers each line by one of JSON."""

    def __init__(self, scratch, argv):
        self.process = subprocess.Popen([str(word) for word in argv], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        scratch.processes.append(self.process)
        first = self.process.stdout.readline().strip()
        if first != "ready":
            raise RuntimeError("%s said %r" % (argv[0], first))

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("a helper ended: exit %s" % self.process.wait())
        return json.loads(line)

    def ask(self, line):
        self.tell(line)
        return self.hear()

    def end(self):
        self.process.stdin.close()
        return self.process.wait(20)
