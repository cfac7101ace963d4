# Prints what figures were measured on; sourced by the benchmarks.
machine() {
  local cpu memory
  cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
  memory=$(awk '/^MemTotal/ {printf "%.0f GiB", $2 / 1048576}' /proc/meminfo)
  echo "machine: $(nproc) x ${cpu:-unknown CPU}, $memory, $(. /etc/os-release && echo "$PRETTY_NAME"), Linux $(uname -r)"
}
