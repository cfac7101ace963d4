#!/usr/bin/env python3
"""The gateway in front of HAProxy: over HTTP/1.1, h2c and HTTP/2 with TLS, to a server in Python.

  haproxy.py GWCTL

HAProxy gets its listening sockets from this program, so that ports are the system's choice and a
second process can take over from the first. Says `skipped` when it is not there.
"""
import concurrent.futures
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

from gateway import SECONDS, SKIPPED, Gateway, make_certificate

GWCTL = None
KINDS = ("http1", "h2c", "tls")
LARGE = os.urandom(1 << 20) * 12

CONFIG = """
global
  maxconn 500
  tune.ssl.default-dh-param 2048
defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
  timeout http-keep-alive {keep_alive}
frontend http1
  bind fd@{http1}
  default_backend origin
frontend h2c
  bind fd@{h2c} proto h2
  default_backend origin
frontend tls
  bind fd@{tls} ssl crt {folder}/a.pem alpn h2,http/1.1
  default_backend origin
backend origin
  acl seen path /seen
  http-request set-var-fmt(txn.seen) "%cp|%[req.ver]|%[req.hdr(via)]|%[req.hdr(x-forwarded-for)]"
  http-request return status 200 content-type text/plain lf-string "%[var(txn.seen)]" if seen
  http-request deny deny_status 403 if {{ path /denied }}
  server one 127.0.0.1:{origin}
"""

DOCUMENT = """
openapi: 3.1.0
info: {{title: HAProxy, version: 1.0.0}}
x-gw:
  version: 1
  upstreams:
    http1: {{targets: ['http://127.0.0.1:{http1}']}}
    h2c: {{targets: ['http://127.0.0.1:{h2c}'], protocol: http2}}
    tls:
      targets: ['https://127.0.0.1:{tls}']
      protocol: http2
      tls: {{ca: $file.{folder}/a.crt, serverName: a.test}}
  defaults: {{timeout: {{connect: 2s, try: 10s, total: 20s, idle: 10s}}, maxBody: 64MiB}}
paths:
""" + "".join(f"  /{kind}/{{{{rest+}}}}: {{{{x-gw: {{{{anyMethod: true, upstream: {kind}, path: "
              f"'/{{{{rest}}}}'}}}}}}}}\n" for kind in KINDS)


