#!/usr/bin/env python3
"""How `gwctl serve` starts, ends and is told to: signals, draining, what keeps it from starting.

  run.py GWCTL

Backends are scripted and wait for events, not for time.
"""
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

SECONDS = 20
GWCTL = None

DOCUMENT = """
openapi: 3.1.0
info: {{title: serve, version: '{version}'}}
x-gw:
  version: 1
  upstreams: {{slow: {{targets: ['http://127.0.0.1:{port}']}}}}
  defaults: {{timeout: {{connect: 3s, try: 60s, total: 60s, idle: 60s}}}}
paths:
  /slow: {{get: {{operationId: slow, x-gw: {{public: test, upstream: slow}}, responses: {{'200': {{description: ok}}}}}}}}
  /version: {{get: {{operationId: version, x-gw: {{public: test, respond: {{body: '{version}'}}}}, responses: {{'200': {{description: ok}}}}}}}}
"""


class SlowBackend:
    """Takes requests and answers when it is let."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.asked, self.go, self.gone = threading.Event(), threading.Event(), threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return
        connection.recv(65536)
        self.asked.set()
        self.go.wait(SECONDS)
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
            connection.recv(1)
        except OSError:
            pass
        self.gone.set()
        connection.close()

    def stop(self):
        self.go.set()
        self.listener.close()


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=SECONDS)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(SECONDS)
        self.sock.connect(str(self.path))


class Serve:
    def __init__(self, folder, *arguments, listen="127.0.0.1:0", await_port=True, access_log="off",
                 stdout=None):
        """`access_log` None: where the document says."""
        listening = ["--listen", listen] if listen else []
        logging = ["--access-log", access_log] if access_log else []
        self.process = subprocess.Popen(
            [GWCTL, "serve", *arguments, *listening, "--workers", "2", *logging],
            stdout=stdout, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=folder, text=True)
        self.port, self.lines, self.said = None, [], threading.Condition()
        for line in self.process.stderr if await_port else ():
            self.lines.append(line)
            if found := re.search(r"listening.*address\W+127\.0\.0\.1:(\d+)", line):
                self.port = int(found.group(1))
                break
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stderr:
            with self.said:
                self.lines.append(line)
                self.said.notify_all()

    def await_line(self, text):
        with self.said:
            if not self.said.wait_for(lambda: any(text in line for line in self.lines), SECONDS):
                raise AssertionError(f"no line with {text}: {self.lines}")

    def end(self):
        """Exit status, once it has ended."""
        status = self.process.wait(SECONDS)
        self.reader.join(SECONDS)
        self.process.stderr.close()
        return status

    def await_no_listener(self):
        """Until no new connection is taken."""
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), SECONDS).close()
            except ConnectionRefusedError:
                return
            except ConnectionResetError:  # as the listener went away
                continue

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


class ServeTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.backend = SlowBackend()
        self.addCleanup(self.backend.stop)
        self.write(1)

    def write(self, version, name="gateway.yaml"):
        text = DOCUMENT.format(version=version, port=self.backend.port)
        (self.folder / name).write_text(text, encoding="utf-8")

    def ask_in_background(self, serve):
        outcome = []
        def ask():
            try:
                outcome.append(serve.get("/slow"))
            except (OSError, http.client.HTTPException) as problem:
                outcome.append(problem)
        thread = threading.Thread(target=ask)
        thread.start()
        self.assertTrue(self.backend.asked.wait(SECONDS))
        return thread, outcome

    def test_the_first_signal_lets_requests_finish(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number):
                serve = Serve(self.folder, "gateway.yaml", "--grace", "60s")
                thread, outcome = self.ask_in_background(serve)
                serve.process.send_signal(number)
                serve.await_no_listener()
                self.assertIsNone(serve.process.poll())
                self.backend.go.set()
                thread.join(SECONDS)
                self.assertEqual(outcome, [(200, "done")])
                self.assertEqual(serve.end(), 0)
                self.backend.stop()
                self.backend = SlowBackend()
                self.write(1)

    def test_the_second_signal_cuts_off(self):
        serve = Serve(self.folder, "gateway.yaml", "--grace", "60s")
        thread, outcome = self.ask_in_background(serve)
        serve.process.send_signal(signal.SIGTERM)
        # Two of the same kind at once are one to the kernel: wait until the first has been heard.
        serve.await_no_listener()
        serve.process.send_signal(signal.SIGTERM)
        self.assertEqual(serve.end(), 0)
        thread.join(SECONDS)
        self.assertIsInstance(outcome[0], Exception)

    def probed(self):
        """The document with a probe of its listener."""
        text = (self.folder / "gateway.yaml").read_text(encoding="utf-8")
        listener = "  listeners: [{address: '127.0.0.1:0', health: {live: /healthz, ready: /readyz}}]\n"
        (self.folder / "probed.yaml").write_text(
            text.replace("  version: 1\n", "  version: 1\n" + listener), encoding="utf-8")
        return "probed.yaml"

    def leaving(self, *arguments, order=None):
        """A gateway that has been told to end, and goes on for as long as it is to."""
        admin = f"unix:{self.folder}/admin.sock"
        serve = Serve(self.folder, self.probed(), "--admin", admin, "--grace", "60s", *arguments,
                      listen=None)
        self.addCleanup(serve.process.kill)
        self.assertEqual(serve.get("/readyz"), (200, "ready\n"))
        if order is None:
            serve.process.terminate()
        else:
            order(admin)
        serve.await_line("leaving")
        return serve

    def drain(self, admin):
        subprocess.run([GWCTL, "drain", "--admin", admin], check=True, timeout=SECONDS,
                       capture_output=True)

    def admin_says(self, path):
        connection = UnixConnection(self.folder / "admin.sock")
        connection.request("GET", path)
        answer = connection.getresponse()
        said = answer.status, answer.read().decode()
        connection.close()
        return said

    def await_not_ready(self, serve):
        """Until every worker says so; each has connections of its own."""
        in_a_row = 0
        while in_a_row < 50:
            said = serve.get("/readyz")
            self.assertIn(said, ((200, "ready\n"), (503, "draining\n")))
            in_a_row = in_a_row + 1 if said[0] == 503 else 0

    def test_it_is_not_ready_for_a_while_before_it_drains(self):
        for order in (None, self.drain):
            with self.subTest(order=order):
                serve = self.leaving("--drain-delay", "1h", order=order)
                self.assertEqual(self.admin_says("/readyz"), (503, "draining\n"))
                self.assertFalse(json.loads(self.admin_says("/v1/status")[1])["ready"])
                self.await_not_ready(serve)
                self.assertEqual(serve.get("/healthz"), (200, "ok\n"))
                # New connections, and requests on one that stays open, are served as before.
                kept = http.client.HTTPConnection("127.0.0.1", serve.port, timeout=SECONDS)
                for _ in range(3):
                    self.assertEqual(serve.get("/version"), (200, "1"))
                    kept.request("GET", "/version")
                    answer = kept.getresponse()
                    self.assertEqual((answer.status, answer.read()), (200, b"1"))
                    self.assertIsNone(answer.headers["connection"])
                self.assertIsNone(serve.process.poll())
                # A second signal, or order, begins to drain.
                serve.process.terminate() if order is None else order(
                    f"unix:{self.folder}/admin.sock")
                serve.await_no_listener()
                kept.request("GET", "/version")
                answer = kept.getresponse()
                self.assertEqual((answer.status, answer.read()), (200, b"1"))
                self.assertEqual(answer.headers["connection"], "close")
                kept.close()
                self.assertEqual(serve.end(), 0)

    def test_requests_finish_after_the_delay_and_a_third_signal_cuts_off(self):
        serve = self.leaving("--drain-delay", "10ms")  # nobody hurries it
        serve.await_no_listener()
        self.assertEqual(serve.end(), 0)
        serve = self.leaving("--drain-delay", "1h")
        thread, outcome = self.ask_in_background(serve)
        serve.process.terminate()
        serve.await_no_listener()
        self.assertIsNone(serve.process.poll())
        serve.process.terminate()
        self.assertEqual(serve.end(), 0)
        thread.join(SECONDS)
        self.assertIsInstance(outcome[0], Exception)

    def test_the_delay_may_come_from_the_environment(self):
        os.environ["GWCTL_DRAIN_DELAY"] = "1h"
        self.addCleanup(os.environ.pop, "GWCTL_DRAIN_DELAY")
        serve = self.leaving()
        self.assertEqual(serve.get("/version"), (200, "1"))
        serve.process.terminate()
        self.assertEqual(serve.end(), 0)
        # The command line comes first; 0s is what it was without.
        serve = Serve(self.folder, "gateway.yaml", "--drain-delay", "0s")
        serve.process.terminate()
        self.assertEqual(serve.end(), 0)
        self.assertEqual([line for line in serve.lines if "leaving" in line], [])
        os.environ["GWCTL_DRAIN_DELAY"] = "soon"
        for arguments in ((), ("--drain-delay", "2h")):
            refused = Serve(self.folder, "gateway.yaml", *arguments)
            self.assertEqual(refused.end(), 2)
            self.assertIn("is not a duration up to 1h", refused.lines[-1])

    def test_the_grace_ends(self):
        serve = Serve(self.folder, "gateway.yaml", "--grace", "100ms")
        thread, outcome = self.ask_in_background(serve)
        serve.process.send_signal(signal.SIGTERM)
        self.assertEqual(serve.end(), 0)
        thread.join(SECONDS)
        self.assertIsInstance(outcome[0], Exception)

    def test_what_keeps_it_from_starting_is_one_line_and_status_2(self):
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        text = (self.folder / "gateway.yaml").read_text(encoding="utf-8")
        (self.folder / "unresolved.yaml").write_text(
            text.replace(f"http://127.0.0.1:{self.backend.port}", "{$env.GWCTL_TEST_NO_SUCH}"),
            encoding="utf-8")
        subprocess.run([GWCTL, "compile", "-q", "gateway.yaml", "-o", "g.gwt"], check=True,
                       cwd=self.folder)
        table = bytearray((self.folder / "g.gwt").read_bytes())
        table[len(table) // 2] ^= 1
        (self.folder / "damaged.gwt").write_bytes(table)
        (self.folder / "short.gwt").write_bytes(table[:100])
        for arguments, said in (
                (("gateway.yaml",), "cannot listen on " + address),
                (("nothing.yaml",), "cannot read nothing.yaml"),
                (("damaged.gwt",), "damaged.gwt"),
                (("short.gwt",), "short.gwt"),
                (("unresolved.yaml",), "GWCTL_TEST_NO_SUCH")):
            with self.subTest(arguments=arguments):
                serve = Serve(self.folder, "-q", *arguments, listen=address)
                self.assertEqual(serve.end(), 2)
                self.assertEqual(len(serve.lines), 1, serve.lines)
                self.assertIn(said, serve.lines[0])

    def test_what_it_says_can_be_json_and_names_what_is_not_enforced(self):
        text = (self.folder / "gateway.yaml").read_text(encoding="utf-8")
        (self.folder / "secured.yaml").write_text(
            text + "security: [{key: []}]\ncomponents: {securitySchemes: "
            "{key: {type: apiKey, in: header, name: X-Key}}}\n", encoding="utf-8")
        serve = Serve(self.folder, "secured.yaml", "--unenforced", "security", "--log-format",
                      "json")
        warnings = [line for line in serve.lines if not line.startswith("{")]
        self.assertEqual(warnings, ["gwctl: warning: 2 of 2 operations ask for authentication that "
                                    "is NOT enforced\n"])
        events = {event["event"]: event for event in
                  (json.loads(line) for line in serve.lines if line.startswith("{"))}
        self.assertEqual(events["listening"]["level"], "info")
        self.assertEqual(events["listening"]["workers"], 2)
        serve.process.terminate()
        self.assertEqual(serve.end(), 0)

    def test_descriptors_are_raised_as_far_as_they_may_be(self):
        import resource
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        for soft, hard, said in ((256, 5000, "info"), (256, 512, "warning")):
            with self.subTest(hard=hard):
                limited = subprocess.Popen(
                    [GWCTL, "serve", "gateway.yaml", "--listen", "127.0.0.1:0", "--log-format",
                     "json", "--access-log", "off"], stderr=subprocess.PIPE, cwd=self.folder,
                    text=True, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE,
                                                                     (soft, min(hard, before[1]))))
                for line in limited.stderr:
                    if "descriptor_limit" in line:
                        event = json.loads(line)
                        self.assertEqual((event["level"], event["before"], event["now"]),
                                         (said, soft, hard))
                        break
                else:
                    self.fail("nothing is said of descriptors")
                used = pathlib.Path(f"/proc/{limited.pid}/limits").read_text()
                self.assertRegex(used, rf"Max open files +{hard} +{hard}")
                limited.terminate()
                self.assertEqual(limited.wait(SECONDS), 0)
                limited.stderr.close()

    def test_a_restart_serves_what_was_accepted_last(self):
        state = str(self.folder / "state")
        serve = Serve(self.folder, "gateway.yaml", "--state", state)
        self.assertEqual(serve.get("/version"), (200, "1"))
        serve.process.terminate()
        self.assertEqual(serve.end(), 0)
        self.write(2)
        serve = Serve(self.folder, "gateway.yaml", "--state", state)
        self.assertEqual(serve.get("/version"), (200, "1"))
        serve.process.terminate()
        self.assertEqual(serve.end(), 0)
        self.assertTrue(any("state_differs" in line for line in serve.lines))
        serve = Serve(self.folder, "gateway.yaml", "--state", state, "--fresh")
        self.assertEqual(serve.get("/version"), (200, "2"))
        serve.process.kill()
        self.assertEqual(serve.end(), -signal.SIGKILL)
        serve = Serve(self.folder, "gateway.yaml", "--state", state)
        self.assertEqual(serve.get("/version"), (200, "2"))
        serve.process.terminate()
        self.assertEqual(serve.end(), 0)

    def test_where_it_listens_when_nobody_says(self):
        os.environ["GWCTL_DEFAULT_LISTEN"] = "127.0.0.1:0"
        self.addCleanup(os.environ.pop, "GWCTL_DEFAULT_LISTEN")
        serve = Serve(self.folder, "gateway.yaml", "--admin", f"unix:{self.folder}/admin.sock",
                      listen=None)
        self.assertEqual(serve.get("/version"), (200, "1"))
        # It is the same listener in the next table.
        self.write(2)
        subprocess.run([GWCTL, "reload", "gateway.yaml", "--admin", f"unix:{self.folder}/admin.sock"],
                       cwd=self.folder, check=True, timeout=SECONDS, capture_output=True)
        self.assertEqual(serve.get("/version"), (200, "2"))
        serve.process.terminate()
        self.assertEqual(serve.end(), 0)
        # The document's listeners, and --listen, come before it; the option before the variable.
        os.environ["GWCTL_DEFAULT_LISTEN"] = "nowhere"
        for words in ((self.probed(),), ("gateway.yaml", "--listen", "127.0.0.1:0"),
                      ("gateway.yaml", "--default-listen", "127.0.0.1:0")):
            serve = Serve(self.folder, *words, listen=None)
            self.assertEqual(serve.get("/version"), (200, "2"))
            serve.process.terminate()
            self.assertEqual(serve.end(), 0)
        refused = Serve(self.folder, "gateway.yaml", listen=None)
        self.assertEqual(refused.end(), 2)
        self.assertIn("cannot listen on nowhere", refused.lines[-1])

    def test_certificates_are_taken_over_while_it_serves(self):
        def make(name):
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                 "-nodes", "-days", "1", "-subj", f"/CN={name}", "-keyout",
                 self.folder / f"{name}.key", "-out", self.folder / f"{name}.crt"],
                check=True, capture_output=True)
        def install(name):
            for kind in ("key", "crt"):
                os.replace(self.folder / f"{name}.{kind}", self.folder / f"server.{kind}")
        def shown():
            import ssl
            pem = ssl.get_server_certificate(("127.0.0.1", serve.port), timeout=SECONDS)
            return subprocess.run(["openssl", "x509", "-noout", "-subject"], input=pem, text=True,
                                  check=True, capture_output=True).stdout.strip()
        make("first")
        install("first")
        text = (self.folder / "gateway.yaml").read_text(encoding="utf-8")
        listener = ("  listeners: [{address: '127.0.0.1:0', tls: {cert: '$file.%s/server.crt', "
                    "key: '$file.%s/server.key'}}]\n" % (self.folder, self.folder))
        (self.folder / "tls.yaml").write_text(
            text.replace("  version: 1\n", "  version: 1\n" + listener), encoding="utf-8")
        serve = Serve(self.folder, "tls.yaml", listen=None)
        self.assertTrue(shown().endswith("first"))
        make("second")
        install("second")
        serve.await_line("certificates_changed")
        self.assertTrue(shown().endswith("second"))
        (self.folder / "server.key").write_text("nothing", encoding="utf-8")
        serve.await_line("certificates_unusable")
        self.assertTrue(shown().endswith("second"))
        serve.process.terminate()
        self.assertEqual(serve.end(), 0)
        make("third")
        install("third")
        plain = Serve(self.folder, "tls.yaml")
        self.assertIn("tls_not_used", "".join(plain.lines))
        self.assertEqual(plain.get("/version"), (200, "1"))
        plain.process.terminate()
        self.assertEqual(plain.end(), 0)

    def test_a_listener_answers_its_probes(self):
        """Before anything else, without a line in the log, and as a reload says; 503 while it drains."""
        text = (self.folder / "gateway.yaml").read_text(encoding="utf-8")

        def write(live):
            listener = ("  listeners: [{address: '127.0.0.1:0', "
                        "health: {live: %s, ready: /readyz}}]\n" % live)
            (self.folder / "probed.yaml").write_text(
                text.replace("  version: 1\n", "  version: 1\n" + listener), encoding="utf-8")
        write("/healthz")
        log = self.folder / "access.log"
        serve = Serve(self.folder, "probed.yaml", "--admin", f"unix:{self.folder}/admin.sock",
                      listen=None, access_log=str(log))
        self.assertEqual(serve.get("/healthz"), (200, "ok\n"))
        self.assertEqual(serve.get("/readyz"), (200, "ready\n"))
        self.assertEqual(serve.get("/version")[0], 200)
        if shutil.which("curl"):
            told = subprocess.run(
                ["curl", "-s", "--http2-prior-knowledge", "-w", "%{http_version}",
                 f"http://127.0.0.1:{serve.port}/readyz"],
                capture_output=True, text=True, timeout=SECONDS, check=True).stdout
            self.assertEqual(told, "ready\n2")
        write("/live")
        subprocess.run([GWCTL, "reload", "probed.yaml", "--admin", f"unix:{self.folder}/admin.sock"],
                       cwd=self.folder, check=True, timeout=SECONDS, capture_output=True)
        self.assertEqual(serve.get("/live"), (200, "ok\n"))
        self.assertEqual(serve.get("/healthz")[0], 404)
        # A connection that is there when the gateway begins to drain is still answered.
        kept = socket.create_connection(("127.0.0.1", serve.port), SECONDS)
        kept.sendall(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n")
        while not (said := kept.recv(65536)).endswith(b"ready\n"):
            self.assertTrue(said)
        serve.process.terminate()
        serve.await_no_listener()
        kept.sendall(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = b""
        while piece := kept.recv(65536):
            answer += piece
        kept.close()
        self.assertTrue(answer.startswith(b"HTTP/1.1 503 "), answer)
        self.assertTrue(answer.endswith(b"draining\n"), answer)
        self.assertEqual(serve.end(), 0)
        lines = log.read_text(encoding="utf-8")
        self.assertIn('"path":"/version"', lines)
        self.assertEqual([line for line in lines.splitlines() if "readyz" in line or "/live" in line], [])
        replaced = Serve(self.folder, "probed.yaml")  # by --listen
        self.assertIn("probes_not_used", "".join(replaced.lines))
        self.assertNotEqual(replaced.get("/readyz")[0], 200)
        replaced.process.terminate()
        self.assertEqual(replaced.end(), 0)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    GWCTL = str(pathlib.Path(sys.argv.pop()).resolve())
    unittest.main(verbosity=1, warnings="ignore")
