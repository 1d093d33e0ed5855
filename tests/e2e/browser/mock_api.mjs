// A stand-in for the daemon's admin API, in memory: the shapes, roles, versions, conflicts, idempotency keys and the
// long poll, and the page's files with the headers that the daemon sends. It makes states that a real daemon reaches
// only with much luck. By hand: node mock_api.mjs [ENTRIES] prints an address and tokens, and runs until Ctrl-C.

import { createServer } from 'node:http';
import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const pageDir = fileURLToPath(new URL('../../../daemon/admin/page/', import.meta.url));
const types = { '.html': 'text/html; charset=utf-8', '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8', '.svg': 'image/svg+xml' };

// The policy that the daemon sends, from where it stands.
const header = (await readFile(path.join(pageDir, '../page.hpp'), 'utf8')).split('page_security_policy =')[1];
const csp = [...header.matchAll(/"([^"]*)"/g)].map(([, text]) => text).join('');

const headers = {
  'Cache-Control': 'no-store', 'Content-Security-Policy': csp, 'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin', 'Referrer-Policy': 'no-referrer', 'X-Content-Type-Options': 'nosniff',
};

export const tokens = {
  'token-of-reader': { actor: 'token:rita', role: 'read' },
  'token-of-operator': { actor: 'token:oscar', role: 'operate' },
  'token-of-admin': { actor: 'token:ada', role: 'admin', expires_at: new Date(Date.now() + 40 * 86_400_000).toISOString() },
};

const ranks = { read: 1, operate: 2, admin: 3 };
const minute = 60_000;
const day = 1440 * minute;
const banks = ['chase', 'bank_of_america', 'wells_fargo', 'first_harbor_credit_union', 'monzo', 'revolut', 'capital_one'];
const providers = ['mx', 'finicity', 'plaid'];
const reasons = ['auth_expired', 'auth_expired', 'auth_expired', 'invalid_credentials', 'user_oauth_denied', 'user_input_incorrect',
  'user_error', 'incomplete', 'user_setup_required'];

// What a relink did to the data: one account under a new id, one that could be two others.
function continuity({ link_id: id, opened_at: opened }) {
  const account = (account_id, name, mask) => ({ account_id, name, account_type: 'depository.checking', account_mask: mask, currency: 'USD' });
  const balances = { current: '812.40', available: null, limit: null };
  const rows = { before: 60, after: 59, changed: 0, renumbered: 0, reworded: 0, duplicated: 0, vanished: 2, appeared: 0, news: 1 };
  const evidence = { mask: 'same', type: 'same', currency: 'same', name: 'same', balance: 'unknown', rows_before: 40, rows_equal: 40,
    rows_worded: 38, rows_after: 40 };
  return {
    link_id: id, verdict: 'attention', opened_at: opened, snapshot_at: opened, compared_at: opened, rows_from: '2025-02-01', rows_cut: false,
    accounts_left_out: 0, rows,
    summary: '1 account kept, 2 missing (what became of them: 1 certain, 0 likely, 1 nobody can tell), 3 new, 2 rows vanished',
    kept: [{ ...account('acc_kept', 'Everyday', '1111'), rows, balances_before: balances, balances_after: { ...balances, current: '799.00' }, gap: null }],
    missing: ['acc_old_1', 'acc_old_2'].map((old) => ({ ...account(old, hostile.institution_id, '2222'), balances, rows: 40, rows_left: 0 })),
    new: ['acc_new_1', 'acc_new_2', 'acc_new_3'].map((fresh) => ({ ...account(fresh, 'Savings', '2222'), balances, rows: 40 })),
    mappings: [{ from: 'acc_old_1', to: 'acc_new_1', verdict: 'certain', reason: null, evidence, candidates: [] },
      { from: 'acc_old_2', to: null, verdict: 'ambiguous', reason: 'rivals', evidence, candidates: ['acc_new_2', 'acc_new_3'] }],
  };
}

