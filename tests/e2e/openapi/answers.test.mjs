// Every operation of the real daemon, through its success and through each error that can be provoked: an answer that is
// not described fails, and so does a description of an answer that never came.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { document, answerFaults, operations, requestFaults, targetOf, text } from './document.mjs';
import { ask, askRaw, occupy, startBoth } from './programs.mjs';

let world;
const met = new Set();  // `listLinks 200`
const byId = new Map(operations.map((operation) => [operation.id, operation]));
const nobody = 'mk_nobody';
let keys = 0;

before(async () => { world = await startBoth(); });
after(async () => { await world?.end(); });

// Holds the answer against the description and notes it.
function judge(operation, answer, what = '') {
  assert.deepEqual(answerFaults(operation, answer), [], `${operation.id} ${what}`);
  met.add(`${operation.id} ${answer.status}`);
  return answer;
}

// Sends a request that is to be answered with `status`; the answer's value.
async function expect(id, status, { path = {}, query = {}, body = undefined, key = undefined, headers = {}, tcp = false } = {}) {
  const operation = byId.get(id);
  if (status < 300) assert.deepEqual(requestFaults(operation, { path, query, body }), [], `what ${id} is asked`);
  const sent = { ...headers };
  if (body !== undefined) sent['Content-Type'] = 'application/json';
  if (key) sent['Idempotency-Key'] = key;
  const answer = await ask(tcp ? world.tcp : world.socket, operation.method, targetOf(operation, path, query),
    { headers: sent, body: body === undefined ? '' : JSON.stringify(body), agent: world.agent });
  assert.equal(answer.status, status, `${id}: ${answer.text}`);
  judge(operation, answer);
  return answer.headers['content-type'].endsWith('json') ? JSON.parse(answer.text) : answer.text;
}

// A new link upstream, registered here and synced.
async function link(institution, user) {
  const { link_ids: [id] } = await world.sandbox.control('POST', 'links', { institution_id: institution, user_id: user, accounts: 2, history_months: 1,
    transactions_per_month: 20, refresh_every_seconds: 31_536_000 });
  await expect('addLink', 201, { body: { link_id: id, customer_user_id: user, tags: ['probe'] } });
  await visit(id);
  return id;
}

// Twice: a visit may have begun before what it is to see.
async function visit(id) {
  await expect('syncLink', 200, { path: { link_id: id }, query: { wait: '30s' } });
  return expect('syncLink', 200, { path: { link_id: id }, query: { wait: '30s' } });
}

// Reads a list to its end by single items.
async function pages(id, query = {}, path = {}) {
  const items = [];
  let place = {};
  do {
    const page = await expect(id, 200, { path, query: { limit: '1', ...query, ...place } });
    items.push(...page.items);
    place = { after: page.next };
  } while (place.after);
  return items;
}

// The same Idempotency-Key with another request.
async function keyConflict(id, first, second) {
  const key = `key-${keys += 1}`;
  await expect(id, first.status ?? 200, { ...first, key });
  await expect(id, 409, { ...second, key });
}

test('links, their visits and their rows', async () => {
  const id = await link('instant_bank', 'user-0001');
  const path = { link_id: id };
  await expect('addLink', 200, { body: { link_id: id } });
  await keyConflict('addLink', { status: 201, body: { link_id: 'mk_unknown_1' } }, { body: { link_id: 'mk_unknown_2' } });
  assert.equal((await expect('getLink', 200, { path })).status, 'active');
  await expect('syncLink', 202, { path });
  assert.ok((await pages('listLinks')).length >= 2);
  assert.equal((await pages('listLinks', { search: 'user-' })).length, 1);
  await expect('listLinks', 200, { query: { state: 'active' } });
  assert.equal((await pages('listAccounts', {}, path)).length, 2);
  assert.ok((await pages('listTransactions', {}, path)).length > 2);

  assert.equal((await expect('getVerify', 200, { path })).state, 'never');
  await expect('verifyLink', 202, { path });
  assert.equal((await expect('verifyLink', 200, { path, query: { wait: '60s' } })).report.result, 'match');
  assert.equal((await expect('getVerify', 200, { path, query: { wait: '60s' } })).state, 'done');
  await expect('repairLink', 202, { path });
  await expect('repairLink', 200, { path, query: { wait: '60s' } });

  await expect('pauseLink', 200, { path });
  for (const refused of ['syncLink', 'verifyLink', 'repairLink']) await expect(refused, 409, { path });
  assert.equal((await expect('explainSchedule', 200, { path })).due_by, 'nobody');
  await expect('resumeLink', 200, { path });
  await visit(id);  // which the resume has made due: not to meet what comes next
  await world.sandbox.control('POST', `links/${id}/delete`);
  await expect('syncLink', 200, { path, query: { wait: '30s' } });
  assert.equal((await expect('getLink', 200, { path })).status, 'gone');
  for (const refused of ['pauseLink', 'resumeLink']) await expect(refused, 409, { path });
});

