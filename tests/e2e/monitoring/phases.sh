# shellcheck shell=bash
# The phases of alerts_test; sourced by it and by scripts/dashboard-pictures behind rig.sh.

# ---- Alertmanager and whom it tells ----

start_alertmanager() {
  : >"$dir/notified"
  node "$here/receiver.mjs" "$dir/notified" >"$dir/receiver.log" 2>&1 &
  pids+=($!)
  until_true "the receiver's port" test -s "$dir/receiver.log"
  local receiver
  receiver=127.0.0.1:$(<"$dir/receiver.log")
  node "$here/scale_durations.mjs" "$factor" <"$root/metrics/rules/alertmanager.example.yml" |
    sed "s/127\.0\.0\.1:9\//$receiver\//" >"$dir/alertmanager.yml"
  amtool check-config "$dir/alertmanager.yml" >"$dir/amtool.log" 2>&1 || fail "amtool: $(<"$dir/amtool.log")"
  prometheus-alertmanager --config.file="$dir/alertmanager.yml" --storage.path="$dir/alertmanager" \
    --web.listen-address=127.0.0.1:0 --cluster.listen-address= >"$dir/alertmanager.log" 2>&1 &
  pids+=($!)
  until_true "Alertmanager's listener" grep -qs 'msg="Listening on" address=' "$dir/alertmanager.log"
  alertmanager=$(sed -n 's/.*msg="Listening on" address=\([0-9.:]*\).*/\1/p' "$dir/alertmanager.log")
}

# told STATE RECEIVER ALERT: waits until Alertmanager has told this to this receiver since the phase began.
told() {
  until_true "$2 was never told that $3 is $1" grep -qsx "$2 $1 $3" "$dir/notified"
  echo "told: $2: $3 is $1 ($SECONDS s)"
}

# active_alerts: names of what Alertmanager would tell, one a line.
active_alerts() {
  curl --silent --max-time 10 --get --data-urlencode 'inhibited=false' "http://$alertmanager/api/v2/alerts" |
    { grep -o '"alertname":"[^"]*"' || true; } | cut -d '"' -f 4 | sort -u
}

# only ALERT: nobody was told of any other since the phase began, and Alertmanager shows no other now. Except TargetDown: on
# a busy machine four scrapes in a row may take too long for a minute of 0.75 s, and that is no fault of the rules.
only() {
  local others
  ! grep '^broken' "$dir/notified" >&2 || fail "an alert without its texts"
  others=$(grep -v " \($1\|TargetDown\)\$" "$dir/notified" | sort -u) || true
  [[ -z $others ]] || fail "beside $1 there were: $others"
  others=$(active_alerts | sed '/^TargetDown$/d')
  [[ $others == "$1" || -z $others ]] || fail "beside $1 Alertmanager shows: $others"
}

new_phase() {
  echo "== $1 ($SECONDS s)"
  : >"$dir/notified"
}

# evaluated: whether the rules were evaluated on at least five scrapes.
evaluated() {
  holds 'count_over_time(up{job="moneykit-syncd"}[10m]) > 5' &&
    holds 'count_over_time(moneykit_syncd:visibility_objective:ratio[10m]) > 5'
}

# ---- the phases ----

start_everything() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$dir/key.pem" -out "$dir/certificate.pem" \
    >"$dir/openssl.log" 2>&1 || fail "openssl: $(<"$dir/openssl.log")"
  chmod 600 "$dir/key.pem"
  start_sandbox "$sandbox" --links 0 --seed 11 --refresh-failures 0 --no-budgets
  start_daemon "$syncd" <<EOF
