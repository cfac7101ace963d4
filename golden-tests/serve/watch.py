#!/usr/bin/env python3
"""`gwctl serve --watch`: a change of any source is served, and one that is wrong is told.

  watch.py GWCTL
"""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import run  # noqa: E402

DOCUMENT = """
openapi: 3.1.0
info: {{title: watched, version: '{version}'}}
paths:
  /version:
    get:
      operationId: version
      x-gw: {{public: test, respond: {{body: '{version}'}}}}
      responses: {{'200': {{description: ok}}}}
{more}"""
REFERENCE = "  /shared: {{$ref: './{file}'}}\n"
SHARED = """
get:
  operationId: shared
  x-gw: {{public: test, respond: {{body: '{body}'}}}}
  responses: {{'200': {{description: ok}}}}
"""


class Watch(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.write("gateway.yaml", self.document("1"))

    def document(self, version, more=""):
        return DOCUMENT.format(version=version, more=more)

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")

    def replace(self, name, text):
        self.write(name + ".new", text)
        os.replace(self.folder / (name + ".new"), self.folder / name)

    def serve(self, *arguments):
        serve = run.Serve(self.folder, *(arguments or ("gateway.yaml",)), "--watch", "--admin",
                          "off")
        self.addCleanup(serve.process.kill)
        serve.await_line("watching files")
        self.assertFalse(any("watch_polls" in line for line in serve.lines), serve.lines)
        return serve

    def await_lines(self, serve, text, count):
        """Until so many lines have it."""
        with serve.said:
            if not serve.said.wait_for(lambda: self.lines_with(serve, text) >= count, run.SECONDS):
                raise AssertionError(f"not {count} lines with {text}: {serve.lines}")

    def await_version(self, serve, version):
        """Looks anew after each line of the log."""
        with serve.said:
            if not serve.said.wait_for(lambda: serve.get("/version") == (200, version),
                                       run.SECONDS):
                raise AssertionError(f"{version} is not served: {serve.lines}")

    def lines_with(self, serve, text):
        return sum(text in line for line in serve.lines)

    def end(self, serve):
        serve.process.terminate()
        self.assertEqual(serve.end(), 0)

    def test_the_document_changes(self):
        serve = self.serve()
        self.write("gateway.yaml", self.document("2"))
        self.await_lines(serve, "table_changed origin=watch", 1)
        self.assertEqual(serve.get("/version"), (200, "2"))
        self.replace("gateway.yaml", self.document("3"))
        self.await_lines(serve, "table_changed origin=watch", 2)
        self.assertEqual(serve.get("/version"), (200, "3"))
        # As editors do that keep a copy.
        os.rename(self.folder / "gateway.yaml", self.folder / "gateway.yaml~")
        self.write("gateway.yaml", self.document("4"))
        self.await_lines(serve, "table_changed origin=watch", 3)
        self.assertEqual(serve.get("/version"), (200, "4"))
        self.end(serve)

    def test_a_document_that_is_referred_to_changes(self):
        self.write("shared.yaml", SHARED.format(body="a"))
        self.write("gateway.yaml", self.document("1", REFERENCE.format(file="shared.yaml")))
        serve = self.serve()
        self.replace("shared.yaml", SHARED.format(body="b"))
        serve.await_line("table_changed")
        self.assertEqual(serve.get("/shared"), (200, "b"))
        self.end(serve)

    def test_a_new_document_is_watched_from_when_it_is_referred_to(self):
        serve = self.serve()
        # Its folder is not there yet either.
        self.replace("gateway.yaml", self.document("2", REFERENCE.format(file="new/shared.yaml")))
        self.await_lines(serve, "reload_refused origin=watch", 1)
        self.assertEqual(serve.get("/version"), (200, "1"))
        (self.folder / "new").mkdir()
        self.write("new/shared.yaml", SHARED.format(body="a"))
        self.await_lines(serve, "table_changed origin=watch", 1)
        self.assertEqual(serve.get("/shared"), (200, "a"))
        self.assertEqual(serve.get("/version"), (200, "2"))
        self.replace("new/shared.yaml", SHARED.format(body="b"))
        self.await_lines(serve, "table_changed origin=watch", 2)
        self.assertEqual(serve.get("/shared"), (200, "b"))
        self.end(serve)

    def test_an_overlay_changes(self):
        overlay = ("overlay: 1.0.0\ninfo: {{title: o, version: '1'}}\nactions:\n"
                   "  - target: $.paths['/version'].get\n"
                   "    update: {{x-gw: {{respond: {{body: '{0}'}}}}}}\n")
        self.write("overlay.yaml", overlay.format("a"))
        serve = self.serve("gateway.yaml", "--overlay", "overlay.yaml")
        self.assertEqual(serve.get("/version"), (200, "a"))
        self.replace("overlay.yaml", overlay.format("b"))
        serve.await_line("table_changed")
        self.assertEqual(serve.get("/version"), (200, "b"))
        self.end(serve)

    def test_a_half_written_document_is_told_and_then_completed(self):
        serve = self.serve()
        text = self.document("2")
        with open(self.folder / "gateway.yaml", "w", encoding="utf-8") as file:
            file.write(text[:text.index("responses")] + "responses: {'200': {")
            file.flush()
            self.await_lines(serve, "reload_refused origin=watch", 1)
            self.assertEqual(serve.get("/version"), (200, "1"))
            file.seek(0)
            file.truncate()
            file.write(text)
        self.await_lines(serve, "table_changed origin=watch", 1)
        self.assertEqual(serve.get("/version"), (200, "2"))
        self.end(serve)

    def test_an_error_is_told_once_and_keeps_the_table(self):
        serve = self.serve()
        wrong = self.document("2").replace("respond:", "respnd:")
        self.replace("gateway.yaml", wrong)
        self.await_lines(serve, "reload_refused origin=watch", 1)
        self.assertEqual(self.lines_with(serve, "respnd"), 2)  # the message, and the line shown
        self.assertEqual(serve.get("/version"), (200, "1"))
        # The same text again is no other state, nor is a file that only looks new.
        self.replace("gateway.yaml", wrong)
        os.utime(self.folder / "gateway.yaml")
        # Another error is; then all that came before has been looked at.
        self.replace("gateway.yaml", wrong.replace("respnd:", "respont:"))
        self.await_lines(serve, "reload_refused origin=watch", 2)
        self.assertEqual(self.lines_with(serve, "respnd"), 2)
        self.assertEqual(self.lines_with(serve, "respont"), 2)
        self.replace("gateway.yaml", self.document("3"))
        self.await_lines(serve, "table_changed origin=watch", 1)
        self.assertEqual(serve.get("/version"), (200, "3"))
        self.end(serve)

    def test_quick_changes_end_with_the_last_one(self):
        serve = self.serve()
        for version in range(2, 22):
            change = self.replace if version % 2 else self.write
            change("gateway.yaml", self.document(version))
        # Whether they were served one by one or not, the last one is.
        self.await_version(serve, "21")
        self.assertLess(self.lines_with(serve, "table_changed"), 20)
        # And nothing is served after it that was there before.
        self.replace("gateway.yaml", self.document("22"))
        self.await_version(serve, "22")
        self.assertEqual(self.lines_with(serve, "reload_refused"), 0)
        self.end(serve)

    def test_nobody_notices_under_load(self):
        serve = self.serve()
        failed, ending = [], threading.Event()

        def ask():
            while not ending.is_set():
                answer = serve.get("/version")
                if answer[0] != 200:
                    failed.append(answer)
        clients = [threading.Thread(target=ask) for _ in range(2)]
        for client in clients:
            client.start()
        for version in range(2, 7):
            self.replace("gateway.yaml", self.document(version))
            self.await_lines(serve, "table_changed origin=watch", version - 1)
        ending.set()
        for client in clients:
            client.join(run.SECONDS)
        self.assertEqual(failed, [])
        self.assertEqual(serve.get("/version"), (200, "6"))
        self.end(serve)

    def test_a_table_is_watched_itself(self):
        def compile_version(version):
            self.write("gateway.yaml", self.document(version))
            subprocess.run([run.GWCTL, "compile", "-q", "gateway.yaml", "-o", "g.gwt"],
                           cwd=self.folder, check=True)
        compile_version("1")
        serve = self.serve("g.gwt")
        compile_version("2")
        self.await_lines(serve, "table_changed origin=watch", 1)
        self.assertEqual(serve.get("/version"), (200, "2"))
        os.remove(self.folder / "g.gwt")
        self.await_lines(serve, "reload_refused origin=watch", 1)
        compile_version("3")
        self.await_lines(serve, "table_changed origin=watch", 2)
        self.assertEqual(serve.get("/version"), (200, "3"))
        # Half a table.
        table = (self.folder / "g.gwt").read_bytes()
        (self.folder / "g.gwt").write_bytes(table[:len(table) // 2])
        self.await_lines(serve, "reload_refused origin=watch", 2)
        self.assertEqual(serve.get("/version"), (200, "3"))
        self.end(serve)

    def test_a_link_that_turns_is_a_change(self):
        for name, version in (("first", "1"), ("second", "2")):
            (self.folder / name).mkdir()
            self.write(f"{name}/api.yaml", self.document(version))
        (self.folder / "now").symlink_to("first")
        serve = self.serve("now/api.yaml")
        self.assertEqual(serve.get("/version"), (200, "1"))
        (self.folder / "next").symlink_to("second")
        os.replace(self.folder / "next", self.folder / "now")
        serve.await_line("table_changed")
        self.assertEqual(serve.get("/version"), (200, "2"))
        self.end(serve)

    def test_sighup_and_watch_get_along(self):
        serve = self.serve()
        self.replace("gateway.yaml", self.document("2"))
        self.await_lines(serve, "table_changed origin=watch", 1)
        serve.process.send_signal(signal.SIGHUP)
        self.await_lines(serve, "table_changed origin=SIGHUP", 1)
        self.replace("gateway.yaml", self.document("1"))
        self.await_lines(serve, "table_changed origin=watch", 2)
        self.assertEqual(serve.get("/version"), (200, "1"))
        self.end(serve)

    def test_what_cannot_be_read_twice_is_refused(self):
        os.mkfifo(self.folder / "pipe.yaml")
        for name in ("-", "pipe.yaml"):
            done = subprocess.run([run.GWCTL, "serve", name, "--watch", "--admin", "off"],
                                  cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, timeout=run.SECONDS, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn("--watch needs files", done.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    run.GWCTL = str(pathlib.Path(sys.argv.pop()).resolve())
    unittest.main(verbosity=1, warnings="ignore")
