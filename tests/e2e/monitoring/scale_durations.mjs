// scale_durations.mjs N < FILE > OUT: the rules, or Alertmanager's configuration, as they are shipped, for a test in which
// a minute takes 60/N seconds. Every waiting time and window is divided by N: `for: 10m`, `[30m]`, `offset 6h`,
// `group_wait: 30s` and the like. Names of rules, thresholds, texts and everything else stay as they are.

import { readFileSync } from 'node:fs';
import process from 'node:process';

const factor = Number(process.argv[2]);
if (!(factor >= 1)) throw new Error('usage: scale_durations.mjs N < FILE > OUT');

const units = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5, y: 31536e6 };
const duration = '((?:\\d+(?:ms|[smhdwy]))+)';

function scaled(text) {
  let whole = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|[smhdwy])/g)) whole += Number(count) * units[unit];
  return `${Math.max(1, Math.round(whole / factor))}ms`;
}

const keys = 'for|keep_firing_for|interval|group_wait|group_interval|repeat_interval|resolve_timeout';
const places = [
  new RegExp(`^(\\s*(?:- )?(?:${keys}):\\s*)${duration}(\\s*(?:#.*)?)$`, 'gm'),
  new RegExp(`(\\[)${duration}(\\])`, 'g'),
  new RegExp(`(\\boffset\\s+)${duration}(\\b)`, 'g'),
];

let text = readFileSync(0, 'utf8');
let count = 0;
for (const place of places) {
  text = text.replace(place, (_, before, time, behind) => {
    count += 1;
    return before + scaled(time) + behind;
  });
}
if (count === 0) throw new Error('there is no duration in this file');
process.stdout.write(text);
