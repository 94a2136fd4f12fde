# SPDX-License-Identifier: MIT
"""A Python LCP/1.1 node of our own, written from docs/protocol.md, "LCP/1.1 as it is spoken",
with the habits of the nodes in the field, the bad ones included: it acknowledges before it
looks, answers to its own configured port, overwrites messages whose ids begin alike, and its
receive thread dies for good on what it did not expect. Nothing here is to be made better:
it is what our node has to live with.

    legacy_node.py [--peer-ip IP] [--my-ip IP] [--port N]

The names are constants to edit in the field; here they come from the environment: LCP_NAME,
LCP_PEER_NAME, LCP_DIR (data/ and keys/ in it), IPC_SOCKET, HEARTBEAT_INTERVAL_S,
PEER_TIMEOUT_S, LCP_AUDIT (a file that gets every DATA payload received, length first).
Requests whose name begins with X- are a test's hooks, which a real node does not have."""

import argparse
import base64
import datetime
import json
import os
import socket
import struct
import sys
import threading
import time
import uuid

import nacl.signing

MAGIC = b"LCP1"
DATA, ACK, HEARTBEAT = 1, 2, 3
MAX_RETRIES = 5
RETRY_BASE_MS = 500
ACK_TIMEOUT_S = 3.0
MAX_SEEN = 10000


