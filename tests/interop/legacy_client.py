# SPDX-License-Identifier: MIT
"""A client of the local socket as the legacy scripts are: one write without terminator, one
recv of 64 KiB, no retry, no newline. Whatever does not arrive in that one recv is lost.

    legacy_client.py SOCKET CMD [PAYLOAD-JSON]"""

import json
import socket
import sys

RECV_BYTES = 65536


def ask(path, request, seconds=10.0):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.settimeout(seconds)  # the legacy client gives up at 10 s
        stream.connect(path)
        stream.send(json.dumps(request).encode("utf-8"))
        return json.loads(stream.recv(RECV_BYTES).decode("utf-8"))


def main():
    request = {"cmd": sys.argv[2]}
    if len(sys.argv) > 3:
        request["payload"] = json.loads(sys.argv[3])
    print(json.dumps(ask(sys.argv[1], request), ensure_ascii=False))


if __name__ == "__main__":
    main()
