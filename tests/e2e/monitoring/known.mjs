// What the daemon offers, by its reference pages, and whether an expression is one.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

// Named here and not yet there: parts of the same release that are merged one after the other.
export const awaited = new Set(`
  moneykit_syncd_institution_failing_links moneykit_syncd_store_stall_seconds_total moneykit_syncd_store_block_cache_hits_total
  moneykit_syncd_store_block_cache_misses_total moneykit_syncd_store_wal_bytes_total moneykit_syncd_store_flush_written_bytes_total
  moneykit_syncd_store_compaction_written_bytes_total moneykit_syncd_store_level_files moneykit_syncd_store_errors_total
  moneykit_syncd_backup_last_success_timestamp_seconds moneykit_syncd_backup_last_bytes moneykit_syncd_feed_consumer_lag_records
  moneykit_syncd_feed_consumer_oldest_unread_timestamp_seconds moneykit_syncd_feed_first_sequence
  moneykit_syncd_feed_consumer_last_ack_timestamp_seconds moneykit_syncd_admin_requests_total
  moneykit_syncd_admin_request_duration_seconds moneykit_syncd_config_reloads_total process_threads moneykit_syncd_loop_lag_seconds
  moneykit_syncd_log_lines_total moneykit_syncd_feed_consumers_overtaken_total
  feed.keep feed.keep_max backup.keep feed_consumer_overtaken backup_
  feed+consumers backup`.trim().split(/\s+/));

function names(file, pattern) {
  const found = new Set([...readFileSync(file, 'utf8').matchAll(pattern)].map(([, name]) => name));
  if (found.size < 20) throw new Error(`${file} does not look like a reference page`);
  return found;
}

// Of docs/metrics.md.
export const metricsOf = (docs) => names(path.join(docs, 'metrics.md'), /^### `([^`]+)`$/gm);
// Of docs/logs.md.
export const eventsOf = (docs) => names(path.join(docs, 'logs.md'), /^\| `([a-z_]+)` \| `/gm);
// Of docs/configuration.md, with their section.
export function keysOf(docs) {
  const keys = new Set();
  let section = '';
  for (const line of readFileSync(path.join(docs, 'configuration.md'), 'utf8').split('\n')) {
    section = /^## \[(\w+)\]$/.exec(line)?.[1] ?? section;
    const key = /^\| `(\w+)` \|/.exec(line)?.[1];
    if (key) keys.add(`${section}.${key}`);
  }
  return keys;
}

// Names of metrics in a text. What a histogram is made of counts as the histogram.
export function metricsIn(text, known) {
  const found = new Set();
  for (const [name] of text.matchAll(/\b(?:moneykit_syncd|process)_[a-z0-9_]+\b/g)) {
    found.add(known.has(name) ? name : name.replace(/_(bucket|sum|count)$/, ''));
  }
  return found;
}

// JSON is YAML: each expression becomes a recording rule, which promtool reads as it reads any other. Throws with
// promtool's own words.
export function checkExpressions(expressions) {
  const dir = mkdtempSync(path.join(tmpdir(), 'expressions-'));
  try {
    const file = path.join(dir, 'expressions.yml');
    const rules = expressions.map((expr, at) => ({ record: `expression:${at}`, expr }));
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'expressions', rules }] }));
    execFileSync('promtool', ['check', 'rules', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  } finally {
    rmSync(dir, { recursive: true });
  }
}
