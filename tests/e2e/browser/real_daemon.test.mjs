// The admin page of the real daemon, in a real browser, with the sandbox as MoneyKit: a bank ends a permission, the
// entry appears by itself, somebody claims it and issues a session, the owner signs in with it, the entry closes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { accessible, check, launch, openPage, picture, signIn, until } from './browser.mjs';

const programs = { daemon: process.env.SYNCD_PROGRAM, sandbox: process.env.SANDBOX_PROGRAM };
for (const [name, program] of Object.entries(programs)) {
  assert.ok(program, `no path of the ${name} is known: SYNCD_PROGRAM and SANDBOX_PROGRAM name the programs`);
}

let dir;
let browser;
let sandbox;
let daemon;
const started = [];

// A program whose output goes to a file; it is ended by its own id.
async function start(name, program, args) {
  const log = path.join(dir, `${name}.log`);
  const file = await open(log, 'w');
  const child = spawn(program, args, { stdio: ['ignore', file.fd, file.fd] });
  const begun = once(child, 'spawn');  // or the error that says why not
  await file.close();
  await begun;
  const ended = new Promise((resolve) => { child.once('exit', resolve); });
  started.push({ child, ended });
  return {
    log: () => readFile(log, 'utf8'),
    alive: () => child.exitCode === null && child.signalCode === null,
  };
}

// One request with a JSON answer; `place` is {socketPath} or {host, port}.
function ask(place, method, target, body = undefined) {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? '' : JSON.stringify(body);
    const headers = { Host: place.host ? `${place.host}:${place.port}` : 'localhost', 'Content-Length': Buffer.byteLength(text) };
    if (text) headers['Content-Type'] = 'application/json';
    if (method === 'POST') headers['Idempotency-Key'] = randomUUID();
    const sent = request({ ...place, method, path: target, headers }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        const answer = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode, text: answer, json: () => JSON.parse(answer) });
      });
    });
    sent.on('error', reject);
    sent.end(text);
  });
}

async function good(place, method, target, body) {
  const answer = await ask(place, method, target, body);
  assert.ok(answer.status < 300, `${method} ${target}: ${answer.status} ${answer.text}`);
  return answer.json();
}

const socket = () => ({ socketPath: path.join(dir, 'admin.sock') });
const control = (method, target, body) => good(sandbox.place, method, `/sandbox/${target}`, body);
const admin = (method, target, body) => good(socket(), method, target, body);

async function startSandbox() {
  const announced = path.join(dir, 'sandbox.json');
  const running = await start('sandbox', programs.sandbox, ['--port', '0', '--port-file', announced, '--links', '0', '--no-budgets']);
  let line = '';
  await until('the sandbox’s address', async () => {
    assert.ok(running.alive(), await running.log());
    line = await readFile(announced, 'utf8').catch(() => '');
    return line.endsWith('\n') || line.endsWith('}');
  });
  const { http, client_id: clientId } = JSON.parse(line);
  const url = new URL(http);
  return { ...running, url: http, clientId, place: { host: url.hostname, port: url.port } };
}

async function startDaemon() {
  await writeFile(path.join(dir, 'secret'), 'sandbox-secret', { mode: 0o600 });
  const config = path.join(dir, 'config.toml');
  await writeFile(config, `
[upstream]
base_url = "${sandbox.url}"
client_id = "${sandbox.clientId}"
client_secret_file = "${path.join(dir, 'secret')}"
allow_private_addresses = true
[store]
path = "${path.join(dir, 'store')}"
min_free_mib = 64
min_free_percent = 0
min_free_to_open_mib = 64
[schedule]
discovery = "off"
[budget]
sync_per_link = 1000
accounts_per_link = 1000
[admin]
socket = "${socket().socketPath}"
group = ""
listen = "127.0.0.1:0"
[metrics]
listen = "127.0.0.1:0"
[link_session]
redirect_uri = "https://app.example/back"
[log]
link_ids = "plain"
journal_prefix = "never"
`, { mode: 0o600 });
  const running = await start('daemon', programs.daemon, ['run', '--config', config]);
  await until('the daemon to be ready', async () => {
    assert.ok(running.alive(), await running.log());
    return (await ask(socket(), 'GET', '/-/ready').catch(() => ({ status: 0 }))).status === 200;
  });
  // The port is the system's choice: the log names it.
  const line = (await running.log()).split('\n').find((each) => each.includes('the admin API answers over TCP'));
  assert.ok(line, 'the log names the TCP address of the admin API');
  return { ...running, url: `http://${JSON.parse(line).address}` };
}

