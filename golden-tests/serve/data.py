#!/usr/bin/env python3
"""Data that change while `gwctl serve` runs: consumers and networks are swapped alone.

  data.py GWCTL
"""
import hashlib
import http.client
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import run  # noqa: E402

DOCUMENT = """
openapi: 3.1.0
info: {{title: data, version: '1'}}
x-gw:
  version: 1
  consumers: {{table: '$file.{folder}/consumers.gwt'}}
security: [{{key: []}}, {{basic: []}}]
components:
  securitySchemes:
    key: {{type: apiKey, in: header, name: X-API-Key}}
    basic: {{type: http, scheme: basic}}
paths:
  /hello:
    get:
      operationId: hello
      x-gw: {{respond: {{body: hi}}, deny: {{ip: '$file.{folder}/deny.txt'}}}}
      responses: {{'200': {{description: ok}}}}
"""


def digest(key):
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


class Data(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.consumers(f"acme: {{keys: ['{digest('first')}']}}\n")
        self.replace("deny.txt", "192.0.2.0/24\n")
        self.replace("gateway.yaml", DOCUMENT.format(folder=self.folder))

    def replace(self, name, text):
        """By rename, as whoever writes tables does."""
        new = self.folder / (name + ".new")
        new.write_text(text, encoding="utf-8")
        os.replace(new, self.folder / name)

    def consumers(self, text):
        self.replace("consumers.yaml", text)
        subprocess.run([run.GWCTL, "compile", "-q", "--consumers", "consumers.yaml", "-o",
                        "consumers.gwt"], cwd=self.folder, check=True)

    def serve(self):
        serve = run.Serve(self.folder, "gateway.yaml")
        self.addCleanup(serve.end)
        self.addCleanup(serve.process.terminate)
        self.assertIsNotNone(serve.port, serve.lines)
        return serve

    def status(self, serve, fields):
        connection = http.client.HTTPConnection("127.0.0.1", serve.port, timeout=run.SECONDS)
        try:
            connection.request("GET", "/hello", headers=fields)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()

    def test_a_key_is_revoked_without_a_new_table(self):
        serve = self.serve()
        self.assertEqual(self.status(serve, {"x-api-key": "first"}), 200)
        self.assertEqual(self.status(serve, {"x-api-key": "second"}), 401)
        self.consumers(f"acme: {{keys: ['{digest('second')}']}}\n")
        serve.await_line("data_changed")
        # Each worker is told by a message: the change is in the log when all have been told, and
        # each answers what comes after by what it was told.
        self.until(lambda: self.status(serve, {"x-api-key": "first"}) == 401)
        self.until(lambda: self.status(serve, {"x-api-key": "second"}) == 200)

    def until(self, holds):
        """Every of some requests on new connections, which reach all workers."""
        end = time.monotonic() + run.SECONDS
        while time.monotonic() < end:
            if all(holds() for _ in range(8)):
                return
        self.fail("the change was not taken over")

    def test_what_cannot_be_used_changes_nothing(self):
        serve = self.serve()
        self.replace("consumers.gwt", "no table")
        serve.await_line("data_unusable")
        self.assertEqual(self.status(serve, {"x-api-key": "first"}), 200)
        self.replace("deny.txt", "nowhere\n")
        self.consumers(f"acme: {{keys: ['{digest('second')}']}}\n")
        self.assertEqual(self.status(serve, {"x-api-key": "first"}), 200)
        self.replace("deny.txt", "198.51.100.0/24\n")
        serve.await_line("data_changed")
        self.until(lambda: self.status(serve, {"x-api-key": "second"}) == 200)

    def test_an_address_is_blocked_without_a_new_table(self):
        serve = self.serve()
        self.assertEqual(self.status(serve, {"x-api-key": "first"}), 200)
        self.replace("deny.txt", "127.0.0.0/8\n")
        serve.await_line("data_changed")
        self.until(lambda: self.status(serve, {"x-api-key": "first"}) == 403)

    def test_passwords_are_checked_beside_the_requests(self):
        hashed = subprocess.run([run.GWCTL, "key", "password"], input="secret\n", text=True,
                                capture_output=True, check=True).stdout.strip()
        self.consumers(f"acme: {{keys: ['{digest('first')}'], passwords: {{alice: '{hashed}'}}}}\n")
        serve = self.serve()
        right = {"authorization": "Basic YWxpY2U6c2VjcmV0"}
        self.assertEqual(self.status(serve, right), 200)
        self.assertEqual(self.status(serve, right), 200)
        self.assertEqual(self.status(serve, {"authorization": "Basic YWxpY2U6d3Jvbmc="}), 401)
        self.assertEqual(self.status(serve, {"authorization": "Basic Ym9iOnNlY3JldA=="}), 401)

    def test_a_data_table_is_no_gateway(self):
        outcome = subprocess.run([run.GWCTL, "serve", "consumers.gwt"], cwd=self.folder, text=True,
                                 capture_output=True, check=False)
        self.assertEqual(outcome.returncode, 2)
        self.assertIn("data table", outcome.stderr)

    def test_without_its_data_a_table_is_not_served(self):
        (self.folder / "consumers.gwt").unlink()
        outcome = subprocess.run([run.GWCTL, "serve", "gateway.yaml", "--listen", "127.0.0.1:0"],
                                 cwd=self.folder, text=True, capture_output=True, check=False)
        self.assertEqual(outcome.returncode, 2)
        self.assertIn("consumers.gwt", outcome.stderr)


if __name__ == "__main__":
    run.GWCTL = os.path.abspath(sys.argv.pop(1))
    unittest.main()
