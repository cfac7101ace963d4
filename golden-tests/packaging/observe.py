#!/usr/bin/env python3
"""Every metric that the dashboard and the alerts name is one that a gateway has.

  observe.py GWCTL

`promtool` judges the rules and their tests where it is installed; otherwise that part is skipped.
"""
import http.client
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

try:
    import yaml
except ImportError:
    print("skipped: there is no python3-yaml")
    sys.exit(77)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "serve"))
import admin  # noqa: E402
import run  # noqa: E402

PACKAGING = pathlib.Path(__file__).resolve().parents[2] / "packaging"
NAME = re.compile(r"\b(?:gw|process)_[a-z0-9_]+\b")
LABELS = re.compile(r"\b((?:gw|process)_[a-z0-9_]+)\{([^}]*)\}")
LABEL = re.compile(r'([a-z_]+) *(?:=~|!~|!=|=) *"')
# Made by Prometheus when it scrapes.
ADDED = {"instance", "job"}
# Has no sample before a client has gone away.
UNSEEN = {"gw_http_requests_aborted_total": {"operation"}}

DOCUMENT = """
openapi: 3.1.0
info: {{title: observe, version: '1'}}
x-gw:
  version: 1
  listeners: [{{address: '127.0.0.1:0', tls: {{cert: '$file.{folder}/tls.crt', key: '$file.{folder}/tls.key'}}}}, {{address: '127.0.0.1:0'}}]
  upstreams: {{users: {{targets: ['http://127.0.0.1:{port}'], breaker: {{failures: 50%}}}}}}
  clients: {{iot: {{when: {{header: {{x-client: iot}}}}}}, web: {{}}}}
components: {{securitySchemes: {{idp: {{type: http, scheme: bearer, x-gw: {{issuer: 'https://idp.invalid', jwks: 'http://127.0.0.1:{closed}/keys', audiences: [a], algorithms: [ES256]}}}}}}}}
paths:
  /users: {{get: {{operationId: users, x-gw: {{public: test, upstream: users, cache: {{ttl: 1h}}}}, responses: {{'200': {{description: ok}}}}}}}}
  /sent: {{post: {{operationId: sent, x-gw: {{public: test, upstream: users, validate: off}}, responses: {{'200': {{description: ok}}}}}}}}
  /few: {{get: {{operationId: few, x-gw: {{public: test, respond: {{body: few}}, rateLimit: {{scarce: {{key: $client.ip, limit: 1/h}}}}}}, responses: {{'200': {{description: ok}}}}}}}}
  /tokens: {{get: {{operationId: tokens, security: [{{idp: []}}], x-gw: {{upstream: users}}, responses: {{'200': {{description: ok}}}}}}}}
"""


def families(text):
    """{name: labels} of what is scraped, from its types and samples."""
    found = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            for end in ("_bucket", "_sum", "_count") if kind == "histogram" else ("",):
                found[name + end] = set()
    for line in text.splitlines():
        if sample := re.match(r"(\w+)(?:\{(.*)\})? ", line):
            found.setdefault(sample[1], set()).update(LABEL.findall(sample[2] or ""))
    return found


class ObserveTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        folder = pathlib.Path(cls.temporary.name)
        backend = admin.Backend()
        cls.addClassCleanup(backend.stop)
        closed = socket.create_server(("127.0.0.1", 0))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=test",
                        "-keyout", folder / "tls.key", "-out", folder / "tls.crt"],
                       check=True, capture_output=True)
        (folder / "gateway.yaml").write_text(
            DOCUMENT.format(folder=folder, port=backend.port, closed=closed.getsockname()[1]),
            encoding="utf-8")
        closed.close()
        path = folder / "private/admin.sock"
        serve = run.Serve(folder, "gateway.yaml", "--admin", f"unix:{path}", listen=None,
                          await_port=False)
        cls.addClassCleanup(lambda: (serve.process.terminate(), serve.end()))
        serve.await_line("admin address=")
        plain = [line for line in serve.lines if "listening" in line and "tls=no" in line][0]
        port = int(re.search(r"127\.0\.0\.1:(\d+)", plain)[1])
        for target in ("/users", "/users", "/few", "/few", "/tokens", "/nowhere", "/sent"):
            body = "some" if target == "/sent" else None
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=run.SECONDS)
            connection.request("POST" if body else "GET", target, body)
            connection.getresponse().read()
            connection.close()
        asked = run.UnixConnection(path)
        asked.request("GET", "/metrics", headers={"Host": "a"})
        cls.known = families(asked.getresponse().read().decode())
        asked.close()

    def judge(self, expressions):
        used = set()
        for expression in expressions:
            for name in NAME.findall(expression):
                used.add(name)
                self.assertIn(name, self.known, expression)
            for name, labels in LABELS.findall(expression):
                missing = set(LABEL.findall(labels)) - self.known[name] - ADDED - UNSEEN.get(name, set())
                self.assertEqual(missing, set(), expression)
        self.assertGreater(len(used), 10)

    def test_the_gateway_has_what_alerts_name(self):
        rules = yaml.safe_load((PACKAGING / "prometheus/gwctl.rules.yaml").read_text())
        alerts = [rule for group in rules["groups"] for rule in group["rules"]]
        self.judge(alert["expr"] for alert in alerts)
        self.assertEqual(len({alert["alert"] for alert in alerts}), len(alerts))
        for alert in alerts:
            self.assertIn(alert["labels"]["severity"], ("page", "ticket"))
            for text in alert["annotations"].values():
                for name in NAME.findall(text):  # histograms by their family
                    self.assertTrue(name in self.known or name + "_count" in self.known, name)

    def test_the_gateway_has_what_the_dashboard_names(self):
        board = json.loads((PACKAGING / "grafana/gwctl.json").read_text())
        panels = [panel for panel in board["panels"] if panel["type"] != "row"]
        targets = [target for panel in panels for target in panel["targets"]]
        queries = [one["definition"] for one in board["templating"]["list"] if "definition" in one]
        notes = [one["expr"] for one in board["annotations"]["list"]]
        self.judge([target["expr"] for target in targets] + queries + notes)
        self.assertEqual(len({panel["id"] for panel in board["panels"]}), len(board["panels"]))
        taken = set()
        for panel in board["panels"]:
            self.assertTrue(panel["title"])
            place = panel["gridPos"]
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])}
            self.assertLessEqual(place["x"] + place["w"], 24)
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells
        known = {one["name"] for one in board["templating"]["list"]} | {"__rate_interval"}
        used = set(re.findall(r"\$\{?(\w+)", json.dumps(board))) - {"__all"}
        self.assertEqual(used, known)

    @unittest.skipIf(shutil.which("promtool") is None, "skipped: promtool is not installed")
    def test_promtool_accepts_the_rules_and_their_tests(self):
        for words in (("check", "rules", "gwctl.rules.yaml"),
                      ("test", "rules", "gwctl.rules.test.yaml")):
            judged = subprocess.run(["promtool", *words], cwd=PACKAGING / "prometheus", text=True,
                                    capture_output=True, timeout=run.SECONDS, check=False)
            self.assertEqual(judged.returncode, 0, judged.stdout + judged.stderr)

    @unittest.skipIf(shutil.which("promtool") is None, "skipped: promtool is not installed")
    def test_every_query_of_the_dashboard_is_one(self):
        board = json.loads((PACKAGING / "grafana/gwctl.json").read_text())
        expressions = [target["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*")
                       .replace("$operation", ".*")
                       for panel in board["panels"] for target in panel.get("targets", ())]
        rules = {"groups": [{"name": "panels", "rules": [
            {"record": f"panel:{i}", "expr": text} for i, text in enumerate(expressions)]}]}
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump(rules, file)
            file.flush()
            judged = subprocess.run(["promtool", "check", "rules", file.name], text=True,
                                    capture_output=True, timeout=run.SECONDS, check=False)
        self.assertEqual(judged.returncode, 0, judged.stdout + judged.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    run.GWCTL = str(pathlib.Path(sys.argv.pop()).resolve())
    unittest.main(verbosity=1, warnings="ignore")
