// What the Grafana dashboard asks of Prometheus.
//
//   dashboard.mjs check DASHBOARD RULES DOCS      offline: Grafana can show it, promtool reads each of its expressions, and
//                                                 each metric that it or the rules name is described in docs/metrics.md
//   dashboard.mjs run DASHBOARD DOCS PROMETHEUS   each expression, over all that this Prometheus holds, shows a number
//
// Grafana itself is in no Debian; what is held here is what it would send.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { awaited, checkExpressions, metricsIn, metricsOf } from './known.mjs';

// All panels that show something, rows left out.
export function panelsOf(dashboard) {
  return dashboard.panels.filter((panel) => panel.type !== 'row');
}

// As Grafana writes an expression before it sends it: all daemons, and these widths of windows.
export function filledIn(expression, { rate = '10s', range = '1h' } = {}) {
  const text = expression.replaceAll('$instance', '.*').replaceAll('$__rate_interval', rate).replaceAll('$__range', range);
  assert.doesNotMatch(text, /\$/, `a variable that nobody fills in: ${expression}`);
  return text;
}

function checkShape(dashboard) {
  const ids = dashboard.panels.map((panel) => panel.id);
  assert.equal(new Set(ids).size, ids.length, 'two panels have the same id');
  const titles = panelsOf(dashboard).map((panel) => panel.title);
  assert.equal(new Set(titles).size, titles.length, 'two panels have the same title');
  const taken = new Map();
  for (const panel of dashboard.panels) {
    const { x, y, w, h } = panel.gridPos;
    assert.ok(x >= 0 && x + w <= 24, `${panel.title} reaches out of the grid`);
    for (let column = x; column < x + w; column += 1) {
      for (let line = y; line < y + h; line += 1) {
        const place = `${column}/${line}`;
        assert.ok(!taken.has(place), `${panel.title} lies on ${taken.get(place)}`);
        taken.set(place, panel.title);
      }
    }
  }
  for (const panel of panelsOf(dashboard)) {
    assert.ok(['timeseries', 'stat'].includes(panel.type), `${panel.title}: unknown type ${panel.type}`);
    assert.ok(panel.targets.length > 0, `${panel.title} asks nothing`);
    for (const target of panel.targets) {
      assert.equal(target.datasource.uid, '${datasource}', `${panel.title} is bound to one data source`);
      assert.match(target.expr, /\$instance/, `${panel.title} does not heed the choice of daemons`);
    }
  }
}

function check([dashboardFile, rulesFile, docs]) {
  const dashboard = JSON.parse(readFileSync(dashboardFile, 'utf8'));
  const rules = readFileSync(rulesFile, 'utf8');
  checkShape(dashboard);
  const expressions = [
    ...panelsOf(dashboard).flatMap((panel) => panel.targets.map((target) => target.expr)),
    ...dashboard.annotations.list.map((annotation) => annotation.expr),
  ];
  checkExpressions(expressions.map((each) => filledIn(each)));

  const known = metricsOf(docs);
  const rulesOnly = [...rules.matchAll(/^ +(?:- record|expr):.*$(?:\n {10,}.*$)*/gm)].map(([text]) => text).join('\n');
  const unknown = [...metricsIn(`${expressions.join('\n')}\n${rulesOnly}`, known)]
    .filter((name) => !known.has(name) && !awaited.has(name));
  assert.deepEqual(unknown, [], 'metrics that docs/metrics.md does not describe');

  const recorded = new Set([...rules.matchAll(/- record: (\S+)/g)].map(([, name]) => name));
  for (const [name] of expressions.join('\n').matchAll(/moneykit_syncd:[a-z0-9_:]+/g)) {
    assert.ok(recorded.has(name), `the dashboard asks for ${name}, which no rule records`);
  }
  console.log(`dashboard: ${panelsOf(dashboard).length} panels, ${expressions.length} expressions`);
}

// query PROMETHEUS EXPRESSION TIMES: its series over that time, values as numbers.
export async function queryRange(prometheus, expression, { start, end, step }) {
  const parameters = new URLSearchParams({ query: expression, start, end, step });
  const response = await fetch(`${prometheus}/api/v1/query_range`, { method: 'POST', body: parameters });
  const answer = await response.json();
  assert.equal(answer.status, 'success', `${expression}: ${answer.error}`);
  return answer.data.result.map(({ metric, values }) => (
    { metric, values: values.map(([time, value]) => [time, Number(value)]) }));
}

// Since when this Prometheus has seen the daemon.
export async function begin(prometheus) {
  const parameters = new URLSearchParams({ query: 'min(min_over_time(timestamp(up{job="moneykit-syncd"})[1d:1s]))' });
  const response = await fetch(`${prometheus}/api/v1/query`, { method: 'POST', body: parameters });
  const answer = await response.json();
  assert.equal(answer.status, 'success', answer.error);
  return Number(answer.data.result[0].value[1]);
}

async function run([dashboardFile, docs, prometheus]) {
  const known = metricsOf(docs);
  const dashboard = JSON.parse(readFileSync(dashboardFile, 'utf8'));
  const times = { start: await begin(prometheus), end: Date.now() / 1000, step: 1 };
  const empty = [];
  let count = 0;
  for (const panel of panelsOf(dashboard)) {
    for (const target of panel.targets) {
      if ([...metricsIn(target.expr, known)].some((name) => !known.has(name))) continue;
      const series = await queryRange(prometheus, filledIn(target.expr), times);
      count += 1;
      if (!series.some(({ values }) => values.some(([, value]) => Number.isFinite(value)))) {
        empty.push(`${panel.title}: ${target.expr}`);
      }
    }
  }
  assert.deepEqual(empty, [], 'expressions that show nothing');
  console.log(`dashboard: ${count} expressions, each with a number`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [mode, ...rest] = process.argv.slice(2);
  if (mode === 'check') check(rest);
  else if (mode === 'run') await run(rest);
  else throw new Error('usage: dashboard.mjs check DASHBOARD RULES DOCS | run DASHBOARD DOCS PROMETHEUS');
}
