#!/usr/bin/env python3
"""What `cmake --install` puts where, and whether it works from there.

  install.py BUILD-FOLDER

Parts whose judge is not installed (systemd-analyze, strace, man, logrotate) are skipped.
"""
import grp
import gzip
import http.client
import json
import os
import pathlib
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "serve"))
import run as serving  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = None
# systemd-analyze security: 0 is a service that can do nothing, 10 one that nothing keeps from anything.
MOST_EXPOSURE = 1.6
FILES = [
    "bin/gwctl", "lib/systemd/system/gwctl.service", "lib/sysusers.d/gwctl.conf",
    "etc/gwctl/gateway.yaml", "share/bash-completion/completions/gwctl",
    "share/zsh/site-functions/_gwctl", "share/fish/vendor_completions.d/gwctl.fish",
    "share/gwctl/x-gw.schema.json", "share/gwctl/test.schema.json", "share/gwctl/admin.yaml",
    "share/doc/gwctl/x-gw.md", "share/doc/gwctl/table-format.md",
    "share/doc/gwctl/examples/shop/gateway.yaml", "share/doc/gwctl/examples/gwctl.socket",
    "share/doc/gwctl/examples/gwctl.logrotate",
]


def run(*command, **options):
    return subprocess.run([str(word) for word in command], text=True, capture_output=True,
                          timeout=120, check=False, **options)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def needs(program):
    return unittest.skipIf(shutil.which(program) is None, f"skipped: {program} is not installed")


