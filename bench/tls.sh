#!/usr/bin/env bash
# CPU of TLS at the edge beside nginx and HAProxy: per keep-alive GET over TLS 1.3, and per full
# handshake (TLS 1.3, ECDSA P-256, a new connection per request, no resumption).
# bench/tls.sh [--short] [BUILD_FOLDER]
#
# As bench/proxy.sh: the proxy under test on cpu 0, load and backend on cpu 1, rounds interleaved,
# medians, CPU from schedstat.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/machine.sh
. bench/proxies.sh

rounds=5 seconds=3
if [[ ${1:-} == --short ]]; then rounds=3 seconds=1; shift; fi
gwctl=${1:-build/release}/cli/gwctl
need nginx haproxy wrk openssl taskset

read -r backend nginx_port haproxy_port gwctl_port < <(free_ports 4)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -keyout "$work/tls.key" -out "$work/tls.crt" 2>/dev/null
cat "$work/tls.crt" "$work/tls.key" >"$work/tls.pem"

nginx_conf backend "server { listen 127.0.0.1:$backend; default_type application/json; location / { return 200 '$answer'; } }"
nginx_conf nginx "ssl_session_cache off; ssl_session_tickets off; ssl_protocols TLSv1.3;
  upstream b { server 127.0.0.1:$backend; keepalive 128; keepalive_requests 100000000; }
  server { listen 127.0.0.1:$nginx_port ssl; ssl_certificate $work/tls.crt; ssl_certificate_key $work/tls.key;
    location / { proxy_pass http://b; proxy_http_version 1.1; proxy_set_header Connection ''; } }"
haproxy_conf "bind 127.0.0.1:$haproxy_port ssl crt $work/tls.pem ssl-min-ver TLSv1.3 no-tls-tickets" "$backend"
cat >"$work/gateway.yaml" <<C
openapi: 3.1.0
info: {title: bench, version: '1'}
x-gw:
  version: 1
  listeners:
    - address: 127.0.0.1:$gwctl_port
      tls: {cert: '\$file.$work/tls.crt', key: '\$file.$work/tls.key', minVersion: 1.3}
  upstreams: {b: {targets: ['http://127.0.0.1:$backend']}}
paths:
  /{rest+}: {x-gw: {anyMethod: true, upstream: b}}
C
start 1 nginx -p "$work" -c "$work/backend.conf"
start 0 nginx -p "$work" -c "$work/nginx.conf"; nginx_pid=$!
start 0 haproxy -db -f "$work/haproxy.cfg"; haproxy_pid=$!
start 0 "$gwctl" serve "$work/gateway.yaml" --workers 1 --access-log off -q; gwctl_pid=$!
path=/users/42
for port in "$nginx_port" "$haproxy_port" "$gwctl_port"; do await_answer "https://127.0.0.1:$port$path"; done

# Prints "CPU-microseconds requests" of one round.
round() {  # PORT PID [WRK ARGUMENTS...]
  local port=$1 pid=$2 before after out
  shift 2
  before=$(cpu_ns "$pid")
  out=$(taskset -c 1 wrk -t1 -c32 -d"${seconds}s" "$@" "https://127.0.0.1:$port$path")
  after=$(cpu_ns "$pid")
  if grep -q 'Non-2xx' <<<"$out"; then echo "tls: errors: $out" >&2; exit 1; fi
  awk -v t=$((after - before)) '/requests in/ {printf "%.3f %d\n", t / 1e3 / $1, $1}' <<<"$out"
}
names=(gwctl nginx haproxy)
ports=("$gwctl_port" "$nginx_port" "$haproxy_port")
processes=("$gwctl_pid" "$nginx_pid" "$haproxy_pid")
for _ in $(seq "$rounds"); do
  for i in 0 1 2; do round "${ports[i]}" "${processes[i]}" >>"$work/${names[i]}.kept"; done
  for i in 0 1 2; do
    round "${ports[i]}" "${processes[i]}" -H 'Connection: close' >>"$work/${names[i]}.fresh"
  done
done

machine
versions
echo "$rounds rounds of $seconds s each, interleaved; 32 connections, TLS 1.3, ECDSA P-256"
for kind in kept fresh; do
  echo
  [[ $kind == kept ]] && echo "Keep-alive GET:" || echo "One GET per connection, full handshake:"
  echo
  echo "| proxy | CPU per request | per CPU second | gwctl / this |"
  echo "|---|---:|---:|---:|"
  own=$(median "$work/gwctl.$kind" 1)
  for name in "${names[@]}"; do
    cpu=$(median "$work/$name.$kind" 1)
    echo "| $name | $cpu µs | $(awk -v c="$cpu" 'BEGIN {printf "%.0f", 1e6 / c}') | $(awk -v a="$own" -v b="$cpu" 'BEGIN {printf "%.2f", a / b}') |"
  done
done
