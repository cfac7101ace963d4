#!/usr/bin/env bash
# Resident memory of idle connections beside nginx and HAProxy: plain HTTP/1.1, TLS 1.3, and HTTP/2 in
# plain text. Each connection has made one request and is at rest.
# bench/idle.sh [--short] [BUILD_FOLDER]
#
# Memory is the sum of Pss of all processes of a proxy, after the connections are at rest for longer
# than buffers are kept, minus before; a new process for each figure, warmed by requests of its own.
# What the kernel holds for sockets is in none of them.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/machine.sh
. bench/proxies.sh

connections=10000
if [[ ${1:-} == --short ]]; then connections=2000; shift; fi
gwctl=${1:-build/release}/cli/gwctl
need nginx haproxy openssl python3
ulimit -n "$(ulimit -Hn)"
(($(ulimit -n) > connections + 1000)) || { echo "idle: too few descriptors: $(ulimit -n)" >&2; exit 2; }

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
  -keyout "$work/tls.key" -out "$work/tls.crt" 2>/dev/null
cat "$work/tls.crt" "$work/tls.key" >"$work/tls.pem"
read -r backend port < <(free_ports 2)
nginx_conf backend "server { listen 127.0.0.1:$backend; default_type application/json; location / { return 200 '$answer'; } }"
start 1 nginx -p "$work" -c "$work/backend.conf"
await_answer "http://127.0.0.1:$backend/users/42"

# Writes the configuration of one proxy for plain, tls or http2, and starts it. Sets `proxy`.
start_proxy() {  # NAME KIND
  local listen listener
  case $1 in
    nginx)
      listen="listen 127.0.0.1:$port"
      [[ $2 == tls ]] && listen+=" ssl; ssl_protocols TLSv1.3; ssl_certificate $work/tls.crt; ssl_certificate_key $work/tls.key"
      [[ $2 == http2 ]] && listen+=" http2"
      nginx_conf nginx "upstream b { server 127.0.0.1:$backend; keepalive 64; }
        server { $listen; location / { proxy_pass http://b; proxy_http_version 1.1; proxy_set_header Connection ''; } }"
      # With less to spare it closes connections at rest.
      sed -i "s/worker_connections 1024/worker_connections $((connections * 5 / 4))/" "$work/nginx.conf"
      start 0 nginx -p "$work" -c "$work/nginx.conf" ;;
    haproxy)
      listen="bind 127.0.0.1:$port"
      [[ $2 == tls ]] && listen+=" ssl crt $work/tls.pem ssl-min-ver TLSv1.3"
      [[ $2 == http2 ]] && listen+=" proto h2"
      haproxy_conf "$listen" "$backend"
      # It would want two descriptors for each connection, whether they come or not.
      sed -i "s/maxconn 4096/maxconn $((connections + 500))\n  no strict-limits/; s/timeout client 60s/timeout client 10m/" "$work/haproxy.cfg"
      start 0 haproxy -db -f "$work/haproxy.cfg" ;;
    gwctl)
      listener="{address: '127.0.0.1:$port'}"
      [[ $2 == tls ]] && listener="{address: '127.0.0.1:$port', tls: {cert: '\$file.$work/tls.crt', key: '\$file.$work/tls.key', minVersion: 1.3}}"
      cat >"$work/gateway.yaml" <<C
openapi: 3.1.0
info: {title: bench, version: '1'}
x-gw: {version: 1, listeners: [$listener], upstreams: {b: {targets: ['http://127.0.0.1:$backend']}}}
paths:
  /{rest+}: {x-gw: {anyMethod: true, upstream: b}}
C
      start 0 "$gwctl" serve "$work/gateway.yaml" --workers 1 --access-log off -q ;;
  esac
  proxy=$!
}
stop_proxy() {
  kill -TERM "$proxy" 2>/dev/null || true
  wait "$proxy" 2>/dev/null || true
  unset 'pids[-1]'
}
memory_bytes() {
  local pid
  for pid in $(tree "$proxy"); do cat /proc/"$pid"/smaps_rollup; done |
    awk '/^Pss:/ {sum += $2} END {print sum * 1024}'
}
hold() { python3 bench/idle_connections.py "$port" "$@" 2>>"$work/log"; }

# Sets `bytes`, per connection. Not in a subshell: what it starts must end with the script.
measure() {  # NAME KIND
  local before after holder hold
  start_proxy "$1" "$2"
  for _ in $(seq 100); do
    hold 20 "$2" </dev/null >/dev/null && break
    sleep 0.05
  done
  sleep 1
  before=$(memory_bytes)
  : >"$work/ready"
  hold "$connections" "$2" <"$work/hold" >"$work/ready" &
  holder=$!
  exec {hold}>"$work/hold"
  until [[ -s $work/ready ]] || ! kill -0 "$holder" 2>/dev/null; do sleep 0.1; done
  sleep 4
  after=$(memory_bytes)
  exec {hold}>&-
  wait "$holder" || { echo "idle: $1, $2: $(tail -n 1 "$work/log")" >&2; exit 1; }
  stop_proxy
  bytes=$(((after - before) / connections))
}

mkfifo "$work/hold"
machine
versions
echo "$connections connections, one request on each, then at rest for 4 s"
echo
echo "| connections | gwctl | nginx | HAProxy |"
echo "|---|---:|---:|---:|"
for kind in plain tls http2; do
  row="| $kind |"
  for name in gwctl nginx haproxy; do
    measure "$name" "$kind"
    row+=" $bytes B |"
  done
  echo "$row"
done
