#!/usr/bin/env python3
"""Streams and long downloads whose client does not read: what a reload, a drain and the end of the
process make of them. Everything waits for an event, with a deadline.

  unread.py GWCTL
"""
import pathlib
import re
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import run  # noqa: E402

GWCTL = None
EVENT = b"data: " + b"x" * 1016 + b"\n\n"
COUNT = 24 * 1024  # events, or pieces of a download: 24 MiB, more than all buffers on the way
SIZE = len(EVENT) * COUNT
DOCUMENT = """openapi: 3.1.0
info: {title: %s, version: 1.0.0}
x-gw:
  upstreams: {origin: {targets: ['http://127.0.0.1:%d']}}
  defaults: {upstream: origin, timeout: {total: 60s}}
paths:
  /events:
    get:
      operationId: events
      x-gw: {public: a test}
      responses: {'200': {description: ok, content: {text/event-stream: {}}}}
  /download:
    get:
      operationId: download
      x-gw: {public: a test}
      responses: {'200': {description: ok}}
"""
# Neither the operations nor their upstream are left.
EMPTY = """openapi: 3.1.0
info: {title: other, version: 1.0.0}
paths:
  /other:
    get: {operationId: other, x-gw: {public: a test, respond: {status: 204}}, responses: {'204': {description: ok}}}
"""


