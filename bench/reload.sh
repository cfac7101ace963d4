#!/usr/bin/env bash
# What a reload costs under load: tables of 100,000 routes take each other's place while clients ask
# without a pause; then 1,000 reloads in a row, and what they leave behind.
#   bench/reload.sh [--short] [BUILD_FOLDER]
#
# The gateway has one worker on cpu 0; clients and backend are on cpu 1, with whoever gives the
# orders. `load`, `resolve` and `swap` are what the gateway reports; medians over the reloads. Requests
# that fail, of whatever kind, are counted by wrk.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/machine.sh
. bench/proxies.sh

routes=100000 reloads=20 seconds=10 many=1000
if [[ ${1:-} == --short ]]; then routes=10000 reloads=10 seconds=4 many=200; shift; fi
build=${1:-build/release}
gwctl=$build/cli/gwctl
need nginx wrk taskset python3

read -r backend port < <(free_ports 2)
nginx_conf backend "server { listen 127.0.0.1:$backend; default_type application/json; location / { return 200 '$answer'; } }"
bench/make_routes.py "$routes" --upstream "http://127.0.0.1:$backend" >"$work/routes.json"
"$gwctl" compile -q "$work/routes.json" -o "$work/a.gwt"
sed 's/"title": "Routes"/"title": "Others"/' "$work/routes.json" >"$work/other.json"
"$gwctl" compile -q "$work/other.json" -o "$work/b.gwt"
cmp -s "$work/a.gwt" "$work/b.gwt" && { echo "reload.sh: the tables are the same" >&2; exit 1; }

start 1 nginx -p "$work" -c "$work/backend.conf"
start 0 "$gwctl" serve "$work/a.gwt" --listen "127.0.0.1:$port" --workers 1 --access-log off \
  --state "$work/state" --admin "unix:$work/admin"; gwctl_pid=$!
path=/s3/r7/abc/items/42
await_answer "http://127.0.0.1:$port$path"
machine
echo "table: $(stat -c %s "$work/a.gwt") bytes, $routes routes"

wrk_round() { taskset -c 1 wrk -t1 -c32 -d"$1s" --latency "http://127.0.0.1:$port$path"; }
show() {
  awk -v what="$1" '/99%/ {p99 = $2} /requests in/ {n = $1} /Socket errors/ {errors = $0}
    /Non-2xx/ {errors = errors " " $0}
    END {printf "%-8s %8d requests, p99 %s,%s failed\n", what, n, p99, errors == "" ? " none" : errors}' "$2"
}
wrk_round 2 >/dev/null
wrk_round "$seconds" >"$work/before"
wrk_round "$seconds" >"$work/during" & load=$!
taskset -c 1 chrt --idle 0 python3 bench/reload.py "$work/admin" "$reloads" "$(awk "BEGIN {print $seconds * 0.8 / $reloads}")" \
  "$work/a.gwt" "$work/b.gwt"
wait "$load"
show before "$work/before"
show during "$work/during"

resident() { awk '/VmRSS/ {print $2}' "/proc/$gwctl_pid/status"; }
descriptors() { ls "/proc/$gwctl_pid/fd" | wc -l; }
bench/make_routes.py 1000 --upstream "http://127.0.0.1:$backend" >"$work/routes.json"
"$gwctl" compile -q "$work/routes.json" -o "$work/a.gwt"
sed 's/"title": "Routes"/"title": "Others"/' "$work/routes.json" >"$work/other.json"
"$gwctl" compile -q "$work/other.json" -o "$work/b.gwt"
start 1 wrk -t1 -c32 -d1000s "http://127.0.0.1:$port$path"  # ends with the script
echo "reloads  resident KiB  descriptors  (1,000 routes, clients asking)"
for part in 1 2 3 4 5; do
  taskset -c 1 python3 bench/reload.py --quiet "$work/admin" $((many / 5)) 0 "$work/a.gwt" "$work/b.gwt"
  printf '%7d %13d %12d\n' $((part * many / 5)) "$(resident)" "$(descriptors)"
done
