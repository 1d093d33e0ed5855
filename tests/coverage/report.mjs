// Reads what `llvm-cov export` says of our production code, prints it by folder and judges it by the goals.
//   report.mjs ROOT EXPORT_JSON [--partial] [--missed FOLDER]...
// --partial: not every test has run, so an excuse that was not needed is no fault, and neither is a missed goal.
// --missed FOLDER: also lists the places of that folder that were not reached (the core's are listed when all
// tests have run).
// Exit code: 0 the goals are met, 1 they are not or an excuse is out of date, 2 wrong use.
//
// llvm-cov's own totals are not used for branches: it takes the best instantiation of a template, while here a side
// counts as reached when any instantiation reached it; and it counts sides that the source does not have (see
// excused.txt for the rules).
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const goals = { lines: 92, branches: 85, core: 100 };
const core = 'sync/core';
const folders = [core, 'sync/api', 'sync/engine', 'store', 'metrics', 'daemon'];

function fail(text) {
  console.error(`coverage: ${text}`);
  process.exit(2);
}

const [root, exported, ...options] = process.argv.slice(2);
if (exported === undefined) fail('usage: report.mjs ROOT EXPORT_JSON [--partial] [--missed FOLDER]...');
let partial = false;
const listed = new Set();
while (options.length > 0) {
  const option = options.shift();
  if (option === '--partial') partial = true;
  else if (option === '--missed' && folders.includes(options[0])) listed.add(options.shift());
  else fail(`unknown option '${option}'; the folders are: ${folders.join(', ')}`);
}

if (!partial) listed.add(core);

// ---- the source, as far as the rules need it

class Source {
  constructor(path) {
    this.path = path;
    this.lines = readFileSync(join(root, path), 'utf8').split('\n');
  }

  line(number) {
    return this.lines[number - 1] ?? '';
  }

  // Lines and columns count from 1; the end is behind the last character.
  text([firstLine, firstColumn, lastLine, lastColumn]) {
    if (firstLine === lastLine) return this.line(firstLine).slice(firstColumn - 1, lastColumn - 1);
    const middle = this.lines.slice(firstLine, lastLine - 1).map((line) => line.trim());
    const parts = [this.line(firstLine).slice(firstColumn - 1), ...middle];
    return [...parts, this.line(lastLine).slice(0, lastColumn - 1).trim()].join(' ');
  }

  // Everything in front of a place, back to the end of the statement before it.
  statementBefore(line, column) {
    let text = this.line(line).slice(0, column - 1);
    for (let at = line - 1; at > 0 && !/[;{}]/.test(text); --at) text = `${this.line(at)}\n${text}`;
    return text.slice(Math.max(text.lastIndexOf(';'), text.lastIndexOf('{'), text.lastIndexOf('}')) + 1);
  }

  // The first case label behind a place.
  firstCaseLabel(line) {
    for (let at = line; at <= this.lines.length; ++at) {
      const found = /\bcase\s+([^:]+(?:::[^:]+)*):/.exec(this.line(at));
      if (found) return found[1];
    }
    return '';
  }
}

// ---- rules: sides that llvm counts and the source does not have (told in excused.txt)

