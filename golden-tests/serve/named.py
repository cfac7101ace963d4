#!/usr/bin/env python3
"""A table that a running gateway reads itself, by the name of its file: the order, and the verb that
names or sends.

  named.py GWCTL
"""
import http.client
import http.server
import json
import os
import pathlib
import re
import select
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import run  # noqa: E402

DOCUMENT = """
openapi: 3.1.0
info: {{title: named, version: '{version}'}}
paths:
  /version:
    get:
      operationId: version
      x-gw: {{public: test, respond: {{body: '{version}'}}}}
      responses: {{'200': {{description: ok}}}}
"""


def identity(path):
    """As `stat -c %d:%i:%s:%.9Z` writes it."""
    seen = os.stat(path)
    return (f"{seen.st_dev}:{seen.st_ino}:{seen.st_size}:"
            f"{seen.st_ctime_ns // 10**9}.{seen.st_ctime_ns % 10**9:09}")


class Folder(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.socket = self.folder / "admin.sock"
        self.compile(1)

    def compile(self, version, name="g.gwt", *arguments):
        """The path of a table that answers by `version`, and its hash."""
        (self.folder / "gateway.yaml").write_text(DOCUMENT.format(version=version),
                                                  encoding="utf-8")
        subprocess.run([run.GWCTL, "compile", "-q", "gateway.yaml", "-o", name, *arguments],
                       check=True, cwd=self.folder, capture_output=True)
        table = (self.folder / name).read_bytes()  # ends with its hash, if nobody has signed it
        return self.folder / name, f"{int.from_bytes(table[-8:], 'little'):016x}"

    def gwctl(self, *arguments, **named):
        return subprocess.run([run.GWCTL, *arguments, "--admin", f"unix:{self.socket}"],
                              cwd=self.folder, capture_output=True, text=True, check=False,
                              timeout=run.SECONDS, **named)


class NamedTableTest(Folder):
    """The gateway."""

    def serve(self, *arguments):
        serve = run.Serve(self.folder, "g.gwt", "--admin", f"unix:{self.socket}", "--state", "state",
                          *arguments)
        self.addCleanup(serve.process.kill)
        serve.await_line("admin address")
        return serve

    def order(self, query, body=None):
        connection = run.UnixConnection(self.socket)
        connection.request("POST", f"/v1/reload?{query}", body=body)
        answer = connection.getresponse()
        said = json.loads(answer.read())
        connection.close()
        return answer.status, said

    def version(self, serve):
        with urllib.request.urlopen(f"http://127.0.0.1:{serve.port}/version",
                                    timeout=run.SECONDS) as answer:
            return answer.read().decode()

    def await_state(self, reached):
        until = time.monotonic() + run.SECONDS
        while not reached():
            self.assertLess(time.monotonic(), until)

    def changes(self):
        return json.loads(self.gwctl("status", "--json").stdout)["reloads"]

    def end(self, serve):
        serve.process.terminate()
        self.assertEqual(serve.end(), 0)

    def test_it_is_read_and_copied(self):
        serve = self.serve()
        path, digest = self.compile(2, "with blank & more+%.gwt")
        file = urllib.parse.quote(str(path), safe="")
        status, report = self.order(f"file={file}")
        self.assertEqual((status, report["accepted"], report["after"]), (200, True, digest))
        self.assertEqual(self.version(serve), "2")
        path.write_bytes(b"\0" * path.stat().st_size)
        self.assertEqual(self.version(serve), "2")
        status, report = self.order(f"file={file}")
        self.assertEqual((status, report["accepted"]), (422, False))
        self.compile(2, path.name)
        self.assertEqual(
            self.order(f"file={file}&table={digest}&identity={identity(path)}")[0], 200)
        self.end(serve)

    def test_what_is_no_file_or_another_one_is_no_reload(self):
        serve = self.serve()
        path, digest = self.compile(2)
        table, file, at = path.read_bytes(), f"file={path}", f"file={self.folder}"
        self.assertEqual(self.order(file)[0], 200)
        before = self.changes()
        seen = identity(path)
        # The same bytes in another file, and the same file after a change of its times.
        (self.folder / "copy").write_bytes(table)
        other = identity(self.folder / "copy")
        os.mkfifo(self.folder / "pipe")
        (self.folder / "empty").touch()
        with open(self.folder / "large", "wb") as large:
            large.truncate((1 << 30) + 1)
        for query, body, expected, words in (
                (f"{file}&table=0123456789abcdef", None, 409, digest),
                (f"{file}&table=", None, 409, digest),
                ("table=0123456789abcdef", table, 409, digest),
                ("table=0000000000000000", None, 409, "none has come"),
                (f"{file}&identity={other}", None, 409, "another file"),
                (f"{file}&identity={seen}0", None, 409, "another file"),
                (f"{at}/copy&identity={seen}", None, 409, "another file"),
                (file, table, 400, "send one of them"),
                (file, iter([table]), 400, "send one of them"),
                ("file=g.gwt", None, 400, "absolute path"),
                (f"{file}%00x", None, 400, "absolute path"),
                (f"{file}&{file}", None, 400, "twice"),
                (f"{at}/none", None, 404, "open: No such file or directory"),
                (at, None, 404, "Is a directory"),
                (f"{at}/pipe", None, 404, "not a regular file"),
                (f"{at}/empty", None, 404, "the file is empty"),
                (f"{at}/large", None, 404, "the file is too large"),
                ("file=/dev/zero", None, 404, "not a regular file"),
                ("file=/proc/version", None, 404, "the file is empty")):
            with self.subTest(query=query):
                status, said = self.order(query, body)
                self.assertEqual((status, said["status"]), (expected, expected))
                self.assertIn(words, said["detail"])
        os.utime(path)
        self.assertEqual(self.order(f"{file}&identity={seen}")[0], 409)
        self.assertEqual(self.changes(), before)
        self.end(serve)

    def test_a_signature_is_read_with_it(self):
        def gwctl(*arguments):
            subprocess.run([run.GWCTL, *arguments], check=True, cwd=self.folder,
                           capture_output=True)
        gwctl("key", "sign", "-q", "-o", "key")
        signs = ("--sign", "key.pem", "--counter")
        self.compile(1, "g.gwt", *signs, "5")
        serve = self.serve("--trust", "key.pub.pem")
        path, _ = self.compile(2, "new.gwt", *signs, "6")
        self.assertEqual(self.order(f"file={path}")[0], 200)
        self.assertEqual(self.version(serve), "2")
        for more in ((), (*signs, "4")):
            path, _ = self.compile(3, "new.gwt", *more)
            self.assertEqual(self.order(f"file={path}")[0], 422)
        self.assertEqual(self.version(serve), "2")
        self.end(serve)

    def test_a_file_that_changes_while_it_is_read_is_another_one(self):
        serve = self.serve()
        path = self.folder / "large"
        with open(path, "wb") as large:
            large.truncate(1 << 30)
        missed = 0
        for _ in range(10):
            connection = run.UnixConnection(self.socket)
            connection.request("POST", f"/v1/reload?file={path}&identity={identity(path)}")
            while not select.select([connection.sock], [], [], 0.01)[0]:
                os.utime(path)
            answer = connection.getresponse()
            said = json.loads(answer.read())
            connection.close()
            self.assertIn(answer.status, (409, 422))
            if answer.status == 409:
                self.assertIn("another file", said["detail"])
                break
            missed += 1  # it was read before anybody changed it, on a busy machine
        self.assertLess(missed, 10)
        self.assertEqual(len(self.changes()), 1 + missed)
        self.end(serve)

    def test_a_kept_copy_that_is_damaged_is_written_anew(self):
        serve = self.serve()
        path, digest = self.compile(2, "new.gwt")
        file = f"file={path}"
        self.assertEqual(self.order(file)[0], 200)
        kept = self.folder / "state" / "tables" / f"{digest}.gwt"
        table = path.read_bytes()
        for damaged in (table[:-1], table[:100] + b"x" + table[101:], b""):
            kept.unlink()
            kept.write_bytes(damaged)
            self.assertEqual(self.order(file)[0], 200)
            self.assertEqual(kept.read_bytes(), table)
        before = kept.stat().st_ino
        self.assertEqual(self.order(file)[0], 200)
        self.assertEqual(kept.stat().st_ino, before)
        self.end(serve)

    def test_nobody_names_files_over_tcp(self):
        (self.folder / "token").write_text("0123456789abcdef0123\n", encoding="utf-8")
        serve = run.Serve(self.folder, "g.gwt", "--admin", "127.0.0.1:0", "--admin-token-file",
                          "token")
        self.addCleanup(serve.process.kill)
        serve.await_line("admin address")
        line = [line for line in serve.lines if "admin address" in line][0]
        address = re.search(r"127\.0\.0\.1:\d+", line)[0]
        connection = http.client.HTTPConnection(address, timeout=run.SECONDS)
        for file in (self.folder / "g.gwt", self.folder / "none"):
            connection.request("POST", f"/v1/reload?file={file}",
                               headers={"Authorization": "Bearer 0123456789abcdef0123"})
            answer = connection.getresponse()
            self.assertIn(b"Unix socket", answer.read())
            self.assertEqual(answer.status, 403)
        # Pages take any parameter.
        connection.request("GET", "/docs?file=x")
        answer = connection.getresponse()
        answer.read()
        self.assertEqual(answer.status, 200)
        connection.close()
        # The verb sends.
        done = subprocess.run([run.GWCTL, "reload", "g.gwt", "--admin", address,
                               "--admin-token-file", "token"], cwd=self.folder, timeout=run.SECONDS,
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.end(serve)


class ScriptedGateway(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Answers orders one after the other, and knows what they were."""
    daemon_threads = True

    def __init__(self, path, answers):
        super().__init__(str(path), ScriptedAnswers)
        self.answers, self.orders = list(answers), []
        self.thread = threading.Thread(target=self.serve_forever)
        self.thread.start()

    def stop(self):
        self.shutdown()
        self.thread.join(run.SECONDS)
        self.server_close()


class ScriptedAnswers(http.server.BaseHTTPRequestHandler):
    def address_string(self):
        return "unix"

    def log_message(self, *_):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(200, {"tables": [{"current": False, "digest": "0" * 16, "alive": False,
                                      "drain_us": 1}]})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        self.server.orders.append((query, body))
        self.answer(*self.server.answers.pop(0))


def report(after, accepted=True, problems=()):
    cost = dict.fromkeys(("take", "map", "verify", "resolve", "warm", "swap"), 1)
    return (200 if accepted else 422,
            {"accepted": accepted, "before": "0" * 16, "after": after, "problems": list(problems),
             "cost_us": cost, "state": {}, "unhealthy": [], "closed_streams": 0})


def problem(status):
    return status, {"title": "No", "status": status, "detail": f"it is {status}"}


class ReloadVerbTest(Folder):
    """`gwctl reload`, before gateways that see the file, and that do not."""

    def run_verb(self, answers, *arguments, **named):
        """What the verb has done, and its orders."""
        self.socket.unlink(missing_ok=True)
        gateway = ScriptedGateway(self.socket, answers)
        try:
            done = self.gwctl("reload", *(arguments or ("g.gwt",)), **named)
        finally:
            gateway.stop()
        self.assertEqual(gateway.answers, [])
        return done, gateway.orders

    def test_a_table_is_named_as_it_was_seen(self):
        path, digest = self.compile(1, "a name with ü.gwt")
        done, orders = self.run_verb([report(digest)], path.name, "--expect-current", "0" * 16,
                                     "--close-streams")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(orders, [({"close_streams": ["true"], "expected": ["0" * 16],
                                    "table": [digest], "identity": [identity(path)],
                                    "file": [str(path)]}, b"")])

    def test_where_it_is_not_seen_it_is_sent(self):
        path, digest = self.compile(1)
        # The last two are older gateways: one refuses what it does not know, one does not look.
        for first in (problem(404), problem(409), problem(414), problem(503), problem(400),
                      report("1" * 16)):
            with self.subTest(first=first):
                done, orders = self.run_verb([first, report(digest)])
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn(digest, done.stdout)
                self.assertIn("file", orders[0][0])
                self.assertEqual(orders[1:], [({"close_streams": ["false"]}, path.read_bytes())])

    def test_a_refusal_is_a_refusal(self):
        _, digest = self.compile(1)
        for first, words in ((problem(401), "it is 401"), (problem(403), "it is 403"),
                             (report(digest, False, ["it does not fit"]), "it does not fit")):
            with self.subTest(first=first):
                done, orders = self.run_verb([first])
                self.assertEqual((done.returncode, len(orders)), (2, 1))
                self.assertIn(words, done.stderr)

    def test_what_is_no_file_is_sent(self):
        path, digest = self.compile(1)
        with open(path, "rb") as table:
            done, orders = self.run_verb([problem(409), report(digest)], "/dev/fd/0", stdin=table)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(orders[1][1], path.read_bytes())
        done, orders = self.run_verb([report(digest)], "gateway.yaml", "-q")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(orders, [({"close_streams": ["false"]}, path.read_bytes())])
        done, orders = self.run_verb([report(digest)], "--close-streams", "--json")
        self.assertEqual(orders[0][0]["close_streams"], ["true"])

    def test_nobody_there_is_told_once(self):
        done = self.gwctl("reload", "g.gwt")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr.count("no gateway answers"), 1)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    run.GWCTL = str(pathlib.Path(sys.argv.pop()).resolve())
    unittest.main(verbosity=1, warnings="ignore")
