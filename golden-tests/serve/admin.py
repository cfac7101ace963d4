#!/usr/bin/env python3
"""The admin interface of `gwctl serve` and the verbs that talk to it: reload, rollback, status,
drain, undrain, takeover. Clients never stop asking while tables change.

  admin.py GWCTL
"""
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import run  # noqa: E402

SPECS = pathlib.Path(__file__).resolve().parents[2] / "specs"

DOCUMENT = """
openapi: 3.1.0
info: {{title: admin, version: '{version}'}}
x-gw:
  version: 1
  {listeners}
  upstreams:
    users:
      targets: ['http://127.0.0.1:{one}', 'http://127.0.0.1:{two}']
      unavailable: {{status: 503, headers: {{retry-after: '600'}}, body: {{title: back soon}}}}
  defaults: {{timeout: {{connect: 3s, try: 60s, total: 60s, idle: 60s}}}}
  clients: {{mobile: {{when: {{header: {{x-client: mobile}}}}}}}}
components:
  schemas:
    Thing:
      type: object
      required: [id]
      properties: {{id: {{type: integer, format: int64, minimum: 1}}, state: {{enum: [new, old]}}, next: {{$ref: '#/components/schemas/Thing'}}}}
paths:
  /version:
    get:
      operationId: version
      x-gw: {{public: test, respond: {{body: '{version}'}}}}
      responses: {{'200': {{description: ok}}}}
  /file:
    get:
      operationId: file
      x-gw: {{public: test, upstream: users, deny: {{ip: '$file.{folder}/deny.txt'}}}}
      responses: {{'200': {{description: ok}}}}
  /few:
    get:
      operationId: few
      x-gw: {{public: test, respond: {{body: few}}, rateLimit: {{few: {{key: $client.ip, limit: {few}}}}}}}
      responses: {{'200': {{description: ok}}}}
  /users:
    get:
      operationId: users
      x-gw: {{public: test, upstream: users}}
      responses: {{'200': {{description: ok}}}}
  /stored:
    get:
      operationId: stored
      parameters: [{{name: page, in: query, schema: {{type: string}}}}]
      x-gw: {{public: test, upstream: users, cache: {{ttl: 1h, tags: [people]}}}}
      responses: {{'200': {{description: ok}}}}
  /things:
    post:
      operationId: things
      x-gw: {{public: test, upstream: users, views: {{mobile: {{omit: [state]}}}}}}
      requestBody: {{required: true, content: {{application/json: {{schema: {{$ref: '#/components/schemas/Thing'}}}}}}}}
      responses:
        '200':
          description: ok
          headers: {{X-Count: {{schema: {{type: integer}}}}}}
          content: {{application/json: {{schema: {{$ref: '#/components/schemas/Thing'}}}}}}
"""


