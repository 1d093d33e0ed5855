// plant_alert.mjs ALERT never|always < RULES > OUT: the rules with a defect in one alert; see rules_test --mutants.

import { readFileSync } from 'node:fs';
import process from 'node:process';

const [alert, kind] = process.argv.slice(2);
const expression = { never: 'vector(1) > 2', always: 'vector(1)' }[kind];
const text = readFileSync(0, 'utf8');
const begin = text.indexOf(`- alert: ${alert}\n`);
const labels = text.indexOf('        labels:\n', begin);
if (begin < 0 || labels < 0 || !expression) throw new Error('usage: plant_alert.mjs ALERT never|always');
process.stdout.write(`${text.slice(0, begin)}- alert: ${alert}\n        expr: ${expression}\n${text.slice(labels)}`);
