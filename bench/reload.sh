#!/usr/bin/env bash
# What a reload costs under load: tables of 100,000 routes take each other's place while clients ask
# without a pause; then 1,000 reloads in a row, and what they leave behind.
#   bench/reload.sh [--short] [BUILD_FOLDER]
#
# The gateway has one worker on cpu 0; clients and backend are on cpu 1, with whoever gives the
# orders. `map`, `verify`, `resolve` and `swap` are what the gateway reports; medians over the reloads of a
# round. Rounds without reloads, with reloads, and with as many copies of a table's bytes between two
# processes that have nothing to do with the gateway follow each other, and the medians of their p99
# are compared: what else a machine does moves p99 more than a reload, and whoever sends a table of
# 43 MB shares a processor with the clients. Requests that fail, of whatever kind, are counted by wrk;
# one ends the benchmark.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/machine.sh
. bench/proxies.sh

routes=100000 reloads=10 seconds=5 rounds=7 many=1000
if [[ ${1:-} == --short ]]; then routes=10000 reloads=5 seconds=2 rounds=3 many=200; shift; fi
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
# Prints "requests p99-in-ms" of what wrk has said.
told() {
  if grep -q 'Non-2xx\|Socket errors' "$1"; then echo "reload: errors: $(cat "$1")" >&2; exit 1; fi
  awk '/99%/ {p99 = $2 ~ /us$/ ? $2 / 1000 : $2 + 0} /requests in/ {n = $1} END {print n, p99}' "$1"
}
pause=$(awk "BEGIN {print $seconds * 0.8 / $reloads}")
wrk_round 2 >/dev/null
for _ in $(seq "$rounds"); do
  wrk_round "$seconds" >"$work/out"
  told "$work/out" >>"$work/before"
  wrk_round "$seconds" >"$work/out" & load=$!
  taskset -c 1 chrt --idle 0 python3 bench/reload.py "$work/admin" "$reloads" "$pause" \
    "$work/a.gwt" "$work/b.gwt" >"$work/costs"
  wait "$load"
  told "$work/out" >>"$work/during"
  wrk_round "$seconds" >"$work/out" & load=$!
  for _ in $(seq "$reloads"); do
    taskset -c 1 chrt --idle 0 cat "$work/a.gwt" | taskset -c 1 chrt --idle 0 tail -c 1 >/dev/null
    sleep "$pause"
  done
  wait "$load"
  told "$work/out" >>"$work/copies"
done
cat "$work/costs"
echo "of the last round; $((rounds * reloads)) reloads, no request failed"
for what in before during copies; do
  printf '%-8s %8d requests, p99 %s ms (%s)\n' "$what" "$(awk '{n += $1} END {print n}' "$work/$what")" \
    "$(median "$work/$what" 2)" "$(awk '{print $2}' "$work/$what" | paste -sd' ')"
done
awk -v b="$(median "$work/before" 2)" -v d="$(median "$work/during" 2)" -v c="$(median "$work/copies" 2)" \
  'BEGIN {printf "p99 during over before: %.2f (goal 2); copies over before: %.2f\n", d / b, c / b}'

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
