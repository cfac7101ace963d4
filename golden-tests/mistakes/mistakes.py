#!/usr/bin/env python3
"""Writes mistakes into the documents of the golden cases, and compiles them: whatever stands in a
document is an answer of gwctl, with a diagnostic or without, and never a bug of its own. What it does
compile it can read again.

usage: mistakes.py GWCTL [COUNT [SEED]]
"""
import pathlib
import random
import re
import subprocess
import sys
import tempfile

FILE = re.compile(r"^-- (?P<name>\S+\.(?:yaml|json|txt)) --$")
SCALAR = re.compile(r"(?<=: )[^\s,{}\[\]]+|(?<=[\[,] )[^\s,{}\[\]]+|(?<=\[)[^\s,{}\[\]]+|(?<=- )[^\s,{}\[\]:]+(?=$|\n)")
KEY = re.compile(r"[A-Za-z][\w-]*(?=:)")
STRANGE = ["''", "'x y'", "0", "-1", "1e99", "99999999999999999999", "null", "true", "~", "[]", "{}", "[[]]",
           "{a: {b: []}}", "['', '']", "'*'", "$env.NONE", "$file./nowhere", "$request.path.none",
           "'$request.body#/a/0'", "$jwt.sub", "'{$client.ip}'", "'{$'", "1s", "5MiB", "10%", "https://[::1", "'/a/{b'",
           "'/{x+}/{y}'", "\"\\u0000\"", "'\\'", "'(?<a'", "'é'", "any", "none", "0/s", "a" * 300]


def documents(folder):
    """(name, {file: text}, the documents to compile) of each case."""
    for path in sorted(folder.rglob("*.golden")):
        files, current = {}, None
        for line in path.read_text(encoding="utf-8").splitlines():
            found = FILE.match(line)
            if found or re.match(r"^-- \S+ --$", line):
                current = found["name"] if found else None
                if current:
                    files[current] = []
            elif current:
                files[current].append(line)
        files = {name: "\n".join(lines) + "\n" for name, lines in files.items()}
        mains = [name for name, text in files.items() if "x-gw" in text and text.lstrip().startswith("openapi")]
        if mains:
            yield path.stem, files, mains


def with_mistakes(text, chance):
    for _ in range(chance.randint(1, 3)):
        kind = chance.random()
        spots = list((SCALAR if kind < 0.7 else KEY).finditer(text))
        if not spots:
            return text
        spot = chance.choice(spots)
        if kind < 0.7:
            other = chance.choice(STRANGE) if chance.random() < 0.7 else chance.choice(spots).group()
        else:
            other = chance.choice(spots).group()
        text = text[:spot.start()] + other + text[spot.end():]
    return text


def is_bug(done):
    return done.returncode < 0 or done.returncode == 70 or "gwctl: bug:" in done.stderr


def main():
    gwctl = str(pathlib.Path(sys.argv[1]).resolve())
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 400
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    chance = random.Random(seed)
    cases = list(documents(pathlib.Path(__file__).parent.parent))
    ways = {"compiled": 0, "refused": 0}
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for number in range(count):
            name, files, mains = chance.choice(cases)
            main_file = chance.choice(mains)
            for file, text in files.items():
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / file).write_text(text, encoding="utf-8")
            text = with_mistakes(files[main_file], chance)
            (folder / main_file).write_text(text, encoding="utf-8")
            done = subprocess.run([gwctl, "compile", main_file, "--mock", "-o", "out.gwt"], cwd=folder, text=True,
                                  capture_output=True, timeout=60, check=False)
            ways["compiled" if done.returncode == 0 else "refused"] += 1
            if done.returncode == 0:
                done = subprocess.run([gwctl, "inspect", "out.gwt"], cwd=folder, text=True, capture_output=True,
                                      timeout=60, check=False)
            if is_bug(done) or (done.args[1] == "inspect" and done.returncode != 0):
                failed += 1
                print(f"-- {name}/{main_file}, number {number} of seed {seed}: {done.args[1]} ended with "
                      f"{done.returncode}: {done.stderr.strip()[-300:]}\n{text}")
    print(f"{count} documents, {ways['compiled']} compiled, {ways['refused']} refused, {failed} failed")
    # Mistakes that are none, and mistakes that hide all others, would test nothing.
    few = min(ways.values()) < count / 20
    return 1 if failed or few else 0


if __name__ == "__main__":
    sys.exit(main())
