// pages.mjs RULES DOCS BIN: every alert has a page that its runbook_url points at, and the reverse, and a line in
// docs/monitoring.md; and what the pages tell somebody at night to type is there: verbs and options of the programs in
// BIN, expressions, metrics, log events, keys.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { awaited, checkExpressions, eventsOf, keysOf, metricsIn, metricsOf } from './known.mjs';

const [rulesFile, docs, bin] = process.argv.slice(2);
assert.ok(bin, 'usage: pages.mjs RULES DOCS BIN');

const headings = ['Meaning', 'Impact', 'First three commands', 'Safe actions', 'What not to do', 'When it is a false alarm',
  'When to escalate'];
const base = 'file:///usr/share/doc/moneykit-syncd/docs/runbooks/';
// Of programs that are not ours: what the pages use.
const systemctlVerbs = ['status', 'start', 'stop', 'restart', 'reload', 'list-timers'];
const journalctlOptions = ['-u', '-p', '-o', '-n', '-k', '--since', '--grep', '--vacuum-size'];

const known = { metrics: metricsOf(docs), events: eventsOf(docs), keys: keysOf(docs) };
const sections = new Set([...known.keys, 'feed.', 'backup.'].map((key) => key.split('.')[0]));

function alertsOf(text) {
  const alerts = new Map();
  const pattern = /- alert: (\w+)\n[^]*?severity: (\w+)\n[^]*?runbook_url: (\S+)/g;
  for (const [, name, severity, url] of text.matchAll(pattern)) alerts.set(name, { severity, url });
  assert.equal(alerts.size, text.match(/- alert: /g).length, 'an alert without severity or runbook_url');
  return alerts;
}

// Words as a shell parts them; quotes are taken off.
function words(command) {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
}

const helps = new Map();
function helpOf(program, verbs) {
  const key = [program, ...verbs].join(' ');
  if (!helps.has(key)) {
    helps.set(key, execFileSync(path.join(bin, program), [...verbs, '--help'], { encoding: 'utf8' }));
  }
  return helps.get(key);
}

// Verbs are the lower-case words in front; placeholders are in capitals.
function checkOurs(program, rest) {
  const verbs = [];
  for (const word of rest) {
    if (!/^[a-z][a-z-]*$/.test(word)) break;
    if (word === 'latest' || word === 'head') break;
    verbs.push(word);
  }
  const text = verbs.join('+');
  if ([...awaited].some((each) => text === each || text.startsWith(`${each}+`))) {
    const help = helpOf(program, verbs.slice(0, 2));
    if (!help.includes(`${program} ${verbs.slice(0, 2).join(' ')} [`)) return;
  }
  const help = helpOf(program, verbs);
  assert.match(help, new RegExp(`^Usage: \\S*${[program, ...verbs].join(' ')} \\[`, 'm'), 'there is no such verb');
  for (const word of rest.filter((each) => each.startsWith('-'))) {
    assert.match(help, new RegExp(`(^|[\\s,])${word}(\\s|$)`, 'm'), `no option ${word}`);
  }
}

const programs = {
  moneykitctl: (rest) => checkOurs('moneykitctl', rest),
  'moneykit-syncd': (rest) => checkOurs('moneykit-syncd', rest),
  systemctl: (rest) => assert.ok(systemctlVerbs.includes(rest[0]), `systemctl ${rest[0]}`),
  journalctl: (rest) => {
    for (const [at, word] of rest.entries()) {
      // An age begins with a dash, too.
      if (word.startsWith('-') && rest[at - 1] !== '--since') {
        assert.ok(journalctlOptions.includes(word.split('=')[0]), `journalctl ${word}`);
      }
    }
    for (const [, one, several] of rest.join(' ').matchAll(/"event":"(?:([a-z_]+)|\(([a-z_|]+)\))/g)) {
      for (const event of (several ?? one).split('|')) {
        const there = [...known.events].some((each) => each === event || (event.endsWith('_') || event === 'store_scrub') && each.startsWith(event));
        assert.ok(there || awaited.has(event), `no log event ${event}`);
      }
    }
  },
  promtool: (rest) => {
    if (rest[0] === 'query') {
      assert.deepEqual(rest.slice(0, 3), ['query', 'instant', 'http://localhost:9090']);
      assert.equal(rest.length, 4, 'the expression is not quoted');
      checkExpressions([rest[3]]);
    } else {
      assert.deepEqual(rest.slice(0, 2), ['check', 'config']);
    }
  },
  df: () => {},
  du: () => {},
  curl: () => {},
};

function checkPage(name, text, severity) {
  assert.equal(text.split('\n')[0], `# ${name}`);
  assert.match(text, new RegExp(`^Severity \`${severity}\``, 'm'), 'another severity than the rule');
  assert.deepEqual([...text.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading), headings);
  for (const part of text.split(/^## .*$/m).slice(1)) assert.ok(part.trim().length > 10, 'a part is empty');

  const blocks = [...text.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, block]) => block.trim().split('\n'));
  assert.equal(blocks.length, 1);
  assert.equal(blocks[0].length, 3, 'not three commands');
  const inline = [...text.replace(/^```sh\n[^]*?^```$/gm, '').matchAll(/`([^`]+)`/g)].map(([, code]) => code.replaceAll('\n', ' ').replace(/ +/g, ' '));
  for (const command of [...blocks[0], ...inline.filter((code) => Object.hasOwn(programs, code.split(' ')[0]) && code.includes(' '))]) {
    const [program, ...rest] = words(command);
    try {
      assert.ok(Object.hasOwn(programs, program), 'a program that nobody checks');
      programs[program](rest);
    } catch (error) {
      throw new Error(`${name}: ${command}: ${error.stderr ?? error.message}`);
    }
  }
  for (const metric of metricsIn(text, known.metrics)) {
    assert.ok(known.metrics.has(metric) || awaited.has(metric), `${name}: no metric ${metric}`);
  }
  for (const [key, section] of text.matchAll(/\b([a-z_]+)\.[a-z_]+\b/g)) {
    if (!sections.has(section) || /\.(md|yml|json|yaml|sock|toml|com|service)$/.test(key)) continue;
    assert.ok(known.keys.has(key) || awaited.has(key), `${name}: no key ${key}`);
  }
}

const alerts = alertsOf(readFileSync(rulesFile, 'utf8'));
const pages = readdirSync(path.join(docs, 'runbooks')).map((file) => path.basename(file, '.md')).sort();
assert.deepEqual(pages, [...alerts.keys()].sort(), 'alerts and pages');
for (const [name, { severity, url }] of alerts) {
  assert.equal(url, `${base}${name}.md`);
  const text = readFileSync(path.join(docs, 'runbooks', `${name}.md`), 'utf8');
  checkPage(name, text, severity);
  for (const [, target] of text.matchAll(/\]\((?!http)([^)]+)\)/g)) {
    assert.ok(pages.includes(path.basename(target, '.md')), `${name} points at ${target}`);
  }
}
const overview = readFileSync(path.join(docs, 'monitoring.md'), 'utf8');
const listed = [...overview.matchAll(/^\| \[(\w+)\]\(runbooks\/(\w+)\.md\) \| `(\w+)` \|/gm)]
  .map(([, name, page, severity]) => `${name} ${page} ${severity}`).sort();
assert.deepEqual(listed, [...alerts].map(([name, { severity }]) => `${name} ${name} ${severity}`).sort(),
  'the table of docs/monitoring.md');
console.log(`pages: ${pages.length} alerts with a page, ${helps.size} verbs of ours`);
