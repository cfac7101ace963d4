#!/usr/bin/env bash
# What a cache hit costs: CPU per keep-alive GET that is answered from the cache, beside nginx
# proxy_cache and Varnish (where it is installed).  bench/cache.sh [--short] [BUILD_FOLDER]
#
# Each cache has cpu 0 to itself while it is asked; load generator and backend are on cpu 1. Rounds
# are interleaved, medians are printed. Bodies of 130 bytes and of 32 KiB, and JSON of 32 KiB that
# clients are sent in gzip, from one resource each. nginx compresses every hit; gwctl and Varnish keep
# what they have compressed. gzip of gwctl and nginx is of level 5, that of Varnish of its default, 6.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/machine.sh
. bench/proxies.sh

rounds=7 seconds=3
if [[ ${1:-} == --short ]]; then rounds=3 seconds=1; shift; fi
build=${1:-build/release}
gwctl=$build/cli/gwctl
need nginx wrk taskset python3 curl

read -r backend port nginx_port varnish_port < <(free_ports 4)
large=$(head -c 32768 /dev/zero | tr '\0' x)
chmod a+rx "$work"  # nginx gives its privileges up
mkdir -p "$work/files"
printf %s "$answer" >"$work/files/small"
printf %s "$large" >"$work/files/large"
python3 - "$work/files/json" <<'P'
import json, pathlib, random, sys
random.seed(7)
items = []
while len(json.dumps(items)) < 32768:
    i = random.randrange(100000)
    items.append({"id": i, "name": f"User {i} of the shop", "mail": f"user{i}@shop.example",
                  "tags": random.sample(["new", "sale", "home", "garden", "toys", "books"], 3),
                  "price": random.randrange(10000) / 100, "active": i % 3 == 0})
pathlib.Path(sys.argv[1]).write_text(json.dumps(items))
P
nginx_conf backend "server { listen 127.0.0.1:$backend; default_type application/json; add_header Cache-Control max-age=3600; root $work/files; }"
nginx_conf cache "proxy_cache_path $work/cached keys_zone=c:10m; gzip on; gzip_types application/json; gzip_min_length 1k; gzip_comp_level 5; gzip_vary on; server { listen 127.0.0.1:$nginx_port; location / { proxy_pass http://127.0.0.1:$backend; proxy_cache c; proxy_cache_lock on; proxy_cache_valid 200 1h; add_header X-Cache \$upstream_cache_status; } }"
cat >"$work/cache.yaml" <<D
openapi: 3.1.0
info: {title: Shop, version: '1'}
x-gw:
  upstreams: {shop: {targets: ['http://127.0.0.1:$backend']}}
  defaults: {upstream: shop, cache: {ttl: 1h}, compress: {encodings: [gzip]}}
paths:
  /{id}:
    get:
      operationId: get
      parameters: [{name: id, in: path, required: true, schema: {type: string}}]
      responses: {'200': {description: ok}}
D

declare -A port_of=([gwctl]=$port [nginx]=$nginx_port) pid_of=()
names=(gwctl nginx)
start 1 nginx -p "$work" -c "$work/backend.conf"
start 0 "$gwctl" serve "$work/cache.yaml" --listen "127.0.0.1:$port" --workers 1 --access-log off
pid_of[gwctl]=$!
start 0 nginx -p "$work" -c "$work/cache.conf"
pid_of[nginx]=$!
if command -v varnishd >/dev/null; then
  names+=(varnish)
  port_of[varnish]=$varnish_port
  cat >"$work/varnish.vcl" <<V
vcl 4.1;
backend default { .host = "127.0.0.1"; .port = "$backend"; }
sub vcl_backend_response { if (bereq.url == "/json") { set beresp.do_gzip = true; } }
V
  start 0 varnishd -F -a "127.0.0.1:$varnish_port" -f "$work/varnish.vcl" -n "$work/varnish" -s malloc,64m
  pid_of[varnish]=$!
fi
await_answer "http://127.0.0.1:$backend/small"
for name in "${names[@]}"; do await_answer "http://127.0.0.1:${port_of[$name]}/small"; done

# Prints microseconds of CPU per request of one round.
round() {  # NAME FILE
  local before after out pid=${pid_of[$1]} coding=identity
  [[ $2 != json ]] || coding=gzip
  before=$(cpu_ns "$pid")
  out=$(taskset -c 1 wrk -t1 -c64 -d"${seconds}s" -H "Accept-Encoding: $coding" "http://127.0.0.1:${port_of[$1]}/$2")
  after=$(cpu_ns "$pid")
  if grep -q 'Non-2xx\|Socket errors' <<<"$out"; then echo "cache: errors: $out" >&2; exit 1; fi
  awk -v t=$((after - before)) '/requests in/ {printf "%.3f\n", t / 1e3 / $1}' <<<"$out"
}
for file in small large json; do
  for name in "${names[@]}"; do round "$name" "$file" >/dev/null; done
  for _ in $(seq "$rounds"); do
    for name in "${names[@]}"; do round "$name" "$file" >>"$work/$name.$file"; done
  done
done
curl -sD - -o "$work/seen" "http://127.0.0.1:$port/small" | grep -q 'gwctl; hit' ||
  { echo "cache: gwctl does not answer from its cache" >&2; exit 1; }
curl -sD - -o "$work/seen" "http://127.0.0.1:$nginx_port/small" | grep -q 'X-Cache: HIT' ||
  { echo "cache: nginx does not answer from its cache" >&2; exit 1; }

declare -A sent=()
for name in "${names[@]}"; do
  curl -s -H 'Accept-Encoding: gzip' -D "$work/head" -o "$work/seen" "http://127.0.0.1:${port_of[$name]}/json"
  grep -qi '^content-encoding: gzip' "$work/head" || { echo "cache: $name does not send gzip" >&2; exit 1; }
  gzip -dc "$work/seen" | cmp -s - "$work/files/json" || { echo "cache: $name sends something else" >&2; exit 1; }
  sent[$name]=$(stat -c %s "$work/seen")
done

machine
"$gwctl" --version | head -n 1
nginx -v 2>&1
[[ ${#names[@]} == 2 ]] || varnishd -V 2>&1 | head -n 1
echo "$rounds rounds of $seconds s each, interleaved; 64 connections, saturated, one worker each"
[[ ${#names[@]} == 3 ]] || echo "Varnish is not installed"
echo
echo "| cache | CPU per hit, ${#answer} bytes | of nginx | CPU per hit, 32 KiB | of nginx | CPU per hit, 32 KiB of JSON in gzip | of nginx | bytes of gzip |"
echo "|---|---:|---:|---:|---:|---:|---:|---:|"
for name in "${names[@]}"; do
  row="| $name |"
  for file in small large json; do
    row+=$(awk -v a="$(median "$work/$name.$file" 1)" -v b="$(median "$work/nginx.$file" 1)" \
      'BEGIN {printf " %.2f µs | %.2f |", a, a / b}')
  done
  echo "$row ${sent[$name]} |"
done