schedule.discovery = "report"
schedule.interval = "1s"
schedule.backoff_base = "1s"
schedule.backoff_max = "2s"
schedule.probe_base = "1s"
store.scrub_interval = "1s"
store.write_buffer_mib = 1
incidents.min_links = 3
budget.sync_per_app = 100000
budget.sync_per_link = 100000
budget.accounts_per_link = 1000
admin.listen = "127.0.0.1:0"
admin.tls_certificate_file = "$dir/certificate.pem"
admin.tls_key_file = "$dir/key.pem"
EOF
  start_alertmanager
  node "$here/scale_durations.mjs" "$factor" <"$root/metrics/rules/moneykit-syncd.rules.yml" >"$dir/rules.yml"
  cat >"$dir/prometheus.yml" <<EOF
global:
  scrape_interval: 1s
  scrape_timeout: 1s
  evaluation_interval: 1s
rule_files: [rules.yml]
scrape_configs:
  - job_name: moneykit-syncd
    static_configs: [{targets: ["$target"]}]
alerting:
  alertmanagers: [{static_configs: [{targets: ["$alertmanager"]}]}]
EOF
  start_prometheus
}

nothing_registered() {
  new_phase "an empty installation"
  until_true "the rules were never evaluated" evaluated
  local any='count_over_time(ALERTS{alertname!="TargetDown"}[10m])'
  ! holds "$any" || fail "an alert of an empty installation: $(ask "$any")"
}

# add_links COUNT INSTITUTION: prints their ids. Each with enough rows that the database writes tables and reads from them.
add_links() {
  local answer
  answer=$(control POST links "{\"count\":$1,\"institution_id\":\"$2\",\"history_months\":24,
    \"transactions_per_month\":40,\"refresh_every_seconds\":30000000}")
  grep -o '"mk_[^"]*"' <<<"$answer" | tr -d '"' || fail "the sandbox adds no links: $answer"
}

links_are_registered() {
  local link
  new_phase "three links of one bank and six of another"
  mapfile -t chase < <(add_links 3 chase)
  mapfile -t instant < <(add_links 6 instant_bank)
  for link in "${chase[@]}" "${instant[@]}"; do
    admin POST /v1/links "{\"link_id\":\"$link\",\"customer_user_id\":\"user\"}" >/dev/null
  done
  sees 'moneykit_syncd_links{status="active"} == 9'
  for link in "${chase[@]}" "${instant[@]}"; do
    control POST "links/$link/refresh" '{"changes":true}' >/dev/null
  done
  sees 'sum(moneykit_syncd_visibility_delay_seconds_count) >= 9'
}

a_bank_is_down() {
  new_phase "one bank is down"
  control POST institutions/chase/outage '{"down":true}' >/dev/null
  told firing info InstitutionOutage
  sees 'moneykit_syncd_incidents{scope="institution"} == 1'
  only InstitutionOutage
  control POST institutions/chase/outage '{"down":false}' >/dev/null
  # What an operator does who does not want to wait for the canary: the first answer begins the end. There are no more
  # links than the ramp gives back at once, or the rest would come a minute later.
  admin POST "/v1/links/${chase[0]}/sync?wait=30s" >/dev/null
  told resolved info InstitutionOutage
  only InstitutionOutage
  sees 'moneykit_syncd_links{status="active"} == 9'
}

upstream_is_down() {
  new_phase "MoneyKit answers nothing but 503"
  control PUT faults '{"rules":[{"fault":"status","status":503}]}' >/dev/null
  told firing page SyncStalled
  only SyncStalled
  control DELETE faults >/dev/null
  told resolved page SyncStalled
  only SyncStalled
  sees 'moneykit_syncd_links{status="active"} == 9'
}