// Texts that want to be more than text: markup, a turn of direction, a terminal's escape, what cannot be seen.
export const hostile = {
  link_id: 'mk_<img src=x onerror="window.hacked=1">',
  customer_user_id: 'user_\u202eevil\u202c<script>window.hacked=1</script>',
  institution_id: '"><svg onload=window.hacked=1>',
  note: 'He said: <b onclick="window.hacked=1">call</b> \u001b[31mred\u001b[0m \u202ekcab\u202c javascript:window.hacked=1',
  reason: '<i>odd_reason</i>',
};

const iso = (at) => new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
const idOf = (number) => `mk_${(number * 2654435761 % 2 ** 32).toString(36).padStart(7, '0')}${number.toString(36).padStart(4, '0')}`;

function problem(status, code, detail, more = {}) {
  return { status, type: 'application/problem+json',
    body: { type: `urn:moneykit-syncd:problem:${code}`, title: code, status, code, detail, ...more } };
}

export class MockApi {
  entries = new Map();
  links = new Map();
  incidents = [];
  refusals = [];  // {status, code, detail} of the next acts
  revision = 1;
  down = false;               // every connection is cut
  loseAnswers = 0;            // so many POSTs are done, and their answers lost
  requests = [];              // {method, path, key}
  accepted = { ...tokens };
  #waiting = new Set();
  #answers = new Map();       // idempotency key -> answer
  #files = new Map();
  #sockets = new Set();
  #sessions = 0;

  constructor({ entries = 300 } = {}) {
    const now = Date.now();
    for (let at = 0; at < entries; ++at) this.#addEntry(at, now);
    if (entries > 0) this.#addHostile(now);
  }

