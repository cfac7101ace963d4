#!/usr/bin/env bash
# What telling of requests costs: CPU per exchange for metrics, access log and traces (observe_bench),
# and the time to read the metrics of 10,000 operations that have all been used.
#   bench/observe.sh [--short] [BUILD_FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/machine.sh
. bench/proxies.sh

operations=10000 reads=50
if [[ ${1:-} == --short ]]; then reads=15; shift; fi
build=${1:-build/release}
gwctl=$build/cli/gwctl
need nginx curl python3

machine
"$build/bench/observe_bench"

read -r backend port < <(free_ports 2)
nginx_conf backend "server { listen 127.0.0.1:$backend; default_type application/json; location / { return 200 '$answer'; } }"
bench/make_routes.py "$operations" --upstream "http://127.0.0.1:$backend" >"$work/routes.json"
"$gwctl" compile -q "$work/routes.json" -o "$work/routes.gwt"
start 1 nginx -p "$work" -c "$work/backend.conf"
start 0 "$gwctl" serve "$work/routes.gwt" --listen "127.0.0.1:$port" --workers 2 --access-log off \
  --admin "unix:$work/admin"; gwctl_pid=$!
await_answer "http://127.0.0.1:$backend/"
await_answer "http://127.0.0.1:$port/s0/r0/a"
python3 - "$port" "$work/routes.json" <<'P'
import http.client, json, re, sys
paths = [re.sub(r"{\w+}", "a", path) for path in json.load(open(sys.argv[2]))["paths"]]
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=30)
for path in paths:
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, (path, answer.status)
P
before=$(cpu_ns "$gwctl_pid")
for _ in $(seq "$reads"); do
  curl -s --unix-socket "$work/admin" -o "$work/metrics" -w '%{time_total}\n' http://gateway/metrics
done | sort -n >"$work/times"
cpu_ms=$(awk -v t=$(($(cpu_ns "$gwctl_pid") - before)) -v n="$reads" 'BEGIN {printf "%.1f", t / 1e6 / n}')
echo
awk -v n="$operations" -v cpu="$cpu_ms" '{t[NR] = $1 * 1e3} END {printf "reading the metrics of %d operations: median %.1f ms, most %.1f ms, CPU %s ms\n", n, t[int((NR + 1) / 2)], t[NR], cpu}' "$work/times"
echo "$(wc -c <"$work/metrics") bytes, $(grep -vc '^#' "$work/metrics") samples"
