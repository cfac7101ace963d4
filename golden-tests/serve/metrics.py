#!/usr/bin/env python3
"""What /metrics of the admin interface says, against what clients and backends have seen.

  metrics.py GWCTL

`promtool check metrics` judges the text where it is installed; otherwise that part is skipped.
"""
import http.client
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import admin  # noqa: E402
import run  # noqa: E402

DOCUMENT = """
openapi: 3.1.0
info: {{title: metrics, version: '1'}}
x-gw:
  version: 1
  upstreams: {{users: {{targets: ['http://127.0.0.1:{port}']}}, gone: {{targets: ['http://127.0.0.1:{closed}']}}, nowhere: {{dns: {{name: nosuch.test, port: 80}}}}}}
  resolvers: ['127.0.0.1:1']
  clients: {{iot: {{when: {{header: {{x-client: iot}}}}}}, web: {{}}}}
  defaults: {{upstream: users, timeout: {{connect: 3s, try: 60s, total: 60s, idle: 60s}}}}
paths:
  /users/{{id}}:
    get:
      operationId: getUser
      parameters: [{{name: id, in: path, required: true, schema: {{type: integer}}}}]
      x-gw: {{public: test}}
      responses: {{'200': {{description: ok}}}}
  /stored:
    get:
      operationId: stored
      x-gw: {{public: test, cache: {{ttl: 1h}}}}
      responses: {{'200': {{description: ok}}}}
  /few:
    get:
      operationId: few
      x-gw: {{public: test, respond: {{body: few}}, rateLimit: {{scarce: {{key: $client.ip, limit: 2/h}}}}}}
      responses: {{'200': {{description: ok}}}}
  /gone:
    get:
      operationId: gone
      x-gw: {{public: test, upstream: gone, retry: {{times: 2}}}}
      responses: {{'200': {{description: ok}}}}
"""
SAMPLE = re.compile(r'^(\w+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def samples(text):
    """{(name, frozenset of labels): value}; fails on a line that is none."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#") or not line:
            continue
        name, labels, value = SAMPLE.match(line).groups()
        key = (name, frozenset(LABEL.findall(labels or "")))
        assert key not in found, f"twice: {line}"
        found[key] = float(value)
    return found


class MetricsTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.socket = self.folder / "private" / "admin.sock"
        self.backend = admin.Backend()
        self.addCleanup(self.backend.stop)
        closed = socket.create_server(("127.0.0.1", 0))
        document = DOCUMENT.format(port=self.backend.port, closed=closed.getsockname()[1])
        closed.close()
        (self.folder / "gateway.yaml").write_text(document, encoding="utf-8")
        self.serve = run.Serve(self.folder, "gateway.yaml", "--admin", f"unix:{self.socket}")
        self.serve.await_line("admin address=")
        self.addCleanup(self.end)

    def end(self):
        self.serve.process.terminate()
        self.assertEqual(self.serve.end(), 0)

    def metrics(self, accept=""):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(run.SECONDS)
        connection.connect(str(self.socket))
        connection.sendall(f"GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: {accept}\r\n"
                           "Connection: close\r\n\r\n".encode())
        data = b""
        while piece := connection.recv(65536):
            data += piece
        connection.close()
        head, body = data.split(b"\r\n\r\n", 1)
        return head.decode(), body.decode()

    def value(self, name, **labels):
        return samples(self.metrics()[1]).get((name, frozenset(labels.items())))

    def get(self, path, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.serve.port, timeout=run.SECONDS)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body

    def await_value(self, expected, name, **labels):
        """The last bytes of an answer may be read before it is counted."""
        for _ in range(1000):
            value = self.value(name, **labels)
            if value == expected:
                return
        self.assertEqual(value, expected, (name, labels))

    def test_requests_are_counted_where_they_belong(self):
        sent = 0
        for i in range(7):
            sent += len(self.get(f"/users/{i}", **{"x-client": "iot" if i < 2 else "web"})[1])
        self.assertEqual(self.get("/users/none")[0], 400)
        self.assertEqual(self.get("/nowhere/zebra")[0], 404)
        self.await_value(7, "gw_http_requests_total", operation="getUser", status_class="2xx")
        self.await_value(1, "gw_http_requests_total", operation="getUser", status_class="4xx")
        self.await_value(1, "gw_http_requests_total", operation="(none)", status_class="4xx")
        self.await_value(1, "gw_policy_denials_total", operation="getUser", policy="validate")
        self.await_value(2, "gw_client_class_requests_total", client_class="iot",
                         status_class="2xx")
        self.await_value(7, "gw_upstream_tries_total", upstream="users", outcome="answered")
        self.await_value(7, "gw_upstream_try_duration_seconds_count", upstream="users")
        self.await_value(8, "gw_http_request_duration_seconds_count", operation="getUser")
        self.assertEqual(self.value("gw_http_requests_in_flight", operation="getUser"), 0)
        self.assertFalse("zebra" in self.metrics()[1])
        self.assertGreaterEqual(
            self.value("gw_http_response_body_bytes_total", operation="getUser"), sent)

    def test_decisions_are_counted_by_what_made_them(self):
        for _ in range(5):
            self.get("/few")
        self.await_value(3, "gw_limit_refusals_total", limit="scarce", mode="enforced")
        # Two in an hour: the first has used half of them, the second all.
        for used, times in (("50-80", 1), ("95-100", 1), ("over", 3)):
            self.await_value(times, "gw_limit_usage_total", limit="scarce", used=used)
        self.assertIsNone(self.value("gw_limit_usage_total", limit="scarce", used="0-50"))
        self.assertFalse("127.0.0.1\"" in self.metrics()[1], "an address as a label")
        self.await_value(3, "gw_policy_denials_total", operation="few", policy="rate_limit")
        for _ in range(4):
            self.get("/stored")
        self.await_value(1, "gw_cache_requests_total", operation="stored", outcome="miss")
        self.await_value(3, "gw_cache_requests_total", operation="stored", outcome="hit")
        self.await_value(1, "gw_cache_entries")
        self.assertEqual(self.get("/gone")[0], 503)
        self.await_value(3, "gw_upstream_tries_total", upstream="gone", outcome="connect-failed")
        self.await_value(2, "gw_upstream_retries_total", upstream="gone")

    def test_counters_outlive_a_reload(self):
        for _ in range(3):
            self.get("/users/1")
        before = self.value("gw_table_info", digest="x")
        self.assertIsNone(before)
        text = (self.folder / "gateway.yaml").read_text().replace("'1'}", "'2'}")
        (self.folder / "gateway.yaml").write_text(text, encoding="utf-8")
        subprocess.run([run.GWCTL, "reload", "gateway.yaml", "--admin", f"unix:{self.socket}"],
                       cwd=self.folder, check=True, timeout=run.SECONDS,
                       stdout=subprocess.DEVNULL)
        self.get("/users/1")
        self.await_value(4, "gw_http_requests_total", operation="getUser", status_class="2xx")
        self.await_value(2, "gw_reloads_total", outcome="accepted")

    def test_reading_while_requests_run_is_consistent(self):
        """No counter ever goes back, and a histogram agrees with itself."""
        ending = threading.Event()

        def ask():
            while not ending.is_set():
                self.get("/users/1")
        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        last = {}
        try:
            for _ in range(50):
                now = samples(self.metrics()[1])
                for key, value in now.items():
                    if key[0].endswith(("_total", "_count", "_bucket")):
                        self.assertGreaterEqual(value, last.get(key, 0), key)
                count = now.get(("gw_http_request_duration_seconds_count",
                                 frozenset({("operation", "getUser")})), 0)
                top = now.get(("gw_http_request_duration_seconds_bucket",
                               frozenset({("operation", "getUser"), ("le", "+Inf")})), 0)
                self.assertEqual(count, top)
                last = now
        finally:
            ending.set()
            for thread in threads:
                thread.join(run.SECONDS)

    def test_top_shows_what_is_asked_for(self):
        ending = threading.Event()

        def ask():
            while not ending.is_set():
                self.get("/users/1")
                self.get("/gone")
                self.get("/few")
        thread = threading.Thread(target=ask)
        thread.start()
        try:
            told = subprocess.run([run.GWCTL, "top", "--count", "2", "--interval", "300ms",
                                   "--admin", f"unix:{self.socket}"], capture_output=True,
                                  text=True, timeout=run.SECONDS, check=True).stdout
        finally:
            ending.set()
            thread.join(run.SECONDS)
        self.assertEqual(told.count("OPERATION"), 2)
        last = told[told.rindex("OPERATION"):]
        operations, upstreams, limits = (
            {line.split()[0]: line.split() for line in part.splitlines() if line}
            for part in re.split("UPSTREAM|LIMIT", last))
        self.assertGreater(float(operations["getUser"][1]), 0)
        self.assertEqual(float(operations["getUser"][3]), 0)
        self.assertEqual(float(operations["gone"][3]), 100)
        self.assertEqual(float(upstreams["users"][2]), 0)
        self.assertEqual(float(upstreams["gone"][2]), 100)
        self.assertNotIn("stored", operations)
        self.assertEqual(limits["scarce"][1], "over")
        self.assertGreater(int(limits["scarce"][5]), 0)

    def test_an_upstream_without_targets_is_seen(self):
        found = samples(self.metrics("text/plain")[1])
        usable = {dict(labels)["upstream"]: value for (name, labels), value in found.items()
                  if name == "gw_upstream_usable_targets"}
        self.assertEqual(usable, {"users": 1, "gone": 1, "nowhere": 0})
        told = subprocess.run([run.GWCTL, "status", "--admin", f"unix:{self.socket}"], capture_output=True,
                              text=True, timeout=run.SECONDS, check=True).stdout
        self.assertIn("no targets: its name has no addresses", told)

    def test_both_formats_are_clean(self):
        self.get("/users/1")
        self.get("/gone")
        head, body = self.metrics("application/openmetrics-text; version=1.0.0")
        self.assertIn("application/openmetrics-text; version=1.0.0", head)
        self.assertTrue(body.endswith("# EOF\n"))
        head, body = self.metrics("text/plain")
        self.assertIn("text/plain; version=0.0.4", head)
        if shutil.which("promtool") is None:
            self.skipTest("promtool is not installed")
        judged = subprocess.run(["promtool", "check", "metrics"], input=body, text=True,
                                capture_output=True, timeout=run.SECONDS)
        self.assertEqual((judged.returncode, judged.stdout + judged.stderr), (0, ""))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    run.GWCTL = str(pathlib.Path(sys.argv.pop()).resolve())
    unittest.main(verbosity=1, warnings="ignore")
