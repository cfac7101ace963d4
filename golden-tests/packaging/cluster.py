#!/usr/bin/env python3
"""Container file and Kubernetes example: what they promise, and that the gateway runs like that.

  cluster.py GWCTL

The root of the container is made as its build makes it, and run read-only by an ordinary user in a
namespace of its own; that part is skipped where namespaces or root are missing.
"""
import contextlib
import http.client
import json
import os
import pathlib
import re
import shlex
import shutil
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
import run  # noqa: E402

PACKAGING = pathlib.Path(__file__).resolve().parents[2] / "packaging"


def can_isolate():
    tried = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    return os.geteuid() == 0 and shutil.which("setpriv") and tried.returncode == 0


def instructions():
    """(instruction, rest) of the container file, continued lines put together."""
    text = (PACKAGING / "container/Containerfile").read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.M).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def ask(port, path, method="GET", token=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=run.SECONDS)
    try:
        connection.request(method, path, headers={"Authorization": f"Bearer {token}"} if token else {})
        return connection.getresponse().status
    finally:
        connection.close()


def here(text):
    """Addresses of the outside as some of this machine."""
    return re.sub(r"0\.0\.0\.0:\d+", "127.0.0.1:0", text)


class ContainerTest(unittest.TestCase):
    def test_the_container_file_keeps_its_promises(self):
        lines = instructions()
        stages = [i for i, (word, _) in enumerate(lines) if word == "FROM"]
        last = dict(lines[stages[-1]:])
        self.assertEqual(last["FROM"], "scratch")
        self.assertRegex(last["USER"], r"^[1-9]\d+:[1-9]\d+$")
        self.assertEqual(json.loads(last["ENTRYPOINT"]), ["/usr/bin/gwctl"])
        self.assertIsInstance(json.loads(last["CMD"]), list)
        self.assertNotIn("RUN", last)  # there is no shell that could
        for word, rest in lines:
            self.assertNotEqual(word, "ADD")
            self.assertNotIn("://", rest)
            if word == "RUN":
                self.assertIsInstance(json.loads(rest), list)
        for word, rest in lines[:stages[-1]]:
            if word == "FROM":
                self.assertRegex(rest, r"^\S+:\S+ AS \w+$")  # of a version

    @contextlib.contextmanager
    def running(self, root):
        """The command of the image in its root: read-only, its user, no capability. (process, port)"""
        last = dict(instructions())
        words = json.loads(last["ENTRYPOINT"]) + json.loads(last["CMD"])
        user, group = last["USER"].split(":")
        command = (
            f"mount --bind {root} {root} && mount -t proc proc {root}/proc"
            f" && mount --bind /dev {root}/dev && mount -o remount,ro,bind {root} {root}"
            f" && exec setpriv --no-new-privs --bounding-set=-all,+setuid,+setgid,+sys_chroot"
            f" {shutil.which('chroot')} --userspec={user}:{group} --groups= {root} {shlex.join(words)}")
        variables = dict(word.split("=", 1) for word in here(last["ENV"]).split())
        gateway = subprocess.Popen(["unshare", "-m", "sh", "-c", command], text=True,
                                   stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=variables)
        try:
            said = []
            for line in gateway.stderr:
                said.append(line)
                if found := re.search(r"listening.*address=127\.0\.0\.1:(\d+)", line):
                    break
            self.assertTrue(said and "listening" in said[-1], said)
            yield gateway, int(found[1])
        finally:
            gateway.terminate()
            self.assertEqual(gateway.wait(run.SECONDS), 0)
            gateway.stderr.close()

    @unittest.skipUnless(can_isolate(), "skipped: no namespaces here")
    def test_the_root_of_the_container_is_enough(self):
        """Nothing but what the image holds; and what it listens at are the document's listeners."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder) / "root"
            subprocess.run([PACKAGING / "container/rootfs", run.GWCTL, root], check=True)
            self.assertFalse((root / "bin/sh").exists())
            for name in ("dev", "proc"):
                (root / name).mkdir()
            (root / "etc/resolv.conf").write_text("nameserver 127.0.0.1\n")
            document = root / "etc/gwctl/gateway.yaml"
            text = document.read_text(encoding="utf-8")
            document.write_text(here(text), encoding="utf-8")
            with self.running(root) as (gateway, port):
                # With the probes that the comment of the container file speaks of.
                self.assertEqual([ask(port, path) for path in ("/", "/healthz", "/readyz")], [200] * 3)
                status = pathlib.Path(f"/proc/{gateway.pid}/status").read_text()
                user = dict(instructions())["USER"].split(":")[0]
                self.assertEqual(re.search(r"^Uid:\s+(\d+)", status, re.M)[1], user)
                self.assertEqual(int(re.search(r"^CapEff:\s+(\w+)", status, re.M)[1], 16), 0)
            # Without listeners it is reached all the same, where the image says.
            without = re.sub(r"^  listeners:\n    - .*\n", "", text, flags=re.M)
            self.assertNotIn("8080", without.split("openapi:")[1])
            document.write_text(without, encoding="utf-8")
            with self.running(root) as (gateway, port):
                self.assertEqual([ask(port, path) for path in ("/", "/readyz")], [200, 404])

    def test_what_it_listens_at_is_exposed_and_reachable(self):
        last = dict(instructions())
        self.assertNotIn("--listen", json.loads(last["CMD"]))  # it would replace the document's probes
        self.assertIn(f"GWCTL_DEFAULT_LISTEN=0.0.0.0:{last['EXPOSE']}", last["ENV"].split())
        document = PACKAGING / "container/gateway.yaml"
        listener, = yaml.safe_load(document.read_text(encoding="utf-8"))["x-gw"]["listeners"]
        self.assertEqual(listener["address"], f"0.0.0.0:{last['EXPOSE']}")
        judged = subprocess.run([run.GWCTL, "lint", "--fail-on", "warning", document],
                                capture_output=True, text=True, check=False, timeout=run.SECONDS)
        self.assertEqual(judged.returncode, 0, judged.stdout)


class KubernetesTest(unittest.TestCase):
    def setUp(self):
        text = (PACKAGING / "kubernetes/gateway.yaml").read_text(encoding="utf-8")
        self.objects = {one["kind"]: one for one in yaml.safe_load_all(text)}
        self.pod = self.objects["Deployment"]["spec"]["template"]["spec"]
        self.container, = self.pod["containers"]

    def test_objects_belong_together(self):
        self.assertEqual(set(self.objects), {"ConfigMap", "Deployment", "Service",
                                             "PodDisruptionBudget"})
        labels = self.objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
        deployment = self.objects["Deployment"]["spec"]
        budget = self.objects["PodDisruptionBudget"]["spec"]
        for selector in (deployment["selector"]["matchLabels"], budget["selector"]["matchLabels"],
                         self.objects["Service"]["spec"]["selector"]):
            self.assertEqual(selector, labels)
        self.assertLess(budget["minAvailable"], deployment["replicas"])
        ports = {port["name"] for port in self.container["ports"]}
        self.assertIn(self.objects["Service"]["spec"]["ports"][0]["targetPort"], ports)
        volumes = {volume["name"]: volume for volume in self.pod["volumes"]}
        self.assertEqual({mount["name"] for mount in self.container["volumeMounts"]}, set(volumes))
        self.assertEqual(volumes["gateway"]["configMap"]["name"],
                         self.objects["ConfigMap"]["metadata"]["name"])
        # Both secrets are made as the comment says, and whoever mounts one gets no other.
        secrets = {volume["secret"]["secretName"] for volume in volumes.values() if "secret" in volume}
        text = (PACKAGING / "kubernetes/gateway.yaml").read_text(encoding="utf-8")
        self.assertEqual(set(re.search(r"for name in (.*); do", text)[1].split()), secrets)

    def test_prometheus_finds_the_port_and_has_the_token_that_reads(self):
        metadata = self.objects["Deployment"]["spec"]["template"]["metadata"]
        self.assertNotIn("annotations", metadata)  # a scrape by them brings no token
        path = PACKAGING / "kubernetes/prometheus.yaml"
        scrape, = yaml.safe_load(path.read_text(encoding="utf-8"))["scrape_configs"]
        keep, = [rule for rule in scrape["relabel_configs"] if rule.get("action") == "keep"]
        self.assertEqual(keep["source_labels"], ["__meta_kubernetes_pod_label_app",
                                                 "__meta_kubernetes_pod_container_port_name"])
        kept = [port["name"] for port in self.container["ports"]
                if re.fullmatch(keep["regex"], f"{metadata['labels']['app']};{port['name']}")]
        self.assertEqual(kept, ["admin"])
        mounted = {mount["mountPath"]: mount["name"] for mount in self.container["volumeMounts"]}
        secrets = {volume["name"]: volume.get("secret") for volume in self.pod["volumes"]}
        token = pathlib.PurePath(scrape["authorization"]["credentials_file"])
        secret = secrets[mounted[str(token.parent)]]["secretName"]
        self.assertEqual(secret, "gwctl-admin-read")
        self.assertIn(f"--admin-read-token-file={token}", self.container["args"])
        self.assertIn(f"secretName: {secret}", path.read_text(encoding="utf-8"))

    @unittest.skipUnless(shutil.which("promtool"), "skipped: no promtool")
    def test_prometheus_takes_its_configuration(self):
        text = (PACKAGING / "kubernetes/prometheus.yaml").read_text(encoding="utf-8")
        config = yaml.safe_load(text)
        # Debian's knows nothing of clusters: what it finds targets by is left out.
        self.assertEqual(config["scrape_configs"][0].pop("kubernetes_sd_configs"),
                         [{"role": "pod", "namespaces": {"own_namespace": True}}])
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
            yaml.safe_dump(config, file)
            file.flush()
            judged = subprocess.run(["promtool", "check", "config", "--syntax-only", file.name],
                                    text=True, capture_output=True, check=False,
                                    timeout=run.SECONDS)
        self.assertEqual(judged.returncode, 0, judged.stdout + judged.stderr)

    def test_the_pod_is_restricted(self):
        """What the Pod Security Standard `restricted` asks for, and a read-only root."""
        pod, container = self.pod["securityContext"], self.container["securityContext"]
        self.assertIs(pod["runAsNonRoot"], True)
        self.assertGreater(pod["runAsUser"], 0)
        self.assertEqual(pod["seccompProfile"]["type"], "RuntimeDefault")
        self.assertIs(container["allowPrivilegeEscalation"], False)
        self.assertIs(container["readOnlyRootFilesystem"], True)
        self.assertEqual(container["capabilities"], {"drop": ["ALL"]})
        self.assertIs(self.pod["automountServiceAccountToken"], False)
        user = dict(instructions())["USER"]
        self.assertEqual(user, f"{pod['runAsUser']}:{pod['runAsGroup']}")

    def test_there_is_time_to_drain(self):
        pause, grace = (self.seconds(option) for option in ("--drain-delay", "--grace"))
        self.assertNotIn("lifecycle", self.container)  # there is no shell, and no need to wait twice
        self.assertGreater(self.pod["terminationGracePeriodSeconds"], pause + grace)
        self.assertLess(self.container["readinessProbe"]["periodSeconds"]
                        * self.container["readinessProbe"]["failureThreshold"], pause)

    def seconds(self, option):
        value, = [word for word in self.container["args"] if word.startswith(option + "=")]
        return int(re.fullmatch(r"[\w-]+=(\d+)s", value)[1])

    def test_its_command_line_serves_its_document_and_answers_its_probes(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            for name, text in self.objects["ConfigMap"]["data"].items():
                text = text.replace("0.0.0.0:8080", "127.0.0.1:0")
                (folder / name).write_text(text, encoding="utf-8")
            (folder / "read").mkdir()
            orders, reading = "0123456789abcdef", "abcdef0123456789"
            (folder / "token").write_text(f"{orders}\n", encoding="utf-8")
            (folder / "read/token").write_text(f"{reading}\n", encoding="utf-8")
            # The longer ones first.
            places = {"/etc/gwctl-admin-read": f"{folder}/read", "/etc/gwctl-admin": str(folder),
                      "/etc/gwctl": str(folder), "0.0.0.0:9100": "127.0.0.1:0"}
            words = []
            for word in self.container["args"][1:]:
                for before, after in places.items():
                    word = word.replace(before, after)
                words.append(word)
            gateway = run.Serve(folder, *words, listen=None, await_port=False)
            try:
                gateway.await_line('"event":"admin"')
                events = [json.loads(line) for line in gateway.lines if line.startswith("{")]
                found = {event["event"]: event for event in events}
                admin = int(found["admin"]["address"].rsplit(":", 1)[1])
                ports = {"admin": admin,
                         "http": int(found["listening"]["address"].rsplit(":", 1)[1])}
                self.assertEqual(ask(ports["http"], "/"), 200)
                for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                    asked = self.container[probe]["httpGet"]
                    self.assertEqual(ask(ports[asked["port"]], asked["path"]), 200)
                for token, status in ((None, 401), (reading, 200), (orders, 200)):
                    self.assertEqual(ask(admin, "/metrics", token=token), status)
                for token, status in ((None, 401), (reading, 403), (orders, 200)):
                    self.assertEqual(ask(admin, "/v1/reload", "POST", token), status)
                gateway.process.terminate()
                gateway.await_line('"event":"leaving"')
                self.assertEqual(ask(admin, "/readyz"), 503)
                self.assertEqual(ask(ports["http"], "/"), 200)
            finally:
                gateway.process.terminate()
                self.assertEqual(gateway.end(), 0)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    run.GWCTL = str(pathlib.Path(sys.argv.pop()).resolve())
    unittest.main(verbosity=1, warnings="ignore")
