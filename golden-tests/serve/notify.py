#!/usr/bin/env python3
"""What `gwctl serve` tells a service manager: sd_notify(3), with this test as the manager.

  notify.py GWCTL
"""
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import run  # noqa: E402

DOCUMENT = """
openapi: 3.1.0
info: {{title: notify, version: '{version}'}}
x-gw: {{version: 1}}
paths:
  /: {{get: {{operationId: home, x-gw: {{public: test, respond: {{body: '{version}'}}}}, responses: {{'200': {{description: ok}}}}}}}}
"""


class Manager:
    """Listens as systemd does."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0", 1))
        self.socket.settimeout(run.SECONDS)
        self.address = address

    def hear(self):
        """The next message that is no sign of life, as a dictionary."""
        while True:
            said = self.hear_anything()
            if said != {"WATCHDOG": "1"}:
                return said

    def hear_anything(self):
        text = self.socket.recv(4096).decode()
        return dict(line.split("=", 1) for line in text.split("\n"))


class NotifyTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.manager = Manager(str(self.folder / "notify"))
        self.addCleanup(self.manager.socket.close)
        self.admin = f"unix:{self.folder}/private/admin.sock"
        self.write(1)

    def write(self, version):
        (self.folder / "gateway.yaml").write_text(DOCUMENT.format(version=version),
                                                  encoding="utf-8")

    def serve(self, *arguments, **variables):
        variables = {"NOTIFY_SOCKET": self.manager.address, **variables}
        before = dict(os.environ)
        os.environ.update(variables)
        try:
            serve = run.Serve(self.folder, "gateway.yaml", "--admin", self.admin, *arguments)
        finally:
            os.environ.clear()
            os.environ.update(before)
        self.addCleanup(serve.process.stderr.close)
        self.addCleanup(serve.reader.join, run.SECONDS)
        self.addCleanup(serve.process.kill)
        return serve

    def reload(self, *arguments):
        return subprocess.run([run.GWCTL, "reload", *arguments, "--admin", self.admin],
                              cwd=self.folder, timeout=run.SECONDS, capture_output=True,
                              check=False).returncode

    def test_it_is_ready_when_it_serves_and_says_when_it_stops(self):
        for address in (self.manager.address, f"@gwctl-notify-{os.getpid()}"):
            with self.subTest(address=address):
                manager = self.manager = Manager(address) if address[0] == "@" else self.manager
                self.addCleanup(manager.socket.close)
                serve = self.serve()
                ready = manager.hear()
                self.assertEqual(ready["READY"], "1")
                self.assertRegex(ready["STATUS"], "^serving table [0-9a-f]{16}$")
                self.assertEqual(serve.get("/"), (200, "1"))
                serve.process.terminate()
                self.assertEqual(manager.hear(), {"STOPPING": "1"})
                self.assertEqual(serve.process.wait(run.SECONDS), 0)

    def test_reloads_are_told_of_whatever_comes_of_them(self):
        serve = self.serve()
        first = self.manager.hear()["STATUS"]
        self.write(2)
        self.assertEqual(self.reload("gateway.yaml"), 0)
        begun = self.manager.hear()
        self.assertEqual(begun["RELOADING"], "1")
        self.assertGreater(int(begun["MONOTONIC_USEC"]), 0)
        second = self.manager.hear()
        self.assertEqual(second["READY"], "1")
        self.assertNotEqual(second["STATUS"], first)
        # As `Type=notify-reload` does it.
        self.write("'")
        serve.process.send_signal(signal.SIGHUP)
        self.assertEqual(self.manager.hear()["RELOADING"], "1")
        self.assertEqual(self.manager.hear(), second)
        self.write(3)
        serve.process.send_signal(signal.SIGHUP)
        self.assertEqual(self.manager.hear()["RELOADING"], "1")
        self.assertNotEqual(self.manager.hear(), second)
        self.assertEqual(serve.get("/"), (200, "3"))

    def test_the_manager_is_told_how_long_a_delayed_end_takes(self):
        serve = self.serve("--drain-delay", "1m", "--grace", "30s", WATCHDOG_USEC="20000")
        self.manager.hear()
        serve.process.terminate()
        told = self.manager.hear()
        self.assertEqual(told["STOPPING"], "1")
        self.assertGreater(int(told["EXTEND_TIMEOUT_USEC"]), 90_000_000)
        self.assertLess(int(told["EXTEND_TIMEOUT_USEC"]), 120_000_000)
        # It serves, so it is watched; and a reload does not make it ready again.
        self.assertEqual(self.manager.hear_anything(), {"WATCHDOG": "1"})
        self.write(2)
        self.assertEqual(self.reload("gateway.yaml"), 0)
        self.assertEqual(serve.get("/"), (200, "2"))
        serve.process.terminate()
        self.assertEqual(serve.process.wait(run.SECONDS), 0)
        self.manager.socket.setblocking(False)
        with self.assertRaises(BlockingIOError):
            while True:
                self.assertEqual(self.manager.hear_anything(), {"WATCHDOG": "1"})

    def test_the_watchdog_hears_until_the_end(self):
        serve = self.serve(WATCHDOG_USEC="20000")
        self.assertEqual(self.manager.hear()["READY"], "1")
        for _ in range(5):
            self.assertEqual(self.manager.hear_anything(), {"WATCHDOG": "1"})
        serve.process.terminate()
        self.assertEqual(self.manager.hear(), {"STOPPING": "1"})
        self.assertEqual(serve.process.wait(run.SECONDS), 0)

    def test_the_watchdog_of_another_process_hears_nothing(self):
        serve = self.serve(WATCHDOG_USEC="1000", WATCHDOG_PID=str(os.getpid()))
        self.assertEqual(self.manager.hear_anything()["READY"], "1")
        serve.process.terminate()
        self.assertEqual(self.manager.hear_anything(), {"STOPPING": "1"})

    def test_a_start_that_fails_is_never_ready(self):
        self.write("'")
        serve = self.serve()
        self.assertEqual(serve.process.wait(run.SECONDS), 1)
        self.manager.socket.setblocking(False)
        self.assertRaises(BlockingIOError, self.manager.hear_anything)

    def test_who_takes_over_is_the_main_process_and_the_service_goes_on(self):
        old = self.serve()
        self.assertEqual(self.manager.hear()["READY"], "1")
        new = self.serve("--takeover", self.admin, WATCHDOG_USEC="20000",
                         WATCHDOG_PID=str(old.process.pid))
        main = {"MAINPID": str(new.process.pid)}
        heard = []
        while len(heard) < 2:
            heard.append(self.manager.hear())
        self.assertIn(main, heard)  # from the old one, whom the manager believes
        ready = [said for said in heard if "READY" in said]
        self.assertEqual(len(ready), 1, heard)
        self.assertEqual(ready[0]["MAINPID"], main["MAINPID"])
        self.assertEqual(old.process.wait(run.SECONDS), 0)
        self.assertEqual(self.manager.hear_anything(), {"WATCHDOG": "1"})
        new.process.terminate()
        self.assertEqual(self.manager.hear(), {"STOPPING": "1"})  # the only one

    def test_sockets_of_the_manager_are_used(self):
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        port = listening.getsockname()[1]
        script = ('exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" serve gateway.yaml '
                  f'--listen 127.0.0.1:{port} --admin off --access-log off --workers 2')
        gateway = subprocess.Popen(
            ["sh", "-c", script, run.GWCTL], stdin=listening, cwd=self.folder,
            stderr=subprocess.PIPE, text=True,
            env={**os.environ, "NOTIFY_SOCKET": self.manager.address})
        self.addCleanup(gateway.stderr.close)
        self.addCleanup(gateway.kill)
        self.assertEqual(self.manager.hear()["READY"], "1")
        self.assertTrue(any(re.search(rf"listening.*127\.0\.0\.1:{port}", line)
                            for line in gateway.stderr))
        listening.close()
        connection = socket.create_connection(("127.0.0.1", port), run.SECONDS)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        self.assertTrue(connection.recv(100).startswith(b"HTTP/1.1 200"))
        connection.close()
        gateway.terminate()
        self.assertEqual(gateway.wait(run.SECONDS), 0)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    run.GWCTL = str(pathlib.Path(sys.argv.pop()).resolve())
    unittest.main(verbosity=1, warnings="ignore")
