#!/usr/bin/env python3
"""What a gateway does when it has no descriptors left, and when it has some again.

  shortage.py GWCTL
"""
import http.client
import pathlib
import re
import resource
import socket
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import admin  # noqa: E402
import run  # noqa: E402

DOCUMENT = """
openapi: 3.1.0
info: {{title: shortage, version: '1'}}
x-gw:
  version: 1
  public: test
  upstreams:
    users:
      targets: ['http://127.0.0.1:{port}']
      health: {{path: /health, interval: 100ms, unhealthy: 1}}
      breaker: {{failures: 1%, requests: 1}}
  defaults: {{upstream: users, timeout: 20s}}
security: []
paths:
  /own: {{get: {{operationId: own, x-gw: {{respond: {{body: own}}}}, responses: {{'200': {{description: ok}}}}}}}}
  /users: {{get: {{operationId: users, responses: {{'200': {{description: ok}}}}}}}}
"""
TOLD = re.compile(r"descriptor_shortage at=(\w+) .*limit=(\d+) not_told=(\d+)")


class ShortageTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        folder = pathlib.Path(temporary.name)
        self.backend = admin.Backend()
        self.addCleanup(self.backend.stop)
        self.socket = folder / "admin"
        (folder / "gateway.yaml").write_text(DOCUMENT.format(port=self.backend.port),
                                             encoding="utf-8")
        self.serve = run.Serve(folder, "gateway.yaml", "--admin", f"unix:{self.socket}")
        self.addCleanup(self.end)
        self.limits = resource.prlimit(self.serve.process.pid, resource.RLIMIT_NOFILE)

    def end(self):
        self.serve.process.terminate()
        self.assertEqual(self.serve.end(), 0)

    def allow(self, soft):
        resource.prlimit(self.serve.process.pid, resource.RLIMIT_NOFILE, (soft, self.limits[1]))

    def connect(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.serve.port, timeout=run.SECONDS)
        connection.connect()
        return connection

    def ask(self, connection, path):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def count(self, where):
        connection = run.UnixConnection(self.socket)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        found = re.search(rf'^gw_descriptor_shortages_total{{at="{where}"}} (\d+)', text, re.M)
        return int(found.group(1))

    def told(self):
        return [(where, int(limit), int(held_back)) for line in self.serve.lines
                for where, limit, held_back in TOLD.findall(line)]

    def await_told(self, count):
        with self.serve.said:
            self.assertTrue(self.serve.said.wait_for(lambda: len(self.told()) >= count,
                                                     run.SECONDS), self.serve.lines)

    def test_who_cannot_be_accepted_waits_and_the_log_says_so_once_a_second(self):
        self.assertEqual((self.count("accept"), self.count("connect")), (0, 0))
        self.allow(3)
        with socket.create_connection(("127.0.0.1", self.serve.port), run.SECONDS) as client:
            client.sendall(b"GET /own HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            self.await_told(3)
            self.allow(self.limits[0])
            answer = client.makefile("rb").readline()
        self.assertEqual(answer, b"HTTP/1.1 200 OK\r\n")
        told = self.told()
        self.assertEqual({limit for _, limit, _ in told}, {3})
        self.assertEqual(told[0][2], 0)
        # A listener that does not pause would fail many thousand times a second.
        for _, _, held_back in told[1:3]:
            self.assertIn(held_back, range(1, 200))
        self.assertIn(self.count("accept"), range(10, 1000))

    def test_no_target_is_blamed_for_it(self):
        kept = self.connect()
        self.addCleanup(kept.close)
        self.assertEqual(self.ask(kept, "/own"), 200)
        self.allow(3)
        self.assertEqual(self.ask(kept, "/users"), 503)
        self.await_told(2)  # checks of its health go on meanwhile
        self.allow(self.limits[0])
        self.assertEqual(self.ask(kept, "/users"), 200)
        self.assertGreater(self.count("connect"), 1)
        self.assertFalse(any("unhealthy" in line or "ejected" in line
                             for line in self.serve.lines), self.serve.lines)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    run.GWCTL = str(pathlib.Path(sys.argv.pop()).resolve())
    unittest.main(verbosity=1, warnings="ignore")
