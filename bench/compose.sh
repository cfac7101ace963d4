#!/usr/bin/env bash
# What composing costs over sockets: CPU of the gateway per answer that is put together from three
# calls, beside three plain requests that it proxies to the same backend.
#   bench/compose.sh [--short] [BUILD_FOLDER]
#
# The gateway has cpu 0 to itself; load generator and backend are on cpu 1. Rounds are interleaved,
# medians are printed. Goal: at most 60 us more.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/machine.sh
. bench/proxies.sh

rounds=7 seconds=3
if [[ ${1:-} == --short ]]; then rounds=3 seconds=1; shift; fi
build=${1:-build/release}
gwctl=$build/cli/gwctl
need nginx wrk taskset python3 curl

read -r backend port < <(free_ports 2)
nginx_conf backend "server { listen 127.0.0.1:$backend; location / { default_type application/json; return 200 '$answer'; } }"
cat >"$work/compose.yaml" <<D
openapi: 3.1.0
info: {title: Shop, version: '1'}
x-gw:
  upstreams: {shop: {targets: ['http://127.0.0.1:$backend']}}
  defaults: {upstream: shop, timeout: 5s}
paths:
  /plain: {get: {operationId: plain, responses: {'200': {description: ok}}}}
  /composed:
    get:
      operationId: composed
      x-gw:
        compose:
          calls: {a: {operation: plain}, b: {upstream: shop, path: /b}, c: {upstream: shop, path: /c}}
          body: {a: \$calls.a.body, b: '\$calls.b.body#/tags', c: '\$calls.c.body#/name'}
      responses: {'200': {description: ok}}
D
start 1 nginx -p "$work" -c "$work/backend.conf"
start 0 "$gwctl" serve "$work/compose.yaml" --listen "127.0.0.1:$port" --workers 1 --access-log off --admin "unix:$work/admin.sock"
pid=$!
await_answer "http://127.0.0.1:$backend/"
await_answer "http://127.0.0.1:$port/plain"
curl -s "http://127.0.0.1:$port/composed" | grep -q '"c":"A user of the shop"' ||
  { echo "compose: the answer is not composed" >&2; exit 1; }

# Prints microseconds of CPU per request of one round.
round() {  # PATH
  local before after out
  before=$(cpu_ns "$pid")
  out=$(taskset -c 1 wrk -t1 -c16 -d"${seconds}s" "http://127.0.0.1:$port/$1")
  after=$(cpu_ns "$pid")
  if grep -q 'Non-2xx\|Socket errors' <<<"$out"; then echo "compose: errors: $out" >&2; exit 1; fi
  awk -v t=$((after - before)) '/requests in/ {printf "%.3f\n", t / 1e3 / $1}' <<<"$out"
}
for path in plain composed; do round "$path" >/dev/null; done
for _ in $(seq "$rounds"); do
  for path in plain composed; do round "$path" >>"$work/$path.us"; done
done

machine
"$gwctl" --version | head -n 1
echo "$rounds rounds of $seconds s each, interleaved; 16 connections, saturated, one worker"
awk -v p="$(median "$work/plain.us" 1)" -v c="$(median "$work/composed.us" 1)" 'BEGIN {
  printf "\nplain %.2f µs, composed of three %.2f µs: %.2f µs more than three plain requests\n", p, c, c - 3 * p}'
