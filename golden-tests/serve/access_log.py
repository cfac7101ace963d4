#!/usr/bin/env python3
"""The access log of the running gateway: rotation under load, the system's log, filters, full places.

  access_log.py GWCTL
"""
import http.client
import json
import os
import pathlib
import signal
import socket
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import admin  # noqa: E402
import run  # noqa: E402

DOCUMENT = """
openapi: 3.1.0
info: {{title: log, version: '1'}}
x-gw:
  version: 1
  public: test
  upstreams: {{users: {{targets: ['http://127.0.0.1:{port}']}}}}
  observe: {{accessLog: {log}}}
  defaults: {{upstream: users, timeout: 60s}}
security: []
paths:
  /users/{{id}}:
    get:
      operationId: getUser
      parameters: [{{name: id, in: path, required: true, schema: {{type: integer}}}}]
      responses: {{'200': {{description: ok}}}}
  /own: {{get: {{operationId: own, x-gw: {{respond: {{body: own}}}}, responses: {{'200': {{description: ok}}}}}}}}
  /teapot:
    get: {{operationId: teapot, x-gw: {{respond: {{status: 418}}}}, responses: {{'418': {{description: no}}}}}}
"""


class AccessLogTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.backend = admin.Backend()
        self.addCleanup(self.backend.stop)
        self.file = self.folder / "access.log"
        self.serve = None

    def write(self, log):
        text = DOCUMENT.format(port=self.backend.port, log=log)
        (self.folder / "gateway.yaml").write_text(text, encoding="utf-8")

    def start(self, log, access_log=None):
        self.write(log)
        self.serve = run.Serve(self.folder, "gateway.yaml", "--admin", "off", access_log=access_log)
        self.addCleanup(self.end)

    def end(self):
        """What it has said."""
        if self.serve is None:
            return []
        self.serve.process.terminate()
        self.assertEqual(self.serve.end(), 0)
        lines, self.serve = self.serve.lines, None
        return lines

    def lines(self, name):
        """Sorted: each worker has lines of its own."""
        return sorted((self.folder / name).read_text(encoding="utf-8").splitlines())

    def await_lines(self, name, count):
        """Workers hand their lines over twice a second."""
        end = time.monotonic() + run.SECONDS
        while len(self.lines(name)) < count:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def ask(self, paths):
        """One after the other on one connection; the statuses."""
        connection = http.client.HTTPConnection("127.0.0.1", self.serve.port, timeout=run.SECONDS)
        statuses = []
        for path in paths:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        connection.close()
        return statuses

    def test_what_has_the_name_of_a_secret_is_hidden_unless_it_is_revealed(self):
        secret = ("x-auth-token", "x-amz-security-token", "proxy-authorization", "x-api-key")
        shown = ("x-csrf-token", "idempotency-key")
        names = ", ".join(f"request.header.{name}" for name in secret + shown)
        self.start(f"{{fields: [query, {names}], query: keep, reveal: [X-CSRF-Token, code], "
                   "to: access.log}")
        connection = http.client.HTTPConnection("127.0.0.1", self.serve.port, timeout=run.SECONDS)
        connection.request("GET", "/users/1?access_token=s1&sig=s2&X-Amz-Signature=s3&code=DE"
                           "&next_page_token=7&k%65y=s4&q=a", headers={
                               name: f"value of {name}" for name in secret + shown})
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()
        self.end()
        line, = map(json.loads, self.lines("access.log"))
        self.assertEqual(line["query"], "access_token=*&sig=*&X-Amz-Signature=*&code=DE"
                         "&next_page_token=7&k%65y=*&q=a")
        self.assertEqual({name: line[f"request.header.{name}"]
                          for name in secret + shown},
                         {**{name: "*" for name in secret},
                          **{name: f"value of {name}" for name in shown}})

    def test_rotation_under_load_loses_and_doubles_nothing(self):
        self.start("{fields: [path, status], to: access.log}")
        threads = []
        for client in range(4):
            paths = [f"/users/{client * 10000 + i}" for i in range(500)]
            threads.append(threading.Thread(target=self.ask, args=(paths,)))
            threads[-1].start()
        rotated = []
        while any(thread.is_alive() for thread in threads):
            name = self.folder / f"access.log.{len(rotated)}"
            os.rename(self.file, name)
            rotated.append(name)
            told = sum("access_log_reopened" in line for line in self.serve.lines)
            self.serve.process.send_signal(signal.SIGUSR1)
            with self.serve.said:
                self.assertTrue(self.serve.said.wait_for(
                    lambda told=told: sum("access_log_reopened" in line
                                          for line in self.serve.lines) > told, run.SECONDS))
        for thread in threads:
            thread.join()
        self.end()
        self.assertGreaterEqual(len(rotated), 2)
        lines = [json.loads(line) for name in [*rotated, self.file]
                 for line in name.read_text(encoding="utf-8").splitlines()]
        self.assertTrue(all(line["status"] == 200 for line in lines))
        expected = sorted(f"/users/{c * 10000 + i}" for c in range(4) for i in range(500))
        self.assertEqual(sorted(line["path"] for line in lines), expected)

    def test_a_file_that_cannot_be_opened_anew_is_kept(self):
        self.start("{fields: path, to: access.log}")
        os.rename(self.file, self.folder / "old")
        self.file.mkdir()
        self.ask(["/users/1"])
        self.serve.process.send_signal(signal.SIGUSR1)
        self.serve.await_line("access_log_not_reopened")
        self.ask(["/users/2"])
        self.end()
        self.assertEqual(self.lines("old"), ['{"path":"/users/1"}', '{"path":"/users/2"}'])

    def test_a_reload_moves_the_log(self):
        self.start("{fields: path, to: one.log}")
        self.ask(["/users/1"])
        self.await_lines("one.log", 1)
        self.write("{format: '{method} {path}', to: two.log}")
        self.serve.process.send_signal(signal.SIGHUP)
        self.serve.await_line("table_changed origin=SIGHUP")
        self.ask(["/users/2"])
        self.write("{fields: path, to: no/such/folder/log}")
        self.serve.process.send_signal(signal.SIGHUP)
        self.serve.await_line("cannot write the access log no/such/folder/log")
        self.ask(["/users/3"])
        self.end()
        self.assertEqual(self.lines("one.log"), ['{"path":"/users/1"}'])
        self.assertEqual(self.lines("two.log"), ["GET /users/2", "GET /users/3"])

    def test_the_command_line_comes_first(self):
        self.start("{fields: path, to: one.log}", "two.log")
        self.ask(["/users/1"])
        self.end()
        self.assertFalse((self.folder / "one.log").exists())
        self.assertEqual((self.folder / "two.log").read_text(encoding="utf-8"),
                         '{"path":"/users/1"}\n')

    def test_filters_take_what_they_say(self):
        self.start("{fields: [operation, status], status: [4xx], to: access.log}")
        self.assertEqual(self.ask(["/users/1", "/teapot", "/own", "/users/x", "/nowhere"]),
                         [200, 418, 200, 400, 404])
        self.end()
        lines = [json.loads(line) for line in self.file.read_text(encoding="utf-8").splitlines()]
        self.assertEqual(lines, [{"operation": "teapot", "status": 418},
                                 {"operation": "getUser", "status": 400}, {"status": 404}])

    def test_what_happened_is_told(self):
        self.start("{to: access.log}")
        self.ask(["/users/1?token=s3cret", "/users/x"])
        self.end()
        good, bad = [json.loads(line)
                     for line in self.file.read_text(encoding="utf-8").splitlines()]
        self.assertEqual(good["source"], "gateway.yaml:13")
        self.assertEqual(good["query"], "token=*")
        self.assertEqual(good["tries"][0]["target"], f"127.0.0.1:{self.backend.port}")
        phases = good["phases"]
        self.assertLessEqual(phases["asked_us"], phases["head_us"])
        self.assertLessEqual(phases["head_us"], phases["end_us"])
        self.assertRegex(good["table"], "^[0-9a-f]{16}$")
        self.assertEqual(bad["policy"], "validate")
        self.assertNotIn("upstream", bad)

    def test_the_systems_log(self):
        log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(log.close)
        log.bind(str(self.folder / "log.sock"))
        log.settimeout(run.SECONDS)
        self.start(f"{{format: '{{method}} {{path}}', to: 'syslog:unix:{self.folder}/log.sock'}}")
        self.ask(["/users/1", "/users/2"])
        said = [log.recv(65536).decode() for _ in range(2)]
        for line in said:
            self.assertRegex(line, r"^<30>\w{3} [ \d]\d \d\d:\d\d:\d\d gwctl\[\d+\]: GET /users/[12]$")
        self.assertEqual({line[-1] for line in said}, {"1", "2"})

    def test_a_full_disk_delays_nobody_and_is_told_once(self):
        self.start("{to: /dev/full}")
        for _ in range(20):
            self.assertEqual(self.ask(["/own"] * 100), [200] * 100)
        self.serve.await_line("access_log_loses_lines to=/dev/full")
        told = [line for line in self.end() if "access_log_loses_lines" in line]
        self.assertEqual(len(told), 1)

    def test_a_pipe_that_nobody_reads_delays_nobody(self):
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        self.start("{to: fifo}")
        # Far more than a pipe holds.
        for _ in range(20):
            self.assertEqual(self.ask(["/own?" + "a" * 60 + "=1"] * 100), [200] * 100)
        told = [line for line in self.end() if "access_log_loses_lines" in line]
        self.assertEqual(len(told), 1)

    def test_a_terminal_gets_whole_lines(self):
        """Which takes 4 KiB at a time, and less when it is slow."""
        reads, writes = os.openpty()
        self.write("{to: '-'}")
        self.serve = run.Serve(self.folder, "gateway.yaml", "--admin", "off", access_log=None,
                               stdout=writes)
        os.close(writes)
        got = []

        def read():
            try:
                while piece := os.read(reads, 1 << 16):
                    got.append(piece)
            except OSError:  # nobody has the other end any more
                pass
        reader = threading.Thread(target=read)
        reader.start()
        for _ in range(5):
            self.assertEqual(self.ask(["/own", "/teapot"] * 50), [200, 418] * 50)
        self.end()
        reader.join(run.SECONDS)
        os.close(reads)
        lines = [json.loads(line) for line in b"".join(got).splitlines()]
        self.assertEqual([line["status"] for line in lines].count(200), 250)
        self.assertEqual([line["status"] for line in lines].count(418), 250)
        self.assertEqual(len(lines), 500)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    run.GWCTL = str(pathlib.Path(sys.argv.pop()).resolve())
    unittest.main(verbosity=1, warnings="ignore")
