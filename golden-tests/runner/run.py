#!/usr/bin/env python3
"""Runs golden cases: one file is one test.

A case is a comment (`# ...` lines), commands (`$ gwctl ...` lines), then blocks headed
`-- name --`. Blocks whose name begins with a number and a dot (1.stdout, 1.stderr, 1.exit) are
what command 1 is expected to do; all others are files in the fresh folder that the commands run
in. A missing expectation expects nothing: no output, exit status 0.

A command is split like a shell's words; `< FILE`, `> FILE` and `NAME=VALUE` in front work, nothing
else does. Besides gwctl there is `truncate FILE BYTES` and `flip FILE OFFSET`, to damage tables.

What differs from run to run is replaced before it is compared or written: [ROOT], [ELAPSED],
[VERSION], [DIGEST]. GW_BLESS=1 writes the expectations; it is refused where CI is set.

usage: run.py GWCTL FOLDER-OR-CASE...
"""
import difflib
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"^-- (\S+) --$")
EXPECTATION = re.compile(r"^\d+\.(stdout|stderr|exit)$")
TIMEOUT_SECONDS = 30


class Case:
    """One golden file, taken apart."""

    def __init__(self, path):
        self.path = path
        self.comments, self.commands, self.blocks = [], [], {}
        name = None
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
            block = BLOCK.match(line.rstrip("\n"))
            if block:
                name = block.group(1)
                self.blocks[name] = ""
            elif name is not None:
                self.blocks[name] += line
            elif line.startswith("$ "):
                self.commands.append(line[2:].strip())
            elif line.startswith("#"):
                self.comments.append(line.rstrip("\n"))
        # The empty line before the next block belongs to the form of the file.
        for key, text in self.blocks.items():
            if text.endswith("\n\n"):
                self.blocks[key] = text[:-1]
            elif text == "\n":
                self.blocks[key] = ""

    def inputs(self):
        return {n: t for n, t in self.blocks.items() if not EXPECTATION.match(n)}

    def expected(self):
        return {n: t for n, t in self.blocks.items() if EXPECTATION.match(n)}

    def write(self, outcome):
        parts = ["\n".join(self.comments + ["$ " + c for c in self.commands]) + "\n"]
        for name, text in list(self.inputs().items()) + list(outcome.items()):
            parts.append(f"-- {name} --\n{text}")
        self.path.write_text("\n".join(parts), encoding="utf-8")


def redact(text, root, version):
    text = text.replace(str(root), "[ROOT]")
    text = re.sub(r'"passes_ms":\{[^}]*\}', '"passes_ms":{[ELAPSED]}', text)
    text = re.sub(r' time="\d+\.\d+"', ' time="[ELAPSED]"', text)
    head, mark, passes = text.partition("\npass                    ms\n")
    text = head + mark + re.sub(r" +\d+\.\d\d$", " [ELAPSED]", passes, flags=re.M) if mark else text
    text = re.sub(r"(digest|sources)(\s+|\":\s*\")[0-9a-f]{16}", r"\1\2[DIGEST]", text)
    return text.replace(version, "[VERSION]")


def damage(words, folder):
    """truncate FILE BYTES | flip FILE OFFSET."""
    file = folder / words[1]
    data = bytearray(file.read_bytes())
    at = int(words[2])
    if words[0] == "truncate":
        data = data[:at]
    else:
        data[at] ^= 1
    file.write_bytes(bytes(data))


def run_command(line, folder, gwctl, environment):
    words = shlex.split(line)
    environment = dict(environment)
    source, target = subprocess.DEVNULL, subprocess.PIPE
    while words and re.match(r"^[A-Z_]+=", words[0]):
        name, value = words.pop(0).split("=", 1)
        environment[name] = value
    if words[0] in ("truncate", "flip"):
        damage(words, folder)
        return "", "", 0
    if words[0] != "gwctl":
        raise SystemExit(f"not a command of golden cases: {line}")
    arguments = [gwctl]
    i = 1
    while i < len(words):
        if words[i] in ("<", ">"):
            stream = open(folder / words[i + 1], "rb" if words[i] == "<" else "wb")
            source, target = (stream, target) if words[i] == "<" else (source, stream)
            i += 1
        else:
            arguments.append(words[i])
        i += 1
    done = subprocess.run(arguments, cwd=folder, env=environment, stdin=source, stdout=target,
                          stderr=subprocess.PIPE, timeout=TIMEOUT_SECONDS, check=False)
    decode = lambda data: (data or b"").decode("utf-8", "replace")
    return decode(done.stdout), decode(done.stderr), done.returncode


def run_case(case, gwctl, version):
    """The outcome of all commands, as blocks."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8",
                   "COLUMNS": "100", "NO_COLOR": "1"}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LLVM_PROFILE_FILE"):
        if name in os.environ:
            environment[name] = os.environ[name]
    outcome = {}
    with tempfile.TemporaryDirectory(prefix="gwctl-golden-") as name:
        folder = pathlib.Path(name).resolve()
        for file, text in case.inputs().items():
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        for number, line in enumerate(case.commands, 1):
            stdout, stderr, status = run_command(line, folder, gwctl, environment)
            for stream, text in (("stdout", stdout), ("stderr", stderr)):
                text = redact(text, folder, version)
                if text:
                    outcome[f"{number}.{stream}"] = text if text.endswith("\n") else text + "\n"
            if status != 0:
                outcome[f"{number}.exit"] = f"{status}\n"
    return outcome


def show_difference(case, expected, outcome):
    print(f"FAIL {case.path}")
    for name in sorted(set(expected) | set(outcome)):
        want, got = expected.get(name, ""), outcome.get(name, "")
        if want == got:
            continue
        sys.stdout.writelines(difflib.unified_diff(
            want.splitlines(keepends=True), got.splitlines(keepends=True),
            f"{name} expected", f"{name} got"))


def main():
    gwctl = str(pathlib.Path(sys.argv[1]).resolve())
    bless = os.environ.get("GW_BLESS") == "1"
    if bless and os.environ.get("CI"):
        raise SystemExit("GW_BLESS is refused where CI is set: expectations are reviewed by people")
    version = subprocess.run([gwctl, "--version"], capture_output=True, check=True,
                             text=True).stdout.split()[-1]
    cases = []
    for argument in sys.argv[2:]:
        path = pathlib.Path(argument)
        cases += sorted(path.rglob("*.golden")) if path.is_dir() else [path]
    failed = written = 0
    for path in cases:
        case = Case(path)
        outcome = run_case(case, gwctl, version)
        if outcome == case.expected():
            continue
        if bless:
            case.write(outcome)
            written += 1
        else:
            failed += 1
            show_difference(case, case.expected(), outcome)
    print(f"{len(cases)} cases, {written} written, {failed} failed")
    if failed:
        print("if the change is meant: GW_BLESS=1 and the same command, then review the difference")
    sys.exit(1 if failed or not cases else 0)


if __name__ == "__main__":
    main()
