#!/usr/bin/env bash
# CPU per proxied GET over HTTP/2 in plain text (prior knowledge; HTTP/1.1 to the backend) beside
# nginx and HAProxy, with many, some and one stream per connection.
# bench/http2.sh [--short] [BUILD_FOLDER]
#
# As bench/proxy.sh: the proxy under test on cpu 0, load and backend on cpu 1, rounds interleaved,
# medians, CPU from schedstat.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/machine.sh
. bench/proxies.sh

rounds=5 requests=40000
if [[ ${1:-} == --short ]]; then rounds=3 requests=20000; shift; fi
gwctl=${1:-build/release}/cli/gwctl
need nginx haproxy h2load taskset

read -r backend nginx_port haproxy_port gwctl_port < <(free_ports 4)
nginx_conf backend "server { listen 127.0.0.1:$backend; default_type application/json; location / { return 200 '$answer'; } }"
nginx_conf nginx "upstream b { server 127.0.0.1:$backend; keepalive 256; keepalive_requests 100000000; }
  server { listen 127.0.0.1:$nginx_port http2;
    location / { proxy_pass http://b; proxy_http_version 1.1; proxy_set_header Connection ''; } }"
haproxy_conf "bind 127.0.0.1:$haproxy_port proto h2" "$backend"
cat >"$work/gateway.yaml" <<C
openapi: 3.1.0
info: {title: bench, version: '1'}
x-gw: {version: 1, upstreams: {b: {targets: ['http://127.0.0.1:$backend']}}}
paths:
  /{rest+}: {x-gw: {anyMethod: true, upstream: b}}
C
start 1 nginx -p "$work" -c "$work/backend.conf"
start 0 nginx -p "$work" -c "$work/nginx.conf"; nginx_pid=$!
start 0 haproxy -db -f "$work/haproxy.cfg"; haproxy_pid=$!
start 0 "$gwctl" serve "$work/gateway.yaml" --listen "127.0.0.1:$gwctl_port" --workers 1 \
  --access-log off -q; gwctl_pid=$!
path=/users/42
await_answer "http://127.0.0.1:$backend$path"

names=(gwctl nginx haproxy)
ports=("$gwctl_port" "$nginx_port" "$haproxy_port")
processes=("$gwctl_pid" "$nginx_pid" "$haproxy_pid")

# Prints "CPU-microseconds requests/s" of one round.
round() {  # PORT PID CLIENTS STREAMS REQUESTS
  local before after out
  before=$(cpu_ns "$2")
  out=$(taskset -c 1 h2load -t1 -c"$3" -m"$4" -n"$5" "http://127.0.0.1:$1$path")
  after=$(cpu_ns "$2")
  grep -q "$5 succeeded, 0 failed" <<<"$out" || { echo "http2: errors: $out" >&2; return 1; }
  awk -v t=$((after - before)) -v n="$5" '/^finished in/ {printf "%.3f %.0f\n", t / 1e3 / n, $4}' \
    <<<"$out"
}
for i in 0 1 2; do
  for _ in $(seq 100); do  # until it listens
    round "${ports[i]}" "${processes[i]}" 1 1 10 >/dev/null 2>&1 && break
    sleep 0.05
  done
  round "${ports[i]}" "${processes[i]}" 4 20 5000 >/dev/null
done

shapes=("4 20" "16 4" "64 1")  # connections, streams of each at a time
for shape in "${shapes[@]}"; do
  read -r clients streams <<<"$shape"
  for _ in $(seq "$rounds"); do
    for i in 0 1 2; do
      round "${ports[i]}" "${processes[i]}" "$clients" "$streams" "$requests" \
        >>"$work/${names[i]}.$clients"
    done
  done
done

machine
versions
echo "$rounds rounds of $requests requests each, interleaved; ${#answer}-byte answers"
echo
echo "| proxy | connections × streams | CPU per request | requests/s | gwctl / this |"
echo "|---|---:|---:|---:|---:|"
for shape in "${shapes[@]}"; do
  read -r clients streams <<<"$shape"
  own=$(median "$work/gwctl.$clients" 1)
  for name in "${names[@]}"; do
    cpu=$(median "$work/$name.$clients" 1)
    echo "| $name | $clients × $streams | $cpu µs | $(median "$work/$name.$clients" 2) | $(awk -v a="$own" -v b="$cpu" 'BEGIN {printf "%.2f", a / b}') |"
  done
done

if command -v strace >/dev/null; then
  echo
  echo "System calls per request (strace -c -f, separate run):"
  for shape in "${shapes[@]}"; do
    read -r clients streams <<<"$shape"
    echo "$clients × $streams"
    for i in 0 1 2; do
      trace_calls "${names[i]}" "${processes[i]}" 10000 \
        taskset -c 1 h2load -t1 -c"$clients" -m"$streams" -n10000 "http://127.0.0.1:${ports[i]}$path"
    done
  done
fi
