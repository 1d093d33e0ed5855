// Drives moneykit-sandbox through Prism's validating proxy: every operation of the description, every status it
// declares, every page of every feed. Fails on any answer that the description does not allow, and proves with
// deliberately wrong answers that the validator would have seen one.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const require = createRequire(import.meta.url);
const Ajv = require('ajv').default;
const addFormats = require('ajv-formats').default;
const { createLogger } = require('@stoplight/prism-core');
const { getHttpOperationsFromSpec } = require('@stoplight/prism-cli/dist/operations');
const { createServer } = require('@stoplight/prism-http-server');

const [program, description] = process.argv.slice(2);
const credentials = { 'x-client-id': 'sandbox_0123456789abcdef0123', 'x-client-secret': 'sandbox-secret' };
const version = { 'moneykit-version': '2023-02-18' };

const problems = [];
const seen = new Set();  // "operationId status"
let calls = 0;

// --- the two servers -------------------------------------------------------------------------------------------

const child = spawn(program, ['--port', '0', '--links', '8', '--seed', '3', '--no-budgets', '--accounts', '5'],
                    { stdio: ['ignore', 'pipe', 'inherit'] });
const died = once(child, 'exit').then(([code]) => { throw new Error(`moneykit-sandbox ended with ${code}`); });
died.catch(() => {});
process.on('exit', () => child.kill('SIGTERM'));  // also when something throws
const [line] = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), died]);
const upstream = JSON.parse(line).http;

const operations = await getHttpOperationsFromSpec(description);

// Prism lists null twice when a nullable enumeration names it (as OpenAPI 3.0.3 wants), the schema then does not
// compile, and Prism silently validates nothing. So: no value twice, and every schema must compile.
const withoutRepeats = (node, visited = new Set()) => {
  if (node === null || typeof node !== 'object' || visited.has(node)) return;
  visited.add(node);
  if (Array.isArray(node.enum)) node.enum = [...new Set(node.enum)];
  Object.values(node).forEach((each) => withoutRepeats(each, visited));
};
for (const operation of operations) {
  withoutRepeats(operation);
  for (const { code, contents } of operation.responses) {
    for (const { schema } of contents ?? []) {
      const ajv = new Ajv({ strict: false, allowUnionTypes: true });
      addFormats(ajv);
      try {
        ajv.compile({ ...schema, __bundled__: operation.__bundled__ });
      } catch (error) {
        problems.push(`${operation.iid} ${code}: the schema does not compile, nothing would be validated: ${error}`);
      }
    }
  }
}
const prism = createServer(operations, {
  cors: false,
  config: {
    isProxy: true, upstream: new URL(upstream), checkSecurity: true, validateRequest: true, validateResponse: true,
    errors: false, mock: { dynamic: false },
  },
  components: { logger: createLogger('prism', { level: 'silent' }) },
});
const proxy = await prism.listen(0, '127.0.0.1');

// --- helpers -----------------------------------------------------------------------------------------------------

const control = async (method, path, body) => {
  const response = await fetch(`${upstream}/sandbox${path}`, { method, body: body === undefined ? undefined : JSON.stringify(body) });
  if (!response.ok) throw new Error(`${method} /sandbox${path}: ${response.status} ${await response.text()}`);
  return response.json();
};

