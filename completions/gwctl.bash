# bash completion for gwctl; made by `gwctl completions bash`.
_gwctl() {
  local current=${COMP_WORDS[COMP_CWORD]} verb= word words
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in -*) ;; *) verb=$word; break ;; esac
  done
  case $verb in
    '') words='validate lint compile diff inspect explain openapi test serve reload rollback status drain undrain purge top doctor key rules schema completions version -h --help -V --version -q --quiet --color' ;;
    validate) words='--format --json --fail-on --limit --overlay --env-file --upstream --mock --unenforced --allow-ref -h --help -h --help -V --version -q --quiet --color' ;;
    lint) words='--format --json --fail-on --limit --overlay --env-file --upstream --mock --unenforced --allow-ref -h --help -h --help -V --version -q --quiet --color' ;;
    compile) words='-o --output --consumers --networks --sign --counter --report --format --json --overlay --env-file --upstream --mock --unenforced --allow-ref -h --help -h --help -V --version -q --quiet --color' ;;
    diff) words='--format --json --fail-on --show --accept --limit --overlay --env-file --upstream --mock --unenforced --allow-ref -h --help -h --help -V --version -q --quiet --color' ;;
    inspect) words='--format --json --overlay --env-file --upstream --mock --unenforced --allow-ref -h --help -h --help -V --version -q --quiet --color' ;;
    explain) words='-H --header -d --data --ip --consumer --claims --expect --token --for --format --json --admin --admin-token-file --overlay --env-file --upstream --mock --unenforced --allow-ref -h --help -h --help -V --version -q --quiet --color' ;;
    openapi) words='--client --host --server --format --json -o --output --overlay --env-file --upstream --mock --unenforced --allow-ref -h --help -h --help -V --version -q --quiet --color' ;;
    test) words='--filter --format --json --coverage --fail-under --update --watch --live --ca --generate -o --output --overlay --env-file --upstream --mock --unenforced --allow-ref -h --help -h --help -V --version -q --quiet --color' ;;
    serve) words='--listen --default-listen --workers --access-log --log-format --state --fresh --drain-delay --grace --admin --admin-token-file --admin-read-token-file --takeover --trust --watch --overlay --env-file --upstream --mock --unenforced --allow-ref -h --help -h --help -V --version -q --quiet --color' ;;
    reload) words='--expect-current --close-streams --format --json --admin --admin-token-file --overlay --env-file --upstream --mock --unenforced --allow-ref -h --help -h --help -V --version -q --quiet --color' ;;
    rollback) words='--close-streams --format --json --admin --admin-token-file -h --help -h --help -V --version -q --quiet --color' ;;
    status) words='--format --json --admin --admin-token-file -h --help -h --help -V --version -q --quiet --color' ;;
    drain) words='--hold --admin --admin-token-file -h --help -h --help -V --version -q --quiet --color' ;;
    undrain) words='--admin --admin-token-file -h --help -h --help -V --version -q --quiet --color' ;;
    purge) words='--tag --operation --key --all --admin --admin-token-file -h --help -h --help -V --version -q --quiet --color' ;;
    top) words='--interval --sort --rows --count --once --admin --admin-token-file -h --help -h --help -V --version -q --quiet --color' ;;
    doctor) words='--listen --state --access-log --timeout --admin --admin-token-file --admin-read-token-file --format --json --overlay --env-file --upstream --mock --unenforced --allow-ref -h --help -h --help -V --version -q --quiet --color' ;;
    key) words='--hash -o --output -h --help -h --help -V --version -q --quiet --color' ;;
    rules) words='--format --json -h --help -h --help -V --version -q --quiet --color' ;;
    schema) words='--format --tests -h --help -h --help -V --version -q --quiet --color' ;;
    completions) words='-h --help -h --help -V --version -q --quiet --color' ;;
    version) words='-h --help -h --help -V --version -q --quiet --color' ;;
    *) words= ;;
  esac
  if [[ $current == -* || -z $verb ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -o filenames -F _gwctl gwctl
