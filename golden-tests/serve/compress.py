#!/usr/bin/env python3
"""Compression over real sockets, with the decoders of others: curl's for whole answers, zlib of
Python for a stream of events that is read while it goes on.

  compress.py GWCTL
"""
import gzip
import http.server
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "interop"))
from gateway import SECONDS, Gateway  # noqa: E402

GWCTL = None

DOCUMENT = """
openapi: 3.1.0
info: {{title: compress, version: '1'}}
x-gw:
  upstreams: {{origin: {{targets: ['http://127.0.0.1:{origin}']}}}}
  defaults:
    upstream: origin
    timeout: {{connect: 5s, try: 10s, total: 15s}}
    maxBody: 1MiB
    compress: {{}}
paths:
  /events:
    get:
      operationId: events
      responses: {{'200': {{description: ok, content: {{text/event-stream: {{}}}}}}}}
  /echo:
    post: {{operationId: echo, x-gw: {{decompressRequests: true}}, responses: {{'200': {{description: ok}}}}}}
  /{{rest+}}:
    x-gw: {{anyMethod: {{}}}}
"""

LIST = json.dumps([{"id": i, "name": f"item {i % 97}", "tags": ["a", "b"]} for i in range(20000)]).encode()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


class Origin:
    def __init__(self):
        self.go_on = threading.Semaphore(0)
        origin = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def answer(self, body, **fields):
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                for name, value in fields.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                if self.path == "/events":
                    return self.events()
                size = int(self.path.strip("/").split("/")[-1])
                kind = "image/png" if "image" in self.path else "application/json"
                if "packed" in self.path:
                    return self.answer(gzip.compress(LIST[:size]), content_type=kind, content_encoding="gzip")
                return self.answer(LIST[:size], content_type=kind, etag='"v1"')

            def events(self):
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                for i in range(3):
                    event = b"data: %d\n\n" % i
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
                    # The next one comes when this one has been seen.
                    if not origin.go_on.acquire(timeout=SECONDS):
                        return
                self.wfile.write(b"0\r\n\r\n")

            def do_POST(self):
                if self.headers.get("transfer-encoding") == "chunked":
                    body = b""
                    while size := int(self.rfile.readline() or b"0", 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.close_connection = not self.rfile.readline()  # cut off: it was refused
                    if self.close_connection:
                        return
                else:
                    body = self.rfile.read(int(self.headers.get("content-length", 0)))
                self.answer(body, content_type="text/plain", x_encoding=self.headers.get("content-encoding", "none"))

            def log_message(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Compress(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.origin = Origin()
        cls.folder = tempfile.TemporaryDirectory()
        cls.gateway = Gateway(GWCTL, cls.folder.name, DOCUMENT.format(origin=cls.origin.port))

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.origin.stop()
        cls.folder.cleanup()

    def curl(self, path, *options):
        """Head as a dictionary, body as curl has decoded it."""
        head = pathlib.Path(self.folder.name, "head")
        done = subprocess.run(
            ["curl", "-sS", "-m", str(SECONDS), "-D", head, *options,
             f"http://127.0.0.1:{self.gateway.ports[0]}{path}"], capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = head.read_text(encoding="latin-1").strip().splitlines()
        fields = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
        return int(lines[0].split()[1]), fields, done.stdout

    def test_curl_decodes_every_coding(self):
        features = subprocess.run(["curl", "--version"], capture_output=True, check=True, text=True).stdout
        for coding, feature in (("gzip", "libz"), ("br", "brotli"), ("zstd", "zstd")):
            if feature not in features.split("Features:")[1]:
                print(f"skipped: curl without {feature}")
                continue
            for version in ("--http1.1", "--http2-prior-knowledge"):
                for size in (1024, 30000, len(LIST)):
                    with self.subTest(coding=coding, version=version, size=size):
                        status, fields, body = self.curl(
                            f"/list/{size}", version, "--compressed", "-H", f"Accept-Encoding: {coding}")
                        self.assertEqual(status, 200)
                        self.assertEqual(fields["content-encoding"], coding)
                        self.assertEqual(fields["vary"], "accept-encoding")
                        self.assertEqual(fields["etag"], 'w/"v1"')
                        self.assertEqual(body, LIST[:size])

    def test_what_is_left_alone(self):
        for path, accepts in (("/list/100", "gzip"), ("/image/5000", "gzip"), ("/list/5000", "identity")):
            with self.subTest(path=path, accepts=accepts):
                _, fields, body = self.curl(path, "-H", f"Accept-Encoding: {accepts}")
                self.assertNotIn("content-encoding", fields)
                self.assertEqual(fields["etag"], '"v1"')
                self.assertEqual(body, LIST[:int(path.split("/")[-1])])

    def test_what_the_upstream_has_encoded_passes(self):
        _, fields, body = self.curl("/packed/5000", "-H", "Accept-Encoding: br, gzip")
        self.assertEqual(fields["content-encoding"], "gzip")
        self.assertEqual(gzip.decompress(body), LIST[:5000])

    def test_events_are_seen_before_the_next_one_is_sent(self):
        with socket.create_connection(("127.0.0.1", self.gateway.ports[0]), SECONDS) as connection:
            connection.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
            stream = connection.makefile("rb")
            while stream.readline() != b"\r\n":
                pass
            decoder = zlib.decompressobj(31)
            text = b""
            for i in range(3):
                while not text.endswith(b"data: %d\n\n" % i):
                    text += decoder.decompress(stream.read(int(stream.readline(), 16)))
                    stream.readline()
                self.origin.go_on.release()
            while size := int(stream.readline(), 16):
                text += decoder.decompress(stream.read(size))
                stream.readline()
            self.assertTrue(decoder.eof)
            self.assertEqual(text, b"data: 0\n\ndata: 1\n\ndata: 2\n\n")

    def post(self, body, coding):
        path = pathlib.Path(self.folder.name, "body")
        path.write_bytes(body)
        return self.curl("/echo", "--data-binary", f"@{path}", "-H", f"Content-Encoding: {coding}",
                         "-H", "Content-Type: application/json")

    def test_request_bodies_are_decoded(self):
        status, fields, body = self.post(gzip.compress(LIST[:200000]), "gzip")
        self.assertEqual((status, fields["x-encoding"]), (200, "none"))
        self.assertEqual(body, LIST[:200000])

    def test_bombs_and_unknown_codings_are_refused(self):
        self.assertEqual(self.post(gzip.compress(bytes(50 << 20)), "gzip")[0], 413)
        self.assertEqual(self.post(b"no such thing", "gzip")[0], 400)
        status, fields, _ = self.post(b"{}", "deflate")
        self.assertEqual((status, fields["accept-encoding"]), (415, "zstd, br, gzip"))


if __name__ == "__main__":
    GWCTL = sys.argv.pop(1)
    unittest.main()
