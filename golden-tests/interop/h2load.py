#!/usr/bin/env python3
"""h2load: many streams with bodies, towards upstreams over HTTP/1.1 and HTTP/2, and HTTP/1.1 itself.

  h2load.py GWCTL

The upstream over HTTP/2 is another gateway, whose own upstream is a server in Python. What
golden-tests/http2 runs (plain requests over TLS and with prior knowledge) is not repeated. Says
`skipped` when h2load is not there.
"""
import http.server
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

from gateway import SECONDS, SKIPPED, Gateway, make_certificate

GWCTL = None
BODY_BYTES = 100_000

BACK = """
openapi: 3.1.0
info: {{title: Behind, version: 1.0.0}}
x-gw:
  version: 1
  upstreams: {{origin: {{targets: ['http://127.0.0.1:{port}']}}}}
  defaults: {{upstream: origin, timeout: 20s}}
paths:
  /{{rest+}}: {{x-gw: {{anyMethod: {{operationId: any}}}}}}
"""

FRONT = """
openapi: 3.1.0
info: {{title: h2load, version: 1.0.0}}
x-gw:
  version: 1
  upstreams:
    http1: {{targets: ['http://127.0.0.1:{port}']}}
    http2: {{targets: ['http://127.0.0.1:{back}'], protocol: http2}}
  listeners:
    - {{address: 127.0.0.1:0}}
    - {{address: 127.0.0.1:0, tls: {{cert: $file.{folder}/a.crt, key: $file.{folder}/a.key}}}}
  defaults: {{timeout: 20s}}
paths:
  /http1/{{rest+}}: {{x-gw: {{anyMethod: {{operationId: http1}}, upstream: http1}}}}
  /http2/{{rest+}}: {{x-gw: {{anyMethod: {{operationId: http2}}, upstream: http2}}}}
"""


class Origin(http.server.BaseHTTPRequestHandler):
    """Sends the body of a request back, and counts those that have come whole."""
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    whole = 0
    lock = threading.Lock()

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with Origin.lock:
            Origin.whole += len(body) in (0, BODY_BYTES)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class OriginServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, *_):
        pass


class H2load(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        make_certificate(cls.folder, "a")
        (cls.folder / "body").write_bytes(os.urandom(BODY_BYTES))
        cls.origin = OriginServer(("127.0.0.1", 0), Origin)
        threading.Thread(target=cls.origin.serve_forever, daemon=True).start()
        port = cls.origin.server_address[1]
        cls.back = Gateway(GWCTL, cls.folder, BACK.format(port=port))
        cls.front = Gateway(GWCTL, cls.folder, FRONT.format(
            port=port, back=cls.back.ports[0], folder=cls.folder), listeners=2)

    @classmethod
    def tearDownClass(cls):
        try:
            cls.front.stop()
            cls.back.stop()
        finally:
            cls.origin.shutdown()
            cls.origin.server_close()
            cls.temporary.cleanup()

    def run_load(self, requests, *arguments, path, secure=False):
        Origin.whole = 0
        scheme = "https" if secure else "http"
        port = self.front.ports[1 if secure else 0]
        done = subprocess.run(
            ["h2load", "-n", str(requests), *arguments, f"{scheme}://127.0.0.1:{port}{path}"],
            capture_output=True, text=True, timeout=3 * SECONDS, check=False)
        self.assertIn(f"{requests} done, {requests} succeeded, 0 failed, 0 errored, 0 timeout",
                      done.stdout)
        self.assertIn(f"status codes: {requests} 2xx, 0 3xx, 0 4xx, 0 5xx", done.stdout)
        self.assertEqual(Origin.whole, requests)
        return done.stdout

    def test_bodies_both_ways(self):
        upload = ["-d", str(self.folder / "body"), "-c", "4", "-m", "8"]
        for path in ("/http1/x", "/http2/x"):
            for secure in (False, True):
                with self.subTest(path=path, secure=secure):
                    said = self.run_load(160, *upload, path=path, secure=secure)
                    self.assertRegex(said, rf"\({160 * BODY_BYTES}\) data")

    def test_small_windows(self):
        # 1 KiB of window at a time: the answer waits for the client over and over.
        for path in ("/http1/x", "/http2/x"):
            with self.subTest(path=path):
                self.run_load(16, "-d", str(self.folder / "body"), "-c", "2", "-m", "4", "-w", "10",
                              "-W", "12", path=path)

    def test_http1(self):
        for path in ("/http1/x", "/http2/x"):
            for secure in (False, True):
                with self.subTest(path=path, secure=secure):
                    self.run_load(600, "--h1", "-c", "20", path=path, secure=secure)
        self.run_load(100, "--h1", "-c", "4", "-d", str(self.folder / "body"), path="/http2/x")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    if shutil.which("h2load") is None:
        print("skipped: h2load is not installed")
        raise SystemExit(SKIPPED)
    GWCTL = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=1, warnings="ignore")
