#!/usr/bin/env bash
# CPU per compressed answer of gwctl beside nginx, with gzip of the same level (both use zlib), for
# JSON of several sizes; and of gwctl with br and zstd.  bench/compress.sh [--short] [BUILD_FOLDER]
#
# The proxy under test is pinned to cpu 0, load generator and backend to cpu 1. Rounds are
# interleaved; medians are printed. CPU is user + system time of all threads of the proxy, from
# /proc/PID/task/*/schedstat, over the round's requests. The plain answer, which is proxied without
# compression, is what the rest of the work costs.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/machine.sh
. bench/proxies.sh

rounds=5 seconds=2
if [[ ${1:-} == --short ]]; then rounds=3 seconds=1; shift; fi
build=${1:-build/release}
gwctl=$build/cli/gwctl
need nginx haproxy wrk curl taskset

sizes=(2 10 100)  # KiB
chmod 755 "$work"  # nginx reads the files as another user
python3 - "$work" "${sizes[@]}" <<'P'
import json, pathlib, random, sys
random.seed(7)
for size in map(int, sys.argv[2:]):
    items, text = [], ""
    while len(text) < size * 1024:
        i = random.randrange(100000)
        items.append({"id": i, "name": f"User {i} of the shop", "mail": f"user{i}@shop.example",
                      "tags": random.sample(["new", "sale", "home", "garden", "toys", "books"], 3),
                      "price": random.randrange(10000) / 100, "active": i % 3 == 0})
        text = json.dumps(items)
    pathlib.Path(sys.argv[1], f"{size}.json").write_text(text[:size * 1024])
P

read -r backend nginx_port gwctl_port < <(free_ports 3)
nginx_conf backend "default_type application/json; open_file_cache max=16; sendfile on;
  server { listen 127.0.0.1:$backend; root $work; location = /ready { return 200 '$answer'; } }"
nginx_conf nginx "upstream b { server 127.0.0.1:$backend; keepalive 128; keepalive_requests 100000000; }
  gzip on; gzip_types application/json; gzip_proxied any; gzip_min_length 1k; gzip_comp_level 1; gzip_vary on;
  proxy_buffers 16 16k;
  server { listen 127.0.0.1:$nginx_port; location / { proxy_pass http://b; proxy_http_version 1.1;
    proxy_set_header Connection ''; proxy_set_header Accept-Encoding ''; } }"
cat >"$work/gateway.yaml" <<Y
openapi: 3.1.0
info: {title: Bench, version: '1'}
x-gw:
  upstreams: {b: {targets: ['http://127.0.0.1:$backend']}}
  defaults: {upstream: b, timeout: 5s, compress: {level: fast}}
paths:
  /{rest+}: {x-gw: {anyMethod: true}}
Y

start 1 nginx -p "$work" -c "$work/backend.conf"
start 0 nginx -p "$work" -c "$work/nginx.conf"; nginx_pid=$!
start 0 "$gwctl" serve "$work/gateway.yaml" --listen "127.0.0.1:$gwctl_port" --workers 1 \
  --access-log off --state "$work/state"; gwctl_pid=$!
for port in "$backend" "$nginx_port" "$gwctl_port"; do await_answer "http://127.0.0.1:$port/ready"; done

# What is measured is what is meant: each proxy sends the coding, and it is the file.
bytes_of() {  # PORT SIZE CODING
  curl -s -H "Accept-Encoding: $3" -D "$work/head" -o "$work/body" "http://127.0.0.1:$1/$2.json"
  if [[ $3 != identity ]]; then
    grep -qi "^content-encoding: $3" "$work/head" || { echo "compress: $1 does not send $3" >&2; exit 1; }
  fi
  if [[ $3 == gzip ]]; then
    gzip -dc "$work/body" | cmp -s - "$work/$2.json" || { echo "compress: $1 sends something else" >&2; exit 1; }
  fi
  stat -c %s "$work/body"
}
# Prints "microseconds-of-CPU requests/s" of one round.
round() {  # PORT PID SIZE CODING
  local before after out
  before=$(cpu_ns "$2")
  out=$(taskset -c 1 wrk -t1 -c32 -d"${seconds}s" -H "Accept-Encoding: $4" "http://127.0.0.1:$1/$3.json")
  after=$(cpu_ns "$2")
  if grep -q 'Non-2xx\|Socket errors' <<<"$out"; then echo "compress: errors: $out" >&2; exit 1; fi
  awk -v t=$((after - before)) '
    /requests in/ {n = $1} /Requests\/sec/ {r = $2} END {printf "%.3f %.0f\n", t / 1e3 / n, r}' <<<"$out"
}

cases=("nginx $nginx_port $nginx_pid identity" "gwctl $gwctl_port $gwctl_pid identity"
  "nginx $nginx_port $nginx_pid gzip" "gwctl $gwctl_port $gwctl_pid gzip"
  "gwctl $gwctl_port $gwctl_pid br" "gwctl $gwctl_port $gwctl_pid zstd")
for _ in $(seq "$rounds"); do
  for size in "${sizes[@]}"; do
    for case in "${cases[@]}"; do
      read -r name port pid coding <<<"$case"
      round "$port" "$pid" "$size" "$coding" >>"$work/$name.$coding.$size"
    done
  done
done

machine
versions
echo "$rounds rounds of $seconds s each, interleaved; 32 connections, saturated; gzip 1, br 2, zstd 1"
echo
echo "| JSON | coding | proxy | bytes sent | CPU per request | gwctl / nginx |"
echo "|---:|---|---|---:|---:|---:|"
for size in "${sizes[@]}"; do
  for case in "${cases[@]}"; do
    read -r name port pid coding <<<"$case"
    cpu=$(median "$work/$name.$coding.$size" 1)
    ratio=
    if [[ $name == gwctl && -f $work/nginx.$coding.$size ]]; then
      ratio=$(awk -v a="$cpu" -v b="$(median "$work/nginx.$coding.$size" 1)" 'BEGIN {printf "%.2f", a / b}')
    fi
    echo "| $size KiB | $coding | $name | $(bytes_of "$port" "$size" "$coding") | $cpu µs | $ratio |"
  done
done
