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
    args: ['--disable-background-networking', '--disable-component-update', '--no-first-run'],
  });
}

// A page of its own, in a context of its own. `faults` is what it must not have: see Watched.check.
export async function openPage(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-GB', timezoneId: 'Pacific/Auckland', ...options });
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: url });
  const page = await context.newPage();
  page.setDefaultTimeout(waitLimit);
  const faults = [];
  const origin = new URL(url).origin;
  await page.exposeBinding('reportBreach', (_, text) => { faults.push(`policy: ${text}`); });
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      window.reportBreach(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber} ${event.sample}`);
    });
  });
  page.on('pageerror', (error) => faults.push(`exception: ${error.stack}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(`console: ${message.text()} ${message.location().url}`);
  });
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== origin) faults.push(`request to ${request.url()}`);
  });
  return { page, faults, context };
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
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  assert.deepEqual(violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).slice(0, 5) })), [],
    `axe-core in ${what}`);
}

export async function picture(page, name, options = {}) {
  if (artefacts) await page.screenshot({ path: path.join(artefacts, `${name}.png`), ...options });
}