const pattern = (path) => new RegExp(`^${path.replace(/\{[^}]+\}/g, '[^/]+').replace(/\./g, '\\.')}$`);
const operationOf = (method, path) => operations
  .filter((each) => each.method === method.toLowerCase() && pattern(each.path).test(path))
  .sort((a, b) => (a.path.match(/\{/g) ?? []).length - (b.path.match(/\{/g) ?? []).length)[0];

// One call through the validator. Requests that are wrong on purpose say so with `wrongRequest`.
const call = async (method, path, { status, headers = credentials, body, form, wrongRequest = false, control: isControl = false } = {}) => {
  const sent = { ...version, ...headers };
  if (body !== undefined) sent['content-type'] = 'application/json';
  if (form !== undefined) sent['content-type'] = 'application/x-www-form-urlencoded';
  const response = await fetch(proxy + path, { method, headers: sent, redirect: 'manual', body: body === undefined ? form : JSON.stringify(body) });
  const text = await response.text();
  const what = `${method} ${path.slice(0, 100)} -> ${response.status}`;
  calls += 1;
  const violations = JSON.parse(response.headers.get('sl-violations')?.replace(/^Too many violations! .*/s, '[{"location":["response"],"message":"too many"}]') ?? '[]');
  const inResponse = violations.filter((each) => each.location[0] === 'response');
  const inRequest = violations.filter((each) => each.location[0] === 'request');
  if (isControl) return { status: response.status, flagged: inResponse.length > 0, text };
  if (response.headers.get('content-type')?.startsWith('application/problem+json')) problems.push(`${what}: refused by the validator: ${text.slice(0, 300)}`);
  if (status !== undefined && response.status !== status) problems.push(`${what}: expected ${status}: ${text.slice(0, 300)}`);
  for (const each of inResponse) problems.push(`${what}: ${each.location.join('.')}: ${each.message}`);
  if (!wrongRequest) for (const each of inRequest) problems.push(`${what}: ${each.location.join('.')}: ${each.message}`);
  const operation = operationOf(method, path.split('?')[0]);
  if (operation === undefined) problems.push(`${what}: not in the description`);
  else seen.add(`${operation.iid} ${response.status}`);
  return { status: response.status, json: text.startsWith('{') ? JSON.parse(text) : undefined };
};

const drain = async (id, cursor, size = 500) => {
  for (;;) {
    const query = new URLSearchParams({ size: String(size), ...(cursor ? { cursor } : {}) });
    const { json } = await call('GET', `/links/${id}/transactions/sync?${query}`, { status: 200 });
    cursor = json.cursor.next;
    if (!json.has_more) return cursor;
  }
};

// --- the walk ----------------------------------------------------------------------------------------------------

const walkCredentials = async () => {
  const form = 'grant_type=client_credentials&scope=';
  const id = credentials['x-client-id'];
  const secret = credentials['x-client-secret'];
  const { json } = await call('POST', '/auth/token', { headers: {}, form: `${form}&client_id=${id}&client_secret=${secret}`, status: 201 });
  const basic = { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` };
  await call('POST', '/auth/token', { headers: basic, form, status: 201 });
  await call('POST', '/auth/token', { headers: basic, form: 'grant_type=refresh_token', status: 400 });
  await call('POST', '/auth/token', { headers: {}, form: `${form}&client_id=x&client_secret=y`, status: 401 });
  const bearer = { authorization: `Bearer ${json.access_token}` };
  await call('GET', '/auth/introspect', { headers: bearer, status: 200 });
  await call('GET', '/auth/introspect', { status: 200 });
  await call('GET', '/auth/introspect', { headers: { authorization: 'Bearer nobody' }, status: 401 });
  await control('POST', '/tokens/expire');
  await call('GET', '/auth/introspect', { headers: bearer, status: 401 });
  const one = await call('GET', '/.well-known/jwks.json', { headers: { 'x-client-id': id }, status: 200 });
  const { kid } = await control('POST', '/keys/rotate');
  const two = await call('GET', '/.well-known/jwks.json', { headers: { 'x-client-id': id }, status: 200 });
  const listed = two.json.keys.map((key) => key.kid);
  if (one.json.keys.length !== 1 || listed.length !== 2 || listed[0] !== kid || listed[1] !== one.json.keys[0].kid) {
    throw new Error(`the key set after a rotation lists ${listed}`);
  }
  await call('GET', '/.well-known/jwks.json', { headers: { 'x-client-id': 'nobody' }, status: 401 });
};

const walkSessions = async () => {
  const customer_user = { id: 'user-000042', email: { address: 'user42@example.com' } };
  const redirect_uri = 'https://app.example.com/oauth.html';
  const settings = { countries: ['US'], products: { transactions: { required: true, prefetch: true } } };
  const webhook = 'https://hooks.example.com/moneykit';
  const session = await call('POST', '/link-session', { body: { customer_user, redirect_uri, settings, webhook, link_tags: ['tenant:42'] }, status: 201 });
  const user = { username: 'user_good', password: 'pass_good' };
  const done = await control('POST', `/sessions/${session.json.link_session_token}/complete`, { institution_id: 'credentials_bank', ...user });
  const { exchangeable_token } = done;
  const exchanged = await call('POST', '/link-session/exchange-token', { body: { exchangeable_token }, status: 201 });
  await call('POST', '/link-session/exchange-token', { body: { exchangeable_token }, status: 400 });
  await call('POST', '/link-session/exchange-token', { body: {}, status: 422, wrongRequest: true });
  await call('POST', '/link-session', { body: { customer_user: { id: 'x' } }, status: 422, wrongRequest: true });
  await call('POST', '/link-session', { body: { customer_user, redirect_uri, connect_features: { enable_money_id: true } }, status: 403 });
  const id = exchanged.json.link.link_id;
  await call('POST', '/link-session', { body: { customer_user, redirect_uri, existing_link_id: id }, status: 201 });
  await call('GET', '/users/user-000042/links', { status: 200 });
  return id;
};

const walkLink = async (id) => {
  await call('GET', `/links/${id}`, { status: 200 });
  const { json } = await call('GET', `/links/${id}/accounts`, { status: 200 });
  const ids = json.accounts.map((each) => each.account_id);
  await call('GET', `/links/${id}/accounts?account_ids=${ids[0]}`, { status: 200 });
  await call('GET', `/links/${id}/accounts/${ids[0]}`, { status: 200 });
  await call('GET', `/links/${id}/accounts/acc_unknown`, { status: 404 });
  await call('GET', `/links/${id}/transactions?page=1&size=1000&start_date=2000-01-01&end_date=2100-01-01`, { status: 200 });
  await call('GET', `/links/${id}/transactions?page=0`, { status: 422, wrongRequest: true });
  await call('GET', `/links/${id}/transactions/sync?size=501`, { status: 422, wrongRequest: true });
  await call('GET', `/links/${id}/transactions/sync?cursor=nonsense`, { status: 422 });
  return drain(id, undefined);
};

const walkWrites = async (id) => {
  await call('PATCH', `/links/${id}`, { body: { webhook: 'https://hooks.example.com/v2', link_tags: ['tenant:1', 'plan:pro'] }, status: 200 });
  await call('POST', `/webhooks/test/link/${id}`, { body: { webhook_event: 'transactions.updates_available', webhook_idempotency_key: 'k1' }, status: 200 });
  await call('PATCH', `/links/${id}`, { body: { webhook: null }, status: 200 });
  await call('PATCH', `/links/${id}`, { body: { webhook: '' }, status: 422, wrongRequest: true });
  await call('POST', `/webhooks/test/link/${id}`, { body: { webhook_event: 'transactions.updates_available', webhook_idempotency_key: 'k2' }, status: 400 });
  await call('POST', `/webhooks/test/link/${id}`, { body: { webhook_event: 'nothing' }, status: 422, wrongRequest: true });
  // An hour and more after the first success, of a bank that does not refresh by itself meanwhile.
  const [still] = (await control('POST', '/links', { count: 1, refresh_every_seconds: 31_536_000 })).link_ids;
  await control('POST', '/clock/advance', { seconds: 7200 });
  await call('POST', `/links/${still}/products`, { body: { products: ['accounts'] }, status: 202 });
  await call('POST', `/links/${still}/products`, { body: { products: ['accounts'] }, status: 429 });
  await call('POST', `/links/${still}/products`, { body: { products: ['account_numbers'] }, status: 403 });
  await call('POST', `/links/${still}/products`, { body: { products: [] }, status: 422, wrongRequest: true });
  await call('POST', `/links/${still}/reset`, { status: 200 });
  await call('GET', `/links/${still}/transactions/sync?size=5`, { status: 200 });
  await call('POST', `/links/${still}/products`, { body: { products: ['accounts'] }, status: 422 });
};

const walkStates = async (id) => {
  for (const state of ['connecting', 'awaiting_token_exchange']) {
    await control('POST', `/links/${id}/state`, { state });
    await call('GET', `/links/${id}`, { status: 200 });
    await call('GET', `/links/${id}/accounts`, { status: 422 });
  }
  for (const error_code of ['auth_expired', 'user_setup_required', 'invalid_credentials', 'user_oauth_denied', 'user_input_incorrect',
                            'user_error', 'no_accounts', 'institution_error', 'provider_error', 'system_error']) {
    await control('POST', `/links/${id}/state`, { state: 'error', error_code });
    await call('GET', `/links/${id}`, { status: 200 });
    await call('GET', `/links/${id}/transactions/sync?size=1`, { status: 200 });
  }
  await control('POST', `/links/${id}/state`, { state: 'error', error_code: 'incomplete' });
  await call('GET', `/links/${id}/transactions/sync`, { status: 422 });
  await control('POST', `/links/${id}/state`, { state: 'connected' });
  await control('POST', `/links/${id}/access`, { access: 'foreign' });
  await call('GET', `/links/${id}`, { status: 401 });
  await control('POST', `/links/${id}/access`, { access: 'forbidden' });
  await call('GET', `/links/${id}/transactions/sync`, { status: 403 });
  await control('POST', `/links/${id}/access`, { access: 'normal' });
};

// Whatever the walk has not met is provoked with a scripted fault, so that each error body is seen at each operation.
const provoke = async (id) => {
  const faults = {
    401: ['unauthorized', 'expired_token', 'unauthorized_access'], 403: ['forbidden'], 404: ['not_found'], 410: ['deleted'],
    422: ['bad_state'], 429: ['throttle'],
  };
  const bodies = {
    createAccessToken: { form: 'grant_type=client_credentials' },
    createLinkSession: { body: { customer_user: { id: 'user-1' }, redirect_uri: 'https://app.example.com/' } },
    exchangeToken: { body: { exchangeable_token: 'x' } },
    updateLink: { body: {} },
    refreshProducts: { body: { products: ['accounts'] } },
    triggerTestWebhook: { body: { webhook_event: 'link.state_changed', webhook_idempotency_key: 'k' } },
  };
  for (const operation of operations) {
    const path = operation.path.replace('{id}', operation.path.startsWith('/users') ? 'user-000042' : id).replace('{account_id}', 'acc_x');
    for (const { code } of operation.responses) {
      for (const fault of faults[code] ?? []) {
        for (const variant of fault === 'throttle' ? ['seconds', 'date', 'none'] : ['']) {
          if (seen.has(`${operation.iid} ${code}`) && !['throttle', 'unauthorized'].includes(fault)) continue;
          if (operation.iid === 'createAccessToken' && fault !== 'unauthorized' && fault !== 'throttle') continue;
          await control('PUT', '/faults', [{ fault, count: 1, ...(variant ? { variant } : {}) }]);
          const headers = operation.iid === 'createAccessToken' ? {} : credentials;
          await call(operation.method.toUpperCase(), path, { headers, ...bodies[operation.iid], status: Number(code) });
        }
      }
    }
  }
  await control('DELETE', '/faults');
};

const walkEnd = async (id) => {
  await call('DELETE', `/links/${id}`, { status: 204 });
  await call('GET', `/links/${id}`, { status: 200 });
  await call('GET', `/links/${id}/accounts`, { status: 410 });
  await control('PATCH', '/switches', { deleted_is_410: true });
  await call('GET', `/links/${id}`, { status: 410 });
  await control('POST', '/clock/advance', { seconds: 90 * 86400 });
  await call('GET', `/links/${id}`, { status: 404 });
};

// Answers that the description does not allow. Each must be flagged, or the whole check is worth nothing.
const negativeControls = async (id) => {
  const wrong = [
    ['a list of the wrong type', { fault: 'malformed', variant: 'wrong_types', count: 1 }],
    ['a required member left out', { fault: 'malformed', body: '{"accounts":[]}', count: 1 }],
    ['an undeclared status', { fault: 'status', status: 418, body: '{}', count: 1 }],
    ['a 429 without its members', { fault: 'status', status: 429, body: '{"message":"slow down"}', count: 1 }],
  ];
  for (const [what, rule] of wrong) {
    await control('PUT', '/faults', [rule]);
    const { flagged } = await call('GET', `/links/${id}/transactions/sync`, { control: true });
    if (!flagged) problems.push(`negative control: the validator overlooked ${what}`);
  }
  await control('DELETE', '/faults');
  for (const change of [{ amounts_as_numbers: true }, { date_with_time: true }, { timestamps: 'none' }]) {
    await control('PATCH', '/switches', change);
    const { flagged } = await call('GET', `/links/${id}/transactions/sync?size=500`, { control: true });
    if (!flagged) problems.push(`negative control: the validator overlooked ${JSON.stringify(change)}`);
    await control('PATCH', '/switches', { amounts_as_numbers: false, date_with_time: false, timestamps: 'offset' });
  }
};

const coverage = () => {
  for (const operation of operations) {
    for (const { code } of operation.responses) {
      if (!seen.has(`${operation.iid} ${code}`)) problems.push(`${operation.iid}: status ${code} was never seen`);
    }
  }
};

try {
  await walkCredentials();
  const fresh = await walkSessions();
  await drain(fresh);
  await call('GET', '/links', { status: 200 });
  await call('GET', '/links?limit=500', { status: 200 });
  await call('GET', '/links?limit=1', { status: 422, wrongRequest: true });
  const ids = (await control('GET', '/links')).links.map((each) => each.link_id);
  const cursors = new Map();
  for (const id of ids) cursors.set(id, await walkLink(id));
  // Weeks of refreshes in every documented manner of writing, drained in small pages.
  const manners = [{}, { pending_mode: 'settled_in_place' }, { timestamps: 'zulu', nulls: 'absent' }, { nulls: 'mixed', unknown_members: true },
                   { idle_cursor_changes: true, accounts_clock_is_null: true, duplicate_in_updated: false }];
  for (const manner of manners) {
    await control('PATCH', '/switches', manner);
    await control('POST', '/clock/advance', { seconds: 6 * 86400 });
    for (const id of ids) {
      await call('GET', `/links/${id}`, { status: 200 });
      await call('GET', `/links/${id}/accounts`, { status: 200 });
      cursors.set(id, await drain(id, cursors.get(id), 20));
    }
  }
  await call('GET', '/links/mk_2222222222222222222222', { status: 404 });
  await walkWrites(ids[1]);
  await walkStates(ids[2]);
  await provoke(ids[4]);
  await negativeControls(ids[5]);
  await walkEnd(ids[3]);
  coverage();
} finally {
  await prism.close().catch(() => {});
  child.kill('SIGTERM');
}
await died.catch(() => {});
for (const problem of problems) console.error(problem);
console.log(`${calls} calls, ${seen.size} combinations of operation and status, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
