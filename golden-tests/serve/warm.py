#!/usr/bin/env python3
"""What a new table has to wait for: the first health checks of the targets that are new in it.

  warm.py GWCTL
"""
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import run  # noqa: E402

DOCUMENT = """
openapi: 3.1.0
info: {{title: warm, version: '{version}'}}
x-gw:
  version: 1
  upstreams:
    {upstreams}
  defaults: {{upstream: {chosen}, timeout: {{connect: 3s, try: 60s, total: 60s, idle: 60s}}}}
paths:
  /: {{get: {{operationId: root, x-gw: {{public: test}}, responses: {{'200': {{description: ok}}}}}}}}
"""


class Target:
    """Answers checks with `status` (None: never), all else with its name. Counts the checks."""

    def __init__(self, status=200):
        self.status, self.checks, self.requests = status, 0, 0
        self.checked, self.asked = threading.Event(), threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.open = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            request = connection.recv(65536)
            if b"GET /healthz" in request:
                self.asked.set()
                if self.status is None:
                    return
                self.checks += 1
                self.checked.set()  # before anybody can know
                connection.sendall(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % self.status)
            elif request:
                self.requests += 1
                body = self.address.encode()
                connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
                                   % (len(body), body))
        except OSError:
            pass
        if self.status is not None or not self.asked.is_set():
            connection.close()

    def stop(self):
        self.listener.close()
        for connection in self.open:
            connection.close()


class Warm(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.admin = f"unix:{self.folder}/admin/socket"
        self.version = 0

    def target(self, status=200):
        target = Target(status)
        self.addCleanup(target.stop)
        return target

    def write(self, chosen, **upstreams):
        """upstreams: name -> (targets, fields of `health`)."""
        self.version += 1
        lines = [f"{name}: {{targets: [{', '.join(repr('http://' + t.address) for t in targets)}], "
                 f"health: {{path: /healthz, interval: 60s, {health}}}}}"
                 for name, (targets, health) in upstreams.items()]
        new = self.folder / "new"
        new.write_text(DOCUMENT.format(version=self.version, upstreams="\n    ".join(lines),
                                       chosen=chosen), encoding="utf-8")
        os.replace(new, self.folder / "gateway.yaml")

    def serve(self):
        serve = run.Serve(self.folder, "gateway.yaml", "--admin", self.admin)
        self.addCleanup(serve.process.kill)
        return serve

    def gwctl(self, *arguments):
        done = subprocess.run([run.GWCTL, *arguments, "--admin", self.admin, "--json"],
                              cwd=self.folder, capture_output=True, text=True, check=True,
                              timeout=run.SECONDS)
        return json.loads(done.stdout)

    def reload(self):
        report = self.gwctl("reload", "-q", "gateway.yaml")
        self.assertTrue(report["accepted"])
        return report

    def states(self, name):
        upstreams = {entry["name"]: entry for entry in self.gwctl("status")["upstreams"]}
        return {target["address"]: target["state"] for target in upstreams[name]["targets"]}

    def end(self, serve):
        serve.process.terminate()
        self.assertEqual(serve.end(), 0)

    def test_a_new_target_that_fails_its_check_begins_unhealthy(self):
        good, bad = self.target(), self.target(503)
        self.write("a", a=([good], "timeout: 1s"))
        serve = self.serve()
        self.assertTrue(good.checked.is_set())  # at the start, too
        checks = good.checks
        self.write("a", a=([good, bad], "timeout: 1s"))
        report = self.reload()
        self.assertEqual(report["unhealthy"], [f"a/{bad.address}"])
        self.assertEqual(self.states("a"), {good.address: "healthy", bad.address: "unhealthy"})
        self.assertEqual({serve.get("/") for _ in range(20)}, {(200, good.address)})
        self.assertEqual(bad.requests, 0)  # none met it before it was known
        self.assertEqual(good.checks, checks)  # what was known is not asked anew
        serve.await_line("state=unhealthy")
        self.end(serve)

    def test_one_that_refuses_connections(self):
        good = self.target()
        self.write("a", a=([good], ""))
        serve = self.serve()
        with socket.socket() as bound:  # nobody listens there
            bound.bind(("127.0.0.1", 0))
            self.refused(serve, good, "127.0.0.1:%d" % bound.getsockname()[1])

    def refused(self, serve, good, address):
        gone = types.SimpleNamespace(address=address)
        self.write("b", a=([good], ""), b=([good, gone], ""))
        self.assertEqual(self.reload()["unhealthy"], [f"b/{gone.address}"])
        self.assertEqual({serve.get("/") for _ in range(10)}, {(200, good.address)})
        self.end(serve)

    def test_one_that_hangs_is_waited_for_as_long_as_its_check(self):
        good, hangs = self.target(), self.target(None)
        self.write("a", a=([good], "timeout: 1s"))
        serve = self.serve()
        self.write("a", a=([good, hangs], "timeout: 1s"))
        report = self.reload()
        self.assertEqual(report["unhealthy"], [f"a/{hangs.address}"])
        self.assertGreaterEqual(report["cost_us"]["warm"], 900_000)
        self.assertLess(report["cost_us"]["warm"], 4_500_000)
        self.assertEqual({serve.get("/") for _ in range(10)}, {(200, good.address)})
        self.end(serve)

    def test_none_holds_up_a_table_for_longer_than_five_seconds(self):
        good, hangs = self.target(), self.target(None)
        self.write("a", a=([good], "timeout: 1s"))
        serve = self.serve()
        self.write("b", a=([good], "timeout: 1s"), b=([hangs], "timeout: 30s"))
        answers, done = [], []
        order = threading.Thread(target=lambda: done.append(self.reload()))
        order.start()
        self.assertTrue(hangs.asked.wait(run.SECONDS))
        while order.is_alive():  # the table before is served meanwhile
            answers.append(serve.get("/"))
            time.sleep(0.01)
        order.join()
        self.assertIn((200, good.address), answers)
        self.assertEqual(done[0]["unhealthy"], [])  # it has said nothing yet
        self.assertGreaterEqual(done[0]["cost_us"]["warm"], 4_900_000)
        self.assertLess(done[0]["cost_us"]["warm"], 8_000_000)
        serve.process.kill()  # its check would go on for 30 s
        serve.end()

    def test_nothing_new_is_nothing_to_wait_for(self):
        good = self.target()
        self.write("a", a=([good], ""))
        serve = self.serve()
        checks = good.checks
        self.write("a", a=([good], ""))
        report = self.reload()
        self.assertLess(report["cost_us"]["warm"], 500_000)
        self.assertEqual(good.checks, checks)
        self.end(serve)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    run.GWCTL = str(pathlib.Path(sys.argv.pop()).resolve())
    unittest.main(verbosity=1, warnings="ignore")