before(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'syncd-browser-'));
  browser = await launch();
  sandbox = await startSandbox();
  daemon = await startDaemon();
});

after(async () => {
  await browser?.close();
  for (const { child, ended } of started.reverse()) {
    child.kill('SIGTERM');
    await ended;
  }
  if (dir) await rm(dir, { recursive: true, force: true });
});

test('a link expires, is claimed, gets a session, is reconnected by its owner, and its entry closes', async () => {
  const { link_ids: [linkId] } = await control('POST', 'links', { institution_id: 'instant_bank', user_id: 'user_4711', accounts: 2,
    history_months: 1, transactions_per_month: 40, refresh_every_seconds: 31_536_000 });
  await admin('POST', '/v1/links', { link_id: linkId, customer_user_id: 'user_4711' });
  await admin('POST', `/v1/links/${linkId}/sync?wait=30s`);
  await until('the first sync', async () => (await admin('GET', `/v1/links/${linkId}`)).last_success_at !== null);
  const { token } = await admin('POST', '/v1/tokens', { name: 'oscar', role: 'operate', lifetime: '1d' });

  const { page, faults, close } = await openPage(browser, daemon.url);
  await signIn(page, daemon.url, token);
  await page.getByText('Nobody is waiting').waitFor();

  await control('POST', `links/${linkId}/state`, { state: 'error', error_code: 'auth_expired' });
  await admin('POST', `/v1/links/${linkId}/sync?wait=30s`);
  const entry = page.getByRole('link', { name: linkId });
  await entry.waitFor();
  await page.locator('.queue').getByText('The bank ended the permission').waitFor();
  await page.locator('.queue').getByText('user_4711').waitFor();
  await accessible(page, 'the real queue');
  await picture(page, 'real-queue');

  await entry.click();
  const state = page.getByRole('region', { name: 'State' });
  await state.getByRole('button', { name: 'Claim' }).click();
  await state.getByText('yours').waitFor();
  assert.equal((await admin('GET', `/v1/relink/${linkId}`)).assignee, 'token:oscar');
  await page.locator('.accounts li').nth(1).waitFor();

  await state.getByRole('button', { name: 'Issue a session' }).click();
  const box = page.getByRole('dialog', { name: 'The owner’s session' });
  const session = await box.getByLabel('Link session token').inputValue();
  await box.getByRole('button', { name: 'Copy' }).click();
  await box.getByText('Copied.').waitFor();
  await box.getByRole('button', { name: 'Done' }).click();
  await state.getByText('Session issued').waitFor();
  await accessible(page, 'the real entry');
  await picture(page, 'real-entry', { fullPage: true });

  // The owner signs in at the bank with it; the next visit finds the link connected.
  await control('POST', `sessions/${session}/complete`, { username: 'user_good', password: 'pass_good' });
  await admin('POST', `/v1/links/${linkId}/sync?wait=30s`);
  await state.getByText('The owner reconnected the bank, and a sync went well.').waitFor();
  await page.locator('.history').getByText('Resolved').waitFor();
  await page.getByRole('link', { name: /^Queue/ }).first().click();
  await page.getByText('Nobody is waiting').waitFor();
  assert.equal((await daemon.log()).includes(session), false, 'the token is in no log');
  assert.equal((await daemon.log()).includes(token), false, 'nor is the one of the admin');

  await page.getByRole('link', { name: 'Overview' }).click();
  await page.locator('.tile').getByText('Well').waitFor();
  await admin('POST', '/v1/tokens/oscar/revoke');
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  await page.getByRole('alert').getByText('You were signed out').waitFor();
  await close();
  check(faults, /console: .*401/);
});
