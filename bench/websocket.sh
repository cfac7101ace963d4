#!/usr/bin/env bash
# Messages per CPU second that a proxy carries to a WebSocket echo and back, beside nginx and HAProxy:
# 64 connections with one message under way on each, of 32 bytes and of 4 KiB.
# bench/websocket.sh [--short] [BUILD_FOLDER]
#
# As bench/proxy.sh: the proxy under test on cpu 0, load and backend (bench/websocket_load) on cpu 1,
# rounds interleaved, medians, CPU from schedstat.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/machine.sh
. bench/proxies.sh

rounds=5 messages=60000
clients=64
if [[ ${1:-} == --short ]]; then rounds=3 messages=20000; shift; fi
build=${1:-build/release}
gwctl=$build/cli/gwctl load=$build/bench/websocket_load
need nginx haproxy taskset "$load"

read -r backend nginx_port haproxy_port gwctl_port < <(free_ports 4)
# Buffers as large as those of the others: 4 KiB, the default, would cut each larger message in two.
nginx_conf nginx "server { listen 127.0.0.1:$nginx_port; proxy_buffer_size 16k; proxy_buffers 8 16k;
    location / { proxy_pass http://127.0.0.1:$backend; proxy_http_version 1.1;
      proxy_set_header Upgrade \$http_upgrade; proxy_set_header Connection upgrade; } }"
haproxy_conf "bind 127.0.0.1:$haproxy_port" "$backend"
cat >"$work/gateway.yaml" <<C
openapi: 3.1.0
info: {title: bench, version: '1'}
x-gw: {version: 1, upstreams: {b: {targets: ['http://127.0.0.1:$backend']}}}
paths:
  /echo: {get: {x-gw: {upstream: b, upgrade: websocket}, responses: {'101': {description: ok}}}}
C
start 1 "$load" echo "$backend"
start 0 nginx -p "$work" -c "$work/nginx.conf"; nginx_pid=$!
start 0 haproxy -db -f "$work/haproxy.cfg"; haproxy_pid=$!
start 0 "$gwctl" serve "$work/gateway.yaml" --listen "127.0.0.1:$gwctl_port" --workers 1 \
  --access-log off -q; gwctl_pid=$!

names=(gwctl nginx haproxy)
ports=("$gwctl_port" "$nginx_port" "$haproxy_port")
processes=("$gwctl_pid" "$nginx_pid" "$haproxy_pid")

# Prints "CPU-microseconds" per message of one round, handshakes included.
round() {  # PORT PID BYTES MESSAGES
  local before after
  before=$(cpu_ns "$2")
  taskset -c 1 "$load" run "$1" "$clients" "$3" "$4" || return 1
  after=$(cpu_ns "$2")
  awk -v t=$((after - before)) -v n="$4" 'BEGIN {printf "%.3f\n", t / 1e3 / n}'
}
for i in 0 1 2; do
  for _ in $(seq 100); do  # until it listens
    round "${ports[i]}" "${processes[i]}" 32 "$clients" >/dev/null 2>&1 && break
    sleep 0.05
  done
  round "${ports[i]}" "${processes[i]}" 32 5000 >/dev/null
done

sizes=(32 4096)
for bytes in "${sizes[@]}"; do
  for _ in $(seq "$rounds"); do
    for i in 0 1 2; do
      round "${ports[i]}" "${processes[i]}" "$bytes" "$messages" >>"$work/${names[i]}.$bytes"
    done
  done
done

machine
versions
echo "$rounds rounds of $messages messages each, interleaved; $clients connections"
echo
echo "| proxy | bytes | CPU per message and echo | messages per CPU second | gwctl / this |"
echo "|---|---:|---:|---:|---:|"
for bytes in "${sizes[@]}"; do
  own=$(median "$work/gwctl.$bytes" 1)
  for name in "${names[@]}"; do
    cpu=$(median "$work/$name.$bytes" 1)
    echo "| $name | $bytes | $cpu µs | $(awk -v c="$cpu" 'BEGIN {printf "%.0f", 1e6 / c}') | $(awk -v a="$own" -v b="$cpu" 'BEGIN {printf "%.2f", a / b}') |"
  done
done

system_calls() {  # INDEX BYTES
  trace_calls "${names[$1]}" "${processes[$1]}" "$messages" \
    taskset -c 1 "$load" run "${ports[$1]}" "$clients" "$2" "$messages"
}
if command -v strace >/dev/null; then
  echo
  echo "System calls per message of ${sizes[0]} bytes and its echo (strace -c -f, separate run):"
  for i in 0 1 2; do system_calls "$i" "${sizes[0]}"; done
fi
