#!/usr/bin/env bash
# CPU per proxied keep-alive GET of gwctl (10,000 routes, access log off) beside nginx and HAProxy
# (one route each) with one backend.  bench/proxy.sh [--short] [BUILD_FOLDER]
#
# The proxy under test is pinned to cpu 0, load generator and backend to cpu 1. Rounds are
# interleaved, so that what else the machine does falls on all; medians are printed. CPU is user +
# system time of all threads of the proxy, from /proc/PID/task/*/schedstat, over the round's requests.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/machine.sh
. bench/proxies.sh

rounds=5 seconds=3
clients=64 rate=160  # requests per second and client, in the rounds of a fixed offered rate
if [[ ${1:-} == --short ]]; then rounds=3 seconds=1; shift; fi
build=${1:-build/release}
gwctl=$build/cli/gwctl
need nginx haproxy wrk h2load taskset

read -r backend nginx_port haproxy_port gwctl_port < <(free_ports 4)
nginx_conf backend "server { listen 127.0.0.1:$backend; default_type application/json; location / { return 200 '$answer'; } }"
nginx_conf nginx "upstream b { server 127.0.0.1:$backend; keepalive 128; keepalive_requests 100000000; }
  server { listen 127.0.0.1:$nginx_port; location / { proxy_pass http://b; proxy_http_version 1.1; proxy_set_header Connection ''; } }"
haproxy_conf "bind 127.0.0.1:$haproxy_port" "$backend"
bench/make_routes.py 10000 --upstream "http://127.0.0.1:$backend" >"$work/routes.json"
"$gwctl" compile -q "$work/routes.json" -o "$work/routes.gwt"

start 1 nginx -p "$work" -c "$work/backend.conf"
start 0 nginx -p "$work" -c "$work/nginx.conf"; nginx_pid=$!
start 0 haproxy -db -f "$work/haproxy.cfg"; haproxy_pid=$!
start 0 "$gwctl" serve "$work/routes.gwt" --listen "127.0.0.1:$gwctl_port" --workers 1 \
  --access-log off --state "$work/state"; gwctl_pid=$!
path=/s3/r7/abc/items/42
for port in "$backend" "$nginx_port" "$haproxy_port" "$gwctl_port"; do
  await_answer "http://127.0.0.1:$port$path"
done

# Prints "requests/s microseconds-of-CPU requests p99" of one round.
round() {  # PORT PID
  local before after out
  before=$(cpu_ns "$2")
  out=$(taskset -c 1 wrk -t1 -c64 -d"${seconds}s" --latency "http://127.0.0.1:$1$path")
  after=$(cpu_ns "$2")
  if grep -q 'Non-2xx\|Socket errors' <<<"$out"; then echo "proxy: errors: $out" >&2; exit 1; fi
  awk -v t=$((after - before)) '
    /requests in/ {n = $1} /Requests\/sec/ {r = $2} /99%/ {p = $2}
    END {printf "%.0f %.3f %d %s\n", r, t / 1e3 / n, n, p}' <<<"$out"
}
# The same at a fixed offered rate, by h2load's pacing.
paced_round() {  # PORT PID
  local before after out
  before=$(cpu_ns "$2")
  out=$(taskset -c 1 h2load --h1 -t1 -c"$clients" --rps="$rate" -D"$seconds" "http://127.0.0.1:$1$path")
  after=$(cpu_ns "$2")
  awk -v t=$((after - before)) '
    /^requests:/ {n = $8; bad = $10 + $12 + $14}
    /^finished in/ {r = $4}
    END {if (n == 0 || bad > 0) exit 1; printf "%.0f %.3f %d\n", r, t / 1e3 / n, n}' <<<"$out" ||
    { echo "proxy: errors: $out" >&2; exit 1; }
}
names=(gwctl nginx haproxy)
ports=("$gwctl_port" "$nginx_port" "$haproxy_port")
processes=("$gwctl_pid" "$nginx_pid" "$haproxy_pid")
for i in 0 1 2; do taskset -c 1 wrk -t1 -c64 -d1s "http://127.0.0.1:${ports[i]}$path" >/dev/null; done
for _ in $(seq "$rounds"); do
  for i in 0 1 2; do round "${ports[i]}" "${processes[i]}" >>"$work/${names[i]}.rounds"; done
  for i in 0 1 2; do paced_round "${ports[i]}" "${processes[i]}" >>"$work/${names[i]}.paced"; done
done

machine
versions
echo "$rounds rounds of $seconds s each, interleaved; 64 connections, ${#answer}-byte answers, saturated"
echo
echo "| proxy | routes | CPU per request | requests/s | p99 | gwctl / this |"
echo "|---|---:|---:|---:|---:|---:|"
own=$(median "$work/gwctl.rounds" 2)
for name in "${names[@]}"; do
  routes=1; [[ $name == gwctl ]] && routes=10000
  cpu=$(median "$work/$name.rounds" 2)
  echo "| $name | $routes | $cpu µs | $(median "$work/$name.rounds" 1) | $(median "$work/$name.rounds" 4) | $(awk -v a="$own" -v b="$cpu" 'BEGIN {printf "%.2f", a / b}') |"
done
echo
echo "Fixed offered rate of $((clients * rate)) requests/s:"
echo
echo "| proxy | CPU per request | requests/s | gwctl / this |"
echo "|---|---:|---:|---:|"
own=$(median "$work/gwctl.paced" 2)
for name in "${names[@]}"; do
  cpu=$(median "$work/$name.paced" 2)
  echo "| $name | $cpu µs | $(median "$work/$name.paced" 1) | $(awk -v a="$own" -v b="$cpu" 'BEGIN {printf "%.2f", a / b}') |"
done

# System calls, in rounds of their own, since tracing changes the times.
if command -v strace >/dev/null; then
  echo
  echo "System calls per request (strace -c -f, separate run):"
  for i in 0 1 2; do
    attach=()
    for pid in $(tree "${processes[i]}"); do attach+=(-p "$pid"); done
    strace -c -f -o "$work/strace" "${attach[@]}" 2>/dev/null &
    tracer=$!
    sleep 0.5
    n=$(taskset -c 1 wrk -t1 -c64 -d1s "http://127.0.0.1:${ports[i]}$path" | awk '/requests in/ {print $1}')
    kill -INT "$tracer" 2>/dev/null || true
    wait "$tracer" 2>/dev/null || true
    awk -v n="$n" -v name="${names[i]}" '
      $1 ~ /^[0-9.]+$/ && $NF != "total" {c = $4; total += c; if (c / n >= 0.05) list = list sprintf(" %s %.2f", $NF, c / n)}
      END {printf "  %-8s %.2f:%s\n", name, total / n, list}' "$work/strace" || true
  done
else
  echo "System calls: strace is not installed"
fi
