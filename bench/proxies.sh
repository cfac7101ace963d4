# Proxies beside each other: set-up, pinning and counting for the scripts that compare gwctl with
# nginx and HAProxy, which source this. Everything lives in $work and ends with the script.
PATH=$PATH:/usr/sbin

need() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || { echo "${0##*/}: $tool is missing" >&2; exit 2; }
  done
}

work=$(mktemp -d)
pids=()
finish() {
  trap - EXIT INT TERM
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

free_ports() {  # COUNT
  python3 - "$1" <<'P'
import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in sockets:
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))
P
}

answer='{"id":7,"name":"A user of the shop","mail":"user7@shop.example","tags":["a","b"],"created":"2024-01-01T00:00:00Z","active":true}'

nginx_conf() {  # NAME HTTP-BLOCK
  mkdir -p "$work/$1"
  cat >"$work/$1.conf" <<C
daemon off; worker_processes 1; pid $work/$1/pid; error_log $work/$1/error.log;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 1h;
  client_body_temp_path $work/$1; proxy_temp_path $work/$1; fastcgi_temp_path $work/$1;
  uwsgi_temp_path $work/$1; scgi_temp_path $work/$1;
  $2
}
C
}

haproxy_conf() {  # BIND-LINE BACKEND-PORT
  cat >"$work/haproxy.cfg" <<C
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend f
  $1
  default_backend b
backend b
  http-reuse always
  server s 127.0.0.1:$2
C
}

start() {  # CPU COMMAND...
  local cpu=$1
  shift
  taskset -c "$cpu" "$@" >>"$work/log" 2>&1 &
  pids+=($!)
}

await_answer() {  # URL
  local body
  for _ in $(seq 100); do
    body=$(curl -sk -m 2 "$1") && break
    sleep 0.05
  done
  [[ $body == "$answer" ]] ||
    { echo "${0##*/}: $1 does not answer" >&2; cat "$work/log" >&2; exit 1; }
}

tree() { echo "$1"; local c; for c in $(cat /proc/"$1"/task/*/children 2>/dev/null); do tree "$c"; done; }
cpu_ns() {  # time on a processor of all threads of a process and its children
  local pid sum=0 spent rest
  for pid in $(tree "$1"); do
    for task in /proc/"$pid"/task/*/schedstat; do
      read -r spent rest <"$task"
      sum=$((sum + spent))
    done
  done
  echo "$sum"
}
median() { awk -v c="$2" '{print $c}' "$1" | sort -g | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
# Runs LOAD while the process is traced, and prints its system calls per each of COUNT.
trace_calls() {  # NAME PID COUNT LOAD...
  local name=$1 count=$3 pid tracer attach=()
  for pid in $(tree "$2"); do attach+=(-p "$pid"); done
  shift 3
  strace -c -f -o "$work/strace" "${attach[@]}" 2>/dev/null &
  tracer=$!
  sleep 0.5
  "$@" >/dev/null
  kill -INT "$tracer" 2>/dev/null || true
  wait "$tracer" 2>/dev/null || true
  awk -v n="$count" -v name="$name" '
    $1 ~ /^[0-9.]+$/ && $NF != "total" {c = $4; total += c; if (c / n >= 0.02) list = list sprintf(" %s %.2f", $NF, c / n)}
    END {printf "  %-8s %.2f:%s\n", name, total / n, list}' "$work/strace" || true
}
versions() {
  echo "$(nginx -v 2>&1 | sed 's/.*: //'), $(haproxy -v | sed -n '1s/HAProxy version \([^ ]*\).*/HAProxy \1/p'), $("$gwctl" --version | head -n 1)"
}
