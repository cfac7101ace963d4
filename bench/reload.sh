#!/usr/bin/env bash
# What a reload costs under load: tables of 100,000 routes take each other's place while clients ask
# without a pause; then 1,000 reloads in a row, and what they leave behind.
#   bench/reload.sh [--short] [BUILD_FOLDER]
#
# The gateway has one worker on cpu 0; clients and backend are on cpu 1, with whoever gives the
# orders. `map`, `verify`, `resolve` and `swap` are what the gateway reports, `order to answer` is what the
# one sees who orders; medians over the reloads of a round. Rounds without reloads, with reloads by
# the name of a file, and with the table sent follow each other. Clients ask from before the first
# order of a round until after the last answer. What else a machine does moves p99 more than a
# reload: it is compared with that at the begin of the same round, and the median of these ratios is told.
# Requests that fail, of whatever kind, are counted by wrk; one ends the benchmark.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/machine.sh
. bench/proxies.sh

routes=100000 reloads=10 sent=3 seconds=5 rounds=7 many=1000
if [[ ${1:-} == --short ]]; then routes=10000 reloads=5 sent=2 seconds=2 rounds=3 many=200; shift; fi
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

ask() { exec taskset -c 1 wrk -t1 -c32 -d"$1s" --latency "http://127.0.0.1:$port$path"; }
# Appends "requests p99-in-ms" of what wrk has said to a file.
note() {  # WHAT
  if grep -q 'Non-2xx\|Socket errors' "$work/out"; then echo "reload: errors: $(cat "$work/out")" >&2; exit 1; fi
  awk '/99%/ {p99 = $2 ~ /us$/ ? $2 / 1000 : $2 + 0} /requests in/ {n = $1} END {print n, p99}' \
    "$work/out" >>"$work/$1"
}
# The orders come at a priority that leaves the processor to the clients.
ask_while_reloading() {  # WHAT COUNT OPTION...
  coproc giver { taskset -c 1 nice -n 19 python3 bench/reload.py --wait "${@:3}" "$work/admin" "$2" \
    "$pause" "$work/a.gwt" "$work/b.gwt"; }
  local go costs load giver_pid=$giver_PID
  exec {go}>&"${giver[1]}" {costs}<&"${giver[0]}"
  eval "exec ${giver[1]}>&-"
  read -r _ <&"$costs"
  ask 600 >"$work/out" & load=$!
  pids+=("$load")
  exec {go}>&-
  cat <&"$costs" >"$work/costs-$1"
  exec {costs}<&-
  wait "$giver_pid"  # fails when an order was refused
  kill -INT "$load"
  wait "$load"
  unset 'pids[-1]'
  note "$1"
}
pause=$(awk "BEGIN {print $seconds * 0.8 / $reloads}")
taskset -c 1 python3 bench/reload.py "$work/admin" "$reloads" 0.1 "$work/a.gwt" "$work/b.gwt" >"$work/costs-alone"
(ask 2) >/dev/null
for _ in $(seq "$rounds"); do
  (ask "$seconds") >"$work/out"
  note before
  ask_while_reloading named "$reloads"
  ask_while_reloading sent "$sent" --send
done
echo "named, while nobody asks:"
cat "$work/costs-alone"
for what in named sent; do echo "$what, the last round:"; cat "$work/costs-$what"; done
echo "$((rounds * (reloads + sent))) reloads, no request failed"
for what in before named sent; do
  printf '%-8s %8d requests, p99 %s ms (%s)\n' "$what" "$(awk '{n += $1} END {print n}' "$work/$what")" \
    "$(median "$work/$what" 2)" "$(awk '{print $2}' "$work/$what" | paste -sd' ')"
done
for what in named sent; do
  paste "$work/$what" "$work/before" | awk '{print $2 / $4}' >"$work/ratios"
  printf 'p99 over before, %s: %.2f (goal 2)\n' "$what" "$(median "$work/ratios" 1)"
done

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
