# SPDX-License-Identifier: MIT
"""A legacy node as a process under test, and the audit of what it may be sent."""

import json
import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import harness as h  # noqa: E402


def as_it_came(message):
    """Without the members that the receiver adds for display."""
    return {name: value for name, value in message.items() if not name.startswith("_")}


class Legacy:
    """A legacy node as a process."""

    def __init__(self, scratch, name, peer_name, address, peer_address):
        self.scratch, self.name = scratch, name
        self.address, self.peer_address = address, peer_address
        self.path = scratch.path("py-" + name)
        os.makedirs(self.path, exist_ok=True)
        self.socket = os.path.join(self.path, "lcp.sock")
        self.audit = os.path.join(self.path, "audit.bin")
        self.env = {"LCP_NAME": name, "LCP_PEER_NAME": peer_name, "LCP_DIR": self.path,
                    "IPC_SOCKET": self.socket, "HEARTBEAT_INTERVAL_S": "0.5",
                    "PEER_TIMEOUT_S": "3", "LCP_AUDIT": self.audit}
        seed_path = os.path.join(self.path, "keys", "identity.pem")
        os.makedirs(os.path.dirname(seed_path), exist_ok=True)
        self.key = h.Key()
        with open(seed_path, "wb") as file:
            file.write(self.key.seed)
        self.process = None

    def start(self):
        env = dict(os.environ)
        env.update(self.env)
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        log = open(os.path.join(self.path, "log"), "ab")
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(h.INTEROP, "legacy_node.py"), "--my-ip", self.address,
             "--peer-ip", self.peer_address], env=env, stdout=log, stderr=log)
        log.close()
        self.scratch.processes.append(self.process)

        def answers():
            try:
                return "uptime" in self.ask("STATUS")
            except (OSError, ValueError, h.IpcClosed):
                return False
        if not h.wait_until(answers, 10):
            raise RuntimeError("the legacy node does not start")
        return self

    def stop(self):
        h.end_process(self.process)

    def ask(self, cmd, seconds=15, **members):
        return h.ipc_once(self.socket, dict({"cmd": cmd}, **members), seconds)

    def send(self, text, kind="chat", **more):
        return self.ask("SEND", payload=dict({"type": kind, "message": text}, **more))

    def stats(self):
        return self.ask("X-STATS")

    def drop(self, **what):
        return self.ask("X-DROP", drop=what)

    def inbox(self):
        """A CHECK that meets a file half written gets an error: it writes them in place."""
        reply = h.wait_until(lambda: (lambda got: got if "messages" in got else None)(
            self.ask("CHECK")), 5)
        return reply["messages"]

    def find(self, text, seconds=3):
        """It acknowledges first and stores then, so what was acknowledged may come later."""
        def there():
            return [message for message in self.inbox() if message["message"] == text]
        return h.wait_until(there, seconds)

    def payloads(self):
        """Every DATA payload it received, as (seq, bytes)."""
        found = []
        with open(self.audit, "rb") as file:
            whole = file.read()
        at = 0
        while at + 8 <= len(whole):
            seq, size = struct.unpack(">II", whole[at:at + 8])
            found.append((seq, whole[at + 8:at + 8 + size]))
            at += 8 + size
        return found


# --- what would stop a legacy node ----------------------------------------------------------


def no_duplicates(pairs):
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError("duplicate member")
    return dict(pairs)


def fault_of(payload):
    """Why this DATA payload of ours may not go to a legacy node, or None."""
    def refuse(constant):
        raise ValueError("constant " + constant)

    if len(payload) > h.PAYLOAD_MAX:
        return "too long"
    try:
        text = payload.decode("utf-8")
        message = json.loads(text, object_pairs_hook=no_duplicates, parse_constant=refuse)
        json.dumps(message, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        return repr(error)
    if not isinstance(message, dict):
        return "no object"
    for name in ("id", "from", "to", "timestamp", "type", "message"):
        if not isinstance(message.get(name), str):
            return name + " is no string"
    if "/" in message["id"][:8] or "\0" in message["id"][:8] or len(message["id"]) < 8:
        return "bad id"
    if "replyTo" in message and not isinstance(message["replyTo"], str):
        return "replyTo is no string"
    if not h.signature_is_valid(message):
        return "signature"
    return None