class Origin:
    """Writes as fast as it may, and says when that is no further."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.port = self.listener.getsockname()[1]
        self.stalled = threading.Semaphore(0)  # once per answer
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        # What is under way bounds what the other side's buffer grows to, which may be 32 MiB.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 17)
        try:
            peer = run.Bytes(connection)
            while head := peer.until(b"\r\n\r\n"):
                if head.startswith(b"GET /events"):
                    self.write(connection, b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               b"Transfer-Encoding: chunked\r\n\r\n"
                               + b"%x\r\n%s\r\n" % (len(EVENT), EVENT) * COUNT + b"0\r\n\r\n")
                else:
                    self.write(connection, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE
                               + EVENT * COUNT)
        except (OSError, AssertionError):
            pass
        finally:
            connection.close()

    def write(self, connection, data):
        connection.setblocking(False)
        rest, told = memoryview(data), False
        while rest:
            _, writable, _ = select.select([], [connection], [], 60 if told else 0.3)
            if not writable:
                self.stalled.release()
                told = True
                continue
            rest = rest[connection.send(rest[:1 << 20]):]
        connection.settimeout(run.SECONDS)
        if not told:
            raise AssertionError("nobody has held it up")


class Client:
    """Asks, and reads nothing until it is told to."""

    def __init__(self, port, path):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(run.SECONDS)
        self.socket.connect(("127.0.0.1", port))
        self.send(path)

    def send(self, path):
        self.socket.sendall(b"GET %s HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n" % path)

    def rest(self):
        """All that comes until the end; a reset is one."""
        out = []
        try:
            while data := self.socket.recv(1 << 20):
                out.append(data)
        except ConnectionResetError:
            pass
        self.socket.close()
        return b"".join(out)

    def body(self):
        """The body, and whether it is whole."""
        head, _, rest = self.rest().partition(b"\r\n\r\n")
        if b"chunked" not in head.lower():
            return rest, len(rest) == SIZE
        out = []
        while found := re.match(rb"([0-9a-f]+)\r\n", rest[:20]):
            size = int(found.group(1), 16)
            out.append(rest[found.end():found.end() + size])
            rest = rest[found.end() + size + 2:]
            if size == 0:
                return b"".join(out), True
        return b"".join(out), False


class Http2Client(Client):
    """Has a window of 64 KiB, and opens it when it is told to read."""

    def frame(self, kind, flags, stream, payload):
        head = struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream)
        self.socket.sendall(head + payload)

    def send(self, path):
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self.frame(4, 0, 0, b"")
        # Settings are acknowledged, or the connection ends; all that follows is left where it is.
        self.peer = run.Bytes(self.socket)
        head = self.peer.take(9)
        self.peer.take(int.from_bytes(head[:3], "big"))
        self.frame(4, 1, 0, b"")
        fields = b"\x82\x86\x04%c%s\x01%c%s" % (len(path), path, 9, b"a.example")
        self.frame(1, 5, 1, fields)

    def body(self):
        peer, out = self.peer, []
        try:
            for stream in (0, 1):
                self.frame(8, 0, stream, struct.pack(">I", 0x7FFFFFFF - 65535))
            while True:
                head = peer.take(9)
                kind, flags = head[3], head[4]
                payload = peer.take(int.from_bytes(head[:3], "big"))
                if kind == 0:
                    out.append(payload)
                if kind == 0 and flags & 1:
                    return b"".join(out), True
                if kind == 3:
                    return b"".join(out), False
        except (OSError, AssertionError):
            return b"".join(out), False
        finally:
            self.socket.close()


KINDS = [(Client, b"/events"), (Client, b"/download"), (Http2Client, b"/events"),
         (Http2Client, b"/download")]


class Unread(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        self.origin = Origin()
        self.addCleanup(self.origin.listener.close)

    def serve(self, grace):
        (self.folder / "gateway.yaml").write_text(DOCUMENT % ("first", self.origin.port))
        self.process = subprocess.Popen(
            [GWCTL, "serve", "gateway.yaml", "--listen", "127.0.0.1:0", "--workers", "1",
             "--access-log", "off", "--grace", grace, "--admin", f"unix:{self.folder}/admin"],
            cwd=self.folder, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.process.stderr.close)
        self.addCleanup(self.process.kill)
        for line in self.process.stderr:
            if found := re.search(r"listening address=127\.0\.0\.1:(\d+)", line):
                self.port = int(found.group(1))
            if "admin address=" in line:
                break
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def order(self, *arguments):
        done = subprocess.run([GWCTL, *arguments, "--admin", f"unix:{self.folder}/admin"],
                              cwd=self.folder, capture_output=True, text=True, timeout=run.SECONDS,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def clients(self):
        """One of each kind, all of which hold their origin up."""
        clients = [kind(self.port, path) for kind, path in KINDS]
        for _ in clients:
            self.assertTrue(self.origin.stalled.acquire(timeout=run.SECONDS))
        return clients

    def check_whole(self, clients):
        for client, kind in zip(clients, KINDS):
            body, whole = client.body()
            self.assertTrue(whole, (kind, len(body)))
            self.assertEqual(body == EVENT * COUNT, True, kind)

    def test_no_reload_cuts_them(self):
        self.serve("1s")
        clients = self.clients()
        (self.folder / "gateway.yaml").write_text(DOCUMENT % ("second", self.origin.port))
        self.order("reload", "-q", "gateway.yaml")
        self.order("reload")
        # Who is drained takes nothing new.
        self.order("drain", f"origin/127.0.0.1:{self.origin.port}")
        self.order("drain", "origin")
        (self.folder / "gateway.yaml").write_text(EMPTY)
        self.order("reload", "-q", "gateway.yaml")
        self.order("rollback")
        self.check_whole(clients)
        self.process.terminate()
        self.assertEqual(self.process.wait(run.SECONDS), 0)

    def test_the_order_to_close_streams_ends_them_at_the_piece_under_way(self):
        self.serve("1s")
        events, download, events2, download2 = self.clients()
        self.assertIn('"closed_streams":2', self.order("reload", "--close-streams", "--json"))
        for client in (events, events2):
            body, whole = client.body()
            self.assertTrue(whole, "events end as if they were over")
            self.assertLess(len(body), SIZE)
        for client in (download, download2):  # whose exchange is no stream
            self.assertEqual(client.body(), (EVENT * COUNT, True))

    def test_who_reads_while_the_process_drains_gets_all(self):
        self.serve("60s")
        clients = self.clients()
        self.order("drain")
        self.check_whole(clients)
        self.assertEqual(self.process.wait(run.SECONDS), 0)  # and nothing is waited for any more

    def test_who_never_reads_is_cut_off_when_the_grace_is_over(self):
        for end in (lambda: self.order("drain"), lambda: self.process.terminate()):
            self.serve("1500ms")
            clients = self.clients()
            begun = time.monotonic()
            end()
            self.assertEqual(self.process.wait(run.SECONDS), 0)
            self.assertGreater(time.monotonic() - begun, 1.4)
            for client, kind in zip(clients, KINDS):
                body, whole = client.body()
                self.assertFalse(whole, kind)
                self.assertLess(len(body), SIZE)


if __name__ == "__main__":
    GWCTL = str(pathlib.Path(sys.argv[1]).resolve())
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=1, warnings="ignore")