test('a link of which nothing is to be kept', async () => {
  const [id, other] = [await link('instant_bank', 'user-0021'), await link('instant_bank', 'user-0022')];
  const path = { link_id: id };
  const changes = await pages('listLinkFeed', { limit: '20' }, path);
  assert.ok(changes.some(({ kind }) => kind === 'transaction.created') && changes.every(({ link_id: of }) => of === id));
  await faulty('purgeLink', { path, body: { unlink: true } }, 'link_delete');
  await expect('getLink', 200, { path });
  await keyConflict('purgeLink', { path, body: {} }, { path: { link_id: other }, body: {} });
  await expect('getLink', 404, { path });
  const purged = await expect('purgeLink', 200, { path: { link_id: other }, body: { unlink: true } });
  assert.ok(purged.unlinked && purged.accounts === 2 && !purged.repeated);
  const { items, head } = await expect('readFeed', 200, { query: { limit: '1000', after: '0' } });
  assert.ok(items.length > 0 && head > 0);
  assert.ok(items.filter(({ link_id: of }) => of === id).every(({ kind, before }) => kind === 'link.purged' && before === null));
});

test('links by the thousand, and everything at once', async () => {
  const items = [{ link_id: 'mk_import_1', customer_user_id: 'user-import', tags: ['probe'] }, { link_id: 'mk_import_2' }];
  const { counts } = await expect('importLinks', 200, { body: { items } });
  assert.deepEqual(counts, { added: 2, existed: 0, refused: 0 });
  await keyConflict('importLinks', { body: { items: [...items, { link_id: 'mk_import_3' }] } }, { body: { items } });
  await keyConflict('beginExport', { status: 201, body: { what: 'accounts' } }, { body: { what: 'feed' } });
});

test('the feed, and the wait for it', async () => {
  const { head, items } = await expect('readFeed', 200, { query: { limit: '1000' } });
  assert.ok(items.some(({ kind }) => kind === 'transaction.created') && items.some(({ kind }) => kind === 'link.status'));
  assert.ok((await expect('readFeed', 200, { query: { limit: '1' } })).next);
  const waiting = expect('readFeed', 200, { query: { after: String(head), wait: '30s' } });
  await expect('addLink', 201, { body: { link_id: 'mk_unknown_3' } });
  assert.ok((await waiting).items.length > 0);
});

test('those who follow the feed', async () => {
  const path = { name: 'books' };
  await keyConflict('addConsumer', { status: 201, body: { name: 'books', from: 'start' } }, { body: { name: 'other', from: 'head' } });
  const { name, feed } = await expect('getConsumer', 200, { path });
  assert.ok(name === 'books' && feed.head > 0);
  await expect('addConsumer', 200, { body: { name: 'books', from: 'head' } });
  await expect('addConsumer', 201, { body: { name: 'ledger', from: 'head' } });
  assert.deepEqual((await pages('listConsumers')).map((each) => each.name), ['books', 'ledger']);

  const first = await expect('readChanges', 200, { path, query: { limit: '2' } });
  assert.deepEqual(first.items.map(({ seq }) => seq), [1, 2]);
  const { epoch } = first;
  assert.equal((await expect('acknowledgeChanges', 200, { path, body: { epoch, seq: 2 } })).acknowledged, 2);
  assert.equal((await expect('readChanges', 200, { path, query: { limit: '1' } })).items[0].seq, 3);
  assert.equal((await expect('readChanges', 200, { path, query: { after: '4', epoch: String(epoch), limit: '1', wait: '1s' } })).items[0].seq, 5);
  assert.equal((await expect('acknowledgeChanges', 409, { path, body: { epoch, seq: 1 } })).code, 'behind');
  assert.equal((await expect('acknowledgeChanges', 409, { path, body: { epoch, seq: 1_000_000 } })).code, 'ahead');
  assert.equal((await expect('acknowledgeChanges', 409, { path, body: { epoch: epoch + 1, seq: 2 } })).code, 'epoch_changed');
  const changed = await expect('readChanges', 409, { path, query: { after: '4', epoch: String(epoch + 1) } });
  assert.ok(changed.code === 'epoch_changed' && changed.feed.epoch === epoch && changed.feed.head > 0);
  await keyConflict('resetConsumer', { path, body: { epoch, seq: 0 } }, { path, body: { epoch, seq: 1 } });
  assert.equal((await expect('getConsumer', 200, { path })).acknowledged, 0);
  await keyConflict('removeConsumer', { path: { name: 'ledger' } }, { path });
});

