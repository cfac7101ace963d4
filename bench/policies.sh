#!/usr/bin/env bash
# What policies cost: CPU per proxied keep-alive GET with each of them over the same without, over
# sockets; then the same in memory (policies_bench), in nanoseconds and in instructions, which are
# steadier.  bench/policies.sh [--short] [BUILD_FOLDER]
#
# One gateway on cpu 0 has a path for each policy; load generator and backend are on cpu 1. All
# requests carry the same fields. Rounds are interleaved, medians are printed.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/machine.sh
. bench/proxies.sh

rounds=7 seconds=3
if [[ ${1:-} == --short ]]; then rounds=3 seconds=1; shift; fi
build=${1:-build/release}
gwctl=$build/cli/gwctl
need nginx wrk taskset openssl python3

read -r backend port < <(free_ports 2)
nginx_conf backend "server { listen 127.0.0.1:$backend; default_type application/json; location / { return 200 '$answer'; } }"

base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
api_key=gw_0123456789abcdef0123456789abcdef0123456789abcdef
key_hash=$(printf %s "$api_key" | sha256sum | cut -d ' ' -f 1)
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/key.pem" 2>/dev/null ||
  openssl genrsa -out "$work/key.pem" 2048 2>/dev/null
openssl pkey -in "$work/key.pem" -pubout -out "$work/public.pem"
now=$(date +%s)
signed=$(printf '{"alg":"RS256","typ":"at+jwt"}' | base64url).$(printf '{"iss":"https://idp.example/realms/shop","sub":"248289761001","aud":["shop","orders"],"exp":%d,"iat":%d,"azp":"web","scope":"openid profile users:read orders:write","tenant":"acme","realm_access":{"roles":["user","support","offline_access"]},"email":"jane@acme.example"}' $((now + 86400)) "$now" | base64url)
token=$signed.$(printf %s "$signed" | openssl dgst -sha256 -sign "$work/key.pem" | base64url)

# NAME | security | fields of x-gw. Validation of requests belongs here as well, and into the last two.
limit='rateLimit: {a: {key: $client.ip, limit: 1000000/s}}'
cors="cors: {origins: ['https://shop.example'], credentials: true}"
cases=(
  "plain|[]|"
  "apiKey|[{key: []}]|"
  "rateLimit|[]|$limit"
  "cors|[]|$cors"
  "jwt|[{idp: ['users:read']}]|"
  "apiKey, rateLimit, cors|[{key: []}]|$limit, $cors"
  "all|[{key: [], idp: ['users:read']}]|$limit, $cors"
)
{
  cat <<D
openapi: 3.1.0
info: {title: Shop, version: '1'}
x-gw:
  version: 1
  upstreams: {shop: {targets: ['http://127.0.0.1:$backend']}}
  defaults: {upstream: shop}
  consumers: {acme: {keys: ['sha256:$key_hash'], groups: [partners]}}
components:
  securitySchemes:
    key: {type: apiKey, in: header, name: X-API-Key}
    idp:
      type: http
      scheme: bearer
      x-gw: {issuer: 'https://idp.example/realms/shop', audiences: [shop], algorithms: [RS256], jwks: {file: '\$file.$work/public.pem'}}
paths:
D
  for i in "${!cases[@]}"; do
    IFS='|' read -r _ security fields <<<"${cases[i]}"
    echo "  /case$i/{id}:"
    echo "    parameters: [{name: id, in: path, required: true, schema: {type: string}}]"
    echo "    get: {operationId: case$i, security: $security, x-gw: {$fields}, responses: {'200': {description: ok}}}"
  done
} >"$work/policies.yaml"

start 1 nginx -p "$work" -c "$work/backend.conf"
start 0 "$gwctl" serve "$work/policies.yaml" --listen "127.0.0.1:$port" --workers 1 --access-log off
gwctl_pid=$!
await_answer "http://127.0.0.1:$backend/"
await_answer "http://127.0.0.1:$port/case0/7"

# Prints microseconds of CPU per request of one round.
round() {  # CASE
  local before after out
  before=$(cpu_ns "$gwctl_pid")
  out=$(taskset -c 1 wrk -t1 -c64 -d"${seconds}s" -H "X-API-Key: $api_key" \
    -H "Authorization: Bearer $token" -H 'Origin: https://shop.example' \
    "http://127.0.0.1:$port/case$1/7")
  after=$(cpu_ns "$gwctl_pid")
  if grep -q 'Non-2xx\|Socket errors' <<<"$out"; then echo "policies: errors: $out" >&2; exit 1; fi
  awk -v t=$((after - before)) '/requests in/ {printf "%.3f\n", t / 1e3 / $1}' <<<"$out"
}
for i in "${!cases[@]}"; do round "$i" >/dev/null; done
for _ in $(seq "$rounds"); do
  for i in "${!cases[@]}"; do round "$i" >>"$work/$i.rounds"; done
done

machine
"$gwctl" --version | head -n 1
echo "$rounds rounds of $seconds s each, interleaved; 64 connections, ${#answer}-byte answers, saturated"
echo
echo "| policy | CPU per request | over plain |"
echo "|---|---:|---:|"
plain=$(median "$work/0.rounds" 1)
for i in "${!cases[@]}"; do
  cpu=$(median "$work/$i.rounds" 1)
  echo "| ${cases[i]%%|*} | $cpu µs | $(awk -v a="$cpu" -v b="$plain" 'BEGIN {printf "%.2f", a - b}') µs |"
done

bench=$build/bench/policies_bench
echo
echo "In memory, through the engine only:"
echo
taskset -c 0 "$bench"
if ! command -v valgrind >/dev/null; then
  echo "Instructions: valgrind is not installed"
  exit 0
fi
# OpenSSL has no instructions for SHA there, so that hashing a key counts some 2,000 too many.
echo
echo "Instructions per request (callgrind):"
echo
echo "| policy | instructions | over plain |"
echo "|---|---:|---:|"
plain=
while read -r name; do
  count=2000
  total=$(valgrind --tool=callgrind --toggle-collect='*nanoseconds_per_request*' \
    --callgrind-out-file=/dev/null "$bench" "$name" "$count" 2>&1 | awk '/Collected/ {print $4}')
  plain=${plain:-$((total / count))}
  echo "| $name | $((total / count)) | $((total / count - plain)) |"
done < <("$bench" --list)
