#!/usr/bin/env python3
"""What `cmake --install` puts where, and whether it works from there.

  install.py BUILD-FOLDER

Parts whose judge is not installed (systemd-analyze, strace, man) are skipped.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

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
]


def run(*command, **options):
    return subprocess.run([str(word) for word in command], text=True, capture_output=True,
                          timeout=120, check=False, **options)


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
        unit = self.read("lib/systemd/system/gwctl.service")
        self.assertEqual(used - allowed_calls(unit), set())
        executable = re.findall(r"^\d+ +m(?:map|protect)\(.*PROT_WRITE\|PROT_EXEC.*$", text, re.M)
        self.assertEqual(executable, [])  # MemoryDenyWriteExecute=


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    BUILD = str(pathlib.Path(sys.argv.pop()).resolve())
    unittest.main(verbosity=1, warnings="ignore")
