// The real Chromium of the distribution, and what every test watches in it: no error in the console, no breach of the
// content security policy, no request to anywhere else.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';

const modules = process.env.SYNCD_BROWSER_MODULES;
assert.ok(modules, 'SYNCD_BROWSER_MODULES names no folder: start these tests with tests/e2e/browser/run');
const load = createRequire(path.join(modules, 'package.json'));
const { chromium } = load('playwright-core');
const axe = load('axe-core').source;

export const artefacts = process.env.SYNCD_BROWSER_ARTEFACTS;
const waitLimit = 60_000;

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    // A container's root has no sandbox of its own to give.
    chromiumSandbox: process.getuid() !== 0,
    // One process for all pages: each new one costs a second of a processor.
    args: ['--disable-background-networking', '--disable-component-update', '--disable-gpu', '--disable-site-isolation-trials',
      '--no-first-run', '--process-per-site', '--renderer-process-limit=1'],
  });
}

const idle = new Map();  // pages that no test uses, by their options

// A page, and `faults`: what it must not have, see `check`. `close` gives it back: the next test's page is at another
// port, so another origin, which shares no storage with this one.
export async function openPage(browser, url, options = {}) {
  const kind = JSON.stringify(options);
  const opened = idle.get(kind)?.pop() || await makePage(browser, options);
  const { page, context, watched } = opened;
  const faults = [];
  Object.assign(watched, { faults, origin: new URL(url).origin });
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: url });
  const close = async () => {
    await page.goto('about:blank');
    await page.unrouteAll();
    await page.emulateMedia({ colorScheme: options.colorScheme ?? null });
    idle.set(kind, [...(idle.get(kind) || []), opened]);
  };
  return { page, faults, close };
}

async function makePage(browser, options) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-GB', timezoneId: 'Pacific/Auckland', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(waitLimit);
  const watched = { faults: [], origin: '' };
  await page.exposeBinding('reportBreach', (_, text) => { watched.faults.push(`policy: ${text}`); });
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      window.reportBreach(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber} ${event.sample}`);
    });
  });
  page.on('pageerror', (error) => watched.faults.push(`exception: ${error.stack}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') watched.faults.push(`console: ${message.text()} ${message.location().url}`);
  });
  page.on('request', (request) => {
    if (request.url() !== 'about:blank' && new URL(request.url()).origin !== watched.origin) watched.faults.push(`request to ${request.url()}`);
  });
  return { page, context, watched };
}

// Fails on the first thing that must not have been. `allowed`: faults that the test provoked.
export function check(faults, allowed = /^$/) {
  assert.deepEqual(faults.filter((fault) => !allowed.test(fault)), []);
}

export async function signIn(page, url, token, hash = '') {
  await page.goto(`${url}/${hash}`);
  await page.getByLabel('Access token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
}

// Waits until `condition`, which runs in this process, is true.
export async function until(what, condition) {
  const end = Date.now() + waitLimit;
  while (!await condition()) {
    if (Date.now() > end) assert.fail(`gave up waiting: ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
}

// All of axe's rules, in the page as it stands.
export async function accessible(page, what) {
  if (!await page.evaluate(() => 'axe' in window)) await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  assert.deepEqual(violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).slice(0, 5) })), [],
    `axe-core in ${what}`);
}

export async function picture(page, name, options = {}) {
  if (artefacts) await page.screenshot({ path: path.join(artefacts, `${name}.png`), ...options });
}
