#!/usr/bin/env python3
"""Streams end to end over loopback: WebSocket and server-sent events, clients and origin in plain
Python, the real gateway between them; and HTTP/2 to a real nginx. Everything waits for an event,
with a deadline.

usage: run.py GWCTL
"""
import base64
import hashlib
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading

FOLDER = pathlib.Path(__file__).resolve().parent
SECONDS = 10
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def check(holds, what):
    if not holds:
        raise AssertionError(what)


class Bytes:
    """A socket with exact reads."""

    def __init__(self, connection):
        self.socket = connection
        self.socket.settimeout(SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def more(self):
        data = self.socket.recv(65536)
        self.buffer += data
        return bool(data)

    def take(self, count):
        while len(self.buffer) < count:
            check(self.more(), f"ended after {len(self.buffer)} of {count} bytes")
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def until(self, mark):
        while mark not in self.buffer:
            check(self.more(), f"ended before {mark!r}: {self.buffer!r}")
        head, self.buffer = self.buffer.split(mark, 1)
        return head

    def at_end(self):
        return not self.buffer and not self.more()

    def send(self, data):
        self.socket.sendall(data)

    # Frames of RFC 6455 section 5.2.
    def send_frame(self, opcode, payload, masked):
        size = len(payload)
        mask = 0x80 if masked else 0
        if size < 126:
            head = struct.pack(">BB", 0x80 | opcode, mask | size)
        elif size < 65536:
            head = struct.pack(">BBH", 0x80 | opcode, mask | 126, size)
        else:
            head = struct.pack(">BBQ", 0x80 | opcode, mask | 127, size)
        if masked:
            key = os.urandom(4)
            repeated = (key * (size // 4 + 1))[:size]
            bits = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
            payload = key + bits.to_bytes(size, "big")
        self.send(head + payload)

    def frame(self):
        first, second = self.take(2)
        size = second & 0x7F
        if size == 126:
            size = struct.unpack(">H", self.take(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self.take(8))[0]
        key = self.take(4) if second & 0x80 else None
        payload = self.take(size)
        if key:
            repeated = (key * (size // 4 + 1))[:size]
            bits = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
            payload = bits.to_bytes(size, "big")
        return first & 0x0F, payload, key is not None


class Origin:
    """Echoes WebSocket messages; writes the next event when it is told to."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.heads = []
        self.next_event = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)  # once per WebSocket connection
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(Bytes(connection),), daemon=True).start()

    def serve(self, peer):
        try:
            while True:
                head = peer.until(b"\r\n\r\n").decode("latin-1")
                self.heads.append(head)
                if head.startswith("GET /events"):
                    self.events(peer)
                elif re.search(r"(?im)^upgrade: websocket", head):
                    self.echo(peer, head)
                    return
                else:
                    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain")
        except (OSError, AssertionError):
            pass
        finally:
            peer.socket.close()

    def echo(self, peer, head):
        key = re.search(r"(?im)^sec-websocket-key: (\S+)", head).group(1).encode()
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        try:
            while True:
                opcode, payload, _ = peer.frame()
                if opcode == PING:
                    peer.send_frame(PONG, payload, False)
                    continue
                peer.send_frame(opcode, payload, False)
                if opcode == CLOSE:
                    return
        finally:
            self.ended.release()

    def events(self, peer):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n")
        for number in range(20):
            check(self.next_event.acquire(timeout=SECONDS), "nobody asked for an event")
            event = b"id: %d\ndata: tick\n\n" % number
            peer.send(b"%x\r\n%s\r\n" % (len(event), event))
        peer.send(b"0\r\n\r\n")


class Gateway:
    def __init__(self, gwctl, folder, origin):
        self.log_path = pathlib.Path(folder) / "access.log"
        path = pathlib.Path(folder) / "gateway.yaml"
        text = (FOLDER / "gateway.yaml").read_text(encoding="utf-8")
        path.write_text(text.replace("UPSTREAM", f"127.0.0.1:{origin.port}"), encoding="utf-8")
        self.gwctl, self.path, self.admin = gwctl, path, f"unix:{folder}/admin"
        self.process = subprocess.Popen(
            [gwctl, "serve", str(path), "--listen", "127.0.0.1:0", "--workers", "1", "--access-log",
             str(self.log_path), "--grace", "500ms", "--admin", self.admin],
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.port = None
        while self.port is None:
            line = self.process.stderr.readline().decode("utf-8", "replace")
            check(line, "the gateway did not start")
            match = re.search(r"127\.0\.0\.1:(\d+)", line)
            if match and int(match.group(1)) != origin.port:
                self.port = int(match.group(1))
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def connect(self):
        return Bytes(socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS))

    def ask(self, *arguments):
        done = subprocess.run([self.gwctl, *arguments, "--json", "--admin", self.admin], check=True,
                              capture_output=True, timeout=SECONDS)
        return json.loads(done.stdout)

    def reload(self):
        """Another table: the title is another."""
        text = self.path.read_text(encoding="utf-8")
        self.path.write_text(re.sub(r"title: (\w+)", r"title: \1x", text, count=1), encoding="utf-8")
        report = self.ask("reload", "-q", str(self.path))
        check(report["before"] != report["after"], "the table is another")

    def stop(self):
        """The lines of its log."""
        self.process.terminate()
        status = self.process.wait(timeout=SECONDS)
        check(status == 0, f"gwctl serve ended with {status}")
        return [json.loads(line) for line in self.log_path.read_text().splitlines()]


def ask(client, path, more=b""):
    key = base64.b64encode(os.urandom(16))
    client.send(b"GET " + path + b" HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\n"
                b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key +
                b"\r\n\r\n" + more)
    return base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()


def open_socket(gateway):
    client = gateway.connect()
    accept = ask(client, b"/echo")
    head = client.until(b"\r\n\r\n").decode()
    check(head.startswith("HTTP/1.1 101 "), head)
    check(accept in head, "Sec-WebSocket-Accept")
    return client


def echoes_messages(gateway, origin):
    client = open_socket(gateway)
    for size in (0, 1, 125, 126, 65535, 65536, 1 << 20):
        payload = os.urandom(size)
        sender = threading.Thread(target=client.send_frame, args=(BINARY, payload, True))
        sender.start()
        opcode, back, masked = client.frame()
        sender.join()
        check((opcode, back, masked) == (BINARY, payload, False), f"message of {size} bytes")
    client.send_frame(PING, b"?", True)
    check(client.frame()[:2] == (PONG, b"?"), "ping")
    client.send_frame(CLOSE, struct.pack(">H", 1000), True)
    check(client.frame()[:2] == (CLOSE, struct.pack(">H", 1000)), "close frame")
    check(client.at_end(), "the end of the origin is passed on")
    client.socket.close()
    check(origin.ended.acquire(timeout=SECONDS), "the origin's connection ends")


def frames_ahead_of_the_answer(gateway, origin):
    client = gateway.connect()
    frame = struct.pack(">BB", 0x80 | TEXT, 0x80 | 5) + b"\0\0\0\0early"
    ask(client, b"/echo", frame)
    check(client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 "), "switched")
    check(client.frame()[:2] == (TEXT, b"early"), "the early frame is echoed")
    client.socket.close()
    check(origin.ended.acquire(timeout=SECONDS), "a client that leaves ends the origin's connection")


def many_at_once(gateway, origin):
    clients = [open_socket(gateway) for _ in range(50)]
    for turn in range(5):
        for number, client in enumerate(clients):
            client.send_frame(TEXT, b"%d.%d" % (turn, number), True)
        for number, client in enumerate(clients):
            check(client.frame()[1] == b"%d.%d" % (turn, number), f"client {number}")
    for client in clients:
        client.socket.close()
    for _ in clients:
        check(origin.ended.acquire(timeout=SECONDS), "each of them ends")


def refused_without_the_field(gateway, origin):
    client = gateway.connect()
    ask(client, b"/closed")
    check(client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 "), "an ordinary answer")
    check(client.take(5) == b"plain", "its body")
    check("pgrade" not in origin.heads[-1], "Upgrade is not passed on")
    client.socket.close()


def events_one_by_one(gateway, origin):
    client = gateway.connect()
    client.send(b"GET /events HTTP/1.1\r\nHost: a.example\r\n\r\n")
    head = client.until(b"\r\n\r\n")
    check(b"text/event-stream" in head, "the head comes before any event")
    for number in range(20):
        origin.next_event.release()  # the next is written only when this one has been seen
        event = b"id: %d\ndata: tick\n\n" % number
        check(client.until(b"\r\n") == b"%x" % len(event), "size")
        check(client.take(len(event) + 2) == event + b"\r\n", f"event {number}")
    check(client.take(5) == b"0\r\n\r\n", "the end")
    client.socket.close()


def live_on_over_reloads(gateway, origin):
    talker = open_socket(gateway)
    reader = gateway.connect()
    reader.send(b"GET /events HTTP/1.1\r\nHost: a.example\r\n\r\n")
    reader.until(b"\r\n\r\n")
    for number in range(20):
        if number % 4 == 0:
            gateway.reload()
        talker.send_frame(TEXT, b"%d" % number, True)
        check(talker.frame()[:2] == (TEXT, b"%d" % number), f"message {number}")
        origin.next_event.release()
        event = b"id: %d\ndata: tick\n\n" % number
        check(reader.until(b"\r\n") == b"%x" % len(event), "size")
        check(reader.take(len(event) + 2) == event + b"\r\n", f"event {number}")
    check(reader.take(5) == b"0\r\n\r\n", "the end")
    # They have let their tables go: one that is revoked does not stay because of them.
    status = gateway.ask("status")
    check([table["current"] for table in status["tables"] if table["alive"]] == [True], status)
    check(sum(worker["streams"] for worker in status["workers"]) == 1, "the WebSocket goes on")
    talker.socket.close()
    check(origin.ended.acquire(timeout=SECONDS), "and ends")
    reader.socket.close()


def head_of_events(gateway):
    reader = gateway.connect()
    reader.send(b"GET /events HTTP/1.1\r\nHost: a.example\r\n\r\n")
    reader.until(b"\r\n\r\n")
    return reader


def closed_with_a_reload(gateway, origin):
    """Those of older tables, and no others."""
    talkers = [open_socket(gateway) for _ in range(2)]
    reader = head_of_events(gateway)
    report = gateway.ask("reload", "--close-streams")  # the same table, resolved again
    check(report["accepted"] and report["closed_streams"] == 3, report)
    for talker in talkers:
        check(talker.at_end(), "the tunnel is closed")
        check(origin.ended.acquire(timeout=SECONDS), "on both sides")
    check(reader.take(5) == b"0\r\n\r\n", "a stream of events ends as if it were over")
    reader.send(b"GET /closed HTTP/1.1\r\nHost: a.example\r\n\r\n")
    check(reader.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 "), "and its connection goes on")
    reader.socket.close()
    # One that began by the new table lives on; the next order ends it.
    talker = open_socket(gateway)
    talker.send_frame(TEXT, b"new", True)
    check(talker.frame()[1] == b"new", "a new stream is none of an older table")
    check(gateway.ask("reload")["closed_streams"] == 0, "without the order nothing ends")
    talker.send_frame(TEXT, b"still", True)
    check(talker.frame()[1] == b"still", "and it goes on")
    report = gateway.ask("rollback", "--close-streams")
    check(report["accepted"] and report["closed_streams"] == 1, report)
    check(talker.at_end(), "the tunnel is closed")
    check(origin.ended.acquire(timeout=SECONDS), "on both sides")


def closed_by_their_age(gateway, origin):
    client = gateway.connect()
    ask(client, b"/young")
    check(client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 "), "switched")
    client.send_frame(TEXT, b"hello", True)
    check(client.frame()[1] == b"hello", "for now it lives")
    check(client.at_end(), "and is closed when it is old")
    check(origin.ended.acquire(timeout=SECONDS), "on both sides")


class NginxOverHttp2:
    """A real server that is known to speak HTTP/2, on a Unix socket; it says good-bye often."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        os.chmod(folder, 0o755)  # its worker may be another user
        (self.folder / "small.txt").write_text("hello\n")
        self.big = os.urandom(3_000_000)
        (self.folder / "big.bin").write_bytes(self.big)
        paths = "".join(f"{name}_temp_path {folder}/{name}; "
                        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config = self.folder / "nginx.conf"
        config.write_text(
            f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors;\n"
            f"events {{ worker_connections 64; }}\n"
            f"http {{ access_log {folder}/requests; {paths} keepalive_requests 40;\n"
            f"server {{ listen unix:{folder}/socket http2; root {folder}; }} }}\n")
        self.process = subprocess.Popen(["nginx", "-c", str(config), "-e", f"{folder}/errors"])
        while True:  # until it listens
            try:
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(f"{folder}/socket")
                return
            except OSError:
                check(self.process.poll() is None, "nginx did not start")

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=SECONDS)


def http2_to_nginx(gwctl, folder):
    nginx = NginxOverHttp2(folder)
    path = pathlib.Path(folder) / "http2.yaml"
    path.write_text(
        "openapi: 3.1.0\ninfo: {title: T, version: 1.0.0}\nx-gw:\n"
        f"  upstreams: {{files: {{targets: ['unix:{folder}/socket'], protocol: http2}}}}\n"
        "  defaults: {upstream: files, timeout: 10s}\n"
        "paths:\n  /{file}:\n    parameters: [{name: file, in: path, required: true, schema: "
        "{type: string}}]\n    get: {operationId: file, responses: {'200': {description: d}}}\n")
    process = subprocess.Popen(
        [gwctl, "serve", str(path), "--listen", "127.0.0.1:0", "--workers", "1", "--access-log", "off"],
        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        port = None
        while port is None:
            line = process.stderr.readline().decode("utf-8", "replace")
            check(line, "the gateway did not start")
            match = re.search(r"address=127\.0\.0\.1:(\d+)", line)
            port = int(match.group(1)) if match else None
        threading.Thread(target=process.stderr.read, daemon=True).start()
        clients = [Bytes(socket.create_connection(("127.0.0.1", port), timeout=SECONDS))
                   for _ in range(8)]
        for _ in range(40):  # 320 requests: nginx ends its connection every 40
            for client in clients:
                client.send(b"GET /small.txt HTTP/1.1\r\nHost: a.example\r\n\r\n")
            for client in clients:
                check(client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 "), "status")
                check(client.take(6) == b"hello\n", "body")
        for client in clients:
            client.send(b"GET /big.bin HTTP/1.1\r\nHost: a.example\r\n\r\n")
        for client in clients:
            check(client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 "), "status")
            check(client.take(len(nginx.big)) == nginx.big, "a large body")
            client.socket.close()
        requests = (nginx.folder / "requests").read_text().splitlines()
        check(all("HTTP/2.0" in line for line in requests), "spoken in HTTP/2")
        print("ok http2_to_nginx")
    finally:
        process.terminate()
        process.wait(timeout=SECONDS)
        nginx.stop()


def main():
    tests = [echoes_messages, frames_ahead_of_the_answer, many_at_once, refused_without_the_field,
             events_one_by_one, live_on_over_reloads, closed_with_a_reload, closed_by_their_age]
    origin = Origin()
    with tempfile.TemporaryDirectory() as folder:
        gateway = Gateway(sys.argv[1], folder, origin)
        last = None
        try:
            for test in tests:
                test(gateway, origin)
                print(f"ok {test.__name__}")
            # A tunnel lives on while the gateway drains, until the grace is over.
            last = open_socket(gateway)
        finally:
            log = gateway.stop()
        try:
            ended = last.at_end()
        except ConnectionResetError:
            ended = True
        check(ended, "cut off when the grace was over")
        tunnels = [line for line in log if line["status"] == 101]
        check(len(tunnels) == 58, f"{len(tunnels)} tunnels in the log")
        check(sum(line["operation"] == "echo" for line in tunnels) == 57, "their operation")
        ended = [line["operation"] for line in log if line.get("error") == "stream-ended"]
        check(sorted(ended) == ["echo"] * 3 + ["events", "young"], f"ended by the gateway: {ended}")
        big = [line for line in tunnels if line["request_bytes"] > 1 << 20]
        check(len(big) == 1 and big[0]["response_bytes"] > 1 << 20, "bytes both ways")
        print("ok drained, logged")
    with tempfile.TemporaryDirectory() as folder:
        if shutil.which("nginx") is None:
            print("skipped: http2_to_nginx: there is no nginx")
        else:
            http2_to_nginx(sys.argv[1], folder)


if __name__ == "__main__":
    main()
