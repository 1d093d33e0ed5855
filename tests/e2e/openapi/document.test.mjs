// The description by itself: valid OpenAPI, and written as it promises to be.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { at, document, faults, operations } from './document.mjs';

// Every object of the document with its place.
function* nodes(node = document, place = '') {
  if (node === null || typeof node !== 'object') return;
  yield { node, place };
  for (const [key, value] of Object.entries(node)) yield* nodes(value, `${place}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`);
}

test('it is valid OpenAPI 3.1 to a public validator, which refuses what is not', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  assert.ok(valid, JSON.stringify(errors, null, 1));
  assert.match(document.openapi, /^3\.1\./);
  const broken = structuredClone(document);
  broken.paths['/v1/status'].get.responses['200'].description = 7;
  assert.equal((await new Validator().validate(broken)).valid, false);
});

test('every reference leads somewhere, and nothing is described in vain', () => {
  const used = new Set();
  for (const { node, place } of nodes()) {
    if (typeof node.$ref !== 'string') continue;
    assert.ok(node.$ref.startsWith('#/') && at(node.$ref.slice(1)) !== undefined, `${place}: ${node.$ref}`);
    used.add(node.$ref);
  }
  for (const kind of ['parameters', 'headers', 'responses', 'schemas']) {
    for (const name of Object.keys(document.components[kind])) assert.ok(used.has(`#/components/${kind}/${name}`), `${kind}/${name} is used nowhere`);
  }
});

test('every operation has a name, plain words, a role and its place among the tags', () => {
  const ids = operations.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  const tags = new Set(document.tags.map(({ name }) => name));
  for (const { path, method, id, role } of operations) {
    const operation = document.paths[path][method.toLowerCase()];
    assert.match(id, /^[a-z][A-Za-z]+$/);
    assert.ok(operation.summary?.length > 10, id);
    assert.ok(operation.tags.length === 1 && tags.has(operation.tags[0]), id);
    assert.ok((path.startsWith('/-/') ? ['none'] : ['read', 'operate', 'admin']).includes(role), id);
    assert.equal(method === 'POST', (operation.parameters ?? []).some(({ $ref }) => $ref === '#/components/parameters/IdempotencyKey'), id);
  }
});

test('every object of ours is closed, and only what comes from MoneyKit or is free by nature is open', () => {
  const open = new Set();
  for (const { node, place } of nodes()) {
    const isObject = /\/schemas?\//.test(place) && [node.type].flat().includes('object');
    if (isObject && node.additionalProperties !== false) open.add(place);
  }
  assert.deepEqual([...open].sort(), ['/components/schemas/AuditEntry/properties/detail', '/components/schemas/Openapi', '/components/schemas/UpstreamObject']);
});

test('every example is a value of its schema, and every schema compiles', () => {
  let examples = 0;
  for (const { node, place } of nodes()) {
    if (!/\/schemas?(\/|$)/.test(place) || !Array.isArray(node.examples)) continue;
    for (const example of node.examples) {
      assert.deepEqual(faults(place, example), [], `${place}: ${JSON.stringify(example)}`);
      examples += 1;
    }
  }
  assert.ok(examples > 5);
  for (const name of Object.keys(document.components.schemas)) faults(`/components/schemas/${name}`, null);
  for (const { parameters, answers, body } of operations) {
    for (const { pointer } of parameters) faults(pointer, null);
    for (const { contents } of Object.values(answers)) Object.values(contents).forEach((pointer) => faults(pointer, null));
    if (body) faults(body, null);
  }
});
