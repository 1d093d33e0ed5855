// The other direction: what the description forbids the real daemon refuses, and what it allows is not refused as wrong.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { answerFaults, operations, targetOf } from './document.mjs';
import { ask, askRaw, startBoth } from './programs.mjs';
import { bodies, merged, parameterValues, sample } from './values.mjs';

let world;
let linkId;      // is registered
let waitingId;   // waits for its owner
let counted = 0;
const found = [];

const bodyMax = 1_048_576;
const by = (id) => operations.find((operation) => operation.id === id);
function send(operation, path, query, { body = '', headers = {} } = {}) {
  const target = targetOf(operation, path, query);
  const bytes = Buffer.byteLength(body);
  // Refused for its size alone, and before it is read: who still sends it may lose the answer.
  if (bytes > bodyMax) {
    return askRaw(world.socket, `${operation.method} ${target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${bytes}\r\n\r\n`);
  }
  return ask(world.socket, operation.method, target, { agent: world.agent, body, headers: operation.body ? { 'Content-Type': 'application/json', ...headers } : headers });
}

async function good(id, path, query, body = undefined) {
  const answer = await send(by(id), path, query, { body: body === undefined ? '' : JSON.stringify(body) });
  assert.ok(answer.status < 300, `${id}: ${answer.status} ${answer.text}`);
  return JSON.parse(answer.text);
}

async function link(institution) {
  const { link_ids: [id] } = await world.sandbox.control('POST', 'links', { institution_id: institution, accounts: 1, history_months: 1, transactions_per_month: 5, refresh_every_seconds: 31_536_000 });
  await good('addLink', {}, {}, { link_id: id });
  await good('syncLink', { link_id: id }, { wait: '30s' });
  return id;
}

before(async () => {
  world = await startBoth();
  linkId = await link('instant_bank');
  waitingId = await link('harbor_credit_union');
  await world.sandbox.control('POST', `links/${waitingId}/state`, { state: 'error', error_code: 'auth_expired' });
  for (let visits = 0; visits < 2; visits += 1) await good('syncLink', { link_id: waitingId }, { wait: '30s' });
  await good('getRelinkEntry', { link_id: waitingId }, {});
});
after(async () => { await world?.end(); });

// So that a refusal is about the value and not about what it is asked of.
const pathFor = ({ path }) => ({ link_id: path.startsWith('/v1/relink') ? waitingId : linkOf(path), dead_letter_id: `1:${linkId}`, name: 'nobody', backup_name: '20000101T000000.000Z' });
// A verify and a repair take seconds: these are asked of a link that is not there, behind everything that is refused.
const linkOf = (path) => (/(verify|repair)$/.test(path) ? 'mk_nobody' : linkId);
// Of a revision that never was: nothing is waited for.
const queryFor = ({ id }) => (id === 'getRevision' ? { after: '18446744073709551614' } : {});

// What is forbidden is refused by the daemon itself. What is allowed may still ask for what cannot be done, and MoneyKit has
// the last word about what is passed on to it.
function check(operation, what, allowed, answer) {
  counted += 1;
  const told = `${operation.id}: ${what}: ${answer.status} ${answer.text.slice(0, 300)}`;
  const faults = answerFaults(operation, answer);
  if (faults.length) found.push(`${told}\n  is not as described: ${faults.join('; ')}`);
  const tooLong = answer.status === 413;  // a body of more than 1 MiB, whatever is in it
  const byUpstream = answer.status === 400 && / call: HTTP [0-9]{3} /.test(JSON.parse(answer.text).detail);
  const refused = tooLong || (answer.status === 400 && !byUpstream);
  if (!allowed && !refused) found.push(`${told}\n  was forbidden`);
  if (allowed && refused && !tooLong) found.push(`${told}\n  was allowed`);
}

// What is needed besides the value in question.
async function bodyFor(operation) {
  if (!operation.path.startsWith('/v1/relink/')) return {};
  let entry = await good('getRelinkEntry', { link_id: waitingId }, {});
  const dismissed = entry.resolved_by === 'dismissed';
  if (dismissed && operation.id !== 'reopenRelinkEntry') entry = await good('reopenRelinkEntry', { link_id: waitingId }, {}, { version: entry.version });
  return { version: entry.version };
}

function finish() {
  const all = found.splice(0);
  assert.ok(all.length === 0, `${all.length} findings:\n${all.slice(0, 40).join('\n')}`);
}

test('bodies', async () => {
  for (const operation of operations.filter(({ body }) => body)) {
    const before = counted;
    const given = await bodyFor(operation);
    const kinds = new Set();
    for (const { what, text, allowed } of bodies(operation.body, given)) {
      const version = (await bodyFor(operation)).version;
      const fresh = version === undefined ? text : text.replace(new RegExp(`"version":${given.version}(?![0-9])`, 'g'), `"version":${version}`);
      check(operation, `${what} (${fresh.length > 200 ? `${fresh.slice(0, 200)}...` : fresh})`, allowed, await send(operation, pathFor(operation), {}, { body: fresh }));
      kinds.add(allowed);
    }
    assert.ok(kinds.size === 2 && counted - before > 15, `${operation.id}: both kinds of bodies`);
  }
  finish();
});

test('parameters', async () => {
  for (const operation of operations) {
    const body = operation.body ? JSON.stringify({ ...sample(operation.body), ...await bodyFor(operation) }) : '';
    for (const parameter of operation.parameters) {
      const { name, in: place } = parameter;
      for (const { text, allowed, opaque } of parameterValues(parameter)) {
        if (place === 'path' && text === '') continue;  // another path
        if (place === 'header' && (text !== text.trim() || /[^ -~]/.test(text))) continue;  // not a header that can be sent, or not this one
        if (opaque && allowed) continue;  // only what an answer gave
        const path = place === 'path' ? { ...pathFor(operation), [name]: text } : pathFor(operation);
        const query = place === 'query' ? { ...queryFor(operation), [name]: text } : queryFor(operation);
        const headers = place === 'header' ? { [name]: text } : {};
        const shown = text.length > 60 ? `${text.slice(0, 60)}... (${text.length})` : text;
        check(operation, `${name}=${JSON.stringify(shown)}`, allowed, await send(operation, path, query, { body, headers }));
      }
      if (place !== 'query') continue;
      const { enum: choices } = merged(parameter.pointer).schema;
      if (choices) {
        const answer = await send(operation, pathFor(operation), { ...queryFor(operation), [name]: 'nonsense' });
        assert.equal(JSON.parse(answer.text).detail, `query parameter ${name} must be one of ${choices.join(', ')}`, 'the daemon knows the same words');
      }
      const value = encodeURIComponent(sample(parameter.pointer));
      const target = `${targetOf(operation, pathFor(operation), queryFor(operation))}`;
      const twice = `${target}${target.includes('?') ? '&' : '?'}${name}=${value}&${name}=${value}`;
      const headers = operation.body ? { 'Content-Type': 'application/json' } : {};
      check(operation, `${name} twice`, false, await ask(world.socket, operation.method, twice, { agent: world.agent, body, headers }));
    }
  }
  finish();
});

test('it was not a few', () => {
  assert.ok(counted > 1500, `${counted} values`);
});