# A bit of all that the dashboard shows and that has not been there yet.
everything_else_happens() {
  local link=${instant[0]}
  new_phase "an owner is needed, links are verified, the admin API is used"
  control POST "links/$link/reset" >/dev/null
  sees 'moneykit_syncd_relink_queue_links{reason="auth_expired",status="open"} == 1'
  control POST "links/$link/relink" '{"username":"user_good","password":"pass_good"}' >/dev/null
  if described moneykit_syncd_feed_consumer_lag_records; then
    admin POST /v1/feed/consumers '{"name":"ledger","from":"start"}' >/dev/null
    admin POST /v1/feed/consumers/ledger/ack "$(admin GET '/v1/feed/consumers/ledger/changes?limit=5' |
      sed 's/.*"epoch":\([0-9]*\).*/{"epoch":\1,"seq":1}/')" >/dev/null
  fi
  if described moneykit_syncd_backups_total; then
    admin POST /v1/backups >/dev/null
    sees 'moneykit_syncd_backup_last_success_timestamp_seconds > 0'
  fi
  control POST "links/${instant[1]}/refresh" '{"changes":true}' >/dev/null
  admin POST "/v1/links/${instant[1]}/verify?wait=30s" >/dev/null
  admin GET "/v1/links/${instant[1]}/transactions?limit=10" >/dev/null
  kill -HUP "$daemon"
  sees 'sum(moneykit_syncd_verify_links_total) >= 1'
  sees 'sum(moneykit_syncd_relinks_resolved_total) >= 1'
  sees 'moneykit_syncd_store_scrub_last_success_timestamp_seconds > 0'
  ! holds 'ALERTS{alertstate="firing"}' || fail "an alert fires: $(ask 'ALERTS{alertstate="firing"}')"
}

# described METRIC: whether this daemon has it.
described() {
  grep -qF "\`$1\`" "$root/docs/metrics.md"
}

credentials_are_refused() {
  new_phase "the credentials are refused"
  control POST credentials '{"client_secret":"another-secret"}' >/dev/null
  told firing page AuthFailing
  only AuthFailing
}

# synthetic ALERT INSTANCE: as if Prometheus had sent it.
synthetic() {
  local severity
  severity=$(sed -n "/- alert: $1\$/,/severity:/s/.*severity: //p" "$root/metrics/rules/moneykit-syncd.rules.yml")
  curl --silent --show-error --fail --max-time 10 --header 'Content-Type: application/json' --data \
    "[{\"labels\":{\"alertname\":\"$1\",\"severity\":\"$severity\",\"service\":\"moneykit-syncd\",\"instance\":\"$2\"}}]" \
    "http://$alertmanager/api/v2/alerts"
}

# told_apart SOURCE TARGET: on one instance TARGET is silent beside SOURCE, on another one it is not.
told_apart() {
  local source=$1 target=$2
  synthetic "$source" "both-$source"
  synthetic "$target" "both-$source"
  synthetic "$target" "alone-$source"
  until_true "$source does not inhibit $target" shows "both-$source" "$source"
  until_true "$target is silent without $source" shows "alone-$source" "$target"
  echo "inhibited: $target by $source"
}

# shows INSTANCE ALERT: whether Alertmanager holds exactly this alert of the instance for one to be told.
shows() {
  local names
  names=$(curl --silent --max-time 10 --get --data-urlencode 'inhibited=false' --data-urlencode "filter=instance=\"$1\"" \
    "http://$alertmanager/api/v2/alerts" | { grep -o '"alertname":"[^"]*"' || true; } | cut -d '"' -f 4)
  [[ $names == "$2" ]]
}

inhibitions() {
  new_phase "what is told beside what"
  told_apart TargetDown VerifyMismatch
  told_apart AuthFailing SyncStalled
  told_apart StoreSpaceLow DiskFillPredicted
  told_apart StorageErrors RestartLoop
  told_apart SyncStalled LinksStale
  told_apart InstitutionOutage RelinkQueueGrowing
  told_apart FreshnessBurnFast FreshnessBurnSlow
}

the_daemon_is_killed() {
  new_phase "the daemon is killed"
  kill -KILL "$daemon"
  wait "$daemon" 2>/dev/null || true
  told firing page TargetDown
  sees 'up{job="moneykit-syncd"} == 0'
  # What was known of it before has ended, or is silent beside this.
  until_true "Alertmanager tells of more than TargetDown" only_target_down
}

only_target_down() {
  [[ $(active_alerts) == TargetDown ]]
}