test('the relink queue and the sessions for it', async () => {
  const [id, other] = [await link('instant_bank', 'user-0002'), await link('harbor_credit_union', 'user-0003')];
  const path = { link_id: id };
  const seen = (await expect('getRevision', 200)).revision;
  for (const each of [id, other]) {
    await world.sandbox.control('POST', `links/${each}/state`, { state: 'error', error_code: 'auth_expired' });
    await visit(each);
  }
  assert.notEqual((await expect('getRevision', 200, { query: { after: String(seen), wait: '30s' } })).revision, seen);
  assert.equal((await pages('listRelinkEntries')).length, 2);
  const filter = { status: 'live', institution: 'instant_bank', reason: 'auth_expired', search: 'user-', order: 'newest' };
  assert.equal((await expect('listRelinkEntries', 200, { query: filter })).items.length, 1);

  let { version } = await expect('getRelinkEntry', 200, { path });
  const act = async (operation, body = {}) => { ({ version } = await expect(operation, 200, { path, body: { version, ...body } })); };
  await act('claimRelinkEntry');
  const late = await expect('claimRelinkEntry', 409, { path, body: { version: version + 7 } });
  assert.ok(late.code === 'version_conflict' && late.entry.version === version);
  assert.equal((await expect('claimRelinkEntry', 409, { path, body: { version, assignee: 'ann' } })).code, 'claimed_by_other');
  await act('claimRelinkEntry', { assignee: 'ann', take_over: true });
  await expect('listRelinkEntries', 200, { query: { assignee: 'ann' } });
  await act('releaseRelinkEntry');
  await expect('releaseRelinkEntry', 409, { path, body: { version } });
  await keyConflict('noteRelinkEntry', { path, body: { text: 'called' } }, { path, body: { text: 'called again' } });
  ({ version } = await expect('getRelinkEntry', 200, { path }));
  await act('dismissRelinkEntry', { text: 'left us' });
  await expect('dismissRelinkEntry', 409, { path, body: { version } });
  await act('reopenRelinkEntry');
  await expect('reopenRelinkEntry', 409, { path, body: { version } });

  await expect('createRelinkSession', 409, { path, body: { version: version + 7 } });
  await faulty('createRelinkSession', { path, body: { version } }, 'link_session');
  const { link_session_token: token, entry } = await expect('createRelinkSession', 201, { path, body: { version } });
  assert.equal(entry.status, 'session_issued');
  await world.sandbox.control('POST', `sessions/${token}/complete`, { username: 'user_good', password: 'pass_good' });
  await visit(id);
  assert.equal((await expect('getRelinkEntry', 200, { path })).resolved_by, 'reconnected');
  const report = await expect('getContinuity', 200, { path });
  // A row may be gone by itself: the bank takes some back.
  assert.match(report.summary, /^2 accounts kept/, JSON.stringify(report));
  assert.equal((await expect('listRelinkEntries', 200, { query: { status: 'resolved' } })).items.length, 1);
});

// Upstream fails, and then refuses our credentials, at this call of its API.
async function faulty(id, request, endpoint, failing = { fault: 'status', status: 500 }) {
  for (const [fault, status] of [[failing, 502], [{ fault: 'unauthorized' }, 503]]) {
    await world.sandbox.control('PUT', 'faults', { rules: [{ match: { endpoint }, ...fault }] });
    await expect(id, status, request);
  }
  await world.sandbox.control('DELETE', 'faults');
}

