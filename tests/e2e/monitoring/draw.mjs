// draw.mjs DASHBOARD PROMETHEUS OUT: pictures of some panels of the dashboard from all that this Prometheus holds, as SVG
// with a background of its own, so that they can be read in light and dark. Used by scripts/dashboard-pictures.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { begin, filledIn, panelsOf, queryRange } from './dashboard.mjs';

const pictures = {
  freshness: ['Our delay', 'Visits by outcome'],
  relink: ['Relink entries by status', 'Links by status'],
  upstream: ['Answers by code', 'Use of the budgets'],
};

const size = { width: 460, height: 250, left: 52, right: 12, top: 34, bottom: 66 };
const colours = ['#3274d9', '#37872d', '#e0752d', '#c4162a', '#8f3bb8', '#b8860b', '#0f8b8d', '#767676'];

const escaped = (text) => text.replace(/[&<>]/g, (each) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[each]);

// A round step so that about four lines lie between 0 and `most`.
function stepFor(most) {
  const raw = most / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= raw);
}

function label(value, unit) {
  const number = Number(value.toPrecision(3));
  if (unit === 'percentunit') return `${Math.round(value * 100)} %`;
  if (unit === 's') return `${number} s`;
  if (unit === 'ops' || unit === 'reqps') return `${number}/s`;
  return `${number}`;
}

const named = (legend, metric) => legend.replace(/\{\{(\w+)\}\}/g, (_, name) => metric[name] ?? '');

// The series of all targets of a panel, on one grid of times; a missing value is NaN.
async function linesOf(panel, prometheus, times) {
  const grid = [];
  for (let time = times.start; time <= times.end; time += times.step) grid.push(time);
  const lines = [];
  for (const target of panel.targets) {
    for (const { metric, values } of await queryRange(prometheus, filledIn(target.expr), times)) {
      const at = new Map(values.map(([time, value]) => [Math.round((time - times.start) / times.step), value]));
      const points = grid.map((_, index) => at.get(index) ?? NaN);
      if (points.some((value) => value > 0)) lines.push({ name: named(target.legendFormat, metric), points });
    }
  }
  // The largest first: it lies at the bottom of a stack, and its colour is the same in each picture.
  const weight = ({ points }) => points.reduce((sum, value) => sum + (Number.isFinite(value) ? value : 0), 0);
  return lines.sort((a, b) => weight(b) - weight(a));
}

function stacked(lines) {
  const sum = lines[0].points.map(() => 0);
  return lines.map(({ name, points }) => {
    const below = [...sum];
    points.forEach((value, at) => { sum[at] += Number.isFinite(value) ? value : 0; });
    return { name, below, points: [...sum] };
  });
}

// One path for each stretch without a gap; closed along `below` where there is one.
function pathOf(line, x, y) {
  const parts = [];
  let stretch = [];
  const end = () => {
    if (stretch.length > 1) {
      const ahead = stretch.map((at) => `${x(at)},${y(line.points[at])}`).join('L');
      const back = line.below ? `L${[...stretch].reverse().map((at) => `${x(at)},${y(line.below[at])}`).join('L')}Z` : '';
      parts.push(`M${ahead}${back}`);
    }
    stretch = [];
  };
  line.points.forEach((value, at) => { if (Number.isFinite(value)) stretch.push(at); else end(); });
  end();
  return parts.join('');
}

function drawPanel(panel, lines, times, offset) {
  const { width, height, left, right, top, bottom } = size;
  const unit = panel.fieldConfig.defaults.unit;
  const isStack = panel.fieldConfig.defaults.custom.stacking.mode === 'normal';
  const shown = isStack ? stacked(lines) : lines;
  const most = Math.max(...shown.flatMap(({ points }) => points.filter(Number.isFinite)), 1e-6);
  const step = stepFor(most);
  const ceiling = Math.ceil(most / step) * step;
  const count = shown[0].points.length;
  const fixed = (value) => Number(value.toFixed(1));
  const x = (at) => fixed(offset + left + (width - left - right) * (at / (count - 1)));
  const y = (value) => fixed(height - bottom - (height - top - bottom) * (value / ceiling));

  const out = [`<text x="${offset + 12}" y="21" font-size="14" font-weight="600" fill="#1f2933">${escaped(panel.title)}</text>`];
  for (let value = 0; value <= ceiling + step / 2; value += step) {
    out.push(`<path d="M${x(0)},${y(value)}H${x(count - 1)}" stroke="#dde3e9"/>`);
    out.push(`<text x="${x(0) - 6}" y="${y(value) + 4}" text-anchor="end">${label(value, unit)}</text>`);
  }
  const minutes = (times.end - times.start) / 60;
  for (let minute = 0; minute <= minutes; minute += 1) {
    const at = ((count - 1) * minute) / minutes;
    out.push(`<text x="${x(at)}" y="${height - bottom + 16}" text-anchor="middle">${minute} min</text>`);
  }
  shown.forEach((line, at) => {
    const colour = colours[at % colours.length];
    const paint = isStack ? `fill="${colour}" fill-opacity=".75"` : `fill="none" stroke="${colour}" stroke-width="1.6"`;
    out.push(`<path d="${pathOf(line, x, y)}" ${paint} stroke-linejoin="round"/>`);
  });
  let at = offset + 12;
  let row = height - bottom + 36;
  shown.forEach(({ name }, index) => {
    const long = 26 + name.length * 6.1;
    if (at + long > offset + width) { at = offset + 12; row += 16; }
    out.push(`<rect x="${fixed(at)}" y="${row - 8}" width="10" height="9" rx="2" fill="${colours[index % colours.length]}"/>`);
    out.push(`<text x="${fixed(at + 14)}" y="${row}">${escaped(name)}</text>`);
    at += long;
  });
  return out.join('\n');
}

const [dashboardFile, prometheus, folder] = process.argv.slice(2);
if (!folder) throw new Error('usage: draw.mjs DASHBOARD PROMETHEUS OUT');
const panels = new Map(panelsOf(JSON.parse(readFileSync(dashboardFile, 'utf8'))).map((panel) => [panel.title, panel]));
const times = { start: await begin(prometheus), end: Date.now() / 1000 };
times.step = (times.end - times.start) / 200;
for (const [name, titles] of Object.entries(pictures)) {
  const drawn = [];
  for (const [at, title] of titles.entries()) {
    const panel = panels.get(title);
    if (!panel) throw new Error(`the dashboard has no panel "${title}"`);
    const lines = await linesOf(panel, prometheus, times);
    if (lines.length === 0) throw new Error(`"${title}" shows nothing`);
    drawn.push(drawPanel(panel, lines, times, at * size.width));
  }
  const width = size.width * titles.length;
  const text = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${size.height}" width="${width}" height="${size.height}"
  font-family="system-ui, sans-serif" font-size="11" fill="#52606d">
<title>${escaped(titles.join('; '))}</title>
<rect width="100%" height="100%" rx="6" fill="#ffffff"/>
${drawn.join('\n')}
</svg>
`;
  writeFileSync(path.join(folder, `${name}.svg`), text);
  console.log(`${name}.svg: ${titles.join(', ')}; ${text.length} bytes`);
}
