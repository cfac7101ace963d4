#!/usr/bin/env python3
"""What README shows of gwctl is what gwctl prints.

usage: readme.py GWCTL

Commands are the lines with `$ gwctl` that name files of this repository or what an earlier command
wrote. Shown output may leave lines out; what is there must come in this order.
"""
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def commands(text):
    """(command, shown lines) of the fenced blocks."""
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.S | re.M):
        if language:
            continue
        found = re.split(r"^\$ (.*)\n", block, flags=re.M)
        for command, shown in zip(found[1::2], found[2::2]):
            yield command, [line for line in shown.splitlines() if line.strip()]


def words_of(line):
    return line.split()


def main():
    gwctl = str(pathlib.Path(sys.argv[1]).resolve())
    checked = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "specs").symlink_to(ROOT / "specs")
        for command, shown in commands((ROOT / "README.md").read_text(encoding="utf-8")):
            words = shlex.split(command)
            runs = words[0] == "gwctl" and words[1] in ("compile", "explain", "inspect")
            if not runs or not shown:
                continue
            ran = subprocess.run([gwctl, *words[1:]], cwd=folder, text=True, check=False,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            printed = iter([words_of(line) for line in ran.stdout.splitlines()])
            missing = [line for line in shown if words_of(line) not in printed]
            checked += 1
            failed += bool(missing)
            for line in missing:
                print(f"README.md: `{command}` does not print: {line}")
    print(f"{checked} commands checked")
    return 1 if failed or checked == 0 else 0


sys.exit(main())