test('sessions for new links, and the exchange of their tokens', async () => {
  const body = { customer_user: { id: 'user-0004', email: { address: 'user@example.com' } }, institution_id: 'instant_bank', products: { transactions: { prefetch: true } } };
  await keyConflict('createLinkSession', { status: 201, body }, { body });
  await faulty('createLinkSession', { body }, 'link_session');
  const exchangeable = async () => {
    const { link_session_token: session } = await expect('createLinkSession', 201, { body });
    return (await world.sandbox.control('POST', `sessions/${session}/complete`, {})).exchangeable_token;
  };
  await faulty('exchangeToken', { body: { exchangeable_token: await exchangeable() } }, 'exchange_token');
  const token = await exchangeable();
  await expect('exchangeToken', 201, { body: { exchangeable_token: token, customer_user_id: 'user-0004', tags: ['probe'] }, key: 'exchange' });
  await expect('exchangeToken', 409, { body: { exchangeable_token: await exchangeable() }, key: 'exchange' });
  const known = await exchangeable();
  const { total } = await world.sandbox.control('GET', 'links?limit=1');
  const { links: [{ link_id: id }] } = await world.sandbox.control('GET', `links?from=${total - 1}&limit=1`);
  await expect('addLink', 201, { body: { link_id: id } });
  assert.equal((await expect('exchangeToken', 200, { body: { exchangeable_token: known } })).link_id, id);
});

test('answers that cannot be believed', async () => {
  const ids = [await link('oauth_bank', 'user-0005'), await link('prairie_savings', 'user-0006')];
  await world.sandbox.control('PUT', 'faults', { rules: ids.map((id) => ({ match: { endpoint: 'sync', link_id: id }, fault: 'malformed', variant: 'wrong_types' })) });
  for (const id of ids) await expect('syncLink', 200, { path: { link_id: id }, query: { wait: '30s' } });
  await world.sandbox.control('DELETE', 'faults');
  const letters = await pages('listDeadLetters');
  assert.equal(letters.length, ids.length);
  const path = { dead_letter_id: letters[0].id };
  assert.ok((await expect('getDeadLetter', 200, { path })).redacted_body);
  await expect('retryDeadLetter', 200, { path });
  await expect('retryDeadLetter', 409, { path });
  const second = { dead_letter_id: letters[1].id };
  await keyConflict('dropDeadLetter', { path }, { path: second });
  await expect('dropDeadLetter', 200, { path: second });
  for (const id of ['getDeadLetter', 'retryDeadLetter', 'dropDeadLetter']) await expect(id, 404, { path });
});

test('links that fail together', async () => {
  const ids = [];
  for (let number = 0; number < 4; number += 1) ids.push(await link('chase', `user-001${number}`));
  await world.sandbox.control('POST', 'institutions/chase/outage', { down: true });
  for (const id of ids) await expect('syncLink', 200, { path: { link_id: id }, query: { wait: '30s' } });
  const [incident] = await pages('listIncidents');
  assert.equal(incident?.name, 'chase');
  assert.equal((await expect('getStatus', 200)).incidents.length, 1);
  await world.sandbox.control('POST', 'institutions/chase/outage', { down: false });
});

test('who asks, and the tokens', async () => {
  assert.equal((await expect('getCaller', 200)).role, 'admin');
  for (const role of ['read', 'operate', 'admin']) {
    const { token } = await expect('createToken', 201, { body: { name: `a-${role}`, role, lifetime: '1h' } });
    const bearer = { Authorization: `Bearer ${token}` };
    const caller = await expect('getCaller', 200, { tcp: true, headers: bearer });
    assert.ok(caller.role === role && caller.expires_at);
    for (const operation of operations) {
      if (operation.role === 'none' || ['read', 'operate', 'admin'].indexOf(operation.role) <= ['read', 'operate', 'admin'].indexOf(role)) continue;
      await refusedAll(operation, 403, { place: world.tcp, headers: bearer });
    }
  }
  await expect('createToken', 409, { body: { name: 'a-read', role: 'read', lifetime: '1h' } });
  assert.equal((await pages('listTokens')).length, 3);
  await keyConflict('revokeToken', { path: { name: 'a-read' } }, { path: { name: 'a-operate' } });
});

test('backups of the store', async () => {
  const running = await expect('createBackup', 202);
  const first = await expect('getBackup', 200, { path: { backup_name: running.name }, query: { wait: '60s' } });
  assert.equal(first.state, 'whole', first.error);
  assert.ok(first.links >= 1 && first.bytes > 0);
  await keyConflict('createBackup', { query: { wait: '60s' } }, { query: { wait: '59s' } });
  const names = (await pages('listBackups')).map(({ name }) => name);
  assert.ok(names.length === 2 && names[0] > names[1] && names[1] === first.name);
});

