#!/usr/bin/env python3
"""Copies of requests over real sockets: what the mirror gets, and that its client notices nothing.

  mirror.py GWCTL
"""
import http.client
import http.server
import pathlib
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "interop"))
from gateway import SECONDS, Gateway  # noqa: E402

GWCTL = None

DOCUMENT = """
openapi: 3.1.0
info: {{title: mirror, version: '1'}}
x-gw:
  upstreams:
    live: {{targets: ['http://127.0.0.1:{live}']}}
    shadow: {{targets: ['http://127.0.0.1:{shadow}']}}
  defaults:
    upstream: live
    timeout: {{connect: 5s, try: 10s, total: 15s}}
    retry: {{times: 2, causes: [connect, reset, 500]}}
    mirror: {{shadow: {{share: 100%, maxBody: 100KiB}}}}
    request: {{headers: {{remove: [x-secret], set: {{x-set: new}}}}}}
paths:
  /{{rest+}}:
    x-gw: {{anyMethod: {{}}}}
"""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512


class Backend:
    """Records what it is asked. `mode` says what comes of it: answer, error, silence, reset."""

    def __init__(self, name):
        self.name, self.mode, self.seen = name, "answer", []
        self.changed, self.end = threading.Condition(), threading.Event()
        backend = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_any(self):
                length = int(self.headers.get("content-length", 0))
                body = self.rfile.read(length)
                with backend.changed:
                    backend.seen.append((self.command, self.path, self.headers, body))
                    backend.changed.notify_all()
                if backend.mode == "silence":
                    backend.end.wait(SECONDS)
                if backend.mode in ("silence", "reset"):
                    self.close_connection = True
                    return
                answer = backend.name.encode()
                self.send_response(500 if backend.mode == "error" else 200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                try:
                    self.wfile.write(answer)
                except OSError:  # a copy that was cut off
                    self.close_connection = True

            do_GET = do_POST = do_PUT = handle_any

            def log_message(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def await_requests(self, count):
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.seen) >= count, SECONDS):
                raise AssertionError(f"{self.name} has seen {len(self.seen)} of {count}")
            return list(self.seen)

    def stop(self):
        self.end.set()
        self.server.shutdown()
        self.server.server_close()


class Mirror(unittest.TestCase):
    def setUp(self):
        self.live, self.shadow = Backend("live"), Backend("shadow")
        self.folder = tempfile.TemporaryDirectory()
        document = DOCUMENT.format(live=self.live.port, shadow=self.shadow.port)
        self.gateway = Gateway(GWCTL, self.folder.name, document)

    def tearDown(self):
        self.gateway.stop()  # also while copies are under way
        self.live.stop()
        self.shadow.stop()
        self.folder.cleanup()

    def ask(self, method, path, body=None, headers=()):
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.ports[0],
                                                timeout=SECONDS)
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        answer = response.status, response.read().decode()
        connection.close()
        return answer

    def test_the_copy_is_what_was_sent(self):
        self.assertEqual(self.ask("GET", "/a/b?c=d", headers={"X-Own": "1"}), (200, "live"))
        method, path, headers, body = self.shadow.await_requests(1)[0]
        self.assertEqual((method, path, headers["x-own"], body), ("GET", "/a/b?c=d", "1", b""))
        live = self.live.seen[0][2]
        self.assertEqual(headers["x-request-id"], live["x-request-id"])
        self.assertEqual(headers["host"], live["host"])

    def test_what_is_taken_away_is_not_in_the_copy(self):
        self.ask("GET", "/a", headers={"X-Secret": "s3cret", "X-Set": "old", "X-Kept": "k",
                                       "X-Forwarded-For": "203.0.113.9", "X-Request-Id": "/bad/"})
        copy = self.shadow.await_requests(1)[0][2]
        self.assertEqual(copy.items(), self.live.await_requests(1)[0][2].items())
        self.assertEqual((copy["x-kept"], copy.get_all("x-set")), ("k", ["new"]))
        self.assertIsNone(copy["x-secret"])
        self.assertEqual(copy["x-forwarded-for"], "127.0.0.1")

    def test_bodies_are_copied_up_to_their_limit(self):
        fits, too_long = b"x" * 100 * 1024, b"y" * (100 * 1024 + 1)
        self.assertEqual(self.ask("POST", "/long", too_long), (200, "live"))
        self.assertEqual(self.ask("POST", "/fits", fits), (200, "live"))
        seen = self.shadow.await_requests(1)
        self.assertEqual((seen[0][1], seen[0][3]), ("/fits", fits))
        self.assertEqual([request[1] for request in self.live.seen], ["/long", "/fits"])

    def test_a_chunked_body_is_copied_with_its_length(self):
        pieces = (b"one", b"two")
        self.assertEqual(self.ask("PUT", "/chunked", iter(pieces)), (200, "live"))
        method, _, headers, body = self.shadow.await_requests(1)[0]
        self.assertEqual((method, headers["content-length"], body), ("PUT", "6", b"onetwo"))

    def test_clients_notice_nothing_of_a_mirror_that_fails(self):
        for mode in ("reset", "error", "silence"):
            with self.subTest(mode=mode):
                self.shadow.mode = mode
                before = len(self.shadow.seen)
                for _ in range(20):
                    self.assertEqual(self.ask("GET", "/" + mode), (200, "live"))
                seen = self.shadow.await_requests(before + 20)
                # Copies are not repeated.
                self.assertEqual(len(seen), before + 20)

    def test_clients_notice_nothing_of_a_mirror_that_is_gone(self):
        self.shadow.server.shutdown()
        self.shadow.server.server_close()
        for _ in range(20):
            self.assertEqual(self.ask("GET", "/gone"), (200, "live"))

    def test_no_more_copies_than_may_be_at_a_time(self):
        self.shadow.mode = "silence"
        for _ in range(300):
            self.assertEqual(self.ask("GET", "/many"), (200, "live"))
        seen = self.shadow.await_requests(100)
        self.assertLessEqual(len(seen), 2 * 128)  # of two workers


if __name__ == "__main__":
    GWCTL = sys.argv.pop(1)
    unittest.main(verbosity=1)
