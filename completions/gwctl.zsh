#compdef gwctl
# zsh completion for gwctl; made by `gwctl completions zsh`.
_gwctl() {
  local -a verbs
  verbs=(
    'validate:Report what compile would refuse, writing nothing'
    'lint:Report problems in OpenAPI documents'
    'compile:Compile documents into a table'
    'diff:Say what changes for requests'
    'inspect:Show what is in a table'
    'explain:Show what would happen to a request, and why'
    'openapi:Print the public OpenAPI document'
    'test:Run tests of a gateway, without a socket'
    'serve:Run the gateway'
    'reload:Give a running gateway another table'
    'rollback:Go back to a table that was accepted before'
    'status:Show what a running gateway is at'
    'drain:Take an upstream, a target or all out of service'
    'undrain:Put back what was drained'
    'purge:Throw stored answers away'
    'top:Show what a running gateway is doing'
    'doctor:Say what this machine lacks for a gateway'
    'key:Make a credential, or what is stored of one'
    'rules:List the rules, or explain one'
    'schema:Print the JSON Schema of x-gw'
    'completions:Print a completion script for a shell'
    'version:Print the versions of gwctl and of its tables'
  )
  if (( CURRENT == 2 )); then
    _describe -t verbs 'verb' verbs
    _arguments \
      '-h[Print this help]' \
      '--help[Print this help]' \
      '-V[Print the version]' \
      '--version[Print the version]' \
      '-q[No summaries and notes]' \
      '--quiet[No summaries and notes]' \
      '--color[auto, always or never \[auto\]]:value: '
    return
  fi
  local verb=$words[2]
  shift words
  (( CURRENT-- ))
  case $verb in
    validate)
      _arguments \
        '--format[text, json (one finding per line), sarif, github, junit or markdown \[text\]]:value: ' \
        '--json[Same as --format json]' \
        '--fail-on[Lowest severity that makes the exit status 1\: error, warning, info, never \[error\]]:value: ' \
        '--limit[Findings shown per rule and file, 0 for all \[20\]]:value: ' \
        '--overlay[Apply an OpenAPI Overlay document; may be repeated]:file:_files' \
        '--env-file[Values for $env references, NAME=VALUE lines]:file:_files' \
        '--upstream[Send every operation to this upstream]:value: ' \
        '--mock[Answer every operation from the document'\''s examples]' \
        '--unenforced[Accept that a keyword is not enforced yet\: security]:value: ' \
        '--allow-ref[Let $ref reach into this folder as well]:file:_files' \
        '-h[Print this help]' \
        '--help[Print this help]' \
        '*:file:_files' ;;
    lint)
      _arguments \
        '--format[text, json (one finding per line), sarif, github, junit or markdown \[text\]]:value: ' \
        '--json[Same as --format json]' \
        '--fail-on[Lowest severity that makes the exit status 1\: error, warning, info, never \[error\]]:value: ' \
        '--limit[Findings shown per rule and file, 0 for all \[20\]]:value: ' \
        '--overlay[Apply an OpenAPI Overlay document; may be repeated]:file:_files' \
        '--env-file[Values for $env references, NAME=VALUE lines]:file:_files' \
        '--upstream[Send every operation to this upstream]:value: ' \
        '--mock[Answer every operation from the document'\''s examples]' \
        '--unenforced[Accept that a keyword is not enforced yet\: security]:value: ' \
        '--allow-ref[Let $ref reach into this folder as well]:file:_files' \
        '-h[Print this help]' \
        '--help[Print this help]' \
        '*:file:_files' ;;
    compile)
      _arguments \
        '-o[The table; - writes to standard output]:file:_files' \
        '--output[The table; - writes to standard output]:file:_files' \
        '--consumers[Make a data table of the consumers in FILE, for `consumers\: {table\: ...}`]:file:_files' \
        '--networks[Make a data table of the networks in FILE, one a line, for `ip\: $file...`]:file:_files' \
        '--sign[Sign the table with this private key, which `gwctl key sign` makes]:file:_files' \
        '--counter[What orders signed tables; serve --trust refuses lower ones than it has had \[$SOURCE_DATE_EPOCH, else seconds since 1970\]]:value: ' \
        '--report[Print sizes, states and times]' \
        '--format[text or json \[text\]]:value: ' \
        '--json[Same as --format json]' \
        '--overlay[Apply an OpenAPI Overlay document; may be repeated]:file:_files' \
        '--env-file[Values for $env references, NAME=VALUE lines]:file:_files' \
        '--upstream[Send every operation to this upstream]:value: ' \
        '--mock[Answer every operation from the document'\''s examples]' \
        '--unenforced[Accept that a keyword is not enforced yet\: security]:value: ' \
        '--allow-ref[Let $ref reach into this folder as well]:file:_files' \
        '-h[Print this help]' \
        '--help[Print this help]' \
        '*:file:_files' ;;
    diff)
      _arguments \
        '--format[text, json (one change per line), markdown, github, sarif or junit \[text\]]:value: ' \
        '--json[Same as --format json]' \
        '--fail-on[Least class that makes the exit status 1\: security, breaking, behaviour, compatible, cosmetic, never \[breaking\]]:value: ' \
        '--show[Least class that is shown \[cosmetic\]]:value: ' \
        '--accept[Changes that are accepted\: a YAML list of fingerprint, or id and operation; reason; until]:file:_files' \
        '--limit[Operations shown of one change, 0 for all \[5\]]:value: ' \
        '--overlay[Apply an OpenAPI Overlay document; may be repeated]:file:_files' \
        '--env-file[Values for $env references, NAME=VALUE lines]:file:_files' \
        '--upstream[Send every operation to this upstream]:value: ' \
        '--mock[Answer every operation from the document'\''s examples]' \
        '--unenforced[Accept that a keyword is not enforced yet\: security]:value: ' \
        '--allow-ref[Let $ref reach into this folder as well]:file:_files' \
        '-h[Print this help]' \
        '--help[Print this help]' \
        '*:file:_files' ;;
    inspect)
      _arguments \
        '--format[text or json \[text\]]:value: ' \
        '--json[Same as --format json]' \
        '--overlay[Apply an OpenAPI Overlay document; may be repeated]:file:_files' \
        '--env-file[Values for $env references, NAME=VALUE lines]:file:_files' \
        '--upstream[Send every operation to this upstream]:value: ' \
        '--mock[Answer every operation from the document'\''s examples]' \
        '--unenforced[Accept that a keyword is not enforced yet\: security]:value: ' \
        '--allow-ref[Let $ref reach into this folder as well]:file:_files' \
        '-h[Print this help]' \
        '--help[Print this help]' \
        '*:file:_files' ;;
    explain)
      _arguments \
        '-H[Header field `name\: value`; may be repeated]:value: ' \
        '--header[Header field `name\: value`; may be repeated]:value: ' \
        '-d[Request body]:value: ' \
        '--data[Request body]:value: ' \
        '--ip[Address of the client \[127.0.0.1\]]:value: ' \
        '--consumer[Take the request for one of this consumer, whose credential is right]:value: ' \
        '--claims[Take its token for a verified one with these claims]:value: ' \
        '--expect[Exit with 1 unless the status is this one]:value: ' \
        '--token[Print a header for requests that the running gateway is to explain]' \
        '--for[How long that is good, up to 1h \[5m\]]:value: ' \
        '--format[text or json \[text\]]:value: ' \
        '--json[Same as --format json]' \
        '--admin[The gateway'\''s admin interface \[$GWCTL_ADMIN, else the default socket\]]:value: ' \
        '--admin-token-file[A file with the bearer token, for an admin interface over TCP \[$GWCTL_ADMIN_TOKEN_FILE\]]:file:_files' \
        '--overlay[Apply an OpenAPI Overlay document; may be repeated]:file:_files' \
        '--env-file[Values for $env references, NAME=VALUE lines]:file:_files' \
        '--upstream[Send every operation to this upstream]:value: ' \
        '--mock[Answer every operation from the document'\''s examples]' \
        '--unenforced[Accept that a keyword is not enforced yet\: security]:value: ' \
        '--allow-ref[Let $ref reach into this folder as well]:file:_files' \
        '-h[Print this help]' \
        '--help[Print this help]' \
        '*:file:_files' ;;
    openapi)
      _arguments \
        '--client[What clients of this class get\: its views, without what refuses it]:value: ' \
        '--host[Only what is served at this host]:value: ' \
        '--server[URL for `servers`, in place of those made of hosts; may be repeated]:value: ' \
        '--format[yaml or json \[yaml\]]:value: ' \
        '--json[Same as --format json]' \
        '-o[Where it is written \[-\]]:file:_files' \
        '--output[Where it is written \[-\]]:file:_files' \
        '--overlay[Apply an OpenAPI Overlay document; may be repeated]:file:_files' \
        '--env-file[Values for $env references, NAME=VALUE lines]:file:_files' \
        '--upstream[Send every operation to this upstream]:value: ' \
        '--mock[Answer every operation from the document'\''s examples]' \
        '--unenforced[Accept that a keyword is not enforced yet\: security]:value: ' \
        '--allow-ref[Let $ref reach into this folder as well]:file:_files' \
        '-h[Print this help]' \
        '--help[Print this help]' \
        '*:file:_files' ;;
    test)
      _arguments \
        '--filter[Only tests whose name has this text]:value: ' \
        '--format[text, json (a test per line) or junit \[text\]]:value: ' \
        '--json[Same as --format json]' \
        '--coverage[Tell what of the gateway no test has been through, and where it is]' \
        '--fail-under[Least coverage, or the status is 1]:value: ' \
        '--update[Keep the answers of tests with `snapshot\: true` in FILE.snap.yaml]' \
        '--watch[Run again whenever a file has changed]' \
        '--live[Send the requests to a gateway that runs, and judge what can be seen]:value: ' \
        '--ca[Roots that certificates of --live must lead to \[the system'\''s\]]:file:_files' \
        '--generate[Write tests at the boundaries of each operation'\''s contract]' \
        '-o[Where --generate writes \[-\]]:file:_files' \
        '--output[Where --generate writes \[-\]]:file:_files' \
        '--overlay[Apply an OpenAPI Overlay document; may be repeated]:file:_files' \
        '--env-file[Values for $env references, NAME=VALUE lines]:file:_files' \
        '--upstream[Send every operation to this upstream]:value: ' \
        '--mock[Answer every operation from the document'\''s examples]' \
        '--unenforced[Accept that a keyword is not enforced yet\: security]:value: ' \
        '--allow-ref[Let $ref reach into this folder as well]:file:_files' \
        '-h[Print this help]' \
        '--help[Print this help]' \
        '*:file:_files' ;;
    serve)
      _arguments \
        '--listen[Listen here, in plain text, instead of on the gateway'\''s listeners and without their probes; may be repeated]:value: ' \
        '--default-listen[Listen here, in plain text, when the gateway has no listeners \[$GWCTL_DEFAULT_LISTEN, else 127.0.0.1\:8080\]]:value: ' \
        '--workers[Threads that serve \[one per processor it may use\]]:value: ' \
        '--access-log[A file, - for standard output, syslog, or off \[where the gateway says, else -\]]:file:_files' \
        '--log-format[text or json, to standard error \[text\]]:value: ' \
        '--state[Keep accepted tables and drains here; a restart goes on with them]:file:_files' \
        '--fresh[Serve the argument even if --state holds another accepted table]' \
        '--drain-delay[Time to go on as before after SIGTERM while /readyz says 503; a second signal ends it \[$GWCTL_DRAIN_DELAY, else 0s\]]:value: ' \
        '--grace[Time to finish requests, once it drains \[30s\]]:value: ' \
        '--admin[Take orders here, or off \[$GWCTL_ADMIN, else a socket in the user'\''s runtime directory\]]:value: ' \
        '--admin-token-file[The bearer token that orders over TCP must bring \[$GWCTL_ADMIN_TOKEN_FILE\]]:file:_files' \
        '--admin-read-token-file[A further token, which reads and gives no orders, for --admin with --admin-token-file \[$GWCTL_ADMIN_READ_TOKEN_FILE\]]:file:_files' \
        '--takeover[Take the sockets over from the gateway with this admin interface, which then ends; `default` for the default socket]:value: ' \
        '--trust[Serve only tables that this public key has signed, and none that is older than one served before; may be repeated]:file:_files' \
        '--watch[Serve anew when a source changes\: a document, what it refers to, an overlay, a table]' \
        '--overlay[Apply an OpenAPI Overlay document; may be repeated]:file:_files' \
        '--env-file[Values for $env references, NAME=VALUE lines]:file:_files' \
        '--upstream[Send every operation to this upstream]:value: ' \
        '--mock[Answer every operation from the document'\''s examples]' \
        '--unenforced[Accept that a keyword is not enforced yet\: security]:value: ' \
        '--allow-ref[Let $ref reach into this folder as well]:file:_files' \
        '-h[Print this help]' \
        '--help[Print this help]' \
        '*:file:_files' ;;
    reload)
      _arguments \
        '--expect-current[Refuse unless the gateway serves this table now]:value: ' \
        '--close-streams[End the WebSockets, event streams and gRPC streams that run by older tables]' \
        '--format[text or json \[text\]]:value: ' \
        '--json[Same as --format json]' \
        '--admin[The gateway'\''s admin interface \[$GWCTL_ADMIN, else the default socket\]]:value: ' \
        '--admin-token-file[A file with the bearer token, for an admin interface over TCP \[$GWCTL_ADMIN_TOKEN_FILE\]]:file:_files' \
        '--overlay[Apply an OpenAPI Overlay document; may be repeated]:file:_files' \
        '--env-file[Values for $env references, NAME=VALUE lines]:file:_files' \
        '--upstream[Send every operation to this upstream]:value: ' \
        '--mock[Answer every operation from the document'\''s examples]' \
        '--unenforced[Accept that a keyword is not enforced yet\: security]:value: ' \
        '--allow-ref[Let $ref reach into this folder as well]:file:_files' \
        '-h[Print this help]' \
        '--help[Print this help]' \
        '*:file:_files' ;;
    rollback)
      _arguments \
        '--close-streams[End the WebSockets, event streams and gRPC streams that run by older tables]' \
        '--format[text or json \[text\]]:value: ' \
        '--json[Same as --format json]' \
        '--admin[The gateway'\''s admin interface \[$GWCTL_ADMIN, else the default socket\]]:value: ' \
        '--admin-token-file[A file with the bearer token, for an admin interface over TCP \[$GWCTL_ADMIN_TOKEN_FILE\]]:file:_files' \
        '-h[Print this help]' \
        '--help[Print this help]' \
        '*:file:_files' ;;
    status)
      _arguments \
        '--format[text or json \[text\]]:value: ' \
        '--json[Same as --format json]' \
        '--admin[The gateway'\''s admin interface \[$GWCTL_ADMIN, else the default socket\]]:value: ' \
        '--admin-token-file[A file with the bearer token, for an admin interface over TCP \[$GWCTL_ADMIN_TOKEN_FILE\]]:file:_files' \
        '-h[Print this help]' \
        '--help[Print this help]' \
        '*:file:_files' ;;
    drain)
      _arguments \
        '--hold[Of the gateway\: it does not end, but says that it is not ready, until undrain]' \
        '--admin[The gateway'\''s admin interface \[$GWCTL_ADMIN, else the default socket\]]:value: ' \
        '--admin-token-file[A file with the bearer token, for an admin interface over TCP \[$GWCTL_ADMIN_TOKEN_FILE\]]:file:_files' \
        '-h[Print this help]' \
        '--help[Print this help]' \
        '*:file:_files' ;;
    undrain)
      _arguments \
        '--admin[The gateway'\''s admin interface \[$GWCTL_ADMIN, else the default socket\]]:value: ' \
        '--admin-token-file[A file with the bearer token, for an admin interface over TCP \[$GWCTL_ADMIN_TOKEN_FILE\]]:file:_files' \
        '-h[Print this help]' \
        '--help[Print this help]' \
        '*:file:_files' ;;
    purge)
      _arguments \
        '--tag[Those with this tag, of cache.tags or Surrogate-Key]:value: ' \
        '--operation[Those of this operation]:value: ' \
        '--key[Those of this path or URL; with a query of that one alone]:value: ' \
        '--all[All of them]' \
        '--admin[The gateway'\''s admin interface \[$GWCTL_ADMIN, else the default socket\]]:value: ' \
        '--admin-token-file[A file with the bearer token, for an admin interface over TCP \[$GWCTL_ADMIN_TOKEN_FILE\]]:file:_files' \
        '-h[Print this help]' \
        '--help[Print this help]' \
        '*:file:_files' ;;
    top)
      _arguments \
        '--interval[Time between two readings \[2s\]]:value: ' \
        '--sort[By requests, errors or p99 \[requests\]]:value: ' \
        '--rows[Operations that are shown \[20\]]:value: ' \
        '--count[End after so many readings]:value: ' \
        '--once[One reading, and the end]' \
        '--admin[The gateway'\''s admin interface \[$GWCTL_ADMIN, else the default socket\]]:value: ' \
        '--admin-token-file[A file with the bearer token, for an admin interface over TCP \[$GWCTL_ADMIN_TOKEN_FILE\]]:file:_files' \
        '-h[Print this help]' \
        '--help[Print this help]' \
        '*:file:_files' ;;
    doctor)
      _arguments \
        '--listen[Look at these in place of the gateway'\''s listeners]:value: ' \
        '--state[The state directory of `serve`]:file:_files' \
        '--access-log[As of `serve`\: look at this in place of where the gateway says]:file:_files' \
        '--timeout[For names to be resolved, and for upstreams, issuers and collectors to take a connection \[3s\]]:value: ' \
        '--admin[The gateway'\''s admin interface \[$GWCTL_ADMIN, else the default socket\]]:value: ' \
        '--admin-token-file[A file with the bearer token, for an admin interface over TCP \[$GWCTL_ADMIN_TOKEN_FILE\]]:file:_files' \
        '--admin-read-token-file[The token of `serve` that only reads \[$GWCTL_ADMIN_READ_TOKEN_FILE\]]:file:_files' \
        '--format[text or json \[text\]]:value: ' \
        '--json[Same as --format json]' \
        '--overlay[Apply an OpenAPI Overlay document; may be repeated]:file:_files' \
        '--env-file[Values for $env references, NAME=VALUE lines]:file:_files' \
        '--upstream[Send every operation to this upstream]:value: ' \
        '--mock[Answer every operation from the document'\''s examples]' \
        '--unenforced[Accept that a keyword is not enforced yet\: security]:value: ' \
        '--allow-ref[Let $ref reach into this folder as well]:file:_files' \
        '-h[Print this help]' \
        '--help[Print this help]' \
        '*:file:_files' ;;
    key)
      _arguments \
        '--hash[Hash the key on standard input instead of making one]' \
        '-o[Of sign\: NAME.pem gets the private key, NAME.pub.pem the public one; files that are there stay as they are \[signing\]]:value: ' \
        '--output[Of sign\: NAME.pem gets the private key, NAME.pub.pem the public one; files that are there stay as they are \[signing\]]:value: ' \
        '-h[Print this help]' \
        '--help[Print this help]' \
        '*:file:_files' ;;
    rules)
      _arguments \
        '--format[text or json \[text\]]:value: ' \
        '--json[Same as --format json]' \
        '-h[Print this help]' \
        '--help[Print this help]' \
        '*:file:_files' ;;
    schema)
      _arguments \
        '--format[json (JSON Schema) or markdown (reference tables) \[json\]]:value: ' \
        '--tests[That of test files (gwctl test) instead]' \
        '-h[Print this help]' \
        '--help[Print this help]' \
        '*:file:_files' ;;
    completions)
      _arguments \
        '-h[Print this help]' \
        '--help[Print this help]' \
        '*:file:_files' ;;
    version)
      _arguments \
        '-h[Print this help]' \
        '--help[Print this help]' \
        '*:file:_files' ;;
  esac
}
_gwctl "$@"
