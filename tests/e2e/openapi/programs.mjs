// The sandbox and the daemon on ports of the system's choice, and requests to them.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';

const kept = 200;  // lines of a program's output, for who looks at a failure

// A program; it is ended by its own id. `announces`: what the line says that is waited for.
async function start(program, args, announces) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const lines = [];
  let found;
  const announced = new Promise((resolve) => { found = resolve; });
  const take = (line) => {
    lines.push(line);
    if (lines.length > kept) lines.shift();
    const what = announces(line);
    if (what !== undefined) found(what);
  };
  createInterface({ input: child.stdout }).on('line', take);
  createInterface({ input: child.stderr }).on('line', take);
  const ended = once(child, 'exit');
  const early = ended.then(([code, signal]) => { throw new Error(`${program} ended (${code ?? signal}):\n${lines.join('\n')}`); });
  early.catch(() => {});
  const end = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  try {
    return { what: await Promise.race([announced, early]), end, lines, signal: (name) => child.kill(name) };
  } catch (error) {
    await end();
    throw error;
  }
}

const parsed = (line) => {
  try {
    return JSON.parse(line);
  } catch {
    return {};
  }
};

function programOf(name) {
  const program = process.env[name];
  assert.ok(program, `${name} must name a program`);
  return program;
}

// One request. `place` is {socketPath} or {host, port}; the answer's body is text.
export function ask(place, method, target, { headers = {}, body = '', agent = undefined } = {}) {
  return new Promise((resolve, reject) => {
    const all = { 'Content-Length': Buffer.byteLength(body), ...headers };
    if (!('Host' in all)) all.Host = place.host ? `${place.host}:${place.port}` : 'localhost';
    const sent = request({ ...place, agent, method, path: target, headers: all }, (response) => {
      const chunks = [];
      response.on('error', reject);
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

// The same, byte by byte: what is sent need not be a request. The connection ends with the answer, which may come before
// all is sent.
export function askRaw(place, text) {
  return new Promise((resolve, reject) => {
    const socket = connect(place.socketPath ? { path: place.socketPath } : place, () => text && socket.write(text));
    const chunks = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    let failed;
    socket.on('error', (error) => { failed = error; });
    socket.on('close', () => {
      if (!chunks.length) return reject(failed ?? new Error('the connection was closed without an answer'));
      const [head, ...rest] = Buffer.concat(chunks).toString().split('\r\n\r\n');
      const [line, ...fields] = head.split('\r\n');
      const headers = Object.fromEntries(fields.map((field) => [field.slice(0, field.indexOf(':')).toLowerCase(), field.slice(field.indexOf(':') + 1).trim()]));
      resolve({ status: Number(line.split(' ')[1]), headers, text: rest.join('\r\n\r\n') });
      return undefined;
    });
  });
}

// Connections that say nothing, of which some may be refused; close() ends them.
export async function occupy(place, count) {
  const sockets = Array.from({ length: count }, () => connect({ path: place.socketPath }));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  for (const socket of sockets) socket.on('error', () => {});
  return { close: () => sockets.forEach((socket) => socket.destroy()) };
}

async function startSandbox() {
  const running = await start(programOf('SANDBOX_PROGRAM'), ['--port', '0', '--links', '0', '--no-budgets'], (line) => parsed(line).http && parsed(line));
  const { hostname: host, port } = new URL(running.what.http);
  const control = async (method, target, body = undefined) => {
    const answer = await ask({ host, port }, method, `/sandbox/${target}`, { body: body === undefined ? '' : JSON.stringify(body) });
    assert.ok(answer.status < 300, `sandbox: ${method} ${target}: ${answer.status} ${answer.text}`);
    return JSON.parse(answer.text || '{}');
  };
  return { ...running, url: running.what.http, clientId: running.what.client_id, control };
}

function configFor(dir, sandbox, webhook) {
  return `
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
dead_letter_bodies = "redacted"
[schedule]
interval = "24h"
discovery = "off"
[cycle]
protocol_failures_max = 1
[budget]
sync_per_link = 1000000
accounts_per_link = 1000000
link_per_link = 1000000
link_session_per_app = 1000000
link_session_per_user = 1000000
exchange_per_app = 1000000
[link_session]
redirect_uri = "https://app.example/back"
webhook = "${webhook}"
[incidents]
min_links = 3
[admin]
socket = "${path.join(dir, 'admin.sock')}"
group = ""
listen = "127.0.0.1:0"
[metrics]
listen = "127.0.0.1:0"
[log]
link_ids = "plain"
journal_prefix = "never"
`;
}

// Both programs, until end().
export async function startBoth() {
  const dir = await mkdtemp(path.join(tmpdir(), 'syncd-openapi-'));
  const ends = [() => rm(dir, { recursive: true, force: true })];
  const end = async () => {
    for (const each of ends.reverse()) await each();
  };
  try {
    const sandbox = await startSandbox();
    ends.push(sandbox.end);
    await writeFile(path.join(dir, 'secret'), 'sandbox-secret', { mode: 0o600 });
    const config = path.join(dir, 'config.toml');
    await writeFile(config, configFor(dir, sandbox, ''), { mode: 0o600 });
    let port;
    const daemon = await start(programOf('SYNCD_PROGRAM'), ['run', '--config', config], (line) => {
      const { event, msg = '', address = '' } = parsed(line);
      if (event === 'listening' && msg.includes('admin') && address.startsWith('127.0.0.1:')) port = Number(address.split(':')[1]);
      return event === 'ready' || undefined;
    });
    ends.push(daemon.end);
    assert.ok(port, `the log names the TCP address of the admin API:\n${daemon.lines.join('\n')}`);
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    ends.push(() => agent.destroy());
    // The same with more sections, of keys that a running daemon takes, and with a webhook for new links.
    const configure = async (more, webhook = '') => {
      await writeFile(config, configFor(dir, sandbox, webhook) + more, { mode: 0o600 });
      daemon.signal('SIGHUP');
    };
    return { configure, sandbox, daemon, agent, socket: { socketPath: path.join(dir, 'admin.sock') }, tcp: { host: '127.0.0.1', port }, end };
  } catch (error) {
    await end();
    throw error;
  }
}
