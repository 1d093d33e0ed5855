// Values that a schema allows and values that it forbids, made from the schema alone. Whether one is allowed is for the
// schema to say, not for who makes it.

import { at, faults } from './document.mjs';

// JSON that is to be sent just so: no value of JavaScript is it.
class Literal {
  constructor(text, allowed) {
    Object.assign(this, { text, allowed });
  }
}

const kinds = [null, true, 7, 'text', [], {}];
const oddTexts = ['', 'a', 'abc', 'ABC', ' a', 'a b', '-', '0', 'ü€😀', 'a\u0001b', 'a\u0085b', 'line\nbreak', 'https://app.example/back',
  'https://app.example/?q=1', 'http://app.example/', 'ftp://app.example/', 'https://', 'http://localhost', 'http://127.0.0.1:8080/x',
  'https://user@app.example/', 'https://app.example/#x', 'https://:80', 'https://[::1]/x', 'http://localhostx/', 'https://app.example/ü',
  '10s', '10', 's', '1m1h', '1h30m', '0s', '1s1s', '61m', '366d', '8760h', 'null'];

// The schema with what it refers to, and where its members and items stand.
export function merged(pointer) {
  const { $ref, ...own } = at(pointer);
  if (!$ref) return { schema: own, pointer };
  const behind = merged($ref.slice(1));
  return { schema: { ...behind.schema, ...own }, pointer: behind.pointer };
}

// One value that the schema allows, with everything that may be there.
export function sample(pointer) {
  const { schema, pointer: place } = merged(pointer);
  if (schema.examples) return schema.examples[0];
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum.at(-1);
  const type = [schema.type].flat()[0];
  if (type === 'boolean') return false;
  if (type === 'integer') return schema.minimum ?? 0;
  if (type === 'array') return [sample(`${place}/items`)];
  if (type === 'object') return Object.fromEntries(Object.keys(schema.properties ?? {}).map((name) => [name, sample(`${place}/properties/${name}`)]));
  return 'a'.repeat(Math.max(schema.minLength ?? 0, 4));
}

function* texts(schema) {
  yield* schema.enum ?? [];
  yield* schema.examples ?? [];
  yield* oddTexts;
  const good = schema.examples?.[0] ?? 'a';
  const bounds = [schema, ...schema.anyOf ?? []].flatMap(({ minLength, maxLength }) => [minLength, maxLength]).filter((bound) => bound > 0);
  for (const bound of bounds) {
    for (const length of [bound - 1, bound, bound + 1]) {
      yield 'a'.repeat(length);
      yield good.padEnd(length, 'a').slice(0, length);
    }
  }
  const bytes = schema['x-max-bytes'];
  if (bytes) yield* [`a${'é'.repeat(Math.floor((bytes - 1) / 2))}`, `a${'é'.repeat(Math.ceil(bytes / 2))}`, '😀'.repeat(Math.floor(bytes / 4) + 1)];
  for (const key of ['x-min-duration', 'x-max-duration']) {
    if (schema[key]) yield* [schema[key], `${schema[key]}1ms`, '999ms', '1d'];
  }
  const size = /\{1,([0-9]+)\}\$$|\{0,([0-9]+)\}\$$/.exec(schema.pattern ?? '');
  if (size) for (const more of [-1, 0, 1, 2]) yield 'a'.repeat(Number(size[1] ?? size[2]) + more);
}

const uint64Max = 18_446_744_073_709_551_615n;

function* integers(schema) {
  const { minimum = 0, maximum } = schema;
  yield* [minimum - 1, minimum, minimum + 1, maximum, maximum === undefined ? undefined : maximum + 1].filter((each) => each !== undefined);
  yield* [1.5, '1'];
  if (schema.format === 'uint64') yield* [new Literal(`${uint64Max}`, true), new Literal(`${uint64Max + 1n}`, false), new Literal('-1', false)];
}

// Values near `good`, each with a word for people.
function* mutants(pointer, good) {
  const { schema, pointer: place } = merged(pointer);
  const type = [schema.type].flat()[0];
  for (const kind of kinds) yield [JSON.stringify(kind), kind];
  if (type === 'string') for (const text of texts(schema)) yield [JSON.stringify(text.length > 40 ? `${text.slice(0, 20)}... (${text.length})` : text), text];
  if (type === 'integer') for (const value of integers(schema)) yield [value.text ?? String(value), value];
  if (type === 'boolean') yield* [['true', true], ['false', false]];
  if (type === 'array') {
    const of = (length) => Array.from({ length }, () => good[0]);
    for (const length of [0, 1, schema.maxItems, schema.maxItems + 1]) yield [`${length} items`, of(length)];
    for (const [what, item] of mutants(`${place}/items`, good[0])) yield [`[${what}]`, [good[0], item]];
  }
  if (type !== 'object') return;
  yield ['a member too many', { ...good, nonsense: 1 }];
  for (const [name, value] of Object.entries(good)) {
    const { [name]: _, ...rest } = good;
    yield [`no ${name}`, rest];
    yield [`nothing but ${name}`, { [name]: value }];
    for (const [what, other] of mutants(`${place}/properties/${name}`, value)) yield [`${name}: ${what}`, { ...good, [name]: other }];
  }
}

function literalIn(value) {
  if (value instanceof Literal) return value;
  if (value === null || typeof value !== 'object') return undefined;
  return Object.values(value).map(literalIn).find(Boolean);
}

// For the body by the schema at `pointer`: {what, text, allowed}. `given` stands in for parts of the sample.
export function* bodies(pointer, given = {}) {
  const good = { ...sample(pointer), ...given };
  yield { what: 'everything', text: JSON.stringify(good), allowed: faults(pointer, good).length === 0 };
  for (const [what, value] of mutants(pointer, good)) {
    const literal = literalIn(value);
    let text = JSON.stringify(value, (_, each) => (each instanceof Literal ? '\u0000literal' : each));
    if (literal) text = text.replace('"\\u0000literal"', literal.text);
    yield { what, text, allowed: literal ? literal.allowed : faults(pointer, value).length === 0 };
  }
  const whole = JSON.stringify(good);
  const [first] = Object.entries(good);
  yield { what: 'a member twice', text: `${whole.slice(0, -1)},${JSON.stringify(first[0])}:${JSON.stringify(first[1])}}`, allowed: false };
  yield { what: 'nothing', text: '', allowed: false };
  yield { what: 'half of it', text: whole.slice(0, -1), allowed: false };
  yield { what: 'something behind it', text: `${whole} 1`, allowed: false };
}

// The same for a parameter, whose value is text.
export function* parameterValues(parameter) {
  const { schema } = merged(parameter.pointer);
  if (schema.type !== 'integer') {
    for (const text of new Set(texts(schema))) yield { text, allowed: faults(parameter.pointer, text).length === 0, opaque: schema['x-opaque'] ?? false };
    return;
  }
  const allowed = (text) => /^[0-9]+$/.test(text) && BigInt(text) >= BigInt(schema.minimum) && BigInt(text) <= BigInt(schema.maximum ?? uint64Max);
  const near = [schema.minimum, schema.maximum ?? uint64Max].flatMap((bound) => [BigInt(bound) - 1n, BigInt(bound), BigInt(bound) + 1n]);
  for (const text of [...near.map(String), '', 'x', '1.5', '1e2', ' 1', '+1', '0x10', '7']) yield { text, allowed: allowed(text), opaque: false };
}