class Node:
    def __init__(self, my_ip, peer_ip, port):
        self.my_ip, self.peer_ip, self.port = my_ip, peer_ip, port
        self.name = os.environ.get("LCP_NAME", "AgentA")
        self.peer_name = os.environ.get("LCP_PEER_NAME", "AgentB")
        self.heartbeat_s = float(os.environ.get("HEARTBEAT_INTERVAL_S", "30"))
        self.peer_timeout_s = float(os.environ.get("PEER_TIMEOUT_S", "120"))
        self.ipc_path = os.environ.get("IPC_SOCKET", "/tmp/lcp.sock")
        self.base = os.environ.get("LCP_DIR", ".")
        for folder in ("keys", "data/inbox", "data/inbox_archive", "data/outbox"):
            os.makedirs(os.path.join(self.base, folder), exist_ok=True)
        self.key = self.load_key()
        self.seen = self.load_seen()
        self.started = time.time()
        self.last_seen = 0.0
        self.seq = 0
        self.seq_lock = threading.Lock()
        self.waiting = {}
        audit = os.environ.get("LCP_AUDIT")
        self.audit = open(audit, "ab") if audit else None
        # Test hooks: how many of the next packets of each kind vanish, and what was counted.
        self.drop = {"in_data": 0, "in_ack": 0, "out_data": 0, "out_ack": 0}
        self.count = {"in_data": 0, "in_ack": 0, "in_heartbeat": 0, "out_ack": 0, "out_data": 0,
                      "stored": 0, "duplicate": 0, "bad_signature": 0, "ack_unmatched": 0,
                      "dropped": 0}
        self.late, self.late_seq = 0, None
        self.acked_seqs = []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.udp.bind((my_ip, port))
        self.receiver = threading.Thread(target=self.receive_loop, daemon=True)

    def data(self, *names):
        return os.path.join(self.base, "data", *names)

    def load_key(self):
        path = os.path.join(self.base, "keys", "identity.pem")
        if os.path.exists(path):
            with open(path, "rb") as file:
                return nacl.signing.SigningKey(file.read())
        key = nacl.signing.SigningKey.generate()
        with open(path, "wb") as file:
            file.write(bytes(key))
        os.chmod(path, 0o600)
        return key

    def load_seen(self):
        try:
            with open(self.data("seen_ids.json"), encoding="utf-8") as file:
                return set(json.load(file))
        except (OSError, ValueError):
            return set()

    def save_seen(self):
        if len(self.seen) > MAX_SEEN:
            self.seen = set(list(self.seen)[-MAX_SEEN:])
        with open(self.data("seen_ids.json"), "w", encoding="utf-8") as file:
            json.dump(list(self.seen), file)

    # --- wire ---

    def next_seq(self):
        with self.seq_lock:
            self.seq += 1
            return self.seq

    def dropped(self, kind):
        if self.drop[kind] > 0:
            self.drop[kind] -= 1
            self.count["dropped"] += 1
            return True
        return False

    def transmit(self, kind, seq, payload, address):
        name = {DATA: "out_data", ACK: "out_ack"}.get(kind)
        if name is not None:
            self.count[name] += 1
            if self.dropped(name):
                return
        self.udp.sendto(MAGIC + struct.pack(">IB", seq, kind) + payload, address)

    def receive_loop(self):
        """No try around the body: whatever surprises it ends it for good."""
        while True:
            datagram, (source_ip, _source_port) = self.udp.recvfrom(65535)
            if len(datagram) < 9 or datagram[:4] != MAGIC:
                continue
            seq, kind = struct.unpack(">IB", datagram[4:9])
            if kind == DATA:
                self.count["in_data"] += 1
                if self.dropped("in_data"):
                    continue
                self.last_seen = time.time()
                if self.late > 0:
                    seq = self.late_seq = self.late_seq or seq
                    self.late -= 1
                if self.late == 0:
                    self.late_seq = None
                    self.transmit(ACK, seq, b"", (source_ip, self.port))
                if self.audit:
                    payload = datagram[9:]
                    self.audit.write(struct.pack(">II", seq, len(payload)) + payload)
                    self.audit.flush()
                self.handle_data(datagram[9:])
            elif kind == ACK:
                self.count["in_ack"] += 1
                if self.dropped("in_ack"):
                    continue
                self.last_seen = time.time()
                self.acked_seqs.append(seq)
                event = self.waiting.get(seq)
                if event is not None:
                    event.set()
                else:
                    self.count["ack_unmatched"] += 1
            elif kind == HEARTBEAT:
                self.count["in_heartbeat"] += 1
                self.last_seen = time.time()
                self.transmit(ACK, seq, b"", (self.peer_ip, self.port))

    def handle_data(self, payload):
        message = json.loads(payload.decode("utf-8"))
        message_id = message.get("id", "")
        name = "msg_" + message_id[:8] + ".json"
        if message_id in self.seen:
            self.count["duplicate"] += 1
            return
        if not self.verify(message):
            self.count["bad_signature"] += 1
            return
        preview = message.get("message", "")[:60].encode("utf-8")
        del preview
        # (the real one prints that preview; what cannot be printed kills it)
        with open(self.data("inbox", name), "w", encoding="utf-8") as file:
            json.dump(message, file, indent=2, ensure_ascii=False)
        self.seen.add(message_id)
        self.count["stored"] += 1
        if len(self.seen) % 64 == 0 or len(self.seen) < 64:
            self.save_seen()

    @staticmethod
    def verify(message):
        security = message.get("security") or {}
        body = {name: value for name, value in message.items() if name != "security"}
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":")).encode("utf-8")
        try:
            key = nacl.signing.VerifyKey(base64.b64decode(security.get("pubkey", "")))
            key.verify(canonical, base64.b64decode(security.get("signature", "")))
            return True
        except Exception:
            return False

    def heartbeat_loop(self):
        while True:
            self.transmit(HEARTBEAT, self.next_seq(), b"", (self.peer_ip, self.port))
            time.sleep(self.heartbeat_s)

    def online(self):
        return time.time() - self.last_seen < self.peer_timeout_s

    # --- sending ---

    def build(self, kind, text, reply_to):
        message = {"id": str(uuid.uuid4()), "from": self.name, "to": self.peer_name,
                   "timestamp": datetime.datetime.now().astimezone().isoformat(),
                   "type": kind, "message": text}
        if reply_to:
            message["replyTo"] = reply_to
        canonical = json.dumps(message, sort_keys=True, separators=(",", ":")).encode("utf-8")
        message["security"] = {
            "algo": "ed25519",
            "pubkey": base64.b64encode(bytes(self.key.verify_key)).decode(),
            "signature": base64.b64encode(self.key.sign(canonical).signature).decode()}
        with open(self.data("outbox", "msg_" + message["id"][:8] + ".json"), "w",
                  encoding="utf-8") as file:
            json.dump(message, file, indent=2, ensure_ascii=False)
        return message

    def send_reliably(self, message):
        payload = json.dumps(message, ensure_ascii=False).encode("utf-8")
        seq = self.next_seq()
        event = threading.Event()
        self.waiting[seq] = event
        try:
            for attempt in range(MAX_RETRIES):
                self.transmit(DATA, seq, payload, (self.peer_ip, self.port))
                if event.wait(min(RETRY_BASE_MS / 1000 * 2 ** attempt, ACK_TIMEOUT_S)):
                    return True
            return False
        finally:
            del self.waiting[seq]

    # --- local socket ---

    def ipc_loop(self):
        if os.path.exists(self.ipc_path):
            os.unlink(self.ipc_path)
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.bind(self.ipc_path)
        server.listen(16)
        while True:
            stream, _ = server.accept()
            threading.Thread(target=self.ipc_serve, args=(stream,), daemon=True).start()

    def ipc_serve(self, stream):
        with stream:
            try:
                request = self.ipc_request(stream)
                reply = self.ipc_answer(request)
            except Exception as error:
                reply = {"error": str(error)}
            try:
                stream.sendall(json.dumps(reply, ensure_ascii=False).encode("utf-8"))
            except OSError:
                pass

    def ipc_request(self, stream):
        """The original reads once and may get half of a long request; this is no test of that."""
        data = b""
        while True:
            more = stream.recv(1 << 20)
            data += more
            try:
                return json.loads(data.decode("utf-8"))
            except ValueError:
                if not more:
                    raise

    def ipc_answer(self, request):
        cmd = request.get("cmd", "").upper()
        if cmd == "SEND":
            payload = request.get("payload", {})
            message = self.build(payload.get("type", "chat"), payload.get("message", ""),
                                 payload.get("replyTo"))
            return {"ok": self.send_reliably(message), "id": message["id"]}
        if cmd == "CHECK":
            messages = []
            for name in sorted(os.listdir(self.data("inbox"))):
                path = self.data("inbox", name)
                with open(path, encoding="utf-8") as file:
                    message = json.load(file)
                message["_filepath"] = path
                messages.append(message)
            return {"count": len(messages), "messages": messages}
        if cmd == "ACK":
            names = os.listdir(self.data("inbox"))
            for name in names:
                os.rename(self.data("inbox", name), self.data("inbox_archive", name))
            return {"archived": len(names)}
        if cmd == "STATUS":
            return {"peer": self.peer_name, "peer_ip": self.peer_ip,
                    "peer_online": self.online(), "peer_last_seen": self.last_seen,
                    "inbox_count": len(os.listdir(self.data("inbox"))),
                    "uptime": time.time() - self.started}
        if cmd == "PING":
            return {"ok": self.send_reliably(self.build("ping", "ping", None))}
        if cmd.startswith("X-"):
            return self.hook(cmd, request)
        return {"error": "unknown command: " + cmd}

    # --- test hooks ---

    def hook(self, cmd, request):
        if cmd == "X-DROP":
            self.drop.update(request["drop"])
            return {"ok": True}
        if cmd == "X-STATS":
            return {"receiver_alive": self.receiver.is_alive(), "count": self.count,
                    "drop": self.drop, "acked": self.acked_seqs[-64:]}
        if cmd == "X-LATE":
            # Silence until the n-th DATA from now on; then the ACK of the first of them.
            self.late = request["after"]
            return {"ok": True}
        if cmd == "X-RAW":
            self.udp.sendto(base64.b64decode(request["data"]), (self.peer_ip, self.port))
            return {"ok": True}
        if cmd == "X-TWICE":
            # The same bytes again and again, each time with a sequence number of its own.
            message = self.build(request.get("type", "chat"), request["message"], None)
            payload = json.dumps(message, ensure_ascii=False).encode("utf-8")
            seqs = []
            for _ in range(request["times"]):
                seqs.append(self.next_seq())
                self.transmit(DATA, seqs[-1], payload, (self.peer_ip, self.port))
            return {"id": message["id"], "seqs": seqs}
        return {"error": "unknown hook: " + cmd}

    def run(self):
        self.receiver.start()
        threading.Thread(target=self.heartbeat_loop, daemon=True).start()
        self.ipc_loop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer-ip", default="127.0.0.2")
    parser.add_argument("--my-ip", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9528)
    args = parser.parse_args()
    Node(args.my_ip, args.peer_ip, args.port).run()


if __name__ == "__main__":
    sys.exit(main())
