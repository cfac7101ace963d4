#!/usr/bin/env python3
"""What `gwctl doctor` says of a gateway, its places and a gateway that runs.

  doctor.py GWCTL

The machine itself differs from run to run: of it only the form is looked at.
"""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import run  # noqa: E402

DOCUMENT = """
openapi: 3.1.0
info: {{title: doctor, version: '1'}}
x-gw:
  version: 1
  listeners: [{{address: '127.0.0.1:{listen}'}}]
  upstreams: {{users: {{targets: ['http://127.0.0.1:{port}', '{{$env.SECOND:-http://127.0.0.1:{port}}}']}}}}
paths:
  /: {{get: {{operationId: home, x-gw: {{public: test, upstream: users}}, responses: {{'200': {{description: ok}}}}}}}}
"""


def free_port():
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    taken.close()
    return port


class DoctorTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.backend = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.backend.close)
        self.port, self.listen = self.backend.getsockname()[1], free_port()
        self.write()

    def write(self, **changes):
        values = {"port": self.port, "listen": self.listen, **changes}
        (self.folder / "gateway.yaml").write_text(DOCUMENT.format(**values), encoding="utf-8")

    def doctor(self, *arguments, **variables):
        """Exit status, and what each check says that concerns no machine."""
        machine = {"user", "descriptors", "processors", "memory", "clock", "reuse_port",
                   "huge_pages", "backlog"}
        ran = subprocess.run([run.GWCTL, "doctor", "--json", *arguments], cwd=self.folder, text=True,
                             capture_output=True, timeout=run.SECONDS, check=False,
                             env={**os.environ, "GWCTL_ADMIN": "off", **variables})
        report = json.loads(ran.stdout)
        checks = report["checks"]
        self.assertEqual(report["failed"], sum(one["verdict"] == "fail" for one in checks))
        self.assertEqual(report["warnings"], sum(one["verdict"] == "warn" for one in checks))
        self.assertEqual(ran.returncode, 1 if report["failed"] else 0)
        self.assertLessEqual(machine - {"backlog"}, {one["check"] for one in checks})
        for one in checks:
            self.assertEqual("help" in one, one["verdict"] != "ok", one)
        return [(one["check"], one["verdict"], one["found"]) for one in checks
                if one["check"] not in machine]

    def test_a_gateway_that_can_start(self):
        self.assertEqual(
            self.doctor("gateway.yaml", "--state", "state", "--admin", f"unix:{self.folder}/a"),
            [("admin", "ok", f"unix:{self.folder}/a can be had"),
             ("state", "ok", "state will be made"),
             ("gateway", "ok", "1 routes; all that it refers to is there"),
             ("listen", "ok", f"127.0.0.1:{self.listen} can be had"),
             ("upstream", "ok", f"users/127.0.0.1:{self.port} takes connections"),
             ("upstream", "ok", f"users/127.0.0.1:{self.port} takes connections")])

    def test_each_thing_that_is_wrong(self):
        taken = self.listen
        blocker = socket.create_server(("127.0.0.1", taken))
        self.addCleanup(blocker.close)
        found = self.doctor("gateway.yaml", SECOND=f"http://127.0.0.1:{free_port()}")
        self.assertIn(("listen", "fail", f"127.0.0.1:{taken}: Address already in use"), found)
        self.assertEqual([one[:2] for one in found if one[0] == "upstream"],
                         [("upstream", "ok"), ("upstream", "warn")])
        self.write(port="1/x", listen=free_port())
        found = self.doctor("gateway.yaml", "--listen", "192.0.2.1:80")
        self.assertEqual([one[:2] for one in found],
                         [("gateway", "ok"), ("listen", "fail")] + [("upstream", "fail")] * 2)
        (self.folder / "gateway.yaml").write_text("openapi: [", encoding="utf-8")
        self.assertEqual(self.doctor("gateway.yaml"),
                         [("gateway", "fail", "gateway.yaml cannot be served")])
        self.assertEqual(self.doctor("nothing.gwt"),
                         [("gateway", "fail", "nothing.gwt cannot be served")])

    def test_references_and_certificates(self):
        key, cert = self.folder / "tls.key", self.folder / "tls.crt"
        text = (self.folder / "gateway.yaml").read_text(encoding="utf-8")
        (self.folder / "gateway.yaml").write_text(text.replace(
            f"'127.0.0.1:{self.listen}'",
            f"'127.0.0.1:{self.listen}', tls: {{cert: '$file.{cert}', key: '$file.{key}'}}"),
            encoding="utf-8")
        found = self.doctor("gateway.yaml")
        self.assertEqual([one[:2] for one in found], [("reference", "fail")] * 2)
        self.assertIn("tls.crt", found[0][2])
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "5", "-subj", "/CN=short",
                        "-keyout", key, "-out", cert], check=True, capture_output=True)
        found = self.doctor("gateway.yaml")
        certificate, = [one for one in found if one[0] == "certificate"]
        self.assertEqual(certificate[1], "warn")
        self.assertRegex(certificate[2], f"^127.0.0.1:{self.listen}: `short` ends in [45] days$")
        subprocess.run(["openssl", "genpkey", "-algorithm", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-out", key], check=True, capture_output=True)
        found = self.doctor("gateway.yaml")
        self.assertIn(("certificate", "fail"), [one[:2] for one in found])

    def test_what_the_running_gateway_holds_is_no_fault(self):
        admin = f"unix:{self.folder}/private/admin.sock"
        address = f"127.0.0.1:{self.listen}"
        serve = run.Serve(self.folder, "gateway.yaml", "--state", "state", "--admin", admin,
                          listen=address)
        serve.await_line("admin address=")
        try:
            found = self.doctor("gateway.yaml", "--state", "state", "--admin", admin)
            self.assertEqual(found[:4], [
                ("admin", "ok", f"a gateway takes orders at {admin}"),
                ("state", "ok", "state is held by the gateway that runs here"),
                ("gateway", "ok", "1 routes; all that it refers to is there"),
                ("listen", "ok", f"{address} is held by the gateway that runs here")])
            found = self.doctor("--state", "state", "--listen", address)
            self.assertEqual([one[:2] for one in found], [("state", "fail"), ("listen", "fail")])
        finally:
            serve.process.terminate()
            self.assertEqual(serve.end(), 0)

    def test_a_running_gateway_over_tcp_is_known_by_its_token(self):
        self.secret("token")
        admin = f"127.0.0.1:{free_port()}"
        serve = run.Serve(self.folder, "gateway.yaml", "--admin", admin, "--admin-token-file",
                          "token")
        serve.await_line("admin address=")
        try:
            self.assertEqual(
                self.doctor("--admin", admin, "--admin-token-file", "token"),
                [("admin", "ok", f"a gateway takes orders at {admin}")])
            self.assertEqual(self.doctor("--admin", admin),
                             [("admin", "fail", f"{admin} needs a token")])
        finally:
            serve.process.terminate()
            self.assertEqual(serve.end(), 0)

    def secret(self, name, text="0123456789abcdef\n", mode=0o640):
        (self.folder / name).write_text(text, encoding="utf-8")
        (self.folder / name).chmod(mode)

    def test_token_files_are_read(self):
        admin = "127.0.0.1:0"
        self.secret("token")
        self.secret("reading", "abcdef0123456789\n")
        self.secret("short", "0123456789abcde\n")
        self.secret("empty", "")
        self.secret("shown", mode=0o644)
        had = ("admin", "ok", f"{admin} can be had")

        def found(token, reading=None):
            words = ["--admin", admin] + (["--admin-token-file", token] if token else [])
            return self.doctor(*words, *(["--admin-read-token-file", reading] if reading else []))
        self.assertEqual(found("token"), [had])
        self.assertEqual(found("token", "reading"), [had])
        for name, verdict, said in (
                ("missing", "fail", "cannot read missing: No such file or directory"),
                (".", "fail", "cannot read .: Is a directory"),
                ("short", "fail", "short: a token has at least 16 characters"),
                ("empty", "fail", "empty: a token has at least 16 characters"),
                ("shown", "warn", "everybody on this machine can read shown")):
            with self.subTest(name=name):
                self.assertEqual(found(name), [had, ("admin", verdict, said)])
                self.assertIn(("admin", verdict, said), found("token", name))
        self.assertEqual(found("token", "token"),
                         [had, ("admin", "fail", "token holds the token that gives orders, too")])
        self.assertEqual([one[1] for one in found(None, "reading")], ["fail", "fail"])
        self.assertEqual(self.doctor("--admin", admin, GWCTL_ADMIN_TOKEN_FILE="missing")[1][1], "fail")

    def write_with(self, text):
        """The document with `text` among the fields of x-gw."""
        document = DOCUMENT.format(port=self.port, listen=self.listen)
        (self.folder / "gateway.yaml").write_text(
            document.replace("  version: 1\n", f"  version: 1\n{text}\n"), encoding="utf-8")

    def checks(self, name, *words, **variables):
        return [one[1:] for one in self.doctor("gateway.yaml", *words, **variables) if one[0] == name]

    def test_the_access_log_can_be_written_or_the_gateway_does_not_start(self):
        log = self.folder / "logs" / "access.log"
        self.write_with(f"  observe: {{accessLog: {{to: {log}}}}}")
        missing = ("fail", f"cannot write to {log.parent}: No such file or directory")
        self.assertEqual(self.checks("access_log"), [missing])
        refused = run.Serve(self.folder, "gateway.yaml", "--admin", "off", access_log=None)
        self.assertEqual(refused.end(), 2)
        self.assertIn("cannot write the access log", refused.lines[-1])
        log.parent.mkdir()
        self.assertEqual(self.checks("access_log"), [("ok", f"{log} will be made")])
        self.assertEqual(list(log.parent.iterdir()), [])  # nothing is left behind
        log.write_text("a line\n", encoding="utf-8")
        self.assertEqual(self.checks("access_log"), [("ok", f"{log} can be written")])
        self.assertEqual(log.read_text(encoding="utf-8"), "a line\n")
        log.unlink()
        log.mkdir()
        self.assertEqual(self.checks("access_log"), [("fail", f"{log}: Is a directory")])
        # As `serve` takes it: the option comes first, standard output is always there.
        self.assertEqual(self.checks("access_log", "--access-log", "here.log"),
                         [("ok", "here.log will be made")])
        for nothing in ("-", "off"):
            self.assertEqual(self.checks("access_log", "--access-log", nothing), [])
        self.assertEqual(self.doctor("--access-log", "/nonexistent/a.log")[0][:2],
                         ("access_log", "fail"))

    @unittest.skipIf(os.geteuid() == 0 and not shutil.which("setpriv"), "skipped: no setpriv")
    def test_the_access_log_belongs_to_somebody_else(self):
        self.folder.chmod(0o755)
        log = self.folder / "access.log"
        log.write_text("", encoding="utf-8")
        log.chmod(0o444)
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] \
            if os.geteuid() == 0 else []
        for place, said in ((log, f"{log}: Permission denied"),
                            ("/usr/other.log", "cannot write to /usr: Permission denied")):
            ran = subprocess.run([*nobody, run.GWCTL, "doctor", "--json", "--access-log", place],
                                 text=True, capture_output=True, timeout=run.SECONDS, check=False,
                                 cwd="/", env={**os.environ, "GWCTL_ADMIN": "off"})
            told = [one for one in json.loads(ran.stdout)["checks"] if one["check"] == "access_log"]
            self.assertEqual([(one["verdict"], one["found"]) for one in told], [("fail", said)])

    def test_the_log_of_the_system_is_asked(self):
        path = self.folder / "syslog"
        place = f"syslog:unix:{path}"
        self.assertEqual(self.checks("access_log", "--access-log", place),
                         [("fail", f"{place}: No such file or directory")])
        daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(daemon.close)
        daemon.bind(str(path))
        self.assertEqual(self.checks("access_log", "--access-log", place),
                         [("ok", f"{place} can be written")])
        daemon.setblocking(False)
        self.assertRaises(BlockingIOError, daemon.recv, 1)  # nothing is sent

    def secured(self, *urls, more=""):
        names = [f"s{i}" for i in range(len(urls))]
        schemes = ", ".join(
            f"{name}: {{type: http, scheme: bearer, x-gw: {{issuer: 'https://a', audiences: [b], "
            f"algorithms: [ES256], jwks: '{url}'}}}}" for name, url in zip(names, urls))
        self.write_with(more)
        path = self.folder / "gateway.yaml"
        text = path.read_text(encoding="utf-8").replace("public: test, ", "")
        path.write_text(text + f"security: [{', '.join(f'{{{name}: []}}' for name in names)}]\n"
                        f"components: {{securitySchemes: {{{schemes}}}}}\n", encoding="utf-8")

    def test_issuers_and_the_collector_are_found_and_reached(self):
        there = f"http://127.0.0.1:{self.port}/keys"
        named = f"http://localhost:{self.port}/keys"
        self.secured(there, named, more=f"  observe: {{tracing: {{endpoint: '{there}'}}}}")
        self.assertEqual(self.checks("issuer"), [("ok", f"{there} takes connections"),
                                                 ("ok", f"{named} takes connections")])
        self.assertEqual(self.checks("collector"), [("ok", f"{there} takes connections")])
        self.backend.setblocking(False)  # a connection each, and nothing is sent
        while True:
            try:
                connection, _ = self.backend.accept()
            except BlockingIOError:
                break
            self.assertEqual(connection.recv(1), b"")
            connection.close()
        nobody = f"http://127.0.0.1:{free_port()}/keys"
        self.secured(nobody, more=f"  observe: {{tracing: {{endpoint: '{nobody}'}}}}")
        self.assertEqual(self.checks("issuer"), [(
            "fail", f"{nobody}: Connection refused; until its keys are there, tokens are answered "
                    "with 503")])
        discovery = nobody.replace("/keys", "/.well-known/openid-configuration")
        text = (self.folder / "gateway.yaml").read_text(encoding="utf-8").replace(
            "type: http, scheme: bearer", f"type: openIdConnect, openIdConnectUrl: '{discovery}'")
        (self.folder / "discovers.yaml").write_text(
            text.replace(f", jwks: '{nobody}'", "").replace("issuer: 'https://a', ", ""),
            encoding="utf-8")
        (found,) = [one for one in self.doctor("discovers.yaml") if one[0] == "issuer"]
        self.assertEqual(found[1], "fail")
        self.assertTrue(found[2].startswith(f"{discovery}: Connection refused"), found)
        self.assertEqual(self.checks("collector"),
                         [("warn", f"{nobody}: Connection refused; spans are lost meanwhile")])

    def test_a_name_that_nobody_knows_is_told_in_time(self):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # takes questions, and is silent
        self.addCleanup(server.close)
        server.bind(("127.0.0.1", 0))
        url = "https://idp.invalid/keys"
        self.secured(url, more=f"  resolvers: ['127.0.0.1:{server.getsockname()[1]}']")
        (verdict, said), = self.checks("issuer", "--timeout", "50ms")
        self.assertEqual(verdict, "fail")
        self.assertTrue(said.startswith(f"{url}: no answer to its name within 50 ms"), said)

    def test_text_is_one_line_for_each_and_wrong_use_is_told(self):
        ran = subprocess.run([run.GWCTL, "doctor", "--admin", "off", "--listen", "nowhere"],
                             text=True, capture_output=True, timeout=run.SECONDS, check=False)
        self.assertEqual(ran.returncode, 1)
        self.assertIn("fail  listen       nowhere is no address of this machine\n"
                      "      = help: HOST:PORT", ran.stdout)
        for words in (("--timeout", "soon"), ("--timeout", "0s"), ("--nothing",)):
            ran = subprocess.run([run.GWCTL, "doctor", *words], text=True, capture_output=True,
                                 timeout=run.SECONDS, check=False)
            self.assertEqual((ran.returncode, ran.stdout), (2, ""))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    run.GWCTL = str(pathlib.Path(sys.argv.pop()).resolve())
    unittest.main(verbosity=1, warnings="ignore")