  #addEntry(at, now) {
    const id = idOf(at);
    const opened = now - Math.floor((at * 7919 % 4000) * 4.1 * minute) - at * 1000 - minute;
    const status = ['open', 'claimed', 'open', 'session_issued', 'open', 'resolved'][Math.floor(at * 2654435761 % 2 ** 32 / 2 ** 20) % 6];
    const who = ['token:oscar', 'token:ada', 'token:marta'][at % 3];
    const institution = banks[at * 31 % banks.length];
    const entry = {
      link_id: id, status, reason: reasons[at * 13 % reasons.length], institution_id: institution, provider: providers[at % 3],
      customer_user_id: at % 17 === 0 ? null : `user_${10_000 + at}`, opened_at: iso(opened), resolved_at: null, resolved_by: null,
      reopened: at % 9 === 0 ? 1 : 0, version: 1, last_success_at: at % 23 === 0 ? null : iso(opened - (at % 5) * day / 2),
      assignee: null, session: null, held_back: null, history: [{ at: iso(opened), kind: 'opened', actor: null, text: '' }],
      history_dropped: 0,
    };
    entry.history[0].text = entry.reason;
    const tell = (kind, after, text = '') => entry.history.push({ at: iso(opened + after), kind, actor: who, text });
    if (status === 'claimed' || status === 'session_issued') {
      entry.assignee = who;
      tell('claimed', minute / 4, who);
    }
    if (status === 'session_issued') {
      entry.session = { issued_at: iso(now - 3 * minute), expires_at: iso(now + 27 * minute), issued_by: who };
      tell('session_issued', minute / 2);
    }
    if (status === 'resolved') {
      entry.resolved_at = iso(now - minute * (at % 600));
      entry.resolved_by = at % 4 === 0 ? 'dismissed' : 'reconnected';
      entry.history.push({ at: entry.resolved_at, kind: entry.resolved_by === 'dismissed' ? 'dismissed' : 'resolved',
        actor: entry.resolved_by === 'dismissed' ? who : null, text: entry.resolved_by === 'dismissed' ? null : entry.resolved_by });
    }
    this.entries.set(id, entry);
    this.#addLink(id, at, entry, now);
  }

  #addLink(id, at, entry, now) {
    this.links.set(id, {
      link_id: id, link_ref: id.slice(-6), status: entry.status === 'resolved' ? 'active' : 'relink', institution_id: entry.institution_id,
      provider: entry.provider, upstream_state: entry.status === 'resolved' ? 'connected' : 'error',
      upstream_error_code: entry.status === 'resolved' ? null : entry.reason, customer_user_id: entry.customer_user_id, tags: at % 4 === 0 ? ['vip'] : [],
      cursor_set: true, added_at: iso(now - 200 * day), last_attempt_at: iso(now - 9 * minute), last_success_at: entry.last_success_at,
      next_due_at: iso(now + 51 * minute), failures: 0,
      last_error: entry.status === 'resolved' ? null : { kind: 'relink_required', http_status: 200, code: entry.reason,
        message: `upstream reports ${entry.reason}`, at: entry.opened_at },
      counts: { accounts: 3, transactions: 120, pending: 2 },
      data: { institution_name: entry.institution_id, products: { accounts: { refreshed_at: iso(now - 5 * 60 * minute) },
        transactions: { refreshed_at: iso(now - 5 * 60 * minute) } } },
    });
  }

  #addHostile(now) {
    const entry = {
      link_id: hostile.link_id, status: 'open', reason: hostile.reason, institution_id: hostile.institution_id, provider: null,
      customer_user_id: hostile.customer_user_id, opened_at: iso(now - 60 * day), resolved_at: null, resolved_by: null, reopened: 0, version: 3,
      last_success_at: iso(now - 61 * day), assignee: null, session: null, held_back: null, history_dropped: 4, history: [
        { at: iso(now - 60 * day), kind: 'opened', actor: null, text: hostile.reason },
        { at: iso(now - 59 * day), kind: 'noted', actor: 'token:marta', text: hostile.note }],
    };
    this.entries.set(entry.link_id, entry);
    this.#addLink(entry.link_id, 1, entry, now);
  }

  // Lets something happen that the page has to notice by itself.
  change(id, change) {
    const entry = this.entries.get(id);
    change(entry);
    ++entry.version;
    this.#moved();
  }

  openEntry(id, members = {}) {
    this.#addEntry(this.entries.size + 100_000, Date.now());
    const made = [...this.entries.values()].at(-1);
    this.entries.delete(made.link_id);
    this.entries.set(id, { ...made, link_id: id, status: 'open', assignee: null, session: null, resolved_at: null, resolved_by: null,
      history: made.history.slice(0, 1), ...members });
    this.#moved();
  }

  openIncident(incident) {
    this.incidents.push(incident);
    for (const entry of this.entries.values()) {
      if (entry.institution_id === incident.name && entry.status === 'open') entry.held_back = incident.id;
    }
    this.#moved();
  }

  closeIncidents() {
    this.incidents = [];
    for (const entry of this.entries.values()) entry.held_back = null;
    this.#moved();
  }

  #moved() {
    ++this.revision;
    for (const wake of this.#waiting) wake();
  }

  // Ends what is under way, and what comes while `down` is set.
  cut() {
    this.down = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  async start() {
    for (const name of await readdir(pageDir)) {
      this.#files.set(name === 'index.html' ? '/' : `/${name}`, { type: types[path.extname(name)], content: await readFile(path.join(pageDir, name)) });
    }
    this.server = createServer((request, response) => this.#answer(request, response));
    this.server.on('connection', (socket) => {
      if (this.down) socket.destroy();
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise((resolve) => { this.server.listen(0, '127.0.0.1', resolve); });
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  async stop() {
    this.cut();
    await new Promise((resolve) => { this.server.close(resolve); });
  }

  async #answer(request, response) {
    const url = new URL(request.url, this.url);
    let text = '';
    for await (const chunk of request) text += chunk;
    const key = request.headers['idempotency-key'];
    this.requests.push({ method: request.method, path: url.pathname, search: url.search, key });
    const file = this.#files.get(url.pathname);
    if (file && request.method === 'GET') {
      response.writeHead(200, { ...headers, 'Content-Type': file.type });
      response.end(file.content);
      return;
    }
    const answer = await this.#api(request, url, text, key);
    if (response.destroyed) return;
    if (request.method === 'POST' && this.loseAnswers > 0) {
      --this.loseAnswers;
      request.socket.destroy();
      return;
    }
    response.writeHead(answer.status, { ...headers, 'Content-Type': answer.type || 'application/json' });
    response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
  }

  async #api(request, url, text, key) {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization || '')?.[1];
    const who = this.accepted[token];
    if (!who) return problem(401, 'unauthorized', 'the token is unknown, has expired or was revoked');
    const segments = url.pathname.split('/').slice(1).map(decodeURIComponent);
    if (segments[0] !== 'v1') return problem(404, 'no_such_path', 'there is nothing at this path');
    if (request.method === 'GET') return this.#read(segments.slice(1), url.searchParams, who, request);
    if (request.method !== 'POST') return problem(405, 'method_not_allowed', 'this path answers GET and POST');
    if (ranks[who.role] < ranks.operate) return problem(403, 'forbidden', 'this takes the role operate');
    if (!key) return problem(400, 'idempotency_key_missing', 'a POST needs the header Idempotency-Key');
    const refusal = this.refusals.shift();
    if (refusal) return problem(refusal.status, refusal.code, refusal.detail);
    if (!this.#answers.has(key)) {
      let body = {};
      try {
        body = text === '' ? {} : JSON.parse(text);
      } catch {
        return problem(400, 'invalid_body', 'the body is not JSON');
      }
      this.#answers.set(key, this.#act(segments.slice(1), body, who));
    }
    return this.#answers.get(key);
  }

  async #read([kind, id, part], query, who, request) {
    if (kind === 'whoami') return { status: 200, body: who };
    if (kind === 'revision') return this.#poll(query, request);
    if (kind === 'status') return { status: 200, body: this.#status() };
    if (kind === 'incidents') return { status: 200, body: { items: this.incidents } };
    if (kind === 'relink' && !id) return this.#listEntries(query);
    if (kind === 'relink') {
      const entry = this.entries.get(id);
      if (part === 'continuity' && entry) return { status: 200, body: continuity(entry) };
      return entry ? { status: 200, body: this.#shown(entry) }
        : problem(404, 'relink_entry_not_found', `link ${id} has never needed its owner: it has no relink entry`);
    }
    if (kind === 'links' && !id) return this.#listLinks(query);
    const link = this.links.get(id);
    if (!link) return problem(404, 'link_not_found', `no link ${id} is registered here`);
    if (!part) return { status: 200, body: link };
    if (part === 'accounts') return { status: 200, body: accountsText };
    if (part === 'transactions') return page(transactions(id), query, (row) => row.transaction_id);
    if (part === 'feed') return page(changes(id), query, (entry) => String(entry.seq));
    if (part === 'verify') return { status: 200, body: verified(id) };
    return problem(404, 'no_such_path', 'there is nothing at this path');
  }

  async #poll(query, request) {
    if (query.get('wait') && Number(query.get('after')) === this.revision) {
      await new Promise((resolve) => {
        const wake = () => { this.#waiting.delete(wake); clearTimeout(timer); resolve(); };
        const timer = setTimeout(wake, 30_000);
        this.#waiting.add(wake);
        request.socket.once('close', wake);
      });
    }
    return { status: 200, body: { revision: this.revision } };
  }

  #shown({ ...entry }) {
    const end = Date.parse(entry.resolved_at || new Date().toISOString());
    entry.days_lost = Math.max(0, Math.floor((end - Date.parse(entry.last_success_at || entry.opened_at)) / day));
    if (entry.session) entry.session = { ...entry.session, expired: Date.parse(entry.session.expires_at) <= Date.now() };
    return entry;
  }

  #listEntries(query) {
    const wanted = (name) => query.get(name) || '';
    for (const name of query.keys()) {
      if (!['status', 'institution', 'reason', 'assignee', 'search', 'order', 'limit', 'after'].includes(name)) {
        return problem(400, 'invalid_parameter', `unknown parameter ${name}`);
      }
    }
    const status = wanted('status');
    const found = [...this.entries.values()].filter((entry) =>
      (status === '' || (status === 'live' ? entry.status !== 'resolved' : entry.status === status))
      && (!wanted('institution') || entry.institution_id === wanted('institution'))
      && (!wanted('reason') || entry.reason === wanted('reason'))
      && (!wanted('assignee') || entry.assignee === wanted('assignee'))
      && (!wanted('search') || entry.link_id.startsWith(wanted('search')) || (entry.customer_user_id || '').startsWith(wanted('search'))));
    const up = wanted('order') === 'newest' ? -1 : 1;
    found.sort((a, b) => up * (Date.parse(a.opened_at) - Date.parse(b.opened_at)) || (a.link_id < b.link_id ? -1 : 1));
    return page(found, query, (entry) => entry.link_id, (entry) => {
      const { history, history_dropped: dropped, ...shown } = this.#shown(entry);
      return shown;
    });
  }

  #listLinks(query) {
    const search = query.get('search') || '';
    const state = query.get('state') || '';
    const found = [...this.links.values()].filter((link) => (!state || link.status === state)
      && (!search || link.link_id.startsWith(search) || (link.customer_user_id || '').startsWith(search)));
    found.sort((a, b) => (a.link_id < b.link_id ? -1 : 1));
    return page(found, query, (link) => link.link_id, ({ data, ...link }) => link);
  }

  #act([kind, id, verb], body, who) {
    if (kind === 'links') {
      const link = this.links.get(id);
      if (!link) return problem(404, 'link_not_found', `no link ${id} is registered here`);
      if (verb === 'sync') {
        return { status: 200, body: { link_id: id, outcome: 'success', cause: 'manual', status: link.status, pages: 1, created: 4, updated: 1, removed: 0,
          account_changes: 1, drained: true, relink_opened: false, relink_resolved: false, duration_ms: 80, next_due_at: link.next_due_at, error: null } };
      }
      if (verb === 'purge') {
        if (who.role !== 'admin') return problem(403, 'forbidden', 'this takes the role admin');
        this.links.delete(id);
        return { status: 200, body: { link_id: id, unlinked: body.unlink === true, repeated: false, accounts: 3, transactions: 120 } };
      }
      if (verb === 'repair') {
        return { status: 200, body: { link_id: id, outcome: 'success', cause: 'manual', status: link.status, pages: 3, created: 1, updated: 2, removed: 0,
          account_changes: 0, drained: true, relink_opened: false, relink_resolved: false, duration_ms: 80, next_due_at: link.next_due_at, error: null } };
      }
      if (verb === 'verify') return { status: 202, body: { ...verified(id), state: 'running', report: null } };
      link.status = verb === 'pause' ? 'paused' : 'active';
      return { status: 200, body: { link_id: id, status: link.status } };
    }
    const entry = this.entries.get(id);
    if (!entry) return problem(404, 'relink_entry_not_found', `link ${id} has no relink entry`);
    if (verb !== 'note' && body.version !== entry.version) {
      return problem(409, 'version_conflict', `the entry has version ${entry.version}`, { entry: this.#shown(entry) });
    }
    const refused = this.#change(entry, verb, body, who);
    if (refused) {
      refused.body.entry = this.#shown(entry);
      return refused;
    }
    ++entry.version;
    this.#moved();
    if (verb !== 'session') return { status: 200, body: this.#shown(entry) };
    return { status: 201, body: { link_session_token: `lst_${'0123456789abcdef'.repeat(4)}${++this.#sessions}`,
      expires_at: entry.session.expires_at, entry: this.#shown(entry) } };
  }

  #change(entry, verb, body, who) {
    const now = iso(Date.now());
    const tell = (kind, text = '') => entry.history.push({ at: now, kind, actor: who.actor, text });
    const state = (detail) => problem(409, 'conflict', detail);
    if (verb === 'claim') {
      if (entry.status === 'resolved') return state('the entry is resolved');
      if (entry.assignee && entry.assignee !== who.actor && !body.take_over) return problem(409, 'claimed_by_other', `the entry is claimed by ${entry.assignee}; take it over if that is agreed`);
      entry.assignee = body.assignee || who.actor;
      if (entry.status === 'open') entry.status = 'claimed';
      tell('claimed', entry.assignee);
    } else if (verb === 'release') {
      if (!entry.assignee) return state('nobody has the entry');
      if (entry.assignee !== who.actor && !body.take_over) return state(`the entry is claimed by ${entry.assignee}; release it as a take-over if that is agreed`);
      entry.assignee = null;
      if (entry.status === 'claimed') entry.status = 'open';
      tell('released');
    } else if (verb === 'note') {
      tell('noted', body.text);
    } else if (verb === 'dismiss') {
      if (entry.status === 'resolved') return state('the entry is resolved');
      Object.assign(entry, { status: 'resolved', resolved_by: 'dismissed', resolved_at: now });
      tell('dismissed', body.text || '');
    } else if (verb === 'reopen') {
      if (entry.resolved_by !== 'dismissed') return state('only a dismissed entry is opened again by hand');
      Object.assign(entry, { status: 'open', resolved_by: null, resolved_at: null, assignee: null, session: null });
      ++entry.reopened;
      tell('reopened');
    } else if (verb === 'session') {
      if (entry.status === 'resolved') return state('the entry is resolved');
      if (entry.held_back && !body.force) return problem(409, 'held_back', 'the entry is held back by an incident');
      entry.session = { issued_at: now, expires_at: iso(Date.now() + 30 * minute), issued_by: who.actor };
      entry.status = 'session_issued';
      entry.assignee ||= who.actor;
      tell('session_issued');
    } else {
      return problem(404, 'no_such_path', 'there is nothing at this path');
    }
    return null;
  }

  #status() {
    const open = [...this.entries.values()].filter((entry) => entry.status !== 'resolved').length;
    const byStatus = { active: 0, backoff: 3, relink: 0, blocked: 1, quarantined: 2, paused: 0, gone: 5 };
    for (const { status } of this.links.values()) ++byStatus[status];
    const now = Date.now();
    return {
      version: '0.1.0', environment: 'sandbox', started_at: iso(now - 3 * day), uptime_seconds: 3 * 86_400, healthy: true, ready: true,
      links: { total: this.links.size + 11, by_status: byStatus, due: 12, in_flight: 3, oldest_success_at: iso(now - 60 * day), next_due_at: iso(now + minute) },
      budget: ['sync', 'accounts', 'link', 'links', 'token', 'introspect'].map((endpoint, at) => ({ endpoint, limit: at < 2 ? 600 : 1000,
        used: [412, 80, 0, 0, 1, 0][at], waiting: at === 0 ? 7 : 0, frozen_until: at === 1 ? iso(now + 5 * minute) : null })),
      upstream: { auth_refused: false, auth_error: null, connections: { open: 8, idle: 6, waiting: 0 }, discovery: { at: iso(now - 70 * minute), only_upstream: 0, only_here: 2 } },
      feed: { epoch: 1, head: 184_223, published: 184_223 },
      store: { healthy: true, write_stopped: false, commits: 91_233, disk_bytes: 734_003_200, disk_free_bytes: 81_604_378_624, space_low: false,
        scrubbed_at: iso(now - 11 * 60 * minute), damaged_files: 0, memtable_bytes: 1, block_cache_bytes: 1, pending_compaction_bytes: 0 },
      queues: { relink_open: { count: Math.min(open, 10_000), more: open > 10_000 }, dead_letters: { count: 2, more: false } },
      config: { last_reload_ok: true, last_reload_at: null, problems: 0, loaded_at: iso(now - 3 * day), pending_restart: [] },
    };
  }
}

function page(found, query, idOfItem, shape = (item) => item) {
  const limit = Number(query.get('limit') || 100);
  const after = query.get('after');
  const begin = after ? found.findIndex((item) => idOfItem(item) === after) + 1 : 0;
  const items = found.slice(begin, begin + limit);
  const body = { items: items.map(shape) };
  if (begin + limit < found.length) body.next = idOfItem(items.at(-1));
  return { status: 200, body };
}

// Numbers that a double cannot hold, or would print in another way.
const accountsText = '{"items":['
  + '{"account_id":"acc_1","gone":false,"gone_since":null,"data":{"account_id":"acc_1","account_type":"depository.checking","name":"Everyday Checking",'
  + '"account_mask":"4821","balances":{"currency":"USD","available":1200.10,"current":12345678901234567890.10,"limit":null,"balance_date":"2026-01-31"}}},'
  + '{"account_id":"acc_2","gone":false,"gone_since":null,"data":{"account_id":"acc_2","account_type":"liability.credit_card","name":"Travel Card",'
  + '"account_mask":"0007","balances":{"currency":"USD","available":null,"current":1e2,"limit":5000.00,"balance_date":null}}},'
  + '{"account_id":"acc_3","gone":true,"gone_since":"2026-01-02T03:04:05Z","data":{"account_id":"acc_3","account_type":"unknown","name":"Old <b>Savings</b>",'
  + '"account_mask":null,"balances":{"currency":"EUR","available":-0.0,"current":0.30000000000000004,"limit":null,"balance_date":null}}}]}';

function transactions(link) {
  const texts = ['Grocery Outlet', 'Coffee', 'Payroll', 'Rent', 'City Transit', '<b>Bold Burgers</b>'];
  return Array.from({ length: 120 }, (_, at) => ({
    transaction_id: `txn_${String(at).padStart(4, '0')}`, account_id: 'acc_1', pending: at < 2, posted_from: null,
    data: { transaction_id: `txn_${at}`, account_id: 'acc_1', amount: `${at * 37 % 900}.${String(at * 7 % 100).padStart(2, '0')}`, type: at % 6 === 2 ? 'credit' : 'debit',
      currency: 'USD', date: `2026-0${1 + at % 6}-${String(1 + at % 28).padStart(2, '0')}`, description: texts[at % texts.length], pending: at < 2, link },
  }));
}

function changes(link) {
  const row = { transaction_id: 'txn_1', amount: 12.00, currency: 'USD', description: '<b>Bold Burgers</b>' };
  const all = Array.from({ length: 60 }, (_, at) => ({ kind: 'transaction.created', id: `txn_${at}`, before: null, after: { ...row, amount: `${at}.10` } }));
  all.unshift({ kind: 'transaction.updated', id: 'txn_1', before: { ...row, amount: '12.00' }, after: { ...row, amount: '1e2' } });
  all.push({ kind: 'link.added', id: link, before: null, after: { status: 'active' } });
  return all.map((entry, at) => ({ epoch: 7, seq: 1000 - at, at: iso(Date.now() - at * minute), link_id: link, cause: 'schedule', ...entry }));
}

function verified(link) {
  const tally = { compared: true, missing: 0, extra: 0, changed: 0, missing_ids: [], extra_ids: [], changed_ids: [] };
  return { link_id: link, state: 'done', daemon_started_at: iso(Date.now() - day), report: { at: iso(Date.now()), result: 'match', reason: null, detail: null,
    transactions: tally, accounts: tally, rows: 123, pages: 2, requests: 3, by_audit: false, duration_ms: 2100 } };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const api = await new MockApi({ entries: Number(process.argv[2] || 300) }).start();
  console.log(api.url, Object.keys(tokens).join(' '));
}
