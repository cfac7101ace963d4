#!/usr/bin/env python3
"""`gwctl test` from outside: the same files offline and against a gateway that runs, the watch on
files, and tests that are generated from real documents.

  run.py GWCTL SOURCE-FOLDER
"""
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "interop"))
from gateway import SECONDS, make_certificate  # noqa: E402

GWCTL = None
ROOT = None

# Of the shared folder: small and large, 3.0 and 3.1, with and without examples.
DOCUMENTS = ["redocly", "svix", "resend", "figma", "box", "intercom", "meilisearch", "spotify",
             "oai-3.0-examples", "nytimes"]


def run(*arguments, folder=None):
    done = subprocess.run([GWCTL, *map(str, arguments)], cwd=folder, capture_output=True, text=True,
                          timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


def outcomes(text):
    return {t["name"]: t["outcome"] for t in map(json.loads, text.splitlines()) if "name" in t}


class Backend(http.server.ThreadingHTTPServer):
    """Answers everything with 200 and an empty object."""

    daemon_threads = True

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self):
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_GET = do_POST = do_PUT = do_DELETE = handle_any

        def log_message(self, *_):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


class Live(unittest.TestCase):
    def setUp(self):
        self.backend = Backend()
        url = f"http://127.0.0.1:{self.backend.server_address[1]}"
        os.environ.update(USERS_URL=url, ORDERS_URL=url, ORDERS_2_URL=url,
                          CATALOG_URL=url)
        folder = self.enterContext_(tempfile.TemporaryDirectory())
        table = pathlib.Path(folder) / "shop.gwt"
        shop = ROOT / "specs" / "shop"
        self.assertEqual(run("compile", shop / "gateway.yaml", "-o", table, "-q")[0], 0)
        self.process = subprocess.Popen(
            [GWCTL, "serve", str(table), "--listen", "127.0.0.1:0", "--workers", "1",
             "--access-log", "off", "--grace", "1s"], stderr=subprocess.PIPE, text=True)
        self.port = None
        for line in self.process.stderr:
            found = re.search(r"listening address=127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found.group(1))
                break
        self.assertIsNotNone(self.port)
        self.reader = threading.Thread(target=self.process.stderr.read, daemon=True)
        self.reader.start()
        self.url = f"http://127.0.0.1:{self.port}"
        self.shop = shop

    def enterContext_(self, context):  # unittest has it since Python 3.11
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    def tearDown(self):
        self.process.terminate()
        self.process.wait(SECONDS)
        self.reader.join(SECONDS)
        self.process.stderr.close()
        self.backend.stop()

    def test_the_shop_offline_and_live(self):
        arguments = ["test", self.shop / "gateway.yaml", self.shop / "tests.yaml", "--json"]
        status, offline, _ = run(*arguments)
        self.assertEqual(status, 0, offline)
        status, live, _ = run(*arguments, "--live", self.url)
        self.assertEqual(status, 0, live)
        offline, live = outcomes(offline), outcomes(live)
        self.assertEqual(set(offline), set(live))
        self.assertNotIn("skipped", offline.values())
        skipped = [name for name, outcome in live.items() if outcome == "skipped"]
        self.assertIn("a service that is down", skipped)
        self.assertLess(len(skipped), len(live) / 2)
        status, text, _ = run(*arguments[:-1], "--live", self.url)
        self.assertIn("skipped a service that is slow: its upstreams answer by a script", text)
        self.assertRegex(text, r"tests\.yaml: \d+ expectations cannot be seen from outside")

    def test_a_difference_is_found(self):
        folder = self.enterContext_(tempfile.TemporaryDirectory())
        tests = pathlib.Path(folder) / "tests.yaml"
        tests.write_text("tests:\n"
                         "  - {name: a, request: {path: /health}, expect: {status: 204}}\n"
                         "  - {name: b, request: {path: /health}, expect: {body: ill}}\n"
                         "  - {name: c, request: {path: /health}, expect: {headers: {x-no: a}}}\n")
        status, text, _ = run("test", self.shop / "gateway.yaml", tests, "--json", "--live", self.url)
        self.assertEqual(status, 1)
        self.assertEqual(set(outcomes(text).values()), {"failed"})

    def test_generated_tests_hold_live(self):
        folder = self.enterContext_(tempfile.TemporaryDirectory())
        made = pathlib.Path(folder) / "made.yaml"
        status, _, _ = run("test", self.shop / "gateway.yaml", "--generate", "-o", made)
        self.assertEqual(status, 0)
        status, text, _ = run("test", self.shop / "gateway.yaml", made, "--json", "--live", self.url)
        self.assertEqual(status, 0, text)

    def test_nobody_there(self):
        self.process.terminate()
        self.process.wait(SECONDS)
        status, _, text = run("test", self.shop / "gateway.yaml", self.shop / "tests.yaml",
                              "--filter", "alive", "--live", self.url)
        self.assertEqual(status, 2)
        self.assertIn("cannot reach", text)


class Tls(unittest.TestCase):
    """The same over TLS. The certificates are made here; nothing of the system's roots fits them."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)

    def serve(self, document, covers):
        """A gateway with a TLS listener, behind a certificate for `covers`; its port."""
        make_certificate(self.folder, "own", covers=covers)
        files = {kind: f"$file.{self.folder}/own.{end}" for kind, end in (("cert", "crt"), ("key", "key"))}
        listener = f"  listeners: [{{address: '127.0.0.1:0', tls: {json.dumps(files)}}}]\n"
        text = re.sub(r"  listeners:( \[.*\n|\n(    - .*\n)+)", "", document.read_text())
        document.write_text(text.replace("x-gw:\n", "x-gw:\n" + listener, 1))
        process = subprocess.Popen(
            [GWCTL, "serve", str(document), "--workers", "1", "--access-log", "off", "--grace", "1s"],
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end, process)
        for line in process.stderr:
            if found := re.search(r"listening address=127\.0\.0\.1:(\d+)", line):
                self.ca = self.folder / "own.crt"
                return int(found.group(1))
        raise AssertionError("it did not start")

    @staticmethod
    def end(process):
        process.terminate()
        process.communicate(timeout=SECONDS)

    def shop(self):
        backend = Backend()
        self.addCleanup(backend.stop)
        url = f"http://127.0.0.1:{backend.server_address[1]}"
        os.environ.update(USERS_URL=url, ORDERS_URL=url, ORDERS_2_URL=url, CATALOG_URL=url)
        shop = self.folder / "shop"
        shutil.copytree(ROOT / "specs" / "shop", shop)
        return shop

    def alive_arguments(self, *more):
        shop = self.folder / "shop"
        return ("test", shop / "gateway.yaml", shop / "tests.yaml", "--filter", "it is alive", *more)

    def alive(self, *more):
        status, text, _ = run(*self.alive_arguments(*more))
        return status, text

    def test_the_shop_offline_and_live(self):
        shop = self.shop()
        port = self.serve(shop / "gateway.yaml", "shop.test,IP:127.0.0.1")
        arguments = ["test", shop / "gateway.yaml", shop / "tests.yaml", "--json"]
        status, offline, _ = run(*arguments)
        self.assertEqual(status, 0, offline)
        status, live, _ = run(*arguments, "--live", f"https://127.0.0.1:{port}", "--ca", self.ca)
        self.assertEqual(status, 0, live)
        offline, live = outcomes(offline), outcomes(live)
        self.assertEqual(set(offline), set(live))
        skipped = [name for name, outcome in live.items() if outcome == "skipped"]
        self.assertLess(len(skipped), len(live) / 2)

    def test_a_certificate_that_is_not_trusted(self):
        port = self.serve(self.shop() / "gateway.yaml", "shop.test,IP:127.0.0.1")
        url = f"https://127.0.0.1:{port}"
        make_certificate(self.folder, "other", covers="shop.test,IP:127.0.0.1")
        self.assertEqual(self.alive("--live", url, "--ca", self.ca)[0], 0)
        for more in ([], ["--ca", self.folder / "other.crt"]):
            status, text = self.alive("--live", url, *more)
            self.assertEqual(status, 1)
            self.assertRegex(text, r"TLS as `127\.0\.0\.1` has failed: unknown issuer: .*`shop\.test`")
        status, text = self.alive("--live", f"https://localhost:{port}", "--ca", self.ca)
        self.assertEqual(status, 1)
        self.assertIn("TLS as `localhost` has failed: name mismatch: its certificate is for "
                      "`shop.test`, not for `localhost`", text)

    def test_files_that_hold_no_root_are_no_reason_to_trust_the_systems(self):
        self.shop()
        for text in ("", "none", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"):
            (self.folder / "empty.pem").write_text(text)
            self.assertEqual(
                self.alive("--live", "https://127.0.0.1:1", "--ca", self.folder / "empty.pem")[0], 2)

    def test_a_gateway_that_is_not_there_is_told_once(self):
        self.shop()
        with socket.socket() as nobody:  # bound, and not listening
            nobody.bind(("127.0.0.1", 0))
            port = nobody.getsockname()[1]
            for scheme in ("http", "https"):
                status, _, text = run(*self.alive_arguments("--live", f"{scheme}://127.0.0.1:{port}"))
                self.assertEqual(status, 2)
                self.assertRegex(text, f"--live {scheme}://127.0.0.1:{port}: .*[Cc]onnection refused")

    def test_plain_text_where_tls_is_expected(self):
        self.shop()
        backend = Backend()
        self.addCleanup(backend.stop)
        status, text = self.alive("--live", f"https://127.0.0.1:{backend.server_address[1]}")
        self.assertEqual(status, 1)
        self.assertRegex(text, "TLS as `127.0.0.1` has failed: (wrong version number|.*closed)")

    def test_hosts_of_the_document_are_asked_for_by_name(self):
        document = self.folder / "hosts.yaml"
        document.write_text("""openapi: 3.1.0
info: {title: Hosts, version: 1.0.0}
x-gw:
  hosts: [api.test, '*.dev.test']
paths:
  /a:
    get:
      operationId: a
      x-gw: {public: a test, respond: {status: 200, body: {a: 1}}}
      responses: {'200': {description: ok}}
""")
        tests = self.folder / "tests.yaml"
        tests.write_text("""tests:
  - {name: default, request: {path: /a}, expect: {status: 200}}
  - {name: exact, request: {path: /a, host: API.test}, expect: {status: 200}}
  - {name: below, request: {path: /a, host: 'b.dev.test'}, expect: {status: 200}}
  - {name: header, request: {path: /a, headers: {host: 'c.dev.test:444'}}, expect: {status: 200}}
  - {name: none, request: {path: /a, host: other.test}, expect: {status: 404}}
  - {name: tls, request: {path: /a, https: true}, expect: {status: 200}}
""")
        port = self.serve(document, "api.test,DNS:*.dev.test")
        arguments = ["test", document, tests, "--json"]
        expected = {name: "passed" for name in ("default", "exact", "below", "header", "none", "tls")}
        self.assertEqual(outcomes(run(*arguments)[1]), expected)
        status, text, _ = run(*arguments, "--live", f"https://127.0.0.1:{port}", "--ca", self.ca)
        self.assertEqual(status, 0, text)
        self.assertEqual(outcomes(text), expected)
        # Each name is proved: a certificate for one of them is not good for the others.
        port = self.serve(document, "api.test")
        _, text, _ = run(*arguments, "--live", f"https://127.0.0.1:{port}", "--ca", self.ca)
        self.assertEqual(outcomes(text), expected | {"below": "failed", "header": "failed"})
        self.assertIn("not for `b.dev.test`", text)


class Generated(unittest.TestCase):
    def check(self, document, folder, *options):
        made = pathlib.Path(folder) / "made.yaml"
        status, _, _ = run("test", document, "--generate", "-o", made, "-q", *options)
        if status == 1:
            return 0  # it does not compile
        self.assertEqual(status, 0, document)
        status, text, errors = run("test", document, made, "--json", *options)
        if status == 2 and "there are no tests" in errors:
            return 0
        found = outcomes(text)
        failed = [n for n, o in found.items() if o == "failed"]
        self.assertEqual(failed, [], document)
        self.assertTrue(found, errors)
        return len(found)

    def test_our_gateways(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertGreater(self.check(ROOT / "specs/shop/gateway.yaml", folder), 50)
            ours = pathlib.Path(__file__).parent / "gateway.yaml"
            self.assertGreater(self.check(ours, folder), 80)
            everything = ROOT / "compiler" / "testdata" / "tables" / "everything.yaml"
            self.assertGreater(self.check(everything, folder), 20)

    def test_it_says_the_same_twice(self):
        ours = pathlib.Path(__file__).parent / "gateway.yaml"
        once, again = (run("test", ours, "--generate")[1] for _ in range(2))
        self.assertEqual(once, again)

    def test_real_documents(self):
        shared = ROOT.parent / "shared" / "specs"
        if not shared.is_dir():
            self.skipTest("the shared folder is not here")
        count = 0
        # With an upstream, the examples of answers are what it answers; a mock answers by itself.
        ways = (["--upstream", "http://127.0.0.1:9"], ["--mock"])
        with tempfile.TemporaryDirectory() as folder:
            for name in DOCUMENTS:
                for path in sorted((shared / name).rglob("*")):
                    usable = path.suffix in (".yaml", ".json") and path.stat().st_size < 2_000_000
                    if not usable or not re.search(r"openapi[\"']?\s*:\s*[\"']?3\.[01]",
                                                   path.read_text(errors="replace")[:3000]):
                        continue
                    for way in ways:
                        count += self.check(path, folder, *way, "--unenforced", "security")
        self.assertGreater(count, 5000)


class Watch(unittest.TestCase):
    def test_it_runs_again_when_a_file_is_replaced(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            ours = pathlib.Path(__file__).parent
            for file in ("gateway.yaml", "orders.yaml"):
                (folder / file).write_text((ours / file).read_text())

            def write(status, path="tests.yaml"):
                text = f"tests: [{{name: a, request: {{path: /}}, expect: {{status: {status}}}}}]\n"
                (folder / "new").write_text(text)
                os.replace(folder / "new", folder / path)

            write(200)
            process = subprocess.Popen([GWCTL, "test", "gateway.yaml", "tests.yaml", "--watch"],
                                       cwd=folder, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.PIPE, text=True)
            timer = threading.Timer(SECONDS, process.kill)
            timer.start()

            def next_summary():
                found = None
                for line in process.stderr:
                    found = line.strip() if re.match(r"\d+ tests?:|\d+ errors? in", line) else found
                    if line.startswith("waiting for changes"):
                        return found
                self.fail("it ended")

            try:
                self.assertEqual(next_summary(), "1 test: 1 passed")
                write(404)
                self.assertEqual(next_summary(), "1 test: 0 passed, 1 failed")
                # Written half, it is a finding, and watching goes on.
                (folder / "tests.yaml").write_text("tests: [{")
                self.assertEqual(next_summary(), "1 error in 1 file")
                write(200)
                self.assertEqual(next_summary(), "1 test: 1 passed")
                # A document that the gateway names counts as well.
                document = (folder / "gateway.yaml").read_text()
                (folder / "new").write_text(document.replace("respond: {status: 200",
                                                             "respond: {status: 418"))
                os.replace(folder / "new", folder / "gateway.yaml")
                self.assertEqual(next_summary(), "1 test: 0 passed, 1 failed")
                write(418)
                self.assertEqual(next_summary(), "1 test: 1 passed")
            finally:
                timer.cancel()
                process.terminate()
                process.wait(SECONDS)
                process.stderr.close()


if __name__ == "__main__":
    GWCTL = str(pathlib.Path(sys.argv[1]).resolve())
    ROOT = pathlib.Path(sys.argv[2]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=1)