function isInAssert(source, region) {
  const [line, column] = region;
  return /\bassert\(/.test(source.statementBefore(line, column) + source.line(line).slice(column - 1, column + 6));
}

// -Wswitch and -Werror see to it that a switch over an enumeration without a default names every enumerator.
function isExhaustiveSwitch(source, region) {
  return /\bswitch \($/.test(source.line(region[0]).slice(0, region[1] - 1)) &&
    source.firstCaseLabel(region[0]).includes('::');
}

// ---- reading

function sidesOf(source, branches) {
  const byPlace = new Map();
  for (const [line, column, endLine, endColumn, taken, refused] of branches) {
    const region = [line, column, endLine, endColumn];
    const key = region.join(':');
    const known = byPlace.get(key) ?? { region, taken: 0, refused: 0 };
    known.taken += taken;
    known.refused += refused;
    byPlace.set(key, known);
  }
  const sides = [];
  for (const { region, taken, refused } of byPlace.values()) {
    const text = source.text(region);
    if (text === 'true' || text === 'false' || isInAssert(source, region)) continue;
    const place = { path: source.path, line: region[0], column: region[1], text };
    // Of a switch that names no default the true side is the one that matched no case.
    if (!isExhaustiveSwitch(source, region)) sides.push({ ...place, side: 'true', count: taken });
    sides.push({ ...place, side: 'false', count: refused });
  }
  return sides.sort((a, b) => a.line - b.line || a.column - b.column);
}

// As llvm-cov counts lines, from the segments that all instantiations share.
function linesOf(segments) {
  const byLine = new Map();
  for (const segment of segments) byLine.set(segment[0], [...(byLine.get(segment[0]) ?? []), segment]);
  const last = segments.length > 0 ? segments[segments.length - 1][0] : 0;
  const missed = [];
  let mapped = 0;
  let wrapped = null;
  for (let line = segments.length > 0 ? segments[0][0] : 1; line <= last; ++line) {
    const here = byLine.get(line) ?? [];
    const entries = here.filter(([, , , hasCount, isEntry, isGap]) => hasCount && isEntry && !isGap);
    const startsSkipped = here.length > 0 && !here[0][3] && here[0][4];
    if (!startsSkipped && ((wrapped !== null && wrapped[3]) || entries.length > 0)) {
      ++mapped;
      const count = Math.max(wrapped?.[2] ?? 0, ...entries.map((segment) => segment[2]));
      if (count === 0) missed.push(line);
    }
    if (here.length > 0) wrapped = here[here.length - 1];
  }
  return { mapped, missed };
}

function readFiles() {
  const document = JSON.parse(readFileSync(exported, 'utf8'));
  const files = [];
  for (const file of document.data[0].files) {
    const path = relative(root, file.filename);
    const folder = folders.find((name) => path.startsWith(`${name}/`));
    if (folder === undefined) continue;
    const source = new Source(path);
    const { mapped, missed } = linesOf(file.segments);
    files.push({
      path, folder, source, lines: mapped, missedLines: missed, functions: file.summary.functions,
      sides: sidesOf(source, file.branches),
    });
  }
  return files;
}

// ---- excuses: blocks of `key: value` lines in excused.txt

function readExcuses() {
  const text = readFileSync(join(root, 'tests/coverage/excused.txt'), 'utf8');
  const excuses = [];
  for (const block of text.split(/\n\s*\n/)) {
    const lines = block.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
    if (lines.length === 0) continue;
    const excuse = { used: false };
    for (const line of lines) {
      const found = /^(file|line|branch|side|why):\s*(.*)$/.exec(line);
      if (!found) fail(`excused.txt: not understood: ${line}`);
      excuse[found[1]] = excuse[found[1]] === undefined ? found[2] : `${excuse[found[1]]} ${found[2]}`;
    }
    for (const key of ['file', 'line', 'branch', 'side', 'why']) {
      if (!excuse[key]) fail(`excused.txt: an entry for ${excuse.file} says no ${key}`);
    }
    excuses.push(excuse);
  }
  return excuses;
}

function excuseFor(excuses, file, side) {
  return excuses.find((excuse) => excuse.file === side.path && excuse.branch === side.text &&
    excuse.side === side.side && file.source.line(side.line).includes(excuse.line));
}

function applyExcuses(files, excuses) {
  for (const file of files) {
    file.sides = file.sides.filter((side) => {
      const excuse = side.count === 0 ? excuseFor(excuses, file, side) : undefined;
      if (excuse) excuse.used = true;
      return excuse === undefined;
    });
  }
}

// ---- printing

const share = ({ covered, count }) => (count === 0 ? 100 : (100 * covered) / count);
const cell = (figure) =>
  `${(Math.floor(share(figure) * 100) / 100).toFixed(2)} %  ${figure.covered}/${figure.count}`.padStart(22);

function sum(files) {
  const total = {};
  for (const name of ['lines', 'branches', 'functions']) total[name] = { covered: 0, count: 0 };
  for (const file of files) {
    total.lines.count += file.lines;
    total.lines.covered += file.lines - file.missedLines.length;
    total.branches.count += file.sides.length;
    total.branches.covered += file.sides.filter(({ count }) => count > 0).length;
    total.functions.count += file.functions.count;
    total.functions.covered += file.functions.covered;
  }
  return total;
}

function printRow(name, { lines, branches, functions }) {
  console.log(`${name.padEnd(34)}${cell(lines)}${cell(branches)}${cell(functions)}`);
}

// Line numbers as ranges: 3-5, 9.
function ranges(numbers) {
  const out = [];
  for (const number of numbers) {
    const last = out[out.length - 1];
    if (last && last[1] === number - 1) last[1] = number;
    else out.push([number, number]);
  }
  return out.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(', ');
}

function printMissed(file) {
  for (const side of file.sides.filter(({ count }) => count === 0)) {
    console.log(`${file.path}:${side.line}:${side.column}: never ${side.side}: ${side.text}`);
  }
  if (file.missedLines.length > 0) console.log(`${file.path}: lines not reached: ${ranges(file.missedLines)}`);
}

const files = readFiles();
const excuses = readExcuses();
applyExcuses(files, excuses);
console.log(`${''.padEnd(34)}${'lines'.padStart(22)}${'branches'.padStart(22)}${'functions'.padStart(22)}`);
for (const folder of folders) {
  printRow(folder, sum(files.filter((file) => file.folder === folder)));
}
const total = sum(files);
printRow('total', total);
for (const folder of folders.filter((name) => listed.has(name))) {
  const inFolder = files.filter((file) => file.folder === folder);
  if (folder !== core) {
    console.log(`\n${folder}, file by file:`);
    for (const file of inFolder) printRow(file.path, sum([file]));
  }
  inFolder.forEach(printMissed);
}

const misses = [];
const inCore = sum(files.filter((file) => file.folder === core));
if (share(total.lines) < goals.lines) misses.push(`lines: below ${goals.lines} %`);
if (share(total.branches) < goals.branches) misses.push(`branches: below ${goals.branches} %`);
if (inCore.branches.count === 0 || inCore.branches.covered < inCore.branches.count) {
  misses.push(`branches of ${core}: below ${goals.core} %`);
}
for (const excuse of excuses.filter(({ used }) => !used)) {
  misses.push(`excused.txt: not needed any more: ${excuse.file}: ${excuse.branch} (${excuse.side})`);
}
console.log('');
if (partial) {
  console.log('coverage: not every test has run, so the goals were not judged');
} else if (misses.length > 0) {
  misses.forEach((miss) => console.log(`coverage: ${miss}`));
  process.exit(1);
} else {
  console.log(`coverage: the goals are met (${excuses.length} excused)`);
}
