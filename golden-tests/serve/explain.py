#!/usr/bin/env python3
"""Requests that a running gateway explains while it serves them.

  explain.py GWCTL
"""
import http.client
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import admin  # noqa: E402
import run  # noqa: E402

DOCUMENT = """
openapi: 3.1.0
info: {{title: explained, version: '1'}}
x-gw:
  version: 1
  upstreams: {{users: {{targets: ['http://127.0.0.1:{port}']}}}}
  defaults: {{upstream: users, timeout: {{connect: 3s, try: 20s, total: 20s}}}}
paths:
  /users/{{id}}:
    get:
      operationId: getUser
      parameters: [{{name: id, in: path, required: true, schema: {{type: integer}}}}]
      x-gw:
        public: test
        request: {{headers: {{set: {{x-api-key: $env.UPSTREAM_KEY}}}}}}
        rateLimit: {{few: {{key: $client.ip, limit: 100/h}}}}
      responses: {{'200': {{description: ok}}}}
"""


class ExplainTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.admin = f"unix:{self.folder / 'private' / 'admin.sock'}"
        self.backend = admin.Backend()
        self.addCleanup(self.backend.stop)
        os.environ["UPSTREAM_KEY"] = "a-secret-of-the-gateway"
        (self.folder / "gateway.yaml").write_text(DOCUMENT.format(port=self.backend.port),
                                                  encoding="utf-8")
        self.serve = run.Serve(self.folder, "gateway.yaml", "--admin", self.admin)
        self.serve.await_line("admin address=")
        self.addCleanup(self.end)

    def end(self):
        self.serve.process.terminate()
        self.assertEqual(self.serve.end(), 0)

    def token(self, *arguments):
        line = subprocess.run([run.GWCTL, "explain", "--token", "--admin", self.admin, *arguments],
                              capture_output=True, text=True, timeout=run.SECONDS, check=True)
        name, value = line.stdout.strip().split(": ")
        self.assertEqual(name, "gw-explain")
        return value

    def get(self, path, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.serve.port, timeout=run.SECONDS)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer, body

    def offline(self, request):
        told = subprocess.run([run.GWCTL, "explain", "gateway.yaml", request, "--json"],
                              cwd=self.folder, capture_output=True, text=True,
                              timeout=run.SECONDS, check=True)
        return json.loads(told.stdout)

    def test_the_request_is_served_and_explained(self):
        answer, body = self.get("/users/7", **{"gw-explain": self.token(), "x-mine": "shown"})
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.getheader("gw-explain"), "explained")
        live, offline = json.loads(body), self.offline("GET /users/7")
        for member in ("route", "candidates", "steps"):
            self.assertEqual(live[member], offline[member], member)
        self.assertEqual((live["live"], offline["live"]), (True, False))
        self.assertEqual([one["target"] for one in live["tries"]],
                         [f"127.0.0.1:{self.backend.port}"])
        self.assertEqual(live["tries"][0]["status"], 200)
        self.assertEqual(live["answer"]["status"], 200)
        self.assertEqual(live["body_bytes"], len(str(self.backend.port)))
        sent = live["upstream_request"]["headers"]
        self.assertIn("x-mine: shown", [line.lower() for line in sent])
        self.assertIn("x-api-key: (set by the gateway)", sent)
        self.assertFalse("a-secret" in body)
        self.assertFalse(any("gw-explain" in line.lower() for line in sent))
        # What it says of limits is what is left now, and it counts.
        self.assertEqual(live["limits"][0]["remaining"], 99)

    def test_a_refusal_is_explained(self):
        _, body = self.get("/users/none", **{"gw-explain": self.token()})
        told = json.loads(body)
        self.assertEqual(told["status"], 400)
        self.assertIn("path id", told["validation"]["first"])
        self.assertEqual(told["tries"], [])
        _, body = self.get("/nowhere", **{"gw-explain": self.token()})
        self.assertEqual(json.loads(body)["status"], 404)

    def test_only_with_a_good_token(self):
        good = self.token()
        for token in ("", "x", good[:-1] + ("0" if good[-1] != "0" else "1"),
                      "f" + good[1:], good + "0"):
            answer, body = self.get("/users/7", **{"gw-explain": token})
            self.assertEqual(body, str(self.backend.port))
            self.assertIsNone(answer.getheader("gw-explain"))
            self.assertNotIn(b"gw-explain", self.backend.last_head.lower())

    def test_a_token_is_for_no_upstream_whoever_has_made_it(self):
        """Before this process has made one; of another process, after a takeover or behind a balancer."""
        answer, body = self.get("/users/7", **{"gw-explain": "1.2.3", "x-mine": "shown"})
        self.assertEqual(body, str(self.backend.port))
        self.assertIsNone(answer.getheader("gw-explain"))
        self.assertIn(b"x-mine", self.backend.last_head.lower())
        self.assertNotIn(b"gw-explain", self.backend.last_head.lower())

    def test_the_order_is_checked(self):
        for arguments in (("--for", "2h"), ("--for", "x")):
            told = subprocess.run([run.GWCTL, "explain", "--token", *arguments],
                                  capture_output=True, text=True, timeout=run.SECONDS)
            self.assertEqual(told.returncode, 2)
        told = subprocess.run([run.GWCTL, "explain", "gateway.yaml"], capture_output=True,
                              text=True, timeout=run.SECONDS, cwd=self.folder)
        self.assertEqual(told.returncode, 2)
        self.assertIn("--token", told.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    run.GWCTL = str(pathlib.Path(sys.argv.pop()).resolve())
    unittest.main(verbosity=1, warnings="ignore")