test('the audit log, the daemon, its probes and the description itself', async () => {
  const acts = await pages('listAuditEntries', { limit: '7' });
  assert.ok(acts.length > 20);
  const check = await expect('checkAudit', 200);
  assert.ok(check.intact && check.entries === acts.length);
  await expect('getStatus', 200);
  await expect('getHealth', 200);
  await expect('getReadiness', 200);
  assert.deepEqual(await expect('getOpenapi', 200), document);
  const answer = await ask(world.socket, 'GET', '/v1/openapi.json');
  assert.equal(answer.text, text, 'byte for byte');
});

// ---- what every operation refuses ----

const variables = { link_id: nobody, dead_letter_id: `1:${nobody}`, name: 'nobody', backup_name: '20000101T000000.000Z' };
const isProbe = ({ path }) => path.startsWith('/-/');

async function refusedAll(operation, status, { place = world.socket, headers = {}, query = {}, body = '', type = 'application/json' } = {}) {
  const sent = operation.body || body ? { 'Content-Type': type, ...headers } : headers;
  const answer = await ask(place, operation.method, targetOf(operation, variables, query), { headers: sent, body, agent: world.agent });
  assert.equal(answer.status, status, `${operation.id}: ${answer.text}`);
  return judge(operation, answer, status);
}

const rawHead = (operation, place, fields) => [`${operation.method} ${targetOf(operation, variables)} HTTP/1.1`,
  `Host: ${place.host ? `${place.host}:${place.port}` : 'localhost'}`, 'Connection: close', ...fields, '', ''].join('\r\n');

test('requests that are not exactly right', async () => {
  for (const operation of operations) {
    const raw = async (status, fields) => judge(operation, await askRaw(world.socket, rawHead(operation, world.socket, fields)), status);
    assert.equal((await raw(400, ['Host: another'])).status, 400);
    assert.equal((await raw(413, ['Content-Type: application/json', 'Content-Length: 1048577'])).status, 413);
    assert.equal((await raw(431, [`X-Padding: ${'x'.repeat(16_384)}`])).status, 431);
    if (isProbe(operation)) continue;
    await refusedAll(operation, 400, { query: { nonsense: '1' }, body: operation.body ? '{}' : '' });
    await refusedAll(operation, 400, { headers: { 'Idempotency-Key': 'x'.repeat(129) }, body: operation.body ? '{}' : '' });
    if (operation.body) {
      await refusedAll(operation, 415, { type: 'text/plain', body: '{}' });
      await refusedAll(operation, 400, { body: '[]' });
    } else {
      await refusedAll(operation, 400, { body: '{"nonsense":1}' });
    }
  }
});

test('things that are not there', async () => {
  const bodies = { Note: { text: 'x' }, Purge: {}, RefreshRequest: {}, FeedPosition: { epoch: 1, seq: 0 } };
  for (const operation of operations.filter(({ path }) => path.includes('{'))) {
    const schema = operation.body && document.paths[operation.path].post.requestBody.content['application/json'].schema.$ref.split('/').at(-1);
    await expect(operation.id, 404, { path: variables, body: operation.body ? bodies[schema] ?? { version: 1 } : undefined });
  }
});

test('webhooks, and refreshes on demand', async () => {
  const [{ link_id: id }] = (await expect('listLinks', 200, { query: { state: 'active', limit: '1' } })).items;
  const fix = { body: { link_ids: [id] } };
  await expect('auditWebhooks', 409);
  await expect('fixWebhooks', 409, fix);
  assert.equal((await expect('refreshLink', 200, { path: { link_id: id }, body: {} })).items.length, 1);
  await world.configure('[refresh]\nenabled = true\n', 'https://example.com/hooks');
  let audited;
  let looks = 0;
  do {
    await new Promise((resolve) => { setTimeout(resolve, 20); });
    audited = await ask(world.socket, 'GET', '/v1/webhooks/audit', { agent: world.agent });
    assert.ok((looks += 1) < 500, `the webhook is not taken: ${audited.text}`);
  } while (audited.status !== 200);
  await expect('auditWebhooks', 200);
  // A server that fails for one link is that link's own; one that cannot be reached is everybody's.
  await faulty('fixWebhooks', fix, 'link', { fault: 'reset' });
  await expect('fixWebhooks', 200, fix);
  // Once it has been visited it is connected, and a bank that has delivered nothing yet may be asked.
  const { link_session_token: session } = await expect('createLinkSession', 201,
    { body: { customer_user: { id: 'user-hooks' }, institution_id: 'instant_bank', products: { transactions: {} } } });
  const { exchangeable_token: token } = await world.sandbox.control('POST', `sessions/${session}/complete`, {});
  const { link_id: fresh } = await expect('exchangeToken', 201, { body: { exchangeable_token: token } });
  await visit(fresh);
  await keyConflict('refreshLink', { status: 202, path: { link_id: fresh }, body: {} }, { path: { link_id: fresh }, body: { products: ['accounts'] } });
});

