#!/usr/bin/env bash
# Time of `gwctl diff` on two large documents: one, and the same with one in forty of
# its integers turned into strings, and the other way round.  bench/diff.sh [BUILD_FOLDER]
# Uses the largest documents of ../shared/specs when they are there, and a made one of 4 MB.
# Goal: two documents of 4 MB in 1.5 s.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/documents.sh
. bench/machine.sh
gwctl=${1:-build/release}/cli/gwctl
collect_documents 4 4
machine
echo
python3 - "$gwctl" "$work" "${documents[@]}" <<'P'
import os, pathlib, re, subprocess, sys, time

gwctl, work = sys.argv[1:3]

def changed(text):
    """With one in forty types another, and how many are."""
    count = 0
    def other(match):
        nonlocal count
        count += 1
        return match[0] if count % 40 else match[1] + ("string" if match[2] == "integer" else "integer")
    return re.sub(r'("?type"?: *"?)(integer|string)\b', other, text), count // 40

def run(before, after, out):
    """Milliseconds, those of CPU, and findings; best of three."""
    best = None
    for _ in range(3):
        with open(out, "wb") as output:
            start = time.perf_counter()
            child = subprocess.Popen([gwctl, "diff", "-q", "--format", "json", before, after],
                                     stdout=output, stderr=subprocess.PIPE)
            problems = child.stderr.read()
            _, status, usage = os.wait4(child.pid, 0)
            took = (time.perf_counter() - start) * 1000
        child.returncode = 0
        if os.waitstatus_to_exitcode(status) > 1:
            raise SystemExit(f"diff.sh: {before}: {problems.decode()}")
        if best is None or took < best[0]:
            best = took, (usage.ru_utime + usage.ru_stime) * 1000
    return *best, len(pathlib.Path(out).read_text(encoding="utf-8").splitlines())

print("| document | MB | types changed | findings | ms | ms of CPU |\n|---|---|---|---|---|---|")
for document in sys.argv[3:]:
    path = pathlib.Path(document)
    text, count = changed(path.read_text(encoding="utf-8"))
    after = pathlib.Path(work) / f"after{path.suffix}"
    after.write_text(text, encoding="utf-8")
    took, cpu, findings = run(document, str(after), f"{work}/out.json")
    name = "/".join(path.parts[-2:]) if "specs" in path.parts else path.name
    print(f"| {name} | {path.stat().st_size / 1e6:.1f} | {count} | {findings} | {took:.0f} | {cpu:.0f} |")
P