def allowed_calls(unit):
    """System calls that SystemCallFilter= of a unit allows, by systemd's own list of groups."""
    groups, group = {}, None
    for line in run("systemd-analyze", "syscall-filter").stdout.splitlines():
        word = line.strip().split(" ")[0]
        if line.startswith("@"):
            group = groups.setdefault(word, [])
        elif group is not None and word and not word.startswith("#"):
            group.append(word)

    def expand(word):
        if not word.startswith("@"):
            return {word}
        return set().union(*(expand(one) for one in groups[word]))
    allowed = set()
    for value in re.findall(r"^SystemCallFilter=(.*)$", unit, re.M):
        for word in value.removeprefix("~").split():
            if value.startswith("~"):
                allowed -= expand(word)
            else:
                allowed |= expand(word)
    # Filters always allow what a process needs to begin and to end.
    return allowed | expand("@default")


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.prefix = pathlib.Path(cls.temporary.name).resolve() / "usr"
        installed = run("cmake", "--install", BUILD, "--prefix", cls.prefix)
        assert installed.returncode == 0, installed.stderr
        cls.gwctl = cls.prefix / "bin/gwctl"

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def read(self, name):
        return (self.prefix / name).read_text(encoding="utf-8")

    def test_every_file_is_in_its_place(self):
        for name in FILES:
            with self.subTest(file=name):
                self.assertTrue((self.prefix / name).is_file())
        pages = {page.name for page in (ROOT / "man").glob("*.1")}
        self.assertEqual({page.name for page in (self.prefix / "share/man/man1").iterdir()}, pages)
        self.assertEqual(self.read("share/gwctl/x-gw.schema.json"),
                         (ROOT / "specs/x-gw.schema.json").read_text(encoding="utf-8"))

    def test_nothing_names_the_folder_that_it_was_built_in(self):
        for path in self.prefix.rglob("*"):
            if path.is_file() and path.name != "gwctl":
                self.assertNotIn(str(ROOT), path.read_text(encoding="utf-8"), path)

    def test_the_program_and_its_completion_work(self):
        self.assertEqual(run(self.gwctl, "version").returncode, 0)
        completion = self.prefix / "share/bash-completion/completions/gwctl"
        shown = run("bash", "-c", f"source {completion} && complete -p gwctl")
        self.assertIn("gwctl", shown.stdout, shown.stderr)

    @needs("man")
    def test_manual_pages_are_found(self):
        page = run("man", "-P", "cat", "gwctl-serve",
                   env={**os.environ, "MANPATH": str(self.prefix / "share/man")})
        self.assertIn("gwctl-serve", page.stdout, page.stderr)

    def test_what_an_operator_has_written_stays(self):
        own = self.prefix / "etc/gwctl/gateway.yaml"
        before = own.read_text(encoding="utf-8")
        self.addCleanup(own.write_text, before, encoding="utf-8")
        own.write_text("mine\n", encoding="utf-8")
        self.assertEqual(run("cmake", "--install", BUILD, "--prefix", self.prefix).returncode, 0)
        self.assertEqual(own.read_text(encoding="utf-8"), "mine\n")

    def test_examples_have_no_findings(self):
        for name in ("etc/gwctl/gateway.yaml", "share/doc/gwctl/examples/shop/gateway.yaml"):
            judged = run(self.gwctl, "lint", "--fail-on", "warning", self.prefix / name)
            self.assertEqual(judged.returncode, 0, judged.stdout)

    @needs("systemd-analyze")
    def test_systemd_accepts_the_units(self):
        units = pathlib.Path(self.temporary.name) / "units"
        units.mkdir()
        shutil.copy(self.prefix / "lib/systemd/system/gwctl.service", units)
        shutil.copy(self.prefix / "share/doc/gwctl/examples/gwctl.socket", units)
        judged = run("systemd-analyze", "verify", "--man=no", units / "gwctl.service",
                     units / "gwctl.socket")
        self.assertEqual((judged.returncode, judged.stdout + judged.stderr), (0, ""))

    @needs("systemd-analyze")
    def test_the_service_is_hardly_exposed(self):
        unit = self.prefix / "lib/systemd/system/gwctl.service"
        judged = run("systemd-analyze", "security", "--offline=true",
                     f"--threshold={round(MOST_EXPOSURE * 10)}", unit)
        self.assertEqual(judged.returncode, 0, judged.stdout)

    def unit(self):
        return self.read("lib/systemd/system/gwctl.service")

    def service(self, folder, **given):
        """What systemd would do with files in `folder`: command lines of the unit, without the program,
        and their environment. `given` are lines of /etc/default/gwctl."""
        defaults = (ROOT / "packaging/debian/default").read_text(encoding="utf-8")
        for name in given:
            self.assertRegex(defaults, rf"(?m)^#{name}=")  # it is told there
        variables = dict(re.findall(r"^Environment=(\w+)=(.*)$", self.unit(), re.M))
        variables.update(given)
        places = {"/var/lib/gwctl": f"{folder}/state", "/run/gwctl": f"{folder}/run",
                  str(self.prefix / "etc/gwctl"): str(folder)}

        def here(text):
            for before, after in places.items():
                text = text.replace(before, after)
            return text
        variables = {name: here(value) for name, value in variables.items()}
        commands = {}
        for kind, command in re.findall(r"^Exec(\w+)=(.*)$", self.unit(), re.M):
            words = []
            for word in here(command).split()[1:]:
                if re.fullmatch(r"\$\w+", word):  # split into words, or none
                    words += variables[word[1:]].split()
                else:
                    words.append(re.sub(r"\$\{(\w+)\}", lambda m: variables[m[1]], word))
            commands[kind] = words
        return commands, variables

    def test_the_service_takes_orders_where_its_defaults_say(self):
        """Started, reloaded and ended by the unit's own command lines."""
        text = (ROOT / "packaging/gateway.yaml").read_text(encoding="utf-8")
        self.assertIn("127.0.0.1:8080'", text)
        serving.GWCTL = str(self.gwctl)
        for elsewhere in (False, True):
            with self.subTest(elsewhere=elsewhere), tempfile.TemporaryDirectory() as folder:
                folder = pathlib.Path(folder)
                (folder / "gateway.yaml").write_text(text.replace(":8080'", ":0'"), encoding="utf-8")
                given, reading = {}, "abcdef0123456789"
                (folder / "admin.token").write_text("0123456789abcdef\n", encoding="utf-8")
                (folder / "read.token").write_text(f"{reading}\n", encoding="utf-8")
                if elsewhere:
                    given = {"GWCTL_ADMIN": f"127.0.0.1:{free_port()}",
                             "GWCTL_ADMIN_TOKEN_FILE": f"{folder}/admin.token",
                             "GWCTL_ADMIN_READ_TOKEN_FILE": f"{folder}/read.token",
                             "GWCTL_DRAIN_DELAY": "10ms",
                             "GWCTL_OPTIONS": f"--access-log {folder}/access.log --log-format json"}
                commands, variables = self.service(folder, **given)
                with mock.patch.dict(os.environ, variables):
                    gateway = serving.Serve(folder, *commands["Start"][1:], listen=None,
                                            access_log=None if elsewhere else "off")
                    self.addCleanup(gateway.process.kill)
                    gateway.await_line('"admin"' if elsewhere else "admin address=")
                    (folder / "gateway.yaml").write_text(
                        text.replace(":8080'", ":0'").replace("it works", "it is new"),
                        encoding="utf-8")
                    reloaded = run(self.gwctl, *commands["Reload"])
                    self.assertEqual(reloaded.returncode, 0, reloaded.stderr)
                self.assertIn("it is new", gateway.get("/")[1])
                if elsewhere:
                    connection = http.client.HTTPConnection(variables["GWCTL_ADMIN"],
                                                            timeout=serving.SECONDS)
                    connection.request("GET", "/metrics",
                                       headers={"Authorization": f"Bearer {reading}"})
                    self.assertEqual(connection.getresponse().status, 200)
                    connection.close()
                gateway.process.terminate()
                self.assertEqual(gateway.end(), 0)
                self.assertEqual((folder / "access.log").exists(), elsewhere)

    def test_what_could_not_start_is_not_started_again(self):
        kept = re.search(r"^RestartPreventExitStatus=(.*)$", self.unit(), re.M)[1].split()
        text = (ROOT / "packaging/gateway.yaml").read_text(encoding="utf-8")
        found = set()
        for change in (("respond:", "respnd:"), ("127.0.0.1:8080", "192.0.2.1:80")):
            with tempfile.TemporaryDirectory() as folder:
                (pathlib.Path(folder) / "gateway.yaml").write_text(text.replace(*change),
                                                                   encoding="utf-8")
                commands, variables = self.service(folder)
                ended = run(self.gwctl, *commands["Start"], env={**os.environ, **variables})
                found.add(str(ended.returncode))
        self.assertEqual(found, {"1", "2"})
        self.assertEqual(set(kept), found)

    def test_the_unit_leaves_time_to_end_and_a_place_for_the_log(self):
        unit = self.unit()
        stop = int(re.search(r"^TimeoutStopSec=(\d+)s$", unit, re.M)[1])
        self.assertGreater(stop, int(re.search(r"--grace (\d+)s", unit)[1]))
        self.assertIn("\nLogsDirectory=gwctl\nLogsDirectoryMode=0750\n", unit)
        rules = self.read("share/doc/gwctl/examples/gwctl.logrotate")
        self.assertIn("\n/var/log/gwctl/*.log {\n", rules)
        for name in ("README.md", "packaging/debian/default"):
            self.assertIn("/var/log/gwctl/access.log", (ROOT / name).read_text(encoding="utf-8"))

    @needs("logrotate")
    def test_logs_are_rotated_without_a_lost_line(self):
        """By the rules that are shipped, with a stand-in for systemctl."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.temporary.name))
        (folder / "log").mkdir(mode=0o750)
        log = folder / "log/access.log"
        me = pwd.getpwuid(os.geteuid()), grp.getgrgid(os.getegid())
        rules = folder / "rules"
        rules.write_text(self.read("share/doc/gwctl/examples/gwctl.logrotate")
                         .replace("/var/log/gwctl", str(folder / "log"))
                         .replace("su gwctl gwctl", f"su {me[0].pw_name} {me[1].gr_name}"),
                         encoding="utf-8")
        rules.chmod(0o644)
        serving.GWCTL = str(self.gwctl)
        (folder / "gateway.yaml").write_text(
            (ROOT / "packaging/gateway.yaml").read_text(encoding="utf-8"), encoding="utf-8")
        gateway = serving.Serve(folder, "gateway.yaml", "--admin", "off", access_log=str(log))
        self.addCleanup(gateway.process.kill)
        (folder / "systemctl").write_text(
            '#!/bin/sh\necho "$*" >>%s/asked\ncase "$*" in\n'
            '  "--quiet is-active gwctl.service") exit $(cat %s/active) ;;\n'
            '  "kill -s USR1 --kill-who=main gwctl.service") exec kill -s USR1 %d ;;\n'
            "esac\nexit 9\n" % (folder, folder, gateway.process.pid), encoding="utf-8")
        (folder / "systemctl").chmod(0o755)

        def rotate(active):
            (folder / "active").write_text(active, encoding="utf-8")
            done = run("logrotate", "--force", "--state", folder / "rotated", rules,
                       env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"})
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        rotate("0")  # there is nothing yet: no file but an empty one
        self.assertFalse((folder / "asked").exists())
        for number in range(3):
            self.assertEqual(gateway.get("/")[0], 200)
            until = time.monotonic() + serving.SECONDS
            while log.stat().st_size == 0:  # lines are written together
                self.assertLess(time.monotonic(), until)
                time.sleep(0.02)
            rotate("0")
            # What is said is in the file that was there then, or in the one after.
            with gateway.said:
                self.assertTrue(gateway.said.wait_for(
                    lambda: sum("access_log_reopened" in line for line in gateway.lines) > number,
                    serving.SECONDS), gateway.lines)
        gateway.process.terminate()
        self.assertEqual(gateway.end(), 0)
        # All but the newest of the old ones are compressed.
        names = sorted(path.name for path in (folder / "log").iterdir())
        self.assertEqual(names[:2], ["access.log", "access.log.1"])
        self.assertTrue(all(name.endswith(".gz") for name in names[2:]), names)
        lines = []
        for path in (folder / "log").iterdir():
            opened = gzip.open if path.suffix == ".gz" else open
            with opened(path, "rt", encoding="utf-8") as text:
                lines += [json.loads(line) for line in text]
        self.assertEqual(len(lines), 3)
        self.assertEqual({line["path"] for line in lines}, {"/"})
        # One that does not run is not told.
        log.write_text("a line\n", encoding="utf-8")
        asked = (folder / "asked").read_text(encoding="utf-8").count("kill")
        rotate("3")
        self.assertEqual((folder / "asked").read_text(encoding="utf-8").count("kill"), asked)

    @needs("strace")
    @needs("systemd-analyze")
    def test_it_makes_no_system_call_that_the_unit_forbids(self):
        """Start, request, reload, drain under strace against SystemCallFilter=."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.temporary.name))
        shutil.copy(self.prefix / "etc/gwctl/gateway.yaml", folder)
        trace = folder / "trace"
        admin = f"unix:{folder}/run/admin.sock"
        wrapper = folder / "gwctl"
        wrapper.write_text(f'#!/bin/sh\nexec strace -f -o {trace} {self.gwctl} "$@"\n',
                           encoding="utf-8")
        wrapper.chmod(0o755)
        serving.GWCTL = str(wrapper)
        gateway = serving.Serve(folder, "gateway.yaml", "--state", str(folder / "state"),
                                "--admin", admin)
        self.assertEqual(gateway.get("/")[0], 200)
        for words in (("reload", "gateway.yaml"), ("reload",), ("status",)):
            asked = run(self.gwctl, *words, "--admin", admin, cwd=folder)
            self.assertEqual(asked.returncode, 0, asked.stderr)
        asked = run(self.gwctl, "drain", "--admin", admin, cwd=folder)
        self.assertEqual((asked.returncode, gateway.end()), (0, 0), asked.stderr)
        text = trace.read_text(encoding="utf-8", errors="replace")
        used = set(re.findall(r"^\d+ +(\w+)\(", text, re.M))
        self.assertIn("accept4", used)
        # From the start of the program on, the filter holds for all threads.
        self.assertEqual(used - allowed_calls(self.unit()), set())
        executable = re.findall(r"^\d+ +m(?:map|protect)\(.*PROT_WRITE\|PROT_EXEC.*$", text, re.M)
        self.assertEqual(executable, [])  # MemoryDenyWriteExecute=


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    BUILD = str(pathlib.Path(sys.argv.pop()).resolve())
    unittest.main(verbosity=1, warnings="ignore")