test('why a link is due when it is, and what the budget buys', async () => {
  const [{ link_id: id, next_due_at: due }] = (await expect('listLinks', 200, { query: { state: 'active', limit: '1' } })).items;
  const told = await expect('explainSchedule', 200, { path: { link_id: id } });
  assert.ok(told.link_id === id && told.status === 'active' && told.if_visited_now.due_at && due, JSON.stringify(told));
  const few = await expect('planBudget', 200, { query: { links: '1000', webhooks: '0' } });
  const many = await expect('planBudget', 200, { query: { links: '1000000', webhooks: '0' } });
  assert.ok(few.in_turn.mean_seconds < many.in_turn.mean_seconds && few.with_peeks.affordable);
  const all = await expect('planBudget', 200, { query: { links: '100000000', webhooks: '100' } });
  assert.ok(!all.with_peeks.affordable && all.with_peeks.mean_seconds === null);
  assert.ok((await expect('planBudget', 200)).links >= 1);
});

test('HEAD is answered like GET, without the body', async () => {
  for (const operation of operations.filter(({ method, path }) => method === 'GET' && !path.includes('{'))) {
    const answer = await ask(world.socket, 'HEAD', targetOf(operation), { agent: world.agent });
    assert.equal(answer.status, 200, operation.id);
    assert.equal(answer.text, '');
    assert.ok(operation.answers[200].contents[answer.headers['content-type']], operation.id);
    assert.ok(Number(answer.headers['content-length']) > 0);
  }
});

test('a feed that has lost its beginning', async () => {
  const path = { name: 'books' };
  const { feed: { epoch } } = await expect('getConsumer', 200, { path });
  // What nobody has acknowledged is cut off all the same when it is old enough.
  await world.configure('[feed]\nkeep = "1s"\nkeep_max = "1s"\n');
  let state;
  do {
    await new Promise((resolve) => { setTimeout(resolve, 20); });
    ({ state } = await expect('getConsumer', 200, { path }));
  } while (state !== 'overtaken');
  await world.configure('');
  const cut = await expect('readFeed', 410, { query: { after: '0' } });
  assert.ok(cut.code === 'feed_cut' && cut.feed.first > 1 && cut.feed.head >= cut.feed.first);
  await expect('readChanges', 410, { path });
  await expect('resetConsumer', 410, { path, body: { epoch, seq: 0 } });
  assert.equal((await expect('resetConsumer', 200, { path, body: { epoch, seq: cut.feed.head } })).state, 'live');
});

test('over TCP: without a token, under another name, from another page', async () => {
  for (const operation of operations) {
    await refusedAll(operation, 421, { place: world.tcp, headers: { Host: 'evil.example' } });
    await refusedAll(operation, 403, { place: world.tcp, headers: { Origin: 'http://evil.example' } });
    if (isProbe(operation)) continue;
    await refusedAll(operation, 401, { place: world.tcp });
  }
  const bad = { Authorization: 'Bearer nonsense' };
  const status = byId.get('getStatus');
  let answer;
  do {
    answer = judge(status, await ask(world.tcp, 'GET', '/v1/status', { headers: bad, agent: world.agent }));
  } while (answer.status === 401);
  assert.ok(answer.headers['retry-after']);
  for (const operation of operations.filter((each) => !isProbe(each))) {
    const each = judge(operation, await ask(world.tcp, operation.method, targetOf(operation, variables), { headers: bad, agent: world.agent }));
    assert.ok(each.status === 429 || each.status === 401, operation.id);
  }
});

test('too many connections at once', async () => {
  const taken = await occupy(world.socket, 64 + 16);
  // The answer comes before anything is read, and the end with it: who still writes may lose it.
  for (const operation of operations) assert.equal(judge(operation, await askRaw(world.socket, '')).status, 503);
  taken.close();
});

test('every answer that is described has come', () => {
  const missing = operations.flatMap(({ id, answers }) => Object.keys(answers).filter((status) => !met.has(`${id} ${status}`)).map((status) => `${id} ${status}`));
  // A defect of the daemon: nobody knows how to provoke one.
  assert.deepEqual(missing, operations.map(({ id }) => `${id} 500`));
});