class Backend:
    """Answers every request with its own port, on connections that stay open."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.last_head = self.listener.getsockname()[1], b""
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        body = str(self.port).encode()
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        buffer = b""
        try:
            while data := connection.recv(65536):
                buffer += data
                while b"\r\n\r\n" in buffer:
                    self.last_head, buffer = buffer.split(b"\r\n\r\n", 1)
                    connection.sendall(answer)
        except OSError:
            pass
        connection.close()

    def stop(self):
        self.listener.close()


class Clients:
    """Ask for /version on kept connections, without a pause, until stop()."""

    def __init__(self, port, count=3):
        self.port, self.failed, self.seen, self.answers = port, [], [], 0
        self.ending, self.changed = threading.Event(), threading.Condition()
        self.threads = [threading.Thread(target=self.ask, daemon=True) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=run.SECONDS)
        while not self.ending.is_set():
            try:
                connection.request("GET", "/version")
                answer = connection.getresponse()
                body, status = answer.read().decode(), answer.status
            except (OSError, http.client.HTTPException) as problem:
                # An idle connection may be closed by a process that ends; never a request on it.
                if isinstance(problem, http.client.RemoteDisconnected) and connection.sock is None:
                    continue
                self.failed.append(repr(problem))
                connection.close()
                continue
            with self.changed:
                self.answers += 1
                if status != 200:
                    self.failed.append(status)
                if body not in self.seen:
                    self.seen.append(body)
                self.changed.notify_all()
        connection.close()

    def await_version(self, version):
        with self.changed:
            if not self.changed.wait_for(lambda: version in self.seen, run.SECONDS):
                raise AssertionError(f"nobody saw {version}: {self.seen} {self.failed}")

    def stop(self):
        self.ending.set()
        for thread in self.threads:
            thread.join(run.SECONDS)


class Admin(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.backends = [Backend(), Backend()]
        for backend in self.backends:
            self.addCleanup(backend.stop)
        self.socket = self.folder / "admin" / "socket"
        (self.folder / "deny.txt").write_text("192.0.2.0/24\n", encoding="utf-8")
        self.write(1)

    def write(self, version, few="2/h", listeners=""):
        text = DOCUMENT.format(version=version, one=self.backends[0].port,
                               two=self.backends[1].port, folder=self.folder, few=few,
                               listeners=listeners)
        new = self.folder / "gateway.yaml.new"
        new.write_text(text, encoding="utf-8")
        os.replace(new, self.folder / "gateway.yaml")

    def serve(self, *arguments, **named):
        serve = run.Serve(self.folder, "gateway.yaml", "--admin", f"unix:{self.socket}",
                          "--state", "state", *arguments, **named)
        self.addCleanup(serve.process.kill)
        return serve

    def clients(self, port):
        clients = Clients(port)
        self.addCleanup(clients.stop)
        return clients

    def gwctl(self, *arguments, status=0):
        done = subprocess.run([run.GWCTL, *arguments, "--admin", f"unix:{self.socket}"],
                              cwd=self.folder, capture_output=True, text=True,
                              timeout=run.SECONDS, check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout if status == 0 else done.stderr

    def compile(self, name="g.gwt"):
        subprocess.run([run.GWCTL, "compile", "-q", "gateway.yaml", "-o", name], check=True,
                       cwd=self.folder, capture_output=True)

    def status(self):
        return json.loads(self.gwctl("status", "--json"))

    def reload(self, *arguments, status=0):
        out = self.gwctl("reload", *arguments, "--json", status=status)
        return json.loads(out) if status == 0 else out

    def end(self, serve):
        serve.process.terminate()
        self.assertEqual(serve.end(), 0)

    def test_tables_change_under_load_without_a_failed_request(self):
        serve = self.serve()
        clients = self.clients(serve.port)
        for version in range(2, 12):
            self.write(version)
            report = self.reload("gateway.yaml", "-q")
            self.assertTrue(report["accepted"])
            clients.await_version(str(version))
        clients.stop()
        self.assertEqual(clients.failed, [])
        self.assertEqual(clients.seen, [str(version) for version in range(1, 12)])
        # What nobody uses any more is gone.
        alive = [table for table in self.status()["tables"] if table["alive"]]
        self.assertEqual([table["current"] for table in alive], [True])
        self.assertEqual(len(self.status()["kept"]), 10)
        self.assertEqual(len(list((self.folder / "state" / "tables").iterdir())), 10)
        self.end(serve)

    @unittest.skipUnless(shutil.which("h2load"), "skipped: h2load is not installed")
    def test_tables_change_under_streams_of_http2(self):
        serve = self.serve()
        load = subprocess.Popen(
            ["h2load", "-n", "60000", "-c", "4", "-m", "20",
             f"http://127.0.0.1:{serve.port}/users"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(load.kill)
        version, reloads = 1, 0
        while load.poll() is None:
            version += 1
            self.write(version)
            self.reload("gateway.yaml", "-q")
            reloads += 1
        said = load.stdout.read()
        load.stdout.close()
        self.assertGreater(reloads, 0)
        self.assertIn("60000 succeeded, 0 failed, 0 errored, 0 timeout", said)
        self.assertIn("60000 2xx", said)
        self.end(serve)

    def test_a_table_may_come_without_a_length(self):
        serve = self.serve()
        self.compile()
        table = (self.folder / "g.gwt").read_bytes()
        connection = run.UnixConnection(self.socket)
        for pieces, status in (([table[:1000], table[1000:]], 200), ([table[:1000]], 422), ([], 200)):
            connection.request("POST", "/v1/reload", body=iter(pieces), encode_chunked=True,
                               headers={"Transfer-Encoding": "chunked"})
            answer = connection.getresponse()
            answer.read()
            self.assertEqual(answer.status, status)
        connection.close()
        # One that breaks off is none.
        half = socket.socket(socket.AF_UNIX)
        half.connect(str(self.socket))
        half.sendall(b"POST /v1/reload HTTP/1.1\r\nHost: gateway\r\nContent-Length: %d\r\n\r\n"
                     % len(table) + table[:-1])
        half.shutdown(socket.SHUT_WR)
        while half.recv(4096):
            pass
        half.close()
        self.assertEqual([change["accepted"] for change in self.status()["reloads"]].count(True), 3)
        self.end(serve)

    def test_a_table_that_cannot_be_used_changes_nothing(self):
        serve = self.serve()
        self.compile()
        table = bytearray((self.folder / "g.gwt").read_bytes())
        before = self.status()["kept"]
        connection = run.UnixConnection(self.socket)
        table[len(table) // 2] ^= 1
        for body in (bytes(table), bytes(table[:100]), b"nothing of the kind"):
            connection.request("POST", "/v1/reload", body=body)
            answer = connection.getresponse()
            report = json.loads(answer.read())
            self.assertEqual((answer.status, report["accepted"]), (422, False))
            self.assertIn("the table", report["problems"][0])
        connection.close()
        self.assertEqual(self.status()["kept"], before)
        self.write(2)
        text = (self.folder / "gateway.yaml").read_text(encoding="utf-8")
        (self.folder / "unresolved.yaml").write_text(
            text.replace(f"http://127.0.0.1:{self.backends[0].port}", "{$env.GWCTL_TEST_NONE}"),
            encoding="utf-8")
        self.assertIn("GWCTL_TEST_NONE",
                      self.gwctl("reload", "-q", "unresolved.yaml", status=2))
        (self.folder / "wrong.yaml").write_text(text.replace("respond:", "respnd:"),
                                                encoding="utf-8")
        self.gwctl("reload", "-q", "wrong.yaml", status=1)
        self.assertEqual(self.status()["kept"], before)
        self.assertEqual(serve.get("/version"), (200, "1"))
        self.assertEqual(len(list((self.folder / "state" / "tables").iterdir())), 1)
        self.end(serve)

    def test_rollback_goes_back_by_hash_or_by_one(self):
        serve = self.serve()
        first = self.status()["kept"][-1]
        self.write(2)
        second = self.reload("gateway.yaml", "-q")["after"]
        self.write(3)
        self.reload("gateway.yaml", "-q")
        self.gwctl("rollback")
        self.assertEqual(serve.get("/version"), (200, "2"))
        self.gwctl("rollback", first[:8])
        self.assertEqual(serve.get("/version"), (200, "1"))
        self.gwctl("rollback", second)
        self.assertIn("no table", self.gwctl("rollback", "0123456789abcdef", status=2))
        # And a restart, even one without a chance to say good-bye, serves what was chosen last.
        serve.process.kill()
        serve.end()
        serve = self.serve()
        self.assertEqual(serve.get("/version"), (200, "2"))
        self.end(serve)

    def test_verbs_that_read_take_the_running_gateway(self):
        serve = self.serve()
        self.write(2)
        self.reload("gateway.yaml", "-q")
        for arguments in (("explain", f"admin:unix:{self.socket}", "GET /version"),
                          ("inspect", f"admin:unix:{self.socket}", "routes")):
            done = subprocess.run([run.GWCTL, *arguments], check=True, capture_output=True,
                                  text=True, timeout=run.SECONDS)
            self.assertIn("version", done.stdout)
        self.gwctl("drain", "users")
        self.write(3)
        done = subprocess.run([run.GWCTL, "diff", f"admin:unix:{self.socket}", "gateway.yaml"],
                              cwd=self.folder, check=False, capture_output=True, text=True,
                              timeout=run.SECONDS)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("GET /version (version)", done.stdout)
        self.assertIn("users is drained by order", done.stdout + done.stderr)
        self.end(serve)
        done = subprocess.run([run.GWCTL, "inspect", f"admin:unix:{self.socket}"], check=False,
                              capture_output=True, text=True, timeout=run.SECONDS)
        self.assertEqual(done.returncode, 2)
        self.assertIn("no gateway answers", done.stderr)

    def test_somebody_elses_change_is_not_overwritten(self):
        serve = self.serve()
        mine = self.status()["kept"][-1]
        self.write(2)
        self.reload("gateway.yaml", "-q", "--expect-current", mine)
        self.write(3)
        self.assertIn("somebody", self.gwctl("reload", "-q", "gateway.yaml", "--expect-current",
                                             mine, status=2))
        self.assertEqual(serve.get("/version"), (200, "2"))
        self.end(serve)

    def test_limits_go_on_counting_over_a_reload(self):
        serve = self.serve()
        self.assertEqual([serve.get("/few")[0] for _ in range(3)], [200, 200, 429])
        self.assertEqual(self.status()["limits"],
                         {"refused": 1, "shadowed": 0, "overflowed": 0, "no_room": 0})
        self.write(2)
        report = self.reload("gateway.yaml", "-q")
        self.assertEqual(report["state"]["limits"]["kept"], ["few"])
        self.assertEqual(report["state"]["pools"]["kept"], ["users"])
        self.assertEqual(serve.get("/few")[0], 429)
        self.write(3, few="5/h")
        report = self.reload("gateway.yaml", "-q")
        self.assertEqual(report["state"]["limits"]["changed"], ["few"])
        self.assertEqual(serve.get("/few")[0], 200)
        self.end(serve)

    def test_a_reload_tells_what_is_kept_and_what_begins_anew(self):
        serve = self.serve()
        path = self.folder / "gateway.yaml"
        text = path.read_text(encoding="utf-8")
        one, two = (backend.port for backend in self.backends)
        guarded = text.replace("      unavailable:", "      breaker: {failures: 50%, requests: 20}\n"
                               "      unavailable:")
        path.write_text(guarded, encoding="utf-8")
        state = self.reload("gateway.yaml", "-q")["state"]
        self.assertEqual(state["breakers"]["added"], ["users"])
        targets = sorted(f"users/127.0.0.1:{port}" for port in (one, two))
        self.assertEqual(state["health"]["kept"], targets)
        self.assertEqual(state["cache"]["kept"], ["stored"])
        # Other numbers: the breaker goes on. Another key: what is stored is not found.
        path.write_text(guarded.replace("requests: 20", "requests: 30")
                        .replace("ttl: 1h", "ttl: 1h, key: [$request.header.x-shelf]")
                        .replace(f", 'http://127.0.0.1:{two}'", ""), encoding="utf-8")
        report = self.reload("gateway.yaml", "-q")
        state = report["state"]
        self.assertEqual(state["breakers"]["changed"], ["users"])
        self.assertEqual(state["cache"],
                         {"kept": [], "changed": ["stored"], "added": [], "removed": []})
        self.assertEqual(state["health"]["kept"], [f"users/127.0.0.1:{one}"])
        self.assertEqual(state["health"]["removed"], [f"users/127.0.0.1:{two}"])
        self.assertEqual(state["pools"]["changed"], ["users"])
        self.assertGreater(report["cost_us"]["map"] + report["cost_us"]["verify"], 0)
        self.assertGreaterEqual(report["drain_us"], 0)
        shown = self.gwctl("reload", "gateway.yaml", "-q")
        self.assertRegex(shown, r"take .* map .* verify .* resolve .* warm .* swap .* drain .*\n")
        self.assertRegex(shown, r"cache +kept stored\n")
        table = self.status()["tables"][-1]
        self.assertEqual((table["title"], table["sources"]), ("admin", ["gateway.yaml"]))
        self.assertIn("from gateway.yaml", self.gwctl("status"))
        self.end(serve)

    def test_references_are_resolved_anew(self):
        serve = self.serve()
        self.assertEqual(serve.get("/file")[0], 200)
        (self.folder / "deny.txt").write_text("127.0.0.0/8\n", encoding="utf-8")
        report = self.reload()
        self.assertEqual(report["before"], report["after"])
        self.assertEqual(serve.get("/file")[0], 403)
        self.end(serve)

    def test_sighup_opens_the_argument_again(self):
        serve = self.serve()
        self.write(2)
        serve.process.send_signal(signal.SIGHUP)
        serve.await_line("table_changed")
        self.assertEqual(serve.get("/version"), (200, "2"))
        (self.folder / "gateway.yaml").write_text("openapi: 3.1.0\n", encoding="utf-8")
        serve.process.send_signal(signal.SIGHUP)
        serve.await_line("reload_refused")
        self.assertEqual(serve.get("/version"), (200, "2"))
        self.end(serve)

    def test_drains_hold_until_they_are_taken_back(self):
        serve = self.serve()
        one, two = (f"127.0.0.1:{backend.port}" for backend in self.backends)
        self.gwctl("drain", f"users/{one}")
        self.write(2)
        self.reload("gateway.yaml", "-q")
        self.assertEqual({serve.get("/users") for _ in range(20)},
                         {(200, str(self.backends[1].port))})
        states = {target["address"]: target["state"]
                  for target in self.status()["upstreams"][0]["targets"]}
        self.assertEqual(states, {one: "drained", two: "healthy"})
        self.gwctl("drain", "users")
        self.assertEqual(serve.get("/users"), (503, '{"title":"back soon"}'))
        self.gwctl("undrain", "users")
        self.gwctl("undrain", f"users/{one}")
        self.assertEqual({serve.get("/users")[0] for _ in range(20)}, {200})
        self.assertEqual(self.status()["drained"], [])
        self.assertIn("no upstream", self.gwctl("drain", "nobody", status=2))
        self.assertIn("no target", self.gwctl("drain", "users/192.0.2.1:80", status=2))
        self.assertIn("not drained", self.gwctl("undrain", "users", status=2))
        self.gwctl("drain")
        self.assertEqual(serve.end(), 0)

    def test_a_held_gateway_is_not_ready_and_serves(self):
        """Over a reload and a takeover as well; on probes of listeners and of the admin interface; until it is taken back."""
        text = (self.folder / "gateway.yaml").read_text(encoding="utf-8")
        (self.folder / "gateway.yaml").write_text(text.replace(
            "x-gw:\n", "x-gw:\n  listeners: [{address: '127.0.0.1:0', health: {ready: /readyz}}]\n", 1),
            encoding="utf-8")
        serve = self.serve(listen=None)

        def check(status):
            self.assertEqual(serve.get("/readyz")[0], status)
            connection = run.UnixConnection(self.socket)
            connection.request("GET", "/readyz")
            self.assertEqual(connection.getresponse().status, status)
            connection.close()
            self.assertEqual(self.status()["ready"], status == 200)
            connection = run.UnixConnection(self.socket)
            connection.request("GET", "/metrics")
            self.assertIn(f"\ngw_ready {int(status == 200)}\n",
                          connection.getresponse().read().decode())
            connection.close()
            self.assertEqual("not ready" in self.gwctl("top", "--once", "--interval", "100ms"),
                             status != 200)
            self.assertEqual(serve.get("/users")[0], 200)

        check(200)
        self.assertIn("not held", self.gwctl("undrain", status=2))
        self.gwctl("drain", "--hold")
        check(503)
        self.gwctl("reload")
        check(503)
        self.assertIn("held: not ready", self.gwctl("status"))
        self.gwctl("undrain")
        check(200)
        self.gwctl("drain", "--hold")
        text = (self.folder / "gateway.yaml").read_text(encoding="utf-8")
        (self.folder / "gateway.yaml").write_text(
            text.replace("127.0.0.1:0", f"127.0.0.1:{serve.port}", 1), encoding="utf-8")
        before = serve
        serve = self.serve("--fresh", "--takeover", f"unix:{self.socket}", listen=None)
        self.assertEqual((before.end(), before.port), (0, serve.port))
        serve.await_line("held")
        check(503)
        self.gwctl("undrain")
        check(200)
        self.gwctl("drain", "users", "--hold", status=2)
        self.gwctl("drain", "--hold")
        self.gwctl("drain")
        self.assertEqual(serve.end(), 0)

    def test_stored_answers_outlive_tables_and_are_purged(self):
        self.write(1)
        serve = self.serve()

        def ask(path):
            connection = http.client.HTTPConnection("127.0.0.1", serve.port, timeout=run.SECONDS)
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            connection.close()
            return "; hit" in answer.headers["cache-status"]

        def store():
            for path in ("/stored", "/stored?page=1", "/stored?page=2"):
                ask(path)
                self.assertTrue(ask(path))

        store()
        self.write(2)
        self.reload("gateway.yaml", "-q")
        self.assertTrue(ask("/stored?page=1"))
        for what, left in ((("--tag", "people"), 0), (("--tag", "nobody"), 3),
                           (("--operation", "stored"), 0), (("--operation", "users"), 3),
                           (("--key", "/stored?page=1"), 2), (("--key", "/stored"), 0),
                           (("--key", f"//127.0.0.1:{serve.port}/stored?page=2"), 2),
                           (("--key", f"http://127.0.0.1:{serve.port}/stored"), 0),
                           (("--all",), 0)):
            with self.subTest(what=what):
                store()
                before = self.status()["cache"]
                self.assertEqual(before["entries"], 3)
                self.gwctl("purge", *what)
                after = self.status()["cache"]
                self.assertEqual(after["entries"], left)
                self.assertEqual(after["purged"], before["purged"] + 3 - left)
                self.gwctl("purge", "--all")
        self.assertGreater(self.status()["cache"]["requests"]["hit"], 20)
        self.assertIn("name what is to go", self.gwctl("purge", status=2))
        self.end(serve)

    def drained(self):
        return sorted("/".join(entry.values()) for entry in self.status()["drained"])

    def test_drains_hold_over_a_restart_and_a_takeover(self):
        serve = self.serve()
        one, two = (f"127.0.0.1:{backend.port}" for backend in self.backends)
        self.gwctl("drain", f"users/{one}")
        serve.process.kill()  # without a chance to say good-bye
        serve.end()
        serve = self.serve()
        self.assertEqual(self.drained(), [f"users/{one}"])
        serve.await_line("drained")
        self.assertEqual({serve.get("/users") for _ in range(20)},
                         {(200, str(self.backends[1].port))})
        self.gwctl("drain", "users")
        self.gwctl("undrain", f"users/{one}")
        before = serve
        serve = self.serve("--takeover", f"unix:{self.socket}", listen=f"127.0.0.1:{serve.port}")
        self.assertEqual(before.end(), 0)
        self.assertEqual(self.drained(), ["users"])
        self.assertEqual(serve.get("/users")[0], 503)
        self.gwctl("undrain", "users")
        self.end(serve)
        serve = self.serve()
        self.assertEqual(self.drained(), [])
        self.assertEqual(serve.get("/users")[0], 200)
        self.end(serve)
        # What cannot be read may have been a drain.
        (self.folder / "state" / "drains").write_text("half", encoding="utf-8")
        refused = self.serve(await_port=False)
        self.assertEqual(refused.end(), 2)
        self.assertIn("the drains of", "".join(refused.lines))

    def test_a_takeover_hands_drains_over_without_a_state_directory(self):
        self.write(1)
        first = run.Serve(self.folder, "gateway.yaml", "--admin", f"unix:{self.socket}")
        self.addCleanup(first.process.kill)
        self.gwctl("drain", f"users/127.0.0.1:{self.backends[1].port}")
        second = self.serve("--takeover", f"unix:{self.socket}", listen=f"127.0.0.1:{first.port}")
        self.assertEqual(first.end(), 0)
        self.assertEqual({second.get("/users")[1] for _ in range(20)}, {str(self.backends[0].port)})
        # The next one finds it in the directory.
        self.end(second)
        third = self.serve()
        self.assertEqual(self.drained(), [f"users/127.0.0.1:{self.backends[1].port}"])
        self.end(third)

    def take_over(self):
        """The new process' side of a takeover, up to "go"."""
        path = self.folder / "successor"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(listener.close)
        listener.settimeout(run.SECONDS)
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        listener.listen(1)
        connection = run.UnixConnection(self.socket)
        connection.request("POST", "/v1/takeover", body=json.dumps({"socket": str(path)}),
                           headers={"Content-Type": "application/json"})
        answer = connection.getresponse()
        told = json.loads(answer.read())
        self.assertEqual(answer.status, 200, told)
        connection.close()
        successor, _ = listener.accept()
        self.addCleanup(successor.close)
        successor.settimeout(run.SECONDS)
        while True:
            name, descriptors, _, _ = socket.recv_fds(successor, 256, 1)
            for descriptor in descriptors:
                os.close(descriptor)
            if name == b"end":
                return successor, told["drained"]

    def test_what_is_ordered_while_another_process_takes_over_is_refused(self):
        serve = self.serve()
        one = f"users/127.0.0.1:{self.backends[0].port}"
        self.gwctl("drain", one)
        successor, told = self.take_over()
        # What came before is handed over; the successor would hear of nothing else.
        self.assertEqual(["/".join(entry.values()) for entry in told], [one])
        before = self.status()
        for order in (["drain"], ["drain", "users"], ["drain", one], ["undrain", one],
                      ["reload", "-q", "gateway.yaml"], ["reload"], ["rollback"]):
            with self.subTest(order=order):
                self.assertIn("another process is taking over", self.gwctl(*order, status=2))
        self.assertEqual(self.drained(), [one])
        self.assertEqual(len(self.status()["tables"]), len(before["tables"]))
        self.assertEqual(serve.get("/version"), (200, "1"))
        # One that gives up without "go" leaves a process that takes orders as before.
        successor.close()
        deadline = time.monotonic() + run.SECONDS
        while subprocess.run([run.GWCTL, "undrain", one, "--admin", f"unix:{self.socket}"],
                             capture_output=True, check=False).returncode != 0:
            self.assertLess(time.monotonic(), deadline)
        self.gwctl("drain", "users")
        self.gwctl("reload", "-q", "gateway.yaml")
        # Once it has said "go", nothing is taken any more.
        successor, told = self.take_over()
        self.assertEqual(told, [{"upstream": "users"}])
        successor.send(b"go\0")
        self.assertEqual(serve.end(), 0)

    def test_sighup_waits_while_another_process_takes_over(self):
        serve = self.serve()
        successor, _ = self.take_over()
        self.write(2)
        serve.process.send_signal(signal.SIGHUP)
        serve.await_line("reload_held_back origin=SIGHUP")
        self.assertEqual(serve.get("/version"), (200, "1"))
        # It is done when the other one gives up.
        successor.close()
        serve.await_line("table_changed origin=SIGHUP")
        self.assertEqual(serve.get("/version"), (200, "2"))
        # A process that ends does not reload before.
        successor, _ = self.take_over()
        self.write(3)
        held = self.lines_with(serve, "reload_held_back")
        serve.process.send_signal(signal.SIGHUP)
        self.await_lines(serve, "reload_held_back", held + 1)
        successor.send(b"go\0")
        self.assertEqual(serve.end(), 0)
        self.assertEqual(self.lines_with(serve, "table_changed"), 1)

    def test_what_is_watched_waits_while_another_process_takes_over(self):
        serve = self.serve("--watch")
        serve.await_line("watching files")
        successor, _ = self.take_over()
        self.write(2)
        serve.await_line("reload_held_back origin=watch")
        self.write(3)
        self.await_lines(serve, "reload_held_back origin=watch", 2)
        self.assertEqual(serve.get("/version"), (200, "1"))
        # The last state is served when the other one gives up, and no other.
        successor.close()
        serve.await_line("table_changed origin=watch")
        self.assertEqual(serve.get("/version"), (200, "3"))
        self.write(4)
        self.await_lines(serve, "table_changed origin=watch", 2)
        self.assertEqual(serve.get("/version"), (200, "4"))
        self.assertEqual(self.lines_with(serve, "table_changed"), 2)
        self.end(serve)

    def await_lines(self, serve, text, count):
        """Until so many lines have it."""
        with serve.said:
            if not serve.said.wait_for(lambda: self.lines_with(serve, text) >= count, run.SECONDS):
                raise AssertionError(f"not {count} lines with {text}: {serve.lines}")

    def lines_with(self, serve, text):
        return sum(text in line for line in serve.lines)

    def test_listeners_change_and_the_ones_that_stay_are_not_closed(self):
        stays, comes, goes = (self.folder / name for name in ("stays", "comes", "goes"))
        self.write(1, listeners=f"listeners: [{{address: 'unix:{stays}'}}, "
                                f"{{address: 'unix:{goes}'}}]")
        serve = self.serve(listen=None, await_port=False)
        serve.await_line("admin address")
        connection = run.UnixConnection(stays)
        connection.request("GET", "/version")
        self.assertEqual(connection.getresponse().read(), b"1")
        opened = connection.sock
        self.write(2, listeners=f"listeners: [{{address: 'unix:{stays}'}}, "
                                f"{{address: 'unix:{comes}'}}]")
        self.reload("gateway.yaml", "-q")
        connection.request("GET", "/version")
        self.assertEqual(connection.getresponse().read(), b"2")
        self.assertIs(connection.sock, opened)
        new = run.UnixConnection(comes)
        new.request("GET", "/version")
        self.assertEqual(new.getresponse().read(), b"2")
        self.assertFalse(goes.exists())
        # A listener that cannot be had refuses the table, and nothing else of it comes true.
        self.write(3, listeners="listeners: [{address: 'unix:/nowhere/at/all'}]")
        self.assertIn("cannot listen", self.gwctl("reload", "-q", "gateway.yaml", status=2))
        connection.request("GET", "/version")
        self.assertEqual(connection.getresponse().read(), b"2")
        connection.close()
        new.close()
        self.end(serve)

    def test_another_process_takes_over_without_a_refused_connection(self):
        serve = self.serve()
        port = serve.port
        clients = self.clients(port)
        refused = []
        ending = threading.Event()

        def connect():
            while not ending.is_set():
                try:
                    with socket.create_connection(("127.0.0.1", port), run.SECONDS) as new:
                        new.sendall(b"GET /version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                        if not new.recv(4096).startswith(b"HTTP/1.1 200"):
                            refused.append("answer")
                except OSError as problem:
                    refused.append(repr(problem))
        self.addCleanup(ending.set)
        connecting = threading.Thread(target=connect)
        connecting.start()
        clients.await_version("1")
        self.write(2)
        pids = [serve.process.pid]
        for _ in range(3):
            before = serve
            serve = self.serve("--takeover", f"unix:{self.socket}", "--fresh",
                               listen=f"127.0.0.1:{port}")
            self.assertEqual(before.end(), 0)
            pids.append(serve.process.pid)
            self.assertEqual(self.status()["pid"], serve.process.pid)
        clients.await_version("2")
        ending.set()
        connecting.join(run.SECONDS)
        clients.stop()
        self.assertEqual(refused, [])
        self.assertEqual(clients.failed, [])
        # One that cannot start leaves the other as it was.
        (self.folder / "gateway.yaml").write_text("openapi: 3.1.0\n", encoding="utf-8")
        failed = self.serve("--takeover", f"unix:{self.socket}", "--fresh",
                            listen=f"127.0.0.1:{port}", await_port=False)
        self.assertEqual(failed.end(), 1)
        self.assertEqual(serve.get("/version"), (200, "2"))
        self.end(serve)

    def test_sockets_of_systemd_are_used(self):
        given = socket.create_server(("127.0.0.1", 0))
        port = given.getsockname()[1]
        environment = dict(os.environ, LISTEN_FDS="1")
        # The number of the process is known only to itself.
        start = "import os, sys\nos.environ['LISTEN_PID'] = str(os.getpid())\n" \
                "os.dup2(int(sys.argv[1]), 3)\nos.set_inheritable(3, True)\n" \
                "os.execv(sys.argv[2], sys.argv[2:])"
        process = subprocess.Popen(
            [sys.executable, "-c", start, str(given.fileno()), run.GWCTL, "serve", "gateway.yaml",
             "--listen", f"127.0.0.1:{port}", "--admin", "off", "--access-log", "off"],
            cwd=self.folder, env=environment, pass_fds=[given.fileno()],
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        given.close()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=run.SECONDS)
        connection.request("GET", "/version")
        self.assertEqual(connection.getresponse().read(), b"1")
        connection.close()
        process.terminate()
        self.assertEqual(process.wait(run.SECONDS), 0)
        process.stderr.close()

    def test_killed_at_any_moment_of_a_reload_it_starts_from_a_good_table(self):
        for round_ in range(12):
            serve = self.serve()
            good = {serve.get("/version")[1]}
            self.write(100 + round_)
            client = subprocess.Popen(
                [run.GWCTL, "reload", "-q", "gateway.yaml", "--admin", f"unix:{self.socket}"],
                cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            # At another moment each time: after so many of the files that a reload writes.
            for _ in range(round_ * 40):
                if client.poll() is not None:
                    break
                list((self.folder / "state" / "tables").iterdir())
            serve.process.kill()
            serve.end()
            client.wait(run.SECONDS)
            good.add(str(100 + round_))
            again = self.serve()
            status, version = again.get("/version")
            self.assertEqual(status, 200)
            self.assertIn(version, good)
            self.end(again)

    def test_orders_over_tcp_need_the_token(self):
        (self.folder / "token").write_text("0123456789abcdef0123\n", encoding="utf-8")
        refused = run.Serve(self.folder, "gateway.yaml", "--admin", "127.0.0.1:0")
        self.assertEqual(refused.end(), 2)
        self.assertIn("--admin-token-file", refused.lines[-1])
        serve = run.Serve(self.folder, "gateway.yaml", "--admin", "127.0.0.1:0",
                          "--admin-token-file", "token")
        self.addCleanup(serve.process.kill)
        serve.await_line("admin address")
        address = [line for line in serve.lines if "admin address" in line][0].split("=")[-1].strip()

        def get(path, token=None):
            connection = http.client.HTTPConnection(*address.split(":"), timeout=run.SECONDS)
            connection.request("GET", path,
                               headers={"Authorization": f"Bearer {token}"} if token else {})
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            return answer.status, body
        self.assertEqual(get("/healthz"), (200, b"ok\n"))
        self.assertEqual(get("/readyz"), (200, b"ready\n"))
        for path in ("/v1/status", "/v1/table", "/nothing"):
            self.assertEqual(get(path)[0], 401)
            self.assertEqual(get(path, "0123456789abcdef0124")[0], 401)
        self.assertEqual(get("/v1/status", "0123456789abcdef0123")[0], 200)
        self.assertEqual(get("/nothing", "0123456789abcdef0123")[0], 404)
        done = subprocess.run([run.GWCTL, "status", "--admin", address, "--admin-token-file",
                               "token"], cwd=self.folder, capture_output=True, text=True,
                              check=True, timeout=run.SECONDS)
        self.assertIn("ready", done.stdout)
        # Who has no token, or asks a listener, is told so, and not by a number alone.
        for verb in (("top", "--once"), ("status",), ("reload", "gateway.yaml")):
            for place, said in ((address, "send the bearer token of --admin-token-file"),
                                (f"127.0.0.1:{serve.port}",
                                 "this is no admin interface: it answers 404")):
                with self.subTest(verb=verb, place=place):
                    done = subprocess.run([run.GWCTL, *verb, "--admin", place], cwd=self.folder,
                                          capture_output=True, text=True, check=False,
                                          timeout=run.SECONDS)
                    self.assertEqual((done.returncode, done.stderr.splitlines()[-1]),
                                     (2, f"gwctl: {said}"))
        self.end(serve)

    ORDERS, READING = "0123456789abcdef0123", "abcdef0123456789abcd"

    def serve_with_tokens(self, *arguments):
        """A gateway over TCP with both tokens, and a function that asks it: status and body."""
        (self.folder / "token").write_text(self.ORDERS + "\n", encoding="utf-8")
        (self.folder / "reading").write_text(self.READING + "\n", encoding="utf-8")
        serve = run.Serve(self.folder, "gateway.yaml", "--admin", "127.0.0.1:0",
                          "--admin-token-file", "token", *arguments)
        self.addCleanup(serve.process.kill)
        serve.await_line("admin address")
        address = [line for line in serve.lines if "admin address" in line][0].split("=")[-1].strip()

        def ask(method, path, token, body=None):
            connection = http.client.HTTPConnection(*address.split(":"), timeout=run.SECONDS)
            connection.request(method, path, body=body,
                               headers={"Authorization": f"Bearer {token}"} if token else {})
            answer = connection.getresponse()
            endless = path == "/v1/events" and answer.status == 200
            said = answer.status, b"" if endless else answer.read()
            kind = answer.headers["content-type"]
            connection.close()
            if said[0] in (401, 403) and method != "HEAD":
                self.assertEqual(kind, "application/problem+json")
                self.assertEqual(json.loads(said[1])["status"], said[0])
            return said
        return serve, address, ask

    def test_a_second_token_reads_and_gives_no_orders(self):
        serve, address, ask = self.serve_with_tokens("--admin-read-token-file", "reading")
        open_to_all = ("/", "/dashboard", "/dashboard.css", "/dashboard.js", "/docs", "/docs.js",
                       "/healthz", "/readyz")
        read = ("/metrics", "/v1/status", "/v1/overview", "/v1/events", "/v1/docs")
        orders = ("/v1/rollback", "/v1/undrain", "/v1/purge", "/v1/explain-token", "/v1/takeover",
                  "/v1/drain", "/v1/reload")
        for path in open_to_all:
            for token in (None, "wrong", self.READING, self.ORDERS):
                self.assertEqual(ask("GET", path, token)[0], 200)
        for path in read:
            for token, status in ((None, 401), (self.READING[:-1], 401), (self.READING + "e", 401),
                                  (self.READING, 200), (self.ORDERS, 200)):
                with self.subTest(path=path, token=token):
                    self.assertEqual(ask("GET", path, token)[0], status)
        self.assertEqual([ask("GET", "/v1/table", token)[0]
                          for token in (None, self.READING, self.ORDERS)], [401, 403, 200])
        # Whatever the method and the path: who only reads changes nothing, and learns nothing.
        before = ask("GET", "/v1/status", self.ORDERS)[1]
        everything = (*open_to_all, *read, *orders, "/v1/table", "/nothing")
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            for path in everything:
                with self.subTest(method=method, path=path):
                    body = "{}" if method in ("POST", "PUT", "PATCH") else None
                    self.assertEqual(tuple(ask(method, path, token, body)[0]
                                           for token in (None, self.READING)), (401, 403))
        # HEAD is answered as GET is, but for what has no end.
        for path in everything:
            for token in (None, self.READING, self.ORDERS):
                with self.subTest(method="HEAD", path=path, token=token):
                    as_get = ask("GET", path, token)[0]
                    endless = path == "/v1/events" and as_get == 200
                    self.assertEqual(ask("HEAD", path, token)[0], 405 if endless else as_get)
        for path, methods in (("/healthz", "GET, HEAD"), ("/v1/reload", "POST"),
                              ("/v1/events", "GET")):
            connection = http.client.HTTPConnection(*address.split(":"), timeout=run.SECONDS)
            connection.request("DELETE", path, headers={"Authorization": f"Bearer {self.ORDERS}"})
            answer = connection.getresponse()
            self.assertEqual((answer.status, answer.headers["allow"]), (405, methods))
            connection.close()
        self.assertEqual([ask("GET", path, self.READING)[0] for path in ("/nothing", "/v1/drain")],
                         [404, 405])
        after = ask("GET", "/v1/status", self.ORDERS)[1]
        self.assertEqual(*({key: json.loads(text)[key] for key in ("ready", "drained", "tables")}
                           for text in (before, after)))
        # The other one gives orders as ever: each is taken, or refused for what it lacks.
        for path, body, status in (("/v1/purge", '{"all": "true"}', 200),
                                   ("/v1/drain", '{"upstream": "users"}', 200),
                                   ("/v1/undrain", '{"upstream": "users"}', 200),
                                   ("/v1/explain-token", "{}", 200), ("/v1/reload", None, 200),
                                   ("/v1/rollback", '{"table": "ffffffffffffffff"}', 422),
                                   ("/v1/takeover", '{"socket": "/nowhere"}', 409),
                                   ("/nothing", None, 404), ("/v1/status", None, 405)):
            with self.subTest(path=path):
                self.assertEqual(ask("POST", path, self.ORDERS, body)[0], status)
        # Verbs take either, and say what a token is not for.
        for words, status in ((("status",), 0), (("drain", "users"), 2), (("reload",), 2)):
            done = subprocess.run([run.GWCTL, *words, "--admin", address, "--admin-token-file",
                                   "reading"], cwd=self.folder, capture_output=True, text=True,
                                  check=False, timeout=run.SECONDS)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertEqual("this token only reads" in done.stderr, status == 2)
        self.end(serve)

    def test_a_parameter_that_nobody_knows_is_refused(self):
        serve, _, ask = self.serve_with_tokens()
        before = ask("GET", "/v1/status", self.ORDERS)[1]
        for method, path, words in (("POST", "/v1/reload?expectd=0123456789abcdef",
                                     "/v1/reload takes close_streams,expected,file,identity,table"),
                                    ("POST", "/v1/reload?close_streams", "has no value"),
                                    ("POST", "/v1/reload?close_streams=", "neither true nor"),
                                    ("POST", "/v1/reload?expected=", "the digest of the table"),
                                    ("GET", "/v1/overview?history=", "neither true nor false"),
                                    ("GET", "/v1/docs?q=a&clinet=mobile",
                                     "/v1/docs takes client,q,from"),
                                    ("GET", "/v1/table?x=1", "/v1/table takes no parameters")):
            with self.subTest(path=path):
                status, body = ask(method, path, self.ORDERS)
                self.assertEqual(status, 400)
                self.assertIn(words, json.loads(body)["detail"])
        after = ask("GET", "/v1/status", self.ORDERS)[1]
        self.assertEqual(*(json.loads(text)["tables"] for text in (before, after)))
        self.assertEqual(ask("GET", "/v1/docs?q=a&&from=0", self.ORDERS)[0], 200)
        # Pages read their address themselves, and whoever reads metrics may have reasons.
        self.assertEqual([ask("GET", path, self.ORDERS)[0] for path in ("/docs?x", "/metrics?x=1")],
                         [200, 200])
        self.end(serve)

    def test_without_it_there_is_one_token(self):
        serve, _, ask = self.serve_with_tokens()
        self.assertEqual([ask("GET", "/metrics", token)[0]
                          for token in (self.READING, "", self.ORDERS)], [401, 401, 200])
        self.end(serve)

    def test_a_token_that_reads_must_be_one(self):
        (self.folder / "token").write_text(self.ORDERS, encoding="utf-8")
        (self.folder / "short").write_text("0123456789abcde\n", encoding="utf-8")
        (self.folder / "empty").write_text("\n", encoding="utf-8")
        tcp = ("--admin", "127.0.0.1:0", "--admin-token-file", "token", "--admin-read-token-file")
        for words, said in (((*tcp, "missing"), "cannot read missing: No such file"),
                            ((*tcp, "."), "cannot read .: "),
                            ((*tcp, "short"), "at least 16 characters"),
                            ((*tcp, "empty"), "at least 16 characters"),
                            ((*tcp, "token"), "gives orders, too"),
                            (("--admin", f"unix:{self.socket}", "--admin-read-token-file", "token"),
                             "needs --admin-token-file"),
                            (("--admin", "127.0.0.1:0", "--admin-read-token-file", "token"),
                             "needs --admin-token-file")):
            with self.subTest(words=words):
                refused = run.Serve(self.folder, "gateway.yaml", *words)
                self.assertEqual(refused.end(), 2)
                self.assertIn(said, refused.lines[-1])
        os.environ["GWCTL_ADMIN_READ_TOKEN_FILE"] = "short"
        self.addCleanup(os.environ.pop, "GWCTL_ADMIN_READ_TOKEN_FILE")
        refused = run.Serve(self.folder, "gateway.yaml", *tcp[:-1])
        self.assertEqual(refused.end(), 2)
        self.assertIn("at least 16 characters", refused.lines[-1])

    def test_a_takeover_leaves_no_interface_without_its_token(self):
        """The token is named by the environment alone, for both processes and the client."""
        (self.folder / "token").write_text("0123456789abcdef0123\n", encoding="utf-8")
        os.environ["GWCTL_ADMIN_TOKEN_FILE"] = str(self.folder / "token")
        self.addCleanup(os.environ.pop, "GWCTL_ADMIN_TOKEN_FILE")
        first = run.Serve(self.folder, "gateway.yaml", "--admin", "127.0.0.1:0")
        self.addCleanup(first.process.kill)
        first.await_line("admin address")
        address = [line for line in first.lines if "admin address" in line][0].split("=")[-1].strip()
        second = run.Serve(self.folder, "gateway.yaml", "--admin", address, "--takeover", address,
                           listen=f"127.0.0.1:{first.port}")
        self.addCleanup(second.process.kill)
        self.assertEqual(first.end(), 0)
        for token, expected in ((None, 401), ("0123456789abcdef0123", 200)):
            connection = http.client.HTTPConnection(*address.split(":"), timeout=run.SECONDS)
            connection.request("GET", "/v1/status",
                               headers={"Authorization": f"Bearer {token}"} if token else {})
            self.assertEqual(connection.getresponse().status, expected)
            connection.close()
        self.end(second)

    def test_the_socket_is_the_owners_alone(self):
        serve = self.serve()
        self.assertEqual(stat.S_IMODE(self.socket.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(self.socket.parent.stat().st_mode), 0o700)
        self.end(serve)
        self.assertFalse(self.socket.exists())
        os.chmod(self.socket.parent, 0o777)
        refused = self.serve()
        self.assertEqual(refused.end(), 2)
        self.assertIn("write to its directory", refused.lines[-1])

    def listen(self):
        """An open connection to /v1/events, and what has come on it so far."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(run.SECONDS)
        connection.connect(str(self.socket))
        connection.sendall(b"GET /v1/events HTTP/1.1\r\nHost: gwctl\r\n\r\n")
        self.addCleanup(connection.close)
        return connection, self.read_until(connection, b"\n\n")

    @staticmethod
    def read_until(connection, wanted):
        data = b""
        while wanted not in data:
            piece = connection.recv(65536)
            if not piece:
                raise AssertionError(f"the end came before {wanted}: {data}")
            data += piece
        return data

    def test_events_tell_what_happens(self):
        serve = self.serve()
        connection, begun = self.listen()
        self.assertIn(b"200 OK", begun)
        self.assertIn(b"text/event-stream", begun)
        self.write(2)
        self.reload("gateway.yaml", "-q")
        self.assertIn(b'"origin":"reload"', self.read_until(connection, b"event: reload\ndata: {"))
        target = f"127.0.0.1:{self.backends[0].port}"
        self.gwctl("drain", f"users/{target}")
        said = self.read_until(connection, b'"state":"drained"}\n\n').decode()
        self.assertIn(f'"target":"{target}"', said)
        self.read_until(connection, b"event: sample")
        # The room is bounded, and who leaves makes room.
        others = [self.listen()[0] for _ in range(15)]
        self.assertIn(b"503", self.listen_refused())
        others.pop().close()
        end = time.monotonic() + run.SECONDS  # an end of stream is a leaving after a second
        while b"200 OK" not in self.listen_refused():
            self.assertLess(time.monotonic(), end, "nobody gets the place of who has left")
            time.sleep(0.05)
        # It ends with the process, which it does not hold up.
        serve.process.terminate()
        self.assertEqual(serve.end(), 0)
        while connection.recv(65536):
            pass

    def listen_refused(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(run.SECONDS)
        connection.connect(str(self.socket))
        connection.sendall(b"GET /v1/events HTTP/1.1\r\nHost: gwctl\r\nConnection: close\r\n\r\n")
        data = connection.recv(65536)
        connection.close()
        return data

    def test_pages_from_elsewhere_get_nothing(self):
        serve = self.serve()
        for fields, expected in (({"Host": "gwctl"}, 200),
                                 ({"Host": "localhost:9901"}, 200),
                                 ({"Host": "127.0.0.1:9901"}, 200),
                                 ({"Host": "[::1]:9901"}, 200),
                                 ({"Host": "evil.example:9901"}, 403),
                                 ({"Host": "gwctl", "Origin": "http://evil.example"}, 403),
                                 ({"Host": "gwctl", "Origin": "null"}, 403),
                                 ({"Host": "localhost:1", "Origin": "http://localhost:2"}, 403),
                                 ({"Host": "localhost:1", "Origin": "http://localhost:1"}, 200)):
            for method, path in (("GET", "/v1/status"), ("POST", "/v1/purge")):
                with self.subTest(fields=fields, path=path):
                    connection = run.UnixConnection(self.socket)
                    body = b'{"all": "true"}' if method == "POST" else None
                    connection.request(method, path, body=body, headers=fields)
                    self.assertEqual(connection.getresponse().status, expected)
                    connection.close()
        connection = run.UnixConnection(self.socket)
        connection.request("GET", "/healthz", headers={"Host": "pod.example"})
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()
        self.end(serve)

    def test_answers_are_what_the_document_says(self):
        """Through a gateway that is compiled from specs/admin.yaml and enforces it both ways."""
        serve = self.serve()
        self.write(2)
        self.reload("gateway.yaml", "-q")
        self.gwctl("drain", f"users/127.0.0.1:{self.backends[0].port}")
        os.environ["GWCTL_ADMIN_URL"] = f"unix:{self.socket}"
        judge = run.Serve(self.folder, str(SPECS / "admin.yaml"), "--admin", "off")
        self.addCleanup(judge.process.kill)
        self.compile()
        table = (self.folder / "g.gwt").read_bytes()
        octets, js = "application/octet-stream", "application/json"
        for method, path, kind, body, expected in (
                ("GET", "/healthz", None, None, 200),
                ("GET", "/readyz", None, None, 200),
                ("GET", "/", None, None, 200),
                ("GET", "/dashboard", None, None, 200),
                ("GET", "/dashboard.css", None, None, 200),
                ("GET", "/dashboard.js", None, None, 200),
                ("GET", "/docs", None, None, 200),
                ("GET", "/docs.js", None, None, 200),
                ("GET", "/v1/overview", None, None, 200),
                ("GET", "/v1/overview?history=false", None, None, 200),
                ("GET", "/v1/docs", None, None, 200),
                ("GET", "/v1/docs?client=mobile", None, None, 200),
                ("GET", "/v1/docs?client=nobody", None, None, 404),
                ("GET", "/metrics", None, None, 200),
                ("GET", "/v1/status", None, None, 200),
                ("GET", "/v1/table", None, None, 200),
                ("POST", "/v1/reload", octets, table, 200),
                ("POST", "/v1/reload", octets, table[:200], 422),
                ("POST", "/v1/reload", None, None, 200),
                ("POST", "/v1/reload?file=/none", None, None, 404),
                ("POST", "/v1/reload?table=0123456789abcdef", None, None, 409),
                ("POST", "/v1/reload?file=/etc/passwd&identity=1:2:3:4.000000005", None, None, 409),
                ("POST", "/v1/reload?expected=0123456789abcdef", None, None, 422),
                ("POST", "/v1/reload?close_streams=true", None, None, 200),
                ("POST", "/v1/rollback", js, b"{}", 200),
                ("POST", "/v1/rollback", js, b'{"close_streams": true}', 200),
                ("POST", "/v1/rollback", js, b'{"table": "ffffffffffffffff"}', 422),
                ("POST", "/v1/drain", js, b'{"upstream": "users"}', 200),
                ("POST", "/v1/drain", js, b'{"upstream": "others"}', 404),
                ("POST", "/v1/undrain", js, b'{"upstream": "users"}', 200),
                ("POST", "/v1/undrain", js, b"{}", 404),
                ("POST", "/v1/purge", js, b'{"all": "true"}', 200),
                ("POST", "/v1/purge", js, b'{"tag": "a", "key": "b"}', 400),
                ("POST", "/v1/explain-token", js, b'{"seconds": 60}', 200),
                ("POST", "/v1/takeover", js, b'{"socket": "/nowhere"}', 409),
                ("GET", "/v1/status", None, None, 200)):
            with self.subTest(path=path, body=body and body[:40]):
                connection = http.client.HTTPConnection("127.0.0.1", judge.port,
                                                        timeout=run.SECONDS)
                connection.request(method, path, body=body,
                                   headers={"Content-Type": kind} if kind else {})
                answer = connection.getresponse()
                text = answer.read()
                connection.close()
                self.assertEqual(answer.status, expected, text[:500])
        self.end(judge)
        self.end(serve)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    run.GWCTL = str(pathlib.Path(sys.argv.pop()).resolve())
    unittest.main(verbosity=1, warnings="ignore")
