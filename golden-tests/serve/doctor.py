#!/usr/bin/env python3
"""What `gwctl doctor` says of a gateway, its places and a gateway that runs.

  doctor.py GWCTL

The machine itself differs from run to run: of it only the form is looked at.
"""
import json
import os
import pathlib
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
        (self.folder / "token").write_text("0123456789abcdef\n", encoding="utf-8")
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
