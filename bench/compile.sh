#!/usr/bin/env bash
# Time and peak memory of `lint` and `compile` on large documents.  bench/compile.sh [BUILD_FOLDER]
# Uses the largest documents of ../shared/specs when they are there, and a made one of 13 MB.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/documents.sh
. bench/machine.sh
gwctl=${1:-build/release}/cli/gwctl
collect_documents 13 8
machine
echo
python3 - "$gwctl" "$work/out.gwt" "${documents[@]}" <<'P'
import os, subprocess, sys, time

gwctl, out = sys.argv[1:3]

def run(arguments):
    """Milliseconds, peak MiB and exit status; best of three."""
    best = None
    for _ in range(3):
        start = time.perf_counter()
        child = subprocess.Popen([gwctl, *arguments], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = 0
        took = (time.perf_counter() - start) * 1000
        if best is None or took < best[0]:
            best = took, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)
    return best

print("| document | MB | lint ms | lint MiB | lint exit | compile ms | compile MiB | compile exit |")
print("|---|---:|---:|---:|---:|---:|---:|---:|")
for path in sys.argv[3:]:
    lint = run(["lint", "--mock", "--unenforced", "security", path])
    made = run(["compile", "--mock", "--unenforced", "security", path, "-o", out])
    size = os.path.getsize(path) / 1e6
    name = os.path.relpath(path, "../shared/specs") if "/specs/" in path else os.path.basename(path)
    print(f"| {name} | {size:.1f} | {lint[0]:.0f} | {lint[1]:.0f} | {lint[2]} "
          f"| {made[0]:.0f} | {made[1]:.0f} | {made[2]} |")
P
