#!/usr/bin/env python3
"""A Debian package: what it says and holds; and, in a system of its own, its whole life.

  deb.py PACKAGE [ROOT]

ROOT is a Debian system, a minimal one (debootstrap) or `/`, of which nothing is changed: install,
start, upgrade, remove and purge happen in a layer above it, in a namespace of its own. Without it, or
without root and namespaces, that part is skipped. systemd does not run there: it is stood in for by a program that notes what it is
asked, and what the unit would start is started by hand.
"""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

PACKAGE = ROOT = None
SECONDS = 30
CONFFILES = ["/etc/default/gwctl", "/etc/gwctl/gateway.yaml", "/etc/logrotate.d/gwctl"]
# Notes what it is asked, and what the gateway serves when it is to be stopped; the unit is always
# enabled, and active.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>/calls
case "$*" in
  *is-enabled*) echo enabled ;;
  *is-active*) echo active ;;
  *stop*|*restart*) echo "serves $(curl -sf http://127.0.0.1:8080/)" >>/calls ;;
esac
"""


def run(*command, check=True, **options):
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True,
                          timeout=600, check=False, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
    return done


def bumped(package, folder):
    """The same package as its next version, with another default of a conffile."""
    tree = folder / "tree"
    run("dpkg-deb", "-R", package, tree)
    control = tree / "DEBIAN/control"
    text = control.read_text(encoding="utf-8")
    control.write_text(re.sub(r"^Version: .*$", "Version: 0.1.0-2", text, flags=re.M),
                       encoding="utf-8")
    default = tree / "etc/default/gwctl"
    default.write_text(default.read_text(encoding="utf-8") + "# new\n", encoding="utf-8")
    next_one = folder / "next.deb"
    run("dpkg-deb", "--root-owner-group", "-b", tree, next_one)
    return next_one


class PackageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.tree = pathlib.Path(cls.temporary.name)
        run("dpkg-deb", "-R", PACKAGE, cls.tree)

    def field(self, name):
        return run("dpkg-deb", "-f", PACKAGE, name).stdout.strip()

    def test_its_fields(self):
        self.assertEqual(self.field("Package"), "gwctl")
        self.assertEqual(self.field("Section"), "net")
        for needed in ("libc6 (>=", "libssl3", "libnghttp2-14", "adduser", "init-system-helpers"):
            self.assertIn(needed, self.field("Depends"))
        conffiles = (self.tree / "DEBIAN/conffiles").read_text(encoding="utf-8").split()
        self.assertEqual(conffiles, CONFFILES)
        for name in conffiles:
            self.assertTrue((self.tree / name[1:]).is_file())

    def test_files_are_where_debian_has_them(self):
        for name in ("usr/bin/gwctl", "lib/systemd/system/gwctl.service",
                     "usr/share/bash-completion/completions/gwctl",
                     "usr/share/zsh/vendor-completions/_gwctl",
                     "usr/share/fish/vendor_completions.d/gwctl.fish",
                     "usr/share/doc/gwctl/copyright", "usr/share/doc/gwctl/changelog.Debian.gz",
                     "usr/share/man/man1/gwctl-doctor.1.gz"):
            self.assertTrue((self.tree / name).is_file(), name)
        pages = list((self.tree / "usr/share/man/man1").iterdir())
        self.assertTrue(all(page.suffix == ".gz" for page in pages))
        unit = (self.tree / "lib/systemd/system/gwctl.service").read_text(encoding="utf-8")
        self.assertIn("ExecStart=/usr/bin/gwctl serve", unit)
        self.assertIn("GATEWAY=/etc/gwctl/gateway.yaml", unit)
        self.assertFalse((self.tree / "usr/share/doc/gwctl/examples/gwctl.logrotate").exists())
        for path in self.tree.rglob("*"):
            self.assertFalse(path.is_symlink())
            self.assertEqual(path.stat().st_mode & 0o022, 0, path)

    def test_scripts_are_shell_and_refuse_what_they_do_not_know(self):
        for name in ("postinst", "prerm", "postrm"):
            script = self.tree / "DEBIAN" / name
            self.assertEqual(script.stat().st_mode & 0o777, 0o755)
            run("sh", "-n", script)
        known = run(self.tree / "DEBIAN/postinst", "nonsense", check=False)
        self.assertEqual(known.returncode, 1)


@unittest.skipUnless("GWCTL_TEST_ISOLATED" in os.environ,
                     "no root of a Debian system, not root, or no namespaces")
class LifeTest(unittest.TestCase):
    """One test, since each step stands on the one before."""

    def chroot(self, *command, **options):
        return run("chroot", self.root, *command,
                   env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C",
                        "DEBIAN_FRONTEND": "noninteractive"}, **options)

    def calls(self):
        """What systemd has been asked since."""
        path = self.root / "calls"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text("", encoding="utf-8")
        return [line.replace("--quiet ", "").replace("--system ", "") for line in text.splitlines()]

    def start(self):
        """What the unit does: its directories, its environment, its command, as its user."""
        unit = (self.root / "lib/systemd/system/gwctl.service").read_text(encoding="utf-8")
        variables = dict(re.findall(r"^Environment=(\w+)=(.*)$", unit, re.M))
        default = (self.root / "etc/default/gwctl").read_text(encoding="utf-8")
        variables.update(re.findall(r"^(\w+)=(.*)$", default, re.M))
        command = re.search(r"^ExecStart=(.*)$", unit, re.M)[1]
        command = re.sub(r"\$\{(\w+)\}|\$(\w+)", lambda m: variables[m[1] or m[2]], command)
        for folder, mode in (("var/lib/gwctl", 0o700), ("var/log/gwctl", 0o750),
                             ("run/gwctl", 0o755)):
            (self.root / folder).mkdir(exist_ok=True)
            (self.root / folder).chmod(mode)
            self.chroot("chown", "gwctl:gwctl", "/" + folder)
        gateway = subprocess.Popen(
            ["chroot", "--userspec=gwctl:gwctl", "--groups=", self.root, *shlex.split(command)],
            env={"PATH": "/usr/sbin:/usr/bin", **variables}, stderr=subprocess.PIPE, text=True,
            stdout=subprocess.DEVNULL)
        said = []
        for line in gateway.stderr:
            said.append(line)
            if "admin address=" in line:
                return gateway
        raise AssertionError(said)

    def stop(self, gateway):
        gateway.terminate()
        self.assertEqual(gateway.wait(SECONDS), 0)
        gateway.stderr.close()

    def test_its_life(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        folder = pathlib.Path(temporary.name)
        self.root = folder / "root"
        self.root.mkdir()
        run("mount", "-t", "tmpfs", "none", folder / "root")
        for name in ("upper", "work", "root"):
            (self.root / name).mkdir()
        upper, self.root = self.root, self.root / "root"
        self.addCleanup(run, "umount", "-l", upper)
        layer = run("mount", "-t", "overlay", "overlay", "-o",
                    f"lowerdir={ROOT},upperdir={upper}/upper,workdir={upper}/work", self.root,
                    check=False)
        if layer.returncode != 0:
            self.skipTest(f"no layer above {ROOT}: {layer.stderr.strip()}")
        self.addCleanup(run, "umount", "-l", self.root)
        if (self.root / "etc/gwctl").exists() or (self.root / "usr/bin/gwctl").exists():
            self.skipTest(f"{ROOT} has a gwctl of its own")
        for program in ("usr/bin/curl", "usr/sbin/adduser", "usr/bin/deb-systemd-helper"):
            if not (self.root / program).exists():
                self.skipTest(f"{ROOT} has no {program}")
        # Nor is the index of its manual pages ours, which takes long to make anew.
        (self.root / "var/lib/man-db/auto-update").unlink(missing_ok=True)
        run("mount", "-t", "proc", "proc", self.root / "proc")
        run("mount", "--rbind", "/dev", self.root / "dev")
        (self.root / "run/systemd/system").mkdir(parents=True, exist_ok=True)
        (self.root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)
        systemctl = self.root / "bin/systemctl"
        systemctl.write_text(SYSTEMCTL, encoding="utf-8")
        systemctl.chmod(0o755)
        shutil.copy(PACKAGE, self.root / "first.deb")
        shutil.copy(bumped(PACKAGE, folder), self.root / "next.deb")

        # install
        self.chroot("dpkg", "-i", "/first.deb")
        calls = self.calls()
        self.assertIn("daemon-reload", calls)
        self.assertIn("start gwctl.service", calls)
        self.assertIn(":/var/lib/gwctl:", self.chroot("getent", "passwd", "gwctl").stdout)
        self.assertTrue([call for call in calls if call.endswith("preset gwctl.service")], calls)
        self.assertEqual(self.chroot("dpkg", "--verify", "gwctl").stdout, "")
        # start, reload, stop
        gateway = self.start()
        self.assertIn("it works", self.chroot("curl", "-sf", "http://127.0.0.1:8080/").stdout)
        own = self.root / "etc/gwctl/gateway.yaml"
        own.write_text(own.read_text(encoding="utf-8").replace("it works", "it is mine"),
                       encoding="utf-8")
        self.chroot("gwctl", "reload", "/etc/gwctl/gateway.yaml")  # root: the usual socket
        self.assertIn("is mine", self.chroot("curl", "-sf", "http://127.0.0.1:8080/").stdout)
        self.chroot("gwctl", "doctor", "/etc/gwctl/gateway.yaml")
        # upgrade, of one that runs
        self.chroot("dpkg", "-i", "/next.deb")
        self.assertEqual(self.chroot("dpkg-query", "-Wf", "${Version}", "gwctl").stdout,
                         "0.1.0-2")
        calls = self.calls()
        # It serves until the new one does, whose files are all there by then.
        self.assertNotIn("stop gwctl.service", calls)
        restarted = calls.index("restart gwctl.service")
        self.assertLess(calls.index("daemon-reload"), restarted)
        self.assertIn("it is mine", calls[restarted + 1])
        # Orders of the new program reach the old one.
        self.chroot("gwctl", "reload", "/etc/gwctl/gateway.yaml")
        self.stop(gateway)
        self.assertIn("it is mine", own.read_text(encoding="utf-8"))
        self.assertIn("# new", (self.root / "etc/default/gwctl").read_text(encoding="utf-8"))
        gateway = self.start()
        self.assertIn("is mine", self.chroot("curl", "-sf", "http://127.0.0.1:8080/").stdout)
        # remove, of one that runs: it is stopped before its files go
        self.chroot("dpkg", "-r", "gwctl")
        calls = self.calls()
        self.assertIn("it is mine", calls[calls.index("stop gwctl.service") + 1])
        self.stop(gateway)
        self.assertFalse((self.root / "usr/bin/gwctl").exists())
        self.assertTrue(own.exists())
        self.assertTrue((self.root / "var/lib/gwctl/accepted").exists())
        # install again
        self.chroot("dpkg", "-i", "/next.deb")
        self.assertIn("it is mine", own.read_text(encoding="utf-8"))
        self.assertIn("restart gwctl.service", self.calls())  # which starts it
        # purge
        self.chroot("dpkg", "-P", "gwctl")
        left = [name for name in ("etc/gwctl", "etc/default/gwctl", "etc/logrotate.d/gwctl",
                                  "var/lib/gwctl", "var/log/gwctl", "run/gwctl",
                                  "usr/share/gwctl", "usr/share/doc/gwctl")
                if (self.root / name).exists()]
        self.assertEqual(left, [])
        masked = self.root / "etc/systemd/system/gwctl.service"
        self.assertFalse(masked.is_symlink())
        # where there is no systemd, such as in a container: it is enabled for when there is
        systemctl.unlink()
        (self.root / "run/systemd/system").rmdir()
        wanted = self.root / "etc/systemd/system/multi-user.target.wants/gwctl.service"
        self.chroot("dpkg", "-i", "/first.deb")
        self.assertTrue(wanted.is_symlink())
        self.chroot("dpkg", "-P", "gwctl")
        self.assertFalse(wanted.is_symlink())


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    PACKAGE = pathlib.Path(sys.argv[1]).resolve()
    if len(sys.argv) == 3:
        ROOT = pathlib.Path(sys.argv[2]).resolve()
        may_unshare = os.geteuid() == 0 and run("unshare", "-m", "-n", "true",
                                                check=False).returncode == 0
        if may_unshare and "GWCTL_TEST_ISOLATED" not in os.environ:
            os.environ["GWCTL_TEST_ISOLATED"] = "yes"
            # Mounts and ports of its own: what runs here is not in the way.
            os.execvp("unshare", ["unshare", "-m", "-n", sys.executable, *sys.argv])
        if "GWCTL_TEST_ISOLATED" in os.environ:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    unittest.main(argv=sys.argv[:1], verbosity=2, warnings="ignore")
