#!/usr/bin/env python3
"""What holds of gwctl diff whatever the documents are.

- A document compared with itself, or with its table, shows nothing.
- Compared the other way round, two documents differ about the same operations.

Over the repository's documents, and those of the shared folder where it is there.

usage: properties.py GWCTL SOURCE-FOLDER [--all|--short]
  --all: large documents of the shared folder too; --short: one of four, and none that is large
"""
import json
import pathlib
import subprocess
import sys
import tempfile

LARGE_BYTES = 1_500_000
SMALL_BYTES = 200_000
SHORT_STEP = 4
ENDINGS = {".yaml", ".yml", ".json"}


def diff(gwctl, old, new):
    """Changes, or None when one of the two is no gateway that can be compared."""
    done = subprocess.run([gwctl, "diff", "--json", "--fail-on", "never", str(old), str(new)],
                          capture_output=True, text=True)
    if done.returncode > 2 or done.returncode < 0:
        raise SystemExit(f"{old} {new}: ended with {done.returncode}: {done.stderr}")
    if done.returncode != 0:
        return None
    return [f for f in map(json.loads, done.stdout.splitlines()) if "id" in f]


def subjects(findings, moved):
    """Operations by their identity; those that are matched by place alone may have two."""
    return {o["id"] for f in findings for o in f["operations"]} - moved


def main():
    gwctl, root = sys.argv[1], pathlib.Path(sys.argv[2])
    short = "--short" in sys.argv
    most_bytes, step = (SMALL_BYTES, SHORT_STEP) if short else (LARGE_BYTES, 1)
    shared = root / ".." / "shared"
    folders = [root / "specs", root / "compiler", shared / "specs", shared / "diff-cases/data"]
    if not shared.is_dir():
        print("skipped: the documents of the shared folder")
    problems, compared, left_out = [], 0, 0
    for folder in folders:
        files = sorted(folder.rglob("*")) if folder.is_dir() else []
        for path in [f for f in files if f.suffix in ENDINGS and f.is_file()][::step]:
            if path.stat().st_size > most_bytes and "--all" not in sys.argv:
                continue
            findings = diff(gwctl, path, path)
            if findings is None:
                left_out += 1
                continue
            compared += 1
            for finding in findings:
                problems.append(f"{path}: {finding['id']}: {finding['message']}")
    print(f"{compared} documents are the same as themselves, {left_out} cannot be compared")

    with tempfile.TemporaryDirectory() as work:
        document = root / "specs/shop/gateway.yaml"
        table = pathlib.Path(work) / "shop.gwt"
        subprocess.run([gwctl, "compile", "-q", document, "-o", table], check=True,
                       capture_output=True)
        for old, new in ((document, table), (table, document), (table, table)):
            for finding in diff(gwctl, old, new):
                problems.append(f"{old} and {new}: {finding['id']}: {finding['message']}")

    pairs = 0
    if (shared / "diff-cases").is_dir():
        cases = json.loads((shared / "diff-cases/index.json").read_text())["cases"]
        for base, revision in sorted({(c["base"], c["revision"]) for c in cases})[::step]:
            there = diff(gwctl, shared / "diff-cases" / base, shared / "diff-cases" / revision)
            back = diff(gwctl, shared / "diff-cases" / revision, shared / "diff-cases" / base)
            renamed = {x for f in there + back if f["id"] in
                       ("operation-id-changed", "operation-path-changed")
                       for x in (f["before"], f["after"])}
            renamed |= {o["id"] for f in there + back if f["id"] in
                        ("operation-id-changed", "operation-path-changed", "parameter-renamed")
                        for o in f["operations"]}
            pairs += 1
            if subjects(there, renamed) != subjects(back, renamed):
                problems.append(f"{base} and {revision}: the other way round other operations: "
                                f"{subjects(there, renamed) ^ subjects(back, renamed)}")
    print(f"{pairs} pairs differ about the same operations in both directions")
    for problem in problems:
        print("  " + problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
