#!/usr/bin/env python3
"""Reloads a running gateway again and again and prints what it says of the cost.

usage: reload.py [--quiet] SOCKET COUNT PAUSE_SECONDS TABLE TABLE
"""
import http.client
import json
import socket
import statistics
import sys
import time


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


def main():
    arguments = sys.argv[1:]
    quiet = arguments[:1] == ["--quiet"]
    if quiet:
        arguments.pop(0)
    if len(arguments) != 5:
        raise SystemExit(__doc__)
    path, count, pause = arguments[0], int(arguments[1]), float(arguments[2])
    tables = [open(name, "rb").read() for name in arguments[3:]]
    costs = {}
    connection = UnixConnection(path)
    for number in range(count):
        connection.request("POST", "/v1/reload", body=tables[(number + 1) % 2])
        report = json.loads(connection.getresponse().read())
        if not report["accepted"]:
            raise SystemExit(f"refused: {report['problems']}")
        for step, cost in report["cost_us"].items():
            costs.setdefault(step, []).append(cost / 1000)
        time.sleep(pause)
    if quiet:
        return
    gateway = [sum(parts) for parts in zip(*(costs[step] for step in ("map", "verify", "resolve", "swap")))]
    for step, values in (*costs.items(), ("map to swap", gateway)):
        print(f"{step:<22} median {statistics.median(values):7.2f} ms, most {max(values):7.2f} ms")


if __name__ == "__main__":
    main()
