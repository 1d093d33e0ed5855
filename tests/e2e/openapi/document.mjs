// The description: its operations, and whether a value or an answer is as it says.

import { readFileSync } from 'node:fs';
import process from 'node:process';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const Ajv = require('ajv/dist/2020').default;
const addFormats = require('ajv-formats').default;

export const text = readFileSync(process.env.SYNCD_OPENAPI, 'utf8');
export const document = JSON.parse(text);
const name = 'https://daemon.invalid/openapi.json';

const unitMs = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
export function durationMs(duration) {
  return [...duration.matchAll(/([0-9]+)(ms|[dhms])/g)].reduce((sum, [, count, unit]) => sum + Number(count) * unitMs[unit], 0);
}

const ajv = new Ajv({ strict: true, strictTypes: false, strictRequired: false, allErrors: true, validateSchema: false });
addFormats(ajv, ['date-time']);
// What a number is made of is no longer to be seen here: values.mjs tries the bounds of the type as text.
ajv.addFormat('uint64', { type: 'number', validate: (value) => Number.isInteger(value) && value >= 0 });
ajv.addKeyword({ keyword: 'x-max-bytes', type: 'string', validate: (max, value) => Buffer.byteLength(value) <= max });
ajv.addKeyword({ keyword: 'x-max-duration', type: 'string', validate: (max, value) => durationMs(value) <= durationMs(max) });
ajv.addKeyword({ keyword: 'x-min-duration', type: 'string', validate: (min, value) => durationMs(value) >= durationMs(min) });
ajv.addKeyword({ keyword: 'x-opaque', schemaType: 'boolean' });
for (const keyword of ['openapi', 'info', 'servers', 'security', 'tags', 'paths', 'components']) ajv.addKeyword(keyword);
ajv.addSchema(document, name);

// The thing behind a reference, and where it stands in the document.
export function at(pointer) {
  const steps = pointer.split('/').slice(1).map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  let here = document;
  for (const step of steps) here = here?.[step];
  return here;
}
function follow(pointer) {
  const here = at(pointer);
  if (here === undefined) throw new Error(`nothing is at ${pointer}`);
  return here.$ref && Object.keys(here).length === 1 ? follow(here.$ref.slice(1)) : { pointer, here };
}
const escaped = (step) => step.replaceAll('~', '~0').replaceAll('/', '~1');

const compiled = new Map();
// Says what is wrong with a value, by the schema at this place; empty: nothing.
export function faults(pointer, value) {
  if (!compiled.has(pointer)) compiled.set(pointer, ajv.compile({ $ref: `${name}#${pointer}` }));
  const check = compiled.get(pointer);
  return check(value) ? [] : check.errors.map(({ instancePath, message, params }) => `${instancePath || '/'} ${message} ${JSON.stringify(params)}`);
}

// Every operation, with its references followed.
export const operations = Object.entries(document.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => {
  const place = `/paths/${escaped(path)}/${method}`;
  const parameters = (operation.parameters ?? []).map((_, index) => {
    const { pointer, here } = follow(`${place}/parameters/${index}`);
    return { ...here, pointer: `${pointer}/schema` };
  });
  const answers = Object.fromEntries(Object.keys(operation.responses).map((status) => {
    const { pointer, here } = follow(`${place}/responses/${status}`);
    const contents = Object.fromEntries(Object.keys(here.content).map((type) => [type, `${pointer}/content/${escaped(type)}/schema`]));
    const headers = Object.fromEntries(Object.keys(here.headers ?? {}).map((header) => {
      const found = follow(`${pointer}/headers/${escaped(header)}`);
      return [header, { required: found.here.required ?? false, pointer: `${found.pointer}/schema` }];
    }));
    return [status, { contents, headers }];
  }));
  const body = operation.requestBody ? `${place}/requestBody/content/application~1json/schema` : undefined;
  return { id: operation.operationId, role: operation['x-role'], method: method.toUpperCase(), path, parameters, answers, body };
}));

// What is wrong with an answer to this operation; empty: nothing.
export function answerFaults(operation, { status, headers, text: body }) {
  const documented = operation.answers[status];
  if (!documented) return [`the status ${status} is not described: ${body}`];
  const type = headers['content-type'];
  const pointer = documented.contents[type];
  if (!pointer) return [`${status}: the content type ${type} is not described`];
  const found = [];
  for (const [header, { required, pointer: schema }] of Object.entries(documented.headers)) {
    const value = headers[header.toLowerCase()];
    if (value === undefined && required) found.push(`${status}: the header ${header} is missing`);
    if (value !== undefined) found.push(...faults(schema, /^[0-9]+$/.test(value) ? Number(value) : value).map((fault) => `${header}: ${fault}`));
  }
  const isJson = /json$/.test(type);
  let value = body;
  try {
    if (isJson) value = JSON.parse(body);
  } catch (error) {
    return [...found, `${status}: not JSON (${error.message}): ${body}`];
  }
  return [...found, ...faults(pointer, value).map((fault) => `${status}: ${fault}`)];
}

// What the description forbids of a request; empty: nothing.
export function requestFaults(operation, { path, query, body }) {
  const found = [];
  for (const [place, values] of Object.entries({ path, query })) {
    for (const [key, value] of Object.entries(values)) {
      const parameter = operation.parameters.find((each) => each.in === place && each.name === key);
      if (!parameter) found.push(`${key} is not described`);
      else found.push(...faults(parameter.pointer, parameter.schema.type === 'integer' ? Number(value) : value).map((fault) => `${key}: ${fault}`));
    }
  }
  if (body !== undefined) found.push(...operation.body ? faults(operation.body, body) : ['no body is described']);
  return found;
}

// The path with its variables filled in, and the query.
export function targetOf(operation, path = {}, query = {}) {
  const filled = operation.path.replaceAll(/\{([a-z_]+)\}/g, (_, variable) => encodeURIComponent(path[variable]));
  const pairs = Object.entries(query).map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
  return pairs.length ? `${filled}?${pairs.join('&')}` : filled;
}
