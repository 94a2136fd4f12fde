# SPDX-License-Identifier: MIT
"""A peer that this test plays by hand, packet by packet: an endpoint, a key, and the signed objects
of LCP/1.2. It answers nothing by itself."""

import hashlib
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import harness as h  # noqa: E402

RECEIPT = 4
SIGNED_MAX = 1232
TIME = "2026-03-28T12:00:00.123456+08:00"


def digest(message):
    """BLAKE2b-128 of the canonical bytes, as receipts name it."""
    return hashlib.blake2b(h.canonical(message), digest_size=16).hexdigest()


def random_hex():
    return os.urandom(8).hex()


class Peer:
    def __init__(self, name, node_name="Victim", key=None):
        self.name, self.node_name = name, node_name
        self.end = h.Endpoint(key=key)
        self.key = self.end.key
        self.boot = random_hex()
        self.seen = []  # (kind, seq, payload) of all that came, in order

    # -- what it says --

    def message(self, text, **more):
        return self.key.sign(h.new_message(self.name, self.node_name, text, **more))

    def hello(self, echo="", key=None, **more):
        body = {"type": "hello", "from": self.name, "to": self.node_name, "timestamp": TIME,
                "lcp": "1.2", "caps": [], "boot": self.boot, "nonce": random_hex(), "echo": echo,
                "max": h.PAYLOAD_MAX, "agent": {}}
        body.update(more)
        return (key or self.key).sign(body)

    def receipt(self, state, of, key=None, **more):
        body = {"type": "receipt", "from": self.name, "to": self.node_name, "timestamp": TIME,
                "state": state, "of": of}
        body.update(more)
        return (key or self.key).sign(body)

    def send(self, node, kind, body=None, seq=None):
        """Any packet; body is an object, bytes or nothing. Returns the datagram."""
        payload = b"" if body is None else body if isinstance(body, bytes) else h.encode(body)
        seq = self.end.next_seq() if seq is None else seq
        datagram = h.packet(kind, seq, payload)
        self.end.send(node.address, datagram)
        return datagram

    # -- what it hears --

    def listen(self, seconds=0.0):
        """All that has come since the last call, or comes within this time."""
        deadline, heard = time.monotonic() + seconds, []
        while True:
            got = self.end.recv(max(deadline - time.monotonic(), 0.0001))
            if got is None:
                self.seen += heard
                return heard
            parts = h.unpack(got[0])
            if parts is not None:
                heard.append(parts)

    def wait_for(self, wanted, seconds=5):
        """The first packet that wanted(kind, seq, payload) likes, or None."""
        packets, found = self.end.recv_until(wanted, seconds)
        self.seen += packets
        return packets[-1] if found else None

    def deliver(self, node, message, seconds=5):
        """A message with its tries; true when it is acknowledged."""
        seqs = set()
        for _ in range(int(seconds / 0.5)):
            seq = self.end.next_seq()
            seqs.add(seq)
            self.send(node, h.DATA, message, seq)
            if self.wait_for(lambda kind, got, _: kind == h.ACK and got in seqs, 0.5):
                return True
        return False

    def take_message(self, text, seconds=12):
        """The next transmission of the node's message with this text: (seq, message)."""
        found = self.wait_for(lambda kind, _, payload: kind == h.DATA and
                              h.json.loads(payload).get("message") == text, seconds)
        return (found[1], h.json.loads(found[2])) if found else (None, None)

    def greet(self, node, tries=4):
        """Introduces itself as a 1.2 peer. The datagrams of it, or None when the node does not
        speak 1.2. A hello is answered once a second at most, so it may take a second try."""
        said = []
        for _ in range(tries):
            said.append(self.send(node, h.HEARTBEAT, self.hello()))
            answer = self.wait_for(
                lambda kind, _, payload: kind == h.HEARTBEAT and payload, 1.2)
            if answer is not None:
                nonce = h.json.loads(answer[2])["nonce"]
                return said + [self.send(node, h.HEARTBEAT, self.hello(echo=nonce))]
        return None

    def close(self):
        self.end.close()
