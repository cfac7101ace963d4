#!/usr/bin/env python3
"""Reloads a running gateway again and again and prints what it says of the cost.

usage: reload.py [--quiet] [--send] [--wait] SOCKET COUNT PAUSE_SECONDS TABLE TABLE

--send: the tables go as bodies, where they are named otherwise
--wait: prints `ready` when all is there and begins when standard input ends
"""
import http.client
import json
import os
import socket
import statistics
import sys
import time
import urllib.parse


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


def main():
    options = [word for word in sys.argv[1:] if word.startswith("--")]
    arguments = [word for word in sys.argv[1:] if not word.startswith("--")]
    if len(arguments) != 5 or not set(options) <= {"--quiet", "--send", "--wait"}:
        raise SystemExit(__doc__)
    path, count, pause = arguments[0], int(arguments[1]), float(arguments[2])
    if "--send" in options:
        orders = [("/v1/reload", open(name, "rb").read()) for name in arguments[3:]]
    else:
        orders = [("/v1/reload?file=" + urllib.parse.quote(os.path.abspath(name)), None) for name in arguments[3:]]
    if "--wait" in options:
        print("ready", flush=True)
        sys.stdin.read()
    costs = {}
    connection = UnixConnection(path)
    for number in range(count):
        begun = time.monotonic()
        target, body = orders[(number + 1) % 2]
        connection.request("POST", target, body=body)
        report = json.loads(connection.getresponse().read())
        if not report.get("accepted"):
            raise SystemExit(f"refused: {report}")
        for step, cost in report["cost_us"].items():
            costs.setdefault(step, []).append(cost / 1000)
        costs.setdefault("order to answer", []).append((time.monotonic() - begun) * 1000)
        time.sleep(pause)
    if "--quiet" in options:
        return
    gateway = [sum(parts) for parts in zip(*(costs[step] for step in ("map", "verify", "resolve", "swap")))]
    for step, values in (*costs.items(), ("map to swap", gateway)):
        print(f"{step:<22} median {statistics.median(values):7.2f} ms, most {max(values):7.2f} ms")


if __name__ == "__main__":
    main()
