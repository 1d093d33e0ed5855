# shellcheck shell=bash
# Shared by the scripts that let a real Prometheus scrape a real daemon; to be sourced by bash. The caller sets
# `me` (its name) and `logs` (names of logs to show after a failure) and calls `rig_begin` first. Everything listens on
# loopback, on ports that the system chooses, and nothing outlives the script.

rig_begin() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: scripts/deps test" >&2; exit 1; }
  done
  dir=$(mktemp -d)
  pids=()
  trap rig_finish EXIT
  trap 'exit 130' INT TERM
}

rig_finish() {
  local code=$? pid log
  # Only what this script started, by its id.
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  if ((code != 0)); then
    for log in "${logs[@]}"; do
      echo "---- the last lines of $log" >&2
      tail -n 15 "$dir/$log.log" >&2 || true
    done
  fi
  rm -rf "$dir"
  exit "$code"
}

fail() {
  echo "$me: $*" >&2
  exit 1
}

# until_true WHAT COMMAND...: asks until it is true, at most 600 times, about a minute.
until_true() {
  local what=$1 attempt
  shift
  for ((attempt = 0; attempt < 600; ++attempt)); do
    if "$@"; then return 0; fi
    sleep 0.1
  done
  fail "gave up waiting: $what"
}

alive() {
  kill -0 "$1" 2>/dev/null
}

# member FILE NAME: the text of the first member of that name in a JSON file.
member() {
  sed -n "s/.*\"$2\":\"\([^\"]*\)\".*/\1/p" "$1" | head -n 1
}

# ---- the sandbox ----

# start_sandbox PROGRAM ARGUMENT...: sets `upstream` and `client_id`.
start_sandbox() {
  local program=$1
  shift
  "$program" --port 0 --port-file "$dir/sandbox.json" "$@" >"$dir/sandbox.log" 2>&1 &
  pids+=($!)
  until_true "the sandbox's addresses" test -s "$dir/sandbox.json"
  upstream=$(member "$dir/sandbox.json" http)
  client_id=$(member "$dir/sandbox.json" client_id)
}

# control METHOD PATH [BODY]: the sandbox's control API.
control() {
  local method=$1 path=$2 body=${3:-}
  curl --silent --show-error --fail-with-body --max-time 30 --request "$method" \
    --header 'Content-Type: application/json' ${body:+--data "$body"} "$upstream/sandbox/$path"
}

# ---- the daemon ----

# start_daemon PROGRAM: with the keys on standard input beside those that every run needs ("section.key = value", one a
# line); sets `daemon` (its process id) and `target` (where it is scraped).
start_daemon() {
  local program=$1
  (umask 077 && printf 'sandbox-secret' >"$dir/secret")
  { cat; cat <<EOF; } >"$dir/config.toml"
upstream.base_url = "$upstream"
upstream.client_id = "$client_id"
upstream.client_secret_file = "$dir/secret"
upstream.allow_private_addresses = true
store.path = "$dir/store"
store.min_free_mib = 64
store.min_free_percent = 0
store.min_free_to_open_mib = 64
admin.socket = "$dir/admin.sock"
admin.group = ""
metrics.listen = "127.0.0.1:0"
log.journal_prefix = "never"
EOF
  "$program" run --config "$dir/config.toml" 2>"$dir/daemon.log" &
  daemon=$!
  pids+=("$daemon")
  until_true "the daemon's listeners" daemon_served
  target=$(grep '"metrics are served"' "$dir/daemon.log" |
    sed -n 's|.*"address":"\(http://\)\{0,1\}\([^"/]*\).*|\2|p')
  [[ $target =~ ^127\.0\.0\.1:[1-9][0-9]*$ ]] || fail "the log names no metrics address: '$target'"
}

daemon_served() {
  alive "$daemon" || fail "the daemon ended"
  grep -qs '"metrics are served"' "$dir/daemon.log" && [[ -S $dir/admin.sock ]]
}

# admin METHOD PATH [BODY]: the daemon's admin API.
admin() {
  local method=$1 path=$2 body=${3:-}
  curl --silent --show-error --fail-with-body --max-time 60 --unix-socket "$dir/admin.sock" \
    --request "$method" --header 'Content-Type: application/json' ${body:+--data "$body"} "http://admin$path"
}

# ---- Prometheus ----

# start_prometheus ARGUMENT...: with the configuration that stands in $dir/prometheus.yml; sets `prometheus`.
start_prometheus() {
  promtool check config "$dir/prometheus.yml" >"$dir/promtool.log" 2>&1 ||
    fail "promtool refuses the configuration: $(<"$dir/promtool.log")"
  prometheus --config.file="$dir/prometheus.yml" --storage.tsdb.path="$dir/tsdb" \
    --web.listen-address=127.0.0.1:0 "$@" >"$dir/prometheus.log" 2>&1 &
  pids+=($!)
  until_true "Prometheus's own listener" grep -qs 'msg="Listening on" address=' "$dir/prometheus.log"
  prometheus=http://$(sed -n 's/.*msg="Listening on" address=\([0-9.:]*\).*/\1/p' "$dir/prometheus.log")
}

# ask EXPRESSION: Prometheus's whole answer.
ask() {
  curl --silent --max-time 10 --get --data-urlencode "query=$1" "$prometheus/api/v1/query"
}

# holds EXPRESSION: whether Prometheus has a sample for which this is true now.
holds() {
  local answer
  answer=$(ask "$1") || return 1
  [[ $answer == *'"status":"success"'* && $answer != *'"result":[]'* ]]
}

sees() {
  until_true "Prometheus never saw: $1" holds "$1"
  echo "seen: $1"
}