class Origin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self):
        digest, count = hashlib.sha256(), 0
        for piece in self.body():
            digest.update(piece)
            count += len(piece)
        if self.path == "/large":
            self.send_response(200)
            self.send_header("Content-Length", str(len(LARGE)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(LARGE)
        elif self.path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.send_header("Trailer", "x-digest")
            self.end_headers()
            for at in range(0, len(LARGE), 1 << 18):
                piece = LARGE[at:at + (1 << 18)]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            end = hashlib.sha256(LARGE).hexdigest()
            self.wfile.write(b"0\r\nx-digest: %s\r\n\r\n" % end.encode())
        elif self.path == "/empty":
            self.send_response(204)
            self.end_headers()
        else:
            text = json.dumps({"method": self.command, "bytes": count,
                               "digest": digest.hexdigest()}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    def body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline() != b"\r\n":
                pass
            return
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            piece = self.rfile.read(min(left, 65536))
            left -= len(piece)
            yield piece

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = answer

    def log_message(self, *_):
        pass


class OriginServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_):
        pass


class Haproxy:
    def __init__(self, folder, listeners, origin_port, keep_alive="20s"):
        config = folder / "haproxy.cfg"
        files = {kind: listener.fileno() for kind, listener in listeners.items()}
        config.write_text(CONFIG.format(folder=folder, origin=origin_port, keep_alive=keep_alive,
                                        **files), encoding="utf-8")
        self.process = subprocess.Popen(
            ["haproxy", "-db", "-f", str(config)], pass_fds=tuple(files.values()),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.process.wait(SECONDS)


class BehindTheGateway(unittest.TestCase):
    keep_alive = "20s"

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        make_certificate(cls.folder, "a")
        pem = (cls.folder / "a.crt").read_text() + (cls.folder / "a.key").read_text()
        (cls.folder / "a.pem").write_text(pem)
        (cls.folder / "large").write_bytes(LARGE)
        cls.origin = OriginServer(("127.0.0.1", 0), Origin)
        threading.Thread(target=cls.origin.serve_forever, daemon=True).start()
        cls.listeners = {kind: socket.create_server(("127.0.0.1", 0), backlog=512)
                         for kind in KINDS}
        cls.haproxy = cls.start_haproxy()
        ports = {kind: listener.getsockname()[1] for kind, listener in cls.listeners.items()}
        cls.gateway = Gateway(GWCTL, cls.folder, DOCUMENT.format(folder=cls.folder, **ports))
        cls.port = cls.gateway.ports[0]

    @classmethod
    def start_haproxy(cls):
        return Haproxy(cls.folder, cls.listeners, cls.origin.server_address[1], cls.keep_alive)

    @classmethod
    def tearDownClass(cls):
        try:
            cls.gateway.stop()
        finally:
            cls.haproxy.stop()
            cls.origin.shutdown()
            cls.origin.server_close()
            for listener in cls.listeners.values():
                listener.close()
            cls.temporary.cleanup()

    def connect(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        self.addCleanup(connection.close)
        return connection

    def ask(self, method, path, body=None, headers=None, connection=None):
        connection = connection or self.connect()
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer, answer.read()

    def curl(self, *arguments):
        """Status, head (trailers included) and body."""
        head = self.folder / "head"
        done = subprocess.run(
            ["curl", "-sS", "-m", str(SECONDS), "-D", str(head), "-w", "\n%{http_code}",
             *arguments], capture_output=True, check=False, timeout=2 * SECONDS)
        body, _, status = done.stdout.rpartition(b"\n")
        return int(status), head.read_text("latin-1"), body

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"


class Messages(BehindTheGateway):
    def test_connections_are_kept(self):
        for kind in KINDS:
            with self.subTest(kind=kind):
                seen = set()
                connection = self.connect()
                for _ in range(30):
                    answer, body = self.ask("GET", f"/{kind}/seen", connection=connection)
                    self.assertEqual(answer.status, 200)
                    port, version, via, client = body.decode().split("|")
                    seen.add(port)
                    self.assertEqual(version, "1.1" if kind == "http1" else "2.0")
                    self.assertEqual((via, client), ("1.1 gwctl", "127.0.0.1"))
                self.assertEqual(len(seen), 1)

    def test_uploads(self):
        wanted = hashlib.sha256(LARGE).hexdigest()
        pieces = lambda: (LARGE[at:at + 100_000] for at in range(0, len(LARGE), 100_000))
        for kind in KINDS:
            with self.subTest(kind=kind):
                for body in (LARGE, pieces()):
                    answer, text = self.ask("POST", f"/{kind}/upload", body=body)
                    self.assertEqual(answer.status, 200)
                    self.assertEqual(json.loads(text)["digest"], wanted)
                answer, text = self.ask("POST", f"/{kind}/upload", body=b"")
                self.assertEqual((answer.status, json.loads(text)["bytes"]), (200, 0))

    def test_downloads(self):
        for kind in KINDS:
            with self.subTest(kind=kind):
                answer, body = self.ask("GET", f"/{kind}/large")
                self.assertEqual(int(answer.getheader("content-length")), len(LARGE))
                self.assertEqual(body, LARGE)
                connection = self.connect()
                for _ in range(3):  # and what follows HEAD is not taken for its body
                    answer, body = self.ask("HEAD", f"/{kind}/large", connection=connection)
                    length = int(answer.getheader("content-length"))
                    self.assertEqual((length, body), (len(LARGE), b""))
                    answer, body = self.ask("GET", f"/{kind}/empty", connection=connection)
                    self.assertEqual((answer.status, body), (204, b""))

    def test_trailers(self):
        for kind in KINDS:
            with self.subTest(kind=kind):
                for version in ("--http1.1", "--http2-prior-knowledge"):
                    status, head, body = self.curl(version, self.url(f"/{kind}/chunked"))
                    self.assertEqual((status, body), (200, LARGE))
                    self.assertIn(f"x-digest: {hashlib.sha256(LARGE).hexdigest()}", head)

    def test_expect_continue(self):
        for kind in KINDS:
            with self.subTest(kind=kind):
                status, _, body = self.curl("-H", "Expect: 100-continue", "-T",
                                            str(self.folder / "large"), self.url(f"/{kind}/upload"))
                self.assertEqual((status, json.loads(body)["bytes"]), (200, len(LARGE)))

    def test_early_answers(self):
        # Over HTTP/1.1 alone: this curl gives up the answer when RST_STREAM follows it, whoever
        # sends that (RFC 9113 section 8.1 forbids it). Node, which does not, has the other test.
        for kind in KINDS:
            with self.subTest(kind=kind):
                for coding in ("Expect:", "Transfer-Encoding: chunked"):
                    status, _, body = self.curl("-H", coding, "-T", str(self.folder / "large"),
                                                self.url(f"/{kind}/denied"))
                    self.assertEqual(status, 403)
                    self.assertIn(b"403 Forbidden", body)

    def test_many_at_once(self):
        def visit(kind):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
            statuses = {self.ask("GET", f"/{kind}/empty", connection=connection)[0].status
                        for _ in range(30)}
            connection.close()
            return statuses
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            for statuses in pool.map(visit, KINDS * 8):
                self.assertEqual(statuses, {204})


class WhenConnectionsEnd(BehindTheGateway):
    """HAProxy ends what is idle for a moment, and is replaced under load; no request is lost."""
    keep_alive = "2ms"

    def visit(self, kind, stop=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        statuses, count = set(), 0
        while count < 200 if stop is None else not stop.is_set():
            statuses.add(self.ask("GET", f"/{kind}/seen", connection=connection)[0].status)
            count += 1
        connection.close()
        return statuses, count

    def test_idle_ones(self):
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            for statuses, _ in pool.map(self.visit, KINDS * 2):
                self.assertEqual(statuses, {200})

    def test_replaced(self):
        stop = threading.Event()
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            running = [pool.submit(self.visit, kind, stop) for kind in KINDS * 2]
            try:
                for _ in range(3):
                    before = self.haproxy
                    type(self).haproxy = self.start_haproxy()
                    before.stop(signal.SIGUSR1)  # finishes what it has begun
            finally:
                stop.set()
            for one in running:
                statuses, count = one.result()
                self.assertEqual(statuses, {200})
                self.assertGreater(count, 0)


del BehindTheGateway  # a base, not a test

if __name__ == "__main__":
    os.environ["PATH"] += os.pathsep + "/usr/sbin"
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    for tool in ("haproxy", "curl", "openssl"):
        if shutil.which(tool) is None:
            print(f"skipped: {tool} is not installed")
            raise SystemExit(SKIPPED)
    GWCTL = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=1, warnings="ignore")
