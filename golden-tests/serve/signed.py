#!/usr/bin/env python3
"""`gwctl serve --trust`: whose tables are served, and how old they may be.

  signed.py GWCTL
"""
import http.client
import json
import pathlib
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import run  # noqa: E402

BLOCK = 88  # bytes of a signature
DOCUMENT = """
openapi: 3.1.0
info: {{title: signed, version: '{version}'}}
paths:
  /version:
    get:
      operationId: version
      x-gw: {{public: test, respond: {{body: '{version}'}}}}
      responses: {{'200': {{description: ok}}}}
"""


class Signed(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.socket = self.folder / "admin" / "socket"
        self.release = self.make_key("release")
        self.other = self.make_key("other")

    def gwctl(self, *arguments, status=0, **named):
        done = subprocess.run([run.GWCTL, *arguments], cwd=self.folder, capture_output=True,
                              text=True, timeout=run.SECONDS, check=False, **named)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout if status == 0 else done.stderr

    def make_key(self, name):
        """Its id."""
        return self.gwctl("key", "sign", "-q", "-o", name).split()[1]

    def compile(self, version, *options, name=None):
        """The table's path."""
        (self.folder / "gateway.yaml").write_text(DOCUMENT.format(version=version),
                                                  encoding="utf-8")
        name = name or f"{version}.gwt"
        self.gwctl("compile", "-q", "gateway.yaml", "-o", name, *options)
        return name

    def signed(self, version, counter, key="release", name=None):
        return self.compile(version, "--sign", f"{key}.pem", "--counter", str(counter), name=name)

    def serve(self, table, *arguments, trust=("release",), **named):
        trusted = [word for key in trust for word in ("--trust", f"{key}.pub.pem")]
        serve = run.Serve(self.folder, table, "--admin", f"unix:{self.socket}", *trusted,
                          *arguments, **named)
        self.addCleanup(serve.process.kill)
        return serve

    def refused(self, table, *arguments, **named):
        """What a start says that is refused."""
        serve = self.serve(table, *arguments, **named)
        self.assertEqual(serve.end(), 2, serve.lines)
        return "".join(serve.lines)

    def order(self, *arguments, status=0):
        return self.gwctl(*arguments, "--admin", f"unix:{self.socket}", status=status)

    def status(self):
        return json.loads(self.order("status", "--json"))

    def end(self, serve):
        serve.process.terminate()
        self.assertEqual(serve.end(), 0)

    def test_a_start_asks_for_a_signature_by_a_trusted_key(self):
        signed = self.signed("1", 5)
        serve = self.serve(signed)
        self.assertEqual(serve.get("/version"), (200, "1"))
        table = self.status()["tables"][-1]
        self.assertEqual(table["signature"], {"key": self.release, "counter": 5})
        self.assertIn(f"signed by {self.release}, counter 5", self.order("status"))
        self.end(serve)
        said = self.refused(self.compile("1", name="unsigned.gwt"))
        self.assertIn("not signed", said)
        self.assertIn("compile --sign", said)
        said = self.refused(signed, trust=["other"])
        self.assertIn(f"signed by key {self.release}, which is not trusted", said)
        self.assertIn(self.other, said)
        self.end(self.serve(signed, trust=["other", "release"]))
        # Who does not ask serves it as any other.
        self.end(self.serve(signed, trust=[]))

    def test_documents_are_never_signed(self):
        self.compile("1")
        self.assertIn("documents", self.refused("gateway.yaml"))
        serve = self.serve(self.signed("2", 5))
        self.assertIn("not signed", self.order("reload", "-q", "gateway.yaml", status=2))
        self.assertEqual(serve.get("/version"), (200, "2"))
        self.end(serve)

    def test_damage_is_refused_wherever_it_is(self):
        serve = self.serve(self.signed("1", 5), "--state", "state")
        good = bytearray((self.folder / self.signed("2", 6)).read_bytes())
        table = len(good) - BLOCK
        places = {"table": table // 2, "magic": table, "counter": table + 8, "key": table + 16,
                  "signature": table + 24, "end": len(good) - 1}
        for place, at in places.items():
            with self.subTest(place=place):
                bad = bytearray(good)
                bad[at] ^= 1
                self.refuse_bytes(bad)
        self.refuse_bytes(good[:-1])
        self.refuse_bytes(good + b"\0")
        self.refuse_bytes(good[:table])
        other = (self.folder / self.signed("3", 6)).read_bytes()
        self.refuse_bytes(other[:-BLOCK] + bytes(good[table:]))  # somebody else's signature
        self.assertEqual(serve.get("/version"), (200, "1"))
        self.assertEqual(len(list((self.folder / "state" / "tables").iterdir())), 1)
        (self.folder / "good.gwt").write_bytes(good)
        self.order("reload", "good.gwt")
        self.assertEqual(serve.get("/version"), (200, "2"))
        self.end(serve)

    def refuse_bytes(self, table):
        connection = run.UnixConnection(self.socket)
        connection.request("POST", "/v1/reload", body=bytes(table))
        answer = connection.getresponse()
        report = json.loads(answer.read())
        connection.close()
        self.assertEqual((answer.status, report["accepted"]), (422, False))
        return report["problems"][0]

    def test_an_older_table_is_refused_at_reload_and_after_a_restart(self):
        one, two, three = (self.signed(str(n), n) for n in (1, 2, 3))
        serve = self.serve(two, "--state", "state")
        said = self.order("reload", one, status=2)
        self.assertIn("its counter is 1, that one's 2", said)
        self.assertIn(self.release, said)
        self.order("reload", three)
        self.assertIn("its counter is 2, that one's 3", self.order("reload", two, status=2))
        self.assertEqual(serve.get("/version"), (200, "3"))
        serve.process.kill()
        serve.end()
        self.assertEqual((self.folder / "state" / "counter").read_text(), "3\n")
        self.assertIn("older", self.refused(two, "--state", "state", "--fresh"))
        # The same counter is not older.
        self.end(self.serve(self.signed("4", 3), "--state", "state", "--fresh"))
        # Without a directory a restart forgets.
        self.end(self.serve(one))

    def test_a_rollback_goes_behind_the_counter_and_does_not_lower_it(self):
        one, two, three = (self.signed(str(n), n) for n in (1, 2, 3))
        for state in (("--state", "state"), ()):
            with self.subTest(state=state):
                serve = self.serve(one, *state)
                self.order("reload", three)
                self.order("rollback")
                self.assertEqual(serve.get("/version"), (200, "1"))
                serve.await_line("older_table")
                self.assertIn("its counter is 2, that one's 3",
                              self.order("reload", two, status=2))
                self.end(serve)
        # A restart goes on where the rollback ended.
        serve = self.serve(three, "--state", "state")
        self.assertEqual(serve.get("/version"), (200, "1"))
        self.assertIn("its counter is 2, that one's 3", self.order("reload", two, status=2))
        self.order("reload", three)
        self.end(serve)

    def test_what_is_kept_is_not_trusted_for_being_kept(self):
        serve = self.serve(self.signed("1", 1, key="other"), "--state", "state",
                           trust=["other", "release"])
        self.order("reload", self.signed("2", 2))
        kept = self.status()["kept"]
        self.end(serve)
        # A key that is not trusted any more: neither rollback nor restart serve its tables.
        serve = self.serve("2.gwt", "--state", "state")
        self.assertIn(f"key {self.other}, which is not trusted",
                      self.order("rollback", kept[0], status=2))
        self.assertEqual(serve.get("/version"), (200, "2"))
        self.end(serve)
        # Tables that were kept when nobody asked for signatures.
        self.end(self.serve(self.compile("3"), "--state", "loose", trust=[]))
        serve = self.serve("2.gwt", "--state", "loose")
        self.assertTrue(any("state_unusable" in line for line in serve.lines), serve.lines)
        self.assertEqual(serve.get("/version"), (200, "2"))
        self.end(serve)

    def test_killed_at_any_moment_of_a_reload_no_older_table_gets_in(self):
        tables = [self.signed(str(n), n) for n in range(1, 14)]
        self.end(self.serve(tables[0], "--state", "state"))
        for round_, table in enumerate(tables[1:]):
            serve = self.serve(tables[0], "--state", "state")
            client = subprocess.Popen(
                [run.GWCTL, "reload", "-q", table, "--admin", f"unix:{self.socket}"],
                cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            # At another moment each time: after so many looks at what a reload writes.
            for _ in range(round_ * 40):
                if client.poll() is not None:
                    break
                list((self.folder / "state" / "tables").iterdir())
            serve.process.kill()
            serve.end()
            client.wait(run.SECONDS)
            serve = self.serve(tables[0], "--state", "state")
            status, version = serve.get("/version")
            self.assertEqual(status, 200)
            highest = int((self.folder / "state" / "counter").read_text())
            self.assertGreaterEqual(highest, int(version))
            self.assertLessEqual(highest, round_ + 2)
            for older in tables[:highest - 1]:
                self.assertIn("older", self.order("reload", older, status=2))
            self.end(serve)

    def test_an_unreadable_counter_is_not_taken_for_none(self):
        self.end(self.serve(self.signed("1", 1), "--state", "state"))
        (self.folder / "state" / "counter").write_text("none\n")
        self.assertIn("highest counter", self.refused("1.gwt", "--state", "state"))

    def test_sighup_asks_for_the_same(self):
        serve = self.serve(self.signed("1", 5, name="g.gwt"))
        self.signed("2", 6, name="g.gwt")
        serve.process.send_signal(signal.SIGHUP)
        serve.await_line("table_changed")
        self.assertEqual(serve.get("/version"), (200, "2"))
        self.signed("3", 4, name="g.gwt")
        serve.process.send_signal(signal.SIGHUP)
        serve.await_line("reload_refused")
        self.assertEqual(serve.get("/version"), (200, "2"))
        self.end(serve)

    def test_watch_asks_for_the_same(self):
        serve = self.serve(self.signed("1", 5, name="g.gwt"), "--watch")
        serve.await_line("watching")
        self.signed("2", 4, name="g.gwt")
        serve.await_line("older than one that was accepted")
        self.signed("3", 6, name="g.gwt")
        serve.await_line("table_changed")
        self.assertEqual(serve.get("/version"), (200, "3"))
        self.end(serve)

    def test_a_running_gateway_gives_its_table_with_the_signature(self):
        signed = (self.folder / self.signed("1", 5)).read_bytes()
        serve = self.serve("1.gwt", "--state", "state")
        connection = run.UnixConnection(self.socket)
        connection.request("GET", "/v1/table")
        self.assertEqual(connection.getresponse().read(), signed)
        connection.close()
        kept = next((self.folder / "state" / "tables").iterdir())
        self.assertEqual(kept.read_bytes(), signed)
        self.end(serve)

    def test_keys_are_files_of_their_own(self):
        private = self.folder / "release.pem"
        self.assertEqual(stat.S_IMODE(private.stat().st_mode), 0o600)
        before = private.read_bytes()
        # Neither file is ever written over; a pair is made whole or not at all.
        self.assertIn("exists", self.gwctl("key", "sign", "-o", "release", status=2))
        private.rename(self.folder / "away")
        self.assertIn("exists", self.gwctl("key", "sign", "-o", "release", status=2))
        self.assertFalse(private.exists())
        (self.folder / "away").rename(private)
        self.assertEqual(private.read_bytes(), before)
        # The private key is not what a gateway gets, and the public one does not sign.
        self.signed("1", 1)
        said = self.refused("1.gwt", "--trust", "release.pem", trust=[])
        self.assertIn("private key", said)
        said = self.gwctl("compile", "gateway.yaml", "-o", "x.gwt", "--sign", "release.pub.pem",
                          status=2)
        self.assertIn("public key", said)
        self.assertFalse((self.folder / "x.gwt").exists())

    def test_openssl_reads_the_keys_and_agrees_about_the_signature(self):
        """The signature, put together by hand from what specs/table-format.md says."""
        file = (self.folder / self.signed("1", 0x0102030405060708)).read_bytes()
        table, block = file[:-BLOCK], file[-BLOCK:]
        self.assertEqual(block[:8], b"GWTSIG1\0")
        self.assertEqual(block[8:16], bytes([8, 7, 6, 5, 4, 3, 2, 1]))
        self.assertEqual(block[16:24].hex(), self.release)
        digest = subprocess.run(["openssl", "dgst", "-sha256", "-binary"], input=table,
                                capture_output=True, check=True).stdout
        (self.folder / "message").write_bytes(
            b"gwctl table signature 1\0" + digest + block[8:16])
        (self.folder / "value").write_bytes(block[24:])
        subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "release.pub.pem",
                        "-rawin", "-in", "message", "-sigfile", "value"], cwd=self.folder,
                       check=True, capture_output=True)
        # And a key that OpenSSL has made signs.
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", "own.pem"],
                       cwd=self.folder, check=True, capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", "own.pem", "-pubout", "-out", "own.pub.pem"],
                       cwd=self.folder, check=True, capture_output=True)
        self.end(self.serve(self.signed("1", 1, key="own"), trust=["own"]))

    def test_the_time_counts_unless_the_build_says_otherwise(self):
        self.compile("1", "--sign", "release.pem")
        first = json.loads(self.gwctl("inspect", "1.gwt", "header", "--json"))["signature"]
        self.assertEqual(first["key"], self.release)
        self.assertGreater(first["counter"], 1_700_000_000)
        files = []
        for _ in range(2):
            self.gwctl("compile", "gateway.yaml", "-o", "e.gwt", "--sign", "release.pem",
                       env={"SOURCE_DATE_EPOCH": "1234"})
            files.append((self.folder / "e.gwt").read_bytes())
        self.assertEqual(files[0], files[1])
        self.assertEqual(int.from_bytes(files[0][-BLOCK + 8:-BLOCK + 16], "little"), 1234)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    run.GWCTL = str(pathlib.Path(sys.argv.pop()).resolve())
    unittest.main(verbosity=1, warnings="ignore")
