# Documents to measure with; sourced by the benchmarks of the compiler.
# Puts a made document of MEGABYTES and the COUNT largest of ../shared/specs, where they are, into
# `documents`, and a folder that goes with the script into `work`.
collect_documents() {  # MEGABYTES COUNT
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  bench/make_routes.py --megabytes "$1" >"$work/made-$1MB.json"
  documents=("$work/made-$1MB.json")
  if [[ -d ../shared/specs ]]; then
    while read -r _ file; do documents+=("$file"); done < <(
      find ../shared/specs -type f \( -name '*.yaml' -o -name '*.yml' -o -name '*.json' \) \
        ! -name index.json -printf '%s %p\n' | sort -rn | head -n "$2")
  else
    echo "${0##*/}: skipped ../shared/specs, which is not here" >&2
  fi
}
