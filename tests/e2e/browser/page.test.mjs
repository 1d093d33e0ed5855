// The admin page in a real browser, against the mock: everything that a person does with it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { MockApi, hostile } from './mock_api.mjs';
import { accessible, artefacts, check, launch, openPage, picture, signIn, until } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

// A mock and a page that is signed in; both end with the test, which must have left no fault.
async function started(context, { token = 'token-of-operator', hash = '', entries = 300, allowed, prepare, ...options } = {}) {
  const api = await new MockApi({ entries }).start();
  prepare?.(api);
  const opened = await openPage(browser, api.url, options);
  context.after(async () => {
    await opened.close();
    await api.stop();
    check(opened.faults, allowed);
  });
  if (token) await signIn(opened.page, api.url, token, hash);
  const rows = opened.page.locator('table.queue tbody tr');
  if (token && hash === '') await rows.first().waitFor();
  return { api, rows, ...opened };
}

const live = (api) => [...api.entries.values()].filter((entry) => entry.status !== 'resolved')
  .sort((a, b) => Date.parse(a.opened_at) - Date.parse(b.opened_at) || (a.link_id < b.link_id ? -1 : 1));
const idsOf = (rows) => rows.evaluateAll((all) => all.map((row) => row.dataset.key));
const settled = (page) => page.locator('table[aria-busy="false"]').waitFor({ state: 'attached' });
const posts = (api, verb) => api.requests.filter(({ method, path }) => method === 'POST' && path.endsWith(`/${verb}`));
const plain = (api, status = 'open') => live(api).find((entry) => entry.status === status && entry.link_id !== hostile.link_id);
const entryHash = ({ link_id: id }) => `#/relink/${encodeURIComponent(id)}`;

describe('signing in', () => {
  test('a wrong token is refused with its reason, a right one shows name and role, signing out forgets it', async (context) => {
    const { api, page } = await started(context, { token: '', allowed: /console: .*401/ });
    await page.goto(api.url);
    const field = page.getByLabel('Access token');
    await field.fill('not-a-token');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').getByText('does not accept this token: the token is unknown').waitFor();
    await field.fill('tökën');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('no token').waitFor();
    await field.fill('token-of-admin');
    await page.keyboard.press('Enter');
    await page.locator('.who').getByText('ada').waitFor();
    assert.match(await page.locator('.who').innerText(), /ada\s*admin[\s\S]*token ends in 39 d/);
    await page.reload();
    await page.locator('.who').getByText('ada').waitFor();
    assert.deepEqual(await page.evaluate(() => [Object.values(sessionStorage), Object.values(localStorage), document.cookie]),
      [['token-of-admin'], [], '']);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await field.waitFor();
    assert.equal(await field.inputValue(), '');
    assert.deepEqual(await page.evaluate(() => Object.values(sessionStorage)), []);
    assert.equal(await page.locator('table').count(), 0);
    assert.ok(api.requests.every(({ search }) => !search.includes('token-of')), 'a token never stands in an address');
  });

  test('a token that is revoked leads back to signing in, with the reason, and from there to the same place', async (context) => {
    const { api, page } = await started(context, { hash: '#/overview', allowed: /console: .*401/ });
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    const rights = api.accepted['token-of-operator'];
    delete api.accepted['token-of-operator'];
    api.change([...api.entries.keys()][0], () => {});
    await page.getByRole('alert').getByText('You were signed out: the token is unknown, has expired or was revoked').waitFor();
    api.accepted.newer = rights;
    await page.getByLabel('Access token').fill('newer');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
  });

  test('what the role does not allow is not offered', async (context) => {
    const { api, page } = await started(context, { token: 'token-of-reader' });
    assert.equal(await page.locator('input[type=checkbox]').count(), 0);
    await page.goto(`${api.url}/${entryHash(plain(api))}`);
    await page.getByText('Your role lets you read').waitFor();
    assert.deepEqual(await page.locator('main button:visible').allInnerTexts(), ['Copy the link id']);
    await page.keyboard.press('c');
    await page.goto(`${api.url}/#/links/${plain(api).link_id}`);
    await page.getByRole('button', { name: 'Show the transactions' }).waitFor();
    assert.deepEqual(await page.locator('main button:visible').allInnerTexts(), ['Show the transactions', 'Show the changes']);
    assert.equal(api.requests.filter(({ method }) => method === 'POST').length, 0);
  });
});

describe('the queue', () => {
  test('shows who waits, the longest first, in words', async (context) => {
    const { api, page, rows } = await started(context);
    assert.deepEqual(await idsOf(rows), live(api).slice(0, 50).map(({ link_id: id }) => id));
    const entry = live(api).find(({ reason, assignee }) => reason === 'auth_expired' && assignee);
    await page.getByRole('searchbox').fill(entry.link_id);
    await page.waitForFunction(() => document.querySelectorAll('table.queue tbody tr').length === 1);
    const text = await rows.first().innerText();
    for (const part of [entry.customer_user_id || 'no customer user', entry.institution_id, 'The bank ended the permission', 'of data missing']) {
      assert.ok(text.includes(part), `${part} in ${text}`);
    }
    const time = rows.first().locator('time').first();
    assert.match(await time.getAttribute('title'), /\d{2} UTC\)$/);
    assert.equal(await time.getAttribute('datetime'), entry.opened_at);
    assert.match(await page.getByRole('link', { name: /^Queue/ }).innerText(), new RegExp(`Queue\\s*${live(api).length}`));
  });

  test('is filtered, searched, sorted and paged', async (context) => {
    const { api, page, rows } = await started(context);
    const expect = async (wanted) => {
      await page.waitForFunction((ids) => JSON.stringify([...document.querySelectorAll('table.queue tbody tr')].map((row) => row.dataset.key)) === JSON.stringify(ids),
        wanted.slice(0, 50).map(({ link_id: id }) => id));
    };
    const all = live(api);
    await page.getByLabel('Status').selectOption('claimed');
    await expect(all.filter(({ status }) => status === 'claimed'));
    await page.getByLabel('Assignee').fill('me');
    await page.keyboard.press('Enter');
    await expect(all.filter(({ status, assignee }) => status === 'claimed' && assignee === 'token:oscar'));
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await expect(all);
    await page.getByLabel('Reason').selectOption('user_setup_required');
    await expect(all.filter(({ reason }) => reason === 'user_setup_required'));
    await page.getByLabel('Bank').fill('monzo');
    await page.getByLabel('Bank').blur();
    await expect(all.filter(({ reason, institution_id: bank }) => reason === 'user_setup_required' && bank === 'monzo'));
    assert.match(page.url(), /institution=monzo/);
    await page.reload();
    await expect(all.filter(({ reason, institution_id: bank }) => reason === 'user_setup_required' && bank === 'monzo'));
    await page.getByRole('link', { name: /^Queue/ }).click();
    await expect(all);
    await page.getByRole('searchbox').fill('user_101');
    await expect(all.filter(({ customer_user_id: user }) => user?.startsWith('user_101')));
    await page.getByRole('searchbox').fill('nobody has this');
    await page.getByText('No entry fits these filters').waitFor();
    await page.getByRole('button', { name: 'Clear filters' }).first().click();
    await expect(all);
    await page.getByRole('button', { name: 'Waiting' }).click();
    await expect([...all].reverse());
    assert.equal(await page.getByRole('columnheader', { name: 'Waiting' }).getAttribute('aria-sort'), 'ascending');
    await page.getByLabel('Order').selectOption('oldest');
    await expect(all);
    await page.getByRole('button', { name: 'Next' }).click();
    await expect(all.slice(50));
    await page.getByText('51–100').waitFor();
    await page.getByRole('button', { name: 'Previous' }).click();
    await expect(all);
    await page.getByLabel('A page has').selectOption('100');
    await page.waitForFunction(() => document.querySelectorAll('table.queue tbody tr').length === 100);
    assert.deepEqual(await idsOf(rows), all.slice(0, 100).map(({ link_id: id }) => id));
  });

  test('many entries are claimed at once, and each says what became of it', async (context) => {
    const { api, page, rows } = await started(context, { allowed: /console: .*409/ });
    await page.getByLabel('Status').selectOption('open');
    await page.waitForFunction(() => [...document.querySelectorAll('.queue .pill:not(.held)')].every((pill) => pill.textContent === 'Open'));
    const [first, second, third] = await idsOf(rows);
    for (const id of [first, second, third]) await rows.and(page.locator(`[data-key=${CSS(id)}]`)).getByRole('checkbox').check();
    // Between the reading and the click somebody else is faster with the second one, and nobody tells the page.
    const raced = api.entries.get(second);
    await page.getByText('3 selected').waitFor();
    Object.assign(raced, { status: 'claimed', assignee: 'token:marta', version: raced.version + 1,
      history: [...raced.history, { at: new Date().toISOString(), kind: 'claimed', actor: 'token:marta', text: '' }] });
    await page.getByRole('group', { name: 'Selected entries' }).getByRole('button', { name: 'Claim' }).click();
    const box = page.getByRole('dialog');
    await box.getByText('2 entries done, 1 not.').waitFor();
    assert.match(await box.locator('li.bad').innerText(), /marta: changed meanwhile, now claimed, with marta/);
    assert.equal(await box.locator('li.good').count(), 2);
    await box.getByRole('button', { name: 'Try the 1 again' }).click();
    await box.getByText('0 entries done, 1 not.').waitFor();
    assert.match(await box.locator('li.bad').innerText(), /the entry is claimed by token:marta; take it over if that is agreed/);
    await box.getByRole('button', { name: 'Close' }).click();
    assert.equal(api.entries.get(first).assignee, 'token:oscar');
    assert.equal(api.entries.get(third).assignee, 'token:oscar');
    assert.equal(api.entries.get(second).assignee, 'token:marta');
    await page.getByText('1 selected').waitFor();
    const keys = posts(api, 'claim').map(({ key }) => key);
    assert.equal(new Set(keys).size, 4, 'each act has a key of its own');
  });

  test('a page of entries is noted, dismissed and released', async (context) => {
    const { api, page } = await started(context);
    await page.getByLabel('Assignee').fill('me');
    await page.keyboard.press('Enter');
    const mine = live(api).filter(({ assignee }) => assignee === 'token:oscar');
    assert.ok(mine.length > 3 && mine.length <= 50);
    await page.waitForFunction((count) => document.querySelectorAll('.queue tbody tr').length === count, mine.length);
    const bar = page.getByRole('group', { name: 'Selected entries' });
    await page.getByLabel('Select all entries on this page').check();
    await bar.getByRole('button', { name: 'Note…' }).click();
    await page.getByRole('dialog').getByLabel('Note').fill('Called, no answer');
    await page.getByRole('button', { name: 'Add the note' }).click();
    await page.getByText(`${mine.length} entries done, 0 not.`).waitFor();
    await page.getByRole('button', { name: 'Close', exact: true }).click();
    assert.ok(mine.every(({ history }) => history.at(-1).text === 'Called, no answer'));
    await settled(page);
    await page.getByLabel('Select all entries on this page').check();
    await bar.getByRole('button', { name: 'Release' }).click();
    await page.getByText(`${mine.length} entries done, 0 not.`).waitFor();
    await page.getByRole('button', { name: 'Close', exact: true }).click();
    await page.getByText('No entry fits these filters').waitFor();
    assert.ok(mine.every(({ assignee }) => assignee === null));
  });

  test('stays quick with ten thousand entries', async (context) => {
    const { api, page, rows } = await started(context, { entries: 10_000 });
    assert.equal(await rows.count(), 50);
    await page.getByLabel('A page has').selectOption('200');
    await page.waitForFunction(() => document.querySelectorAll('.queue tbody tr').length === 200);
    const all = live(api);
    for (const from of [200, 400, 600]) {
      await page.keyboard.press('n');
      await page.waitForFunction((id) => document.querySelector('.queue tbody tr').dataset.key === id, all[from].link_id);
    }
    // A change of one row leaves the elements of the others alone.
    const [first, second] = await idsOf(rows);
    await rows.nth(1).evaluate((row) => { row.kept = true; });
    api.change(first, (entry) => Object.assign(entry, { status: 'claimed', assignee: 'token:zoe' }));
    await rows.first().getByText('zoe').waitFor();
    assert.equal(await rows.nth(1).evaluate((row) => row.kept && row.dataset.key), second);
    await page.getByRole('searchbox').fill(all.at(-1).link_id);
    await page.waitForFunction(() => document.querySelectorAll('.queue tbody tr').length === 1);
    const reads = api.requests.filter(({ path, search }) => path === '/v1/relink' && Number(new URLSearchParams(search).get('limit')) > 200);
    assert.deepEqual(reads, [], 'no request asks for more than a page');
  });

  test('says so when nobody waits', async (context) => {
    const { page } = await started(context, { entries: 0, hash: '#/queue' });
    await page.getByText('Nobody is waiting').waitFor();
  });
});

describe('what happens elsewhere', () => {
  test('appears by itself, and is told to who cannot see it', async (context) => {
    const { api, page, rows } = await started(context);
    const id = await rows.first().getAttribute('data-key');
    await rows.nth(2).getByRole('checkbox').check();
    await rows.first().getByRole('link').first().focus();
    api.change(id, (entry) => Object.assign(entry, { status: 'claimed', assignee: 'token:marta' }));
    await rows.first().getByText('marta').waitFor();
    await page.getByRole('status').getByText('The queue changed: 0 new, 1 different on this page.').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.closest('tr')?.dataset.key), id, 'the focus stays in the row');
    assert.ok(await rows.nth(2).getByRole('checkbox').isChecked());
    api.openEntry('mk_quite_new', { opened_at: '2020-01-01T00:00:00Z' });
    await page.getByRole('link', { name: 'mk_quite_new' }).waitFor();
    api.change('mk_quite_new', (entry) => Object.assign(entry, { status: 'resolved', resolved_by: 'reconnected', resolved_at: new Date().toISOString() }));
    await page.getByRole('link', { name: 'mk_quite_new' }).waitFor({ state: 'detached' });
  });

  test('appears in an open entry too, and leaves a half-written note alone', async (context) => {
    const { api, page } = await started(context);
    const entry = plain(api);
    await page.goto(`${api.url}/${entryHash(entry)}`);
    await page.getByLabel('Add a note').fill('half a thou');
    api.change(entry.link_id, (changed) => Object.assign(changed, { status: 'resolved', resolved_by: 'reconnected', resolved_at: new Date().toISOString() }));
    await page.locator('.lead').getByText('The owner reconnected the bank, and a sync went well.').waitFor();
    assert.equal(await page.getByLabel('Add a note').inputValue(), 'half a thou');
    assert.deepEqual(await page.locator('.acts button').count(), 0);
  });

  test('a lost connection is told and mended', async (context) => {
    const { api, page, rows } = await started(context, { allowed: /console: Failed to load resource/ });
    api.cut();
    await page.getByText(/Connection lost, retrying in \d+ s/).waitFor();
    assert.ok(await rows.first().isVisible(), 'what was read stays');
    await page.locator('.lost').getByRole('button', { name: 'Retry now' }).click();
    api.down = false;
    api.change(await rows.first().getAttribute('data-key'), (entry) => { entry.assignee = 'token:back_again'; });
    await page.locator('.lost').getByRole('button', { name: 'Retry now' }).click();
    await rows.first().getByText('back_again').waitFor();
    await page.getByText(/Connection lost/).waitFor({ state: 'hidden' });
  });

  test('an outage holds entries back, and its end brings them again', async (context) => {
    const { api, page } = await started(context);
    api.openIncident({ id: 'inc_1', scope: 'institution', name: 'chase', opened_at: new Date(Date.now() - 12_000_000).toISOString(),
      links_failing: 43, links_total: 51, held_back: 38, phase: 'open', canary_link_id: plain(api).link_id });
    await page.getByRole('link', { name: 'Held back: outage' }).first().click();
    await page.getByText('43 of 51 links').waitFor();
    await page.getByText('Do not contact the owners yet.').waitFor();
    await page.getByRole('link', { name: 'Show them in the queue' }).click();
    await page.locator('.queue tbody tr').first().waitFor();
    assert.match(page.url(), /institution=chase/);
    const held = live(api).find((entry) => entry.held_back);
    await page.goto(`${api.url}/${entryHash(held)}`);
    await page.getByText('Do not contact the owner yet.').waitFor();
    await page.getByRole('button', { name: 'Issue a session' }).click();
    await page.getByRole('dialog').getByText('Many links of this bank fail together').waitFor();
    await page.keyboard.press('Escape');
    assert.equal(posts(api, 'session').length, 0);
    api.closeIncidents();
    await page.getByText('Do not contact the owner yet.').waitFor({ state: 'detached' });
    await page.getByRole('link', { name: /^Incidents/ }).click();
    await page.getByText('No outage').waitFor();
  });
});

describe('an entry', () => {
  test('is claimed, noted, released, dismissed and opened again; its history tells', async (context) => {
    const { api, page } = await started(context);
    const entry = live(api).find(({ status, reason }) => status === 'open' && reason === 'auth_expired');
    await page.locator(`[data-focus="a${entry.link_id}"]`).or(page.getByRole('searchbox')).first().waitFor();
    await page.goto(`${api.url}/${entryHash(entry)}`);
    await page.getByRole('heading', { name: 'The bank ended the permission.' }).waitFor();
    await page.getByText('Send the owner a new session.').waitFor();
    const lead = page.getByRole('region', { name: 'State' });
    await lead.getByRole('button', { name: 'Claim' }).click();
    await lead.getByText('yours').waitFor();
    await page.getByLabel('Add a note').fill('<b>Asked</b> by mail');
    await page.getByRole('button', { name: 'Add the note' }).click();
    await page.locator('.history').getByText('<b>Asked</b> by mail').waitFor();
    await until('the field is free again', async () => await page.getByLabel('Add a note').inputValue() === '');
    await lead.getByRole('button', { name: 'Release' }).click();
    await lead.getByText('nobody has it').waitFor();
    await lead.getByRole('button', { name: 'Assign…' }).click();
    await page.getByLabel('To whom?').fill('marta');
    await page.keyboard.press('Enter');
    await lead.getByText('with marta').waitFor();
    assert.equal(entry.assignee, 'token:marta');
    await lead.getByRole('button', { name: 'Take over' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Take over' }).click();
    await lead.getByText('yours').waitFor();
    await lead.getByRole('button', { name: 'Dismiss…' }).click();
    await page.getByLabel('Why? (optional)').fill('Account closed');
    await page.getByRole('dialog').getByRole('button', { name: 'Dismiss' }).click();
    await lead.getByText('nobody is asked to reconnect').first().waitFor();
    await lead.getByRole('button', { name: 'Open again' }).click();
    await lead.getByRole('button', { name: 'Claim' }).waitFor();
    assert.deepEqual(await page.locator('.history strong').allInnerTexts(),
      ['Opened again', 'Dismissed', 'Claimed', 'Claimed', 'Released', 'Note', 'Claimed', 'Opened']);
    assert.equal(await page.locator('.history .at time').last().getAttribute('datetime'), entry.opened_at);
  });

  test('a conflict shows who changed it and what it is now, and one can go on', async (context) => {
    const { api, page } = await started(context, { allowed: /console: .*409/ });
    const entry = plain(api);
    await page.goto(`${api.url}/${entryHash(entry)}`);
    const lead = page.getByRole('region', { name: 'State' });
    await lead.getByRole('button', { name: 'Claim' }).waitFor();
    Object.assign(entry, { status: 'claimed', assignee: 'token:marta', version: entry.version + 1 });
    entry.history.push({ at: new Date().toISOString(), kind: 'claimed', actor: 'token:marta', text: '' });
    await lead.getByRole('button', { name: 'Claim' }).click();
    const box = page.getByRole('dialog');
    await box.getByText('Somebody changed this entry meanwhile').waitFor();
    assert.match(await box.innerText(), /marta: claimed under a minute ago[\s\S]*Claimed\s*with marta[\s\S]*Do you still want to claim it\?/);
    await box.getByRole('button', { name: 'Leave it as it is' }).click();
    await lead.getByText('with marta').waitFor();
    ++entry.version;
    await lead.getByRole('button', { name: 'Release' }).click();
    await box.getByRole('button', { name: 'Yes, release it' }).click();
    await lead.getByText('nobody has it').waitFor();
    assert.equal(entry.assignee, null);
    const keys = posts(api, 'release').map(({ key }) => key);
    assert.equal(new Set(keys).size, 2, 'it is another act');
    Object.assign(entry, { status: 'resolved', resolved_by: 'reconnected', resolved_at: new Date().toISOString(), version: entry.version + 1 });
    await lead.getByRole('button', { name: 'Issue a session' }).click();
    await box.getByText('There is nothing left to do here').waitFor();
    await box.getByRole('button', { name: 'Good' }).click();
    await lead.getByText('The owner reconnected the bank').waitFor();
  });

  test('what MoneyKit may have done is not asked for again by itself; what it has not done is', async (context) => {
    const { api, page } = await started(context, { allowed: /console: .*502/ });
    await page.goto(`${api.url}/${entryHash(plain(api))}`);
    api.refusals.push({ status: 502, code: 'upstream_outcome_unknown', detail: 'the answer did not come' });
    await page.getByRole('button', { name: 'Issue a session' }).click();
    const box = page.getByRole('dialog', { name: 'That did not go through' });
    await box.getByText('Trying again makes another one').waitFor();
    assert.equal(posts(api, 'session').length, 1);
    api.refusals.push({ status: 502, code: 'upstream_failed', detail: 'it refused the connection' });
    await box.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('dialog', { name: 'The owner’s session' }).waitFor();
    assert.equal(new Set(posts(api, 'session').map(({ key }) => key)).size, 1);
    assert.equal(posts(api, 'session').length, 3);
  });

  test('force is offered where it helps, and nowhere else', async (context) => {
    const { api, page } = await started(context, { allowed: /console: .*409/ });
    await page.goto(`${api.url}/${entryHash(plain(api))}`);
    api.refusals.push({ status: 409, code: 'nothing_to_relink', detail: 'the link is connected again' });
    await page.getByRole('button', { name: 'Issue a session' }).click();
    await page.getByText('the link is connected again').waitFor();
    assert.equal(await page.getByRole('dialog').count(), 0);
    api.refusals.push({ status: 409, code: 'bank_down', detail: 'the bank is down' });
    await page.getByRole('button', { name: 'Issue a session' }).click();
    const box = page.getByRole('dialog', { name: 'There is a reason to wait' });
    await box.getByText('the bank is down').waitFor();
    await box.getByRole('button', { name: 'Issue it all the same' }).click();
    await page.getByRole('dialog', { name: 'The owner’s session' }).waitFor();
    assert.equal(posts(api, 'session').length, 3);
  });

  test('a session’s token is shown once, copied, and not lost by one Escape', async (context) => {
    const { api, page } = await started(context);
    const entry = plain(api);
    await page.goto(`${api.url}/${entryHash(entry)}`);
    await page.getByRole('button', { name: 'Issue a session' }).click();
    const box = page.getByRole('dialog', { name: 'The owner’s session' });
    const token = await box.getByLabel('Link session token').inputValue();
    assert.match(token, /^lst_/);
    assert.match(await box.innerText(), /Valid until .*\(for another (29|30) min\)/);
    assert.equal(await box.locator('time').first().getAttribute('datetime'), entry.session.expires_at);
    await page.keyboard.press('Escape');
    await box.getByText('You have not copied it yet').waitFor();
    await picture(page, 'session-dialog');
    await accessible(page, 'the session dialog');
    await box.getByRole('button', { name: 'Copy' }).click();
    await box.getByText('Copied.').waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), token);
    await page.keyboard.press('Escape');
    await box.waitFor({ state: 'detached' });
    assert.equal((await page.content()).includes(token), false, 'it is nowhere in the page any more');
    await page.getByText('you issued a session').or(page.getByText('oscar issued a session')).waitFor();
    await page.getByRole('button', { name: 'Issue another session' }).click();
    await page.getByText('A token is shown only once').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Issue a session' }).click();
    await box.waitFor();
    assert.notEqual(await box.getByLabel('Link session token').inputValue(), token);
    await box.getByRole('button', { name: 'Done' }).click();
  });

  test('an answer that was lost is asked for again with the same key, and nothing is done twice', async (context) => {
    const { api, page } = await started(context, { allowed: /console: Failed to load resource/ });
    const entry = plain(api);
    await page.goto(`${api.url}/${entryHash(entry)}`);
    api.loseAnswers = 2;
    await page.getByLabel('Add a note').fill('once');
    await page.getByRole('button', { name: 'Add the note' }).click();
    await page.locator('.history').getByText('once').waitFor();
    const keys = posts(api, 'note').map(({ key }) => key);
    assert.equal(keys.length, 3);
    assert.equal(new Set(keys).size, 1);
    assert.equal(entry.history.filter(({ text }) => text === 'once').length, 1);
  });

  test('balances keep every digit and say how old they are', async (context) => {
    const { api, page } = await started(context);
    await page.goto(`${api.url}/${entryHash(plain(api))}`);
    const accounts = page.locator('.accounts');
    await accounts.waitFor();
    const text = await accounts.innerText();
    for (const exact of ['12345678901234567890.10', '1200.10', '1e2', '5000.00', '-0.0', '0.30000000000000004', 'as of 2026-01-31',
      'the bank gave no date for it', 'Old <b>Savings</b>', 'no longer at the bank since']) assert.ok(text.includes(exact), `${exact} in ${text}`);
    await page.getByText(/MoneyKit last had balances from the bank: 5 h ago/).waitFor();
  });

  test('what a relink did to the data is there once the owner has reconnected, and proposals are called that', async (context) => {
    const { api, page } = await started(context);
    const entry = plain(api);
    await page.goto(`${api.url}/${entryHash(entry)}`);
    await page.locator('.accounts').waitFor();
    const card = page.locator('section', { hasText: 'The data before and after' });
    assert.equal(await card.isVisible(), false, 'nothing to tell while it waits');
    api.change(entry.link_id, (changed) => Object.assign(changed, { status: 'resolved', resolved_by: 'reconnected', resolved_at: new Date().toISOString() }));
    await card.waitFor();
    const text = await card.innerText();
    for (const said of ['look at it', '2 rows vanished', '60 → 59', '812.40', '799.00', 'acc_new_1', 'certain', 'several accounts could be it',
      'mask same, type same, currency same, name same, 40 of 40 rows equal', 'Nothing is merged because of them.', hostile.institution_id]) {
      assert.ok(text.includes(said), `${said} in ${text}`);
    }
    await accessible(page, 'a report');
    await page.setViewportSize({ width: 400, height: 860 });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'at 400 pixels nothing is cut off');
  });
});

describe('links', () => {
  test('are found by the beginning of an id; one shows accounts, and transactions when asked', async (context) => {
    const { api, page } = await started(context, { hash: '#/links' });
    const wanted = [...api.links.values()].filter(({ customer_user_id: user }) => user?.startsWith('user_1012'));
    await page.getByLabel('Search').fill('user_1012');
    await page.waitForFunction((count) => document.querySelectorAll('table.links tbody tr').length === count, wanted.length);
    await page.getByLabel('Search').fill('');
    await page.getByLabel('Status').selectOption('active');
    await page.waitForFunction(() => [...document.querySelectorAll('.links .pill')].every((pill) => pill.textContent === 'Active'));
    await page.locator('table.links a').first().click();
    await page.getByText('The copy is kept current.').waitFor();
    await page.locator('.accounts').waitFor();
    const reads = () => api.requests.filter(({ path }) => path.endsWith('/transactions')).length;
    assert.equal(reads(), 0, 'nobody reads transactions unasked');
    await page.getByRole('button', { name: 'Show the transactions' }).click();
    const table = page.getByRole('table', { name: 'Transactions' });
    await table.getByText('<b>Bold Burgers</b>').first().waitFor();
    assert.match(await table.locator('tbody tr').first().innerText(), /2026-01-01\s+Grocery Outlet\s*pending\s+acc_1\s+\u22120\.00 USD/);
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('button', { name: 'Next' }).click();
    await page.getByText('51–100').waitFor();
    assert.equal(reads(), 2);
  });

  test('show what has changed, newest first, when asked', async (context) => {
    const { api, page } = await started(context, { hash: '#/links' });
    const id = [...api.links.values()].find(({ status }) => status === 'active').link_id;
    await page.goto(`${api.url}/#/links/${id}`);
    await page.getByRole('button', { name: 'Show the changes' }).click();
    const table = page.getByRole('table', { name: 'Changes' });
    await table.locator('tbody tr').first().waitFor();
    const text = await table.locator('tbody tr').first().innerText();
    for (const exact of ['Transaction changed', '<b>Bold Burgers</b>', '12.00', '1e2']) assert.ok(text.includes(exact), `${exact} in ${text}`);
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('button', { name: 'Next' }).click();
    await page.getByText('26–50').waitFor();
  });

  test('are rewound, and purged by whoever types their id', async (context) => {
    const { api, page } = await started(context, { hash: '#/links', token: 'token-of-admin' });
    const id = [...api.links.values()].find(({ status }) => status === 'active').link_id;
    await page.goto(`${api.url}/#/links/${id}`);
    await page.getByRole('button', { name: 'Rewind' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Rewind' }).click();
    await page.getByText('Read again: 1 missing, 2 wrong, 0 too many were corrected.').waitFor();
    await page.getByRole('button', { name: 'Purge' }).click();
    await page.getByRole('dialog').getByLabel('Type the link’s id to go on').fill('another');
    await page.getByRole('dialog').getByRole('button', { name: 'Purge' }).click();
    await page.getByText('That is not the id of this link.').waitFor();
    assert.equal(posts(api, 'purge').length, 0);
    await page.getByRole('button', { name: 'Purge' }).click();
    await page.getByRole('dialog').getByLabel('End it at MoneyKit, too').check();
    await page.getByRole('dialog').getByLabel('Type the link’s id to go on').fill(id);
    await page.getByRole('dialog').getByRole('button', { name: 'Purge' }).click();
    await page.getByText('Purged: 3 accounts and 120 transactions were taken away.').waitFor();
    assert.ok(!api.links.has(id));
    assert.equal(posts(api, 'purge').length, 1);
    await page.waitForURL(/#\/links$/);
  });

  test('are purged by nobody who may only operate', async (context) => {
    const { api, page } = await started(context, { hash: '#/links' });
    const id = [...api.links.values()].find(({ status }) => status === 'active').link_id;
    await page.goto(`${api.url}/#/links/${id}`);
    await page.getByRole('button', { name: 'Rewind' }).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Purge' }).count(), 0);
  });

  test('are synced, verified, paused and resumed', async (context) => {
    const { api, page } = await started(context, { hash: '#/links' });
    const id = [...api.links.values()].find(({ status }) => status === 'active').link_id;
    await page.goto(`${api.url}/#/links/${id}`);
    await page.getByRole('button', { name: 'Sync now' }).click();
    await page.getByText('Synced: 4 new, 1 changed, 0 removed.').waitFor();
    await page.getByRole('button', { name: 'Verify' }).click();
    await page.getByText('The copy is as MoneyKit has it (123 rows compared).').waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Pause' }).click();
    await page.getByText('Somebody paused it.').waitFor();
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByText('The copy is kept current.').waitFor();
    assert.ok(['sync', 'verify', 'pause', 'resume'].every((verb) => posts(api, verb).length === 1 && posts(api, verb)[0].key));
  });
});

test('the overview shows how the daemon is', async (context) => {
  const { api, page } = await started(context, { hash: '#/overview' });
  await page.getByText('412 of 600').waitFor();
  const text = await page.locator('main').innerText();
  for (const part of ['184,223', '700 MiB', '76.0 GiB', 'Accepted', 'MoneyKit asked us to wait: ', '1 h ago: 0 only at MoneyKit, 2 only here', 'Needs its owner']) {
    assert.ok(text.includes(part), `${part} in ${text}`);
  }
  assert.equal(await page.locator('.notice.bad:visible').count(), 0);
  await page.route('**/v1/status', async (route) => {
    const status = await (await route.fetch()).json();
    Object.assign(status, { ready: false, config: { ...status.config, last_reload_ok: false }, upstream: { ...status.upstream, auth_refused: true, auth_error: 'bad <secret>' } });
    await route.fulfill({ json: status });
  });
  api.change([...api.entries.keys()][0], () => {});
  await page.getByText('MoneyKit refuses the daemon’s own credentials (bad <secret>)').first().waitFor();
  await page.getByText('The last reload of the configuration was refused').first().waitFor();
  assert.equal(await page.locator('.notice.bad:visible').count(), 3);
});

test('everything is done with the keyboard alone', async (context) => {
  const { api, page, rows } = await started(context);
  const focusIn = () => page.evaluate(() => document.activeElement.closest('tr')?.dataset.key);
  await page.reload();
  await rows.first().waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the content');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
  await page.keyboard.press('/');
  assert.equal(await page.evaluate(() => document.activeElement.type), 'search');
  await page.keyboard.type('user_1');
  await page.waitForFunction(() => [...document.querySelectorAll('.who-cell .sub')].every((cell) => cell.textContent.startsWith('user_1')));
  await settled(page);
  await page.keyboard.press('Escape');
  const ids = await idsOf(rows);
  await page.keyboard.press('j');
  assert.equal(await focusIn(), ids[0]);
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  assert.equal(await focusIn(), ids[1]);
  assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), 'none', 'the focus is seen');
  await page.keyboard.press('x');
  await page.getByText('1 selected').waitFor();
  await page.keyboard.press('x');
  await page.getByText('1 selected').waitFor({ state: 'hidden' });
  const open = ids.findIndex((id) => api.entries.get(id).status === 'open');
  for (let at = 1; at < open; ++at) await page.keyboard.press('j');
  if (open === 0) await page.keyboard.press('k');
  await page.keyboard.press('c');
  await until('the claim', () => api.entries.get(ids[open]).assignee === 'token:oscar');
  await rows.nth(open).getByText('you', { exact: true }).waitFor();
  assert.equal(await focusIn(), ids[open]);
  await page.keyboard.press('Enter');
  await page.getByRole('region', { name: 'State' }).waitFor();
  await page.keyboard.press('m');
  await page.keyboard.type('by keyboard');
  await page.keyboard.press('Control+Enter');
  await page.locator('.history').getByText('by keyboard').waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('s');
  await page.getByRole('dialog', { name: 'The owner’s session' }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByText('Copied.').first().waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.keyboard.press('u');
  await rows.first().waitFor();
  await until('the focus is back on the row', async () => await focusIn() === ids[open]);
  await page.keyboard.press('?');
  const help = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
  await help.getByText('Claim the entry').waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest('dialog') !== null));
  await help.getByRole('checkbox').focus();
  await page.keyboard.press('Space');
  await page.keyboard.press('Escape');
  await help.waitFor({ state: 'detached' });
  await page.keyboard.press('?');
  assert.equal(await page.getByRole('dialog').count(), 0, 'shortcuts of one key can be turned off');
  // Nothing holds the focus: from the first element Tab comes to the page's end and out of it.
  await page.keyboard.press('Shift+Tab');
  const seen = new Set();
  await page.evaluate(() => { document.activeElement.blur(); window.getSelection().removeAllRanges(); });
  for (let at = 0; at < 260; ++at) {
    await page.keyboard.press('Tab');
    const place = await page.evaluate(() => (document.activeElement === document.body ? '' : [...document.querySelectorAll('*')].indexOf(document.activeElement)));
    if (place === '' || (seen.has(place) && place === [...seen][0])) break;
    assert.ok(!seen.has(place), 'Tab moves on');
    seen.add(place);
  }
  assert.ok(seen.size > 60, `${seen.size} places`);
});

test('hostile texts stay texts', async (context) => {
  const { api, page, rows } = await started(context, { allowed: /console: .*404/ });
  const row = rows.first();
  assert.equal(await row.getAttribute('data-key'), hostile.link_id);
  const text = await row.innerText();
  assert.ok(text.replace(/\s+/g, ' ').includes('mk_<img src=x onerror="window.hacked=1">'), text);
  assert.ok(text.includes('user_\\u202eevil\\u202c<script>'), text);
  assert.ok(text.includes('<i>odd_reason</i>'), text);
  await row.getByRole('link').first().click();
  await page.getByRole('heading', { name: 'The bank says: <i>odd_reason</i>.' }).waitFor();
  const said = await page.locator('.history .said').first().innerText();
  assert.equal(said, 'He said: <b onclick="window.hacked=1">call</b> \\u001b[31mred\\u001b[0m \\u202ekcab\\u202c javascript:window.hacked=1');
  await page.getByText('4 older lines left out').waitFor();
  await picture(page, 'entry-hostile', { fullPage: true });
  await accessible(page, 'a hostile entry');
  await page.getByRole('button', { name: 'Claim' }).click();
  await page.getByRole('region', { name: 'State' }).getByText('yours').waitFor();
  assert.equal(api.entries.get(hostile.link_id).assignee, 'token:oscar', 'such an id is addressed right');
  await page.locator('.facts').getByRole('link', { name: hostile.link_id }).click();
  await page.getByRole('button', { name: 'Sync now' }).waitFor();
  await page.goto(`${api.url}/#/relink/${encodeURIComponent('<img src=x onerror=window.hacked=1>')}`);
  await page.getByText('it has no relink entry').waitFor();
  await page.goto(`${api.url}/#/relink/%ff`);
  await rows.first().waitFor();
  assert.equal(await page.evaluate(() => document.querySelectorAll('img, script:not([src]), iframe, object, [onclick], [onerror]').length), 0);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
});

const CSS = (id) => JSON.stringify(id);

describe('for everybody, in light and dark, wide and narrow', () => {
  const outage = (mock) => mock.openIncident({ id: 'inc_1', scope: 'institution', name: 'chase', opened_at: new Date(Date.now() - 12_000_000).toISOString(),
    links_failing: 43, links_total: 51, held_back: 38, phase: 'open', canary_link_id: [...mock.entries.keys()][4] });

  // Every view once, with something going on in it. `look(name)` is called for each.
  async function tour(api, page, look) {
    await page.goto(api.url);
    await page.getByLabel('Access token').waitFor();
    await look('sign-in');
    await signIn(page, api.url, 'token-of-operator');
    const sent = live(api).find(({ status, link_id: id }) => status === 'session_issued' && id !== hostile.link_id);
    const views = [
      ['queue', '#/queue', '.queue tbody tr'], ['entry', entryHash(sent), '.accounts'], ['incidents', '#/incidents', '.incident'],
      ['links', '#/links', '.links tbody tr'], ['link', `#/links/${sent.link_id}`, '.accounts'], ['overview', '#/overview', '.tile'],
    ];
    for (const [name, hash, ready] of views) {
      await page.goto(`${api.url}/${hash}`);
      await page.locator(ready).first().waitFor();
      if (name === 'queue') {
        await page.locator('.queue tbody tr').nth(1).getByRole('checkbox').check();
        await page.getByText('1 selected').waitFor();
      }
      if (name === 'link') {
        await page.getByRole('button', { name: 'Show the transactions' }).click();
        await page.getByLabel('A page has').first().selectOption('25');
        await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 25);
      }
      await look(name);
      if (name === 'queue') await page.getByRole('button', { name: 'Clear selection' }).click();
    }
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    await look('help');
  }

  test('axe finds nothing in any view', async (context) => {
    const { api, page } = await started(context, { token: '', reducedMotion: 'reduce', entries: 14, prepare: outage });
    await tour(api, page, async (name) => {
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        await accessible(page, `${name}, ${colorScheme}`);
      }
    });
  });

  test('pictures of it can be looked at', { skip: !artefacts && 'no folder for pictures' }, async (context) => {
    const { api, page } = await started(context, { token: '', reducedMotion: 'reduce', prepare: outage });
    await tour(api, page, async (name) => {
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        await picture(page, `${name}-${colorScheme}`, { fullPage: name !== 'queue' && name !== 'links' });
      }
    });
  });

  test('at 400 pixels nothing is cut off', async (context) => {
    const { api, page } = await started(context, { viewport: { width: 400, height: 860 }, reducedMotion: 'reduce' });
    const sent = live(api).find(({ status, link_id: id }) => status === 'session_issued' && id !== hostile.link_id);
    const views = [['queue', '#/queue', '.queue tbody tr'], ['entry', entryHash(sent), '.accounts'], ['links', '#/links', '.links tbody tr'],
      ['link', `#/links/${sent.link_id}`, '.accounts'], ['overview', '#/overview', '.tile']];
    for (const [name, hash, ready] of views) {
      await page.goto(`${api.url}/${hash}`);
      await page.locator(ready).first().waitFor();
      const [inner, whole] = await page.evaluate(() => [document.documentElement.clientWidth, document.documentElement.scrollWidth]);
      assert.ok(whole <= inner, `${name} is ${whole} wide in ${inner}`);
      if (name === 'queue') {
        await page.getByRole('searchbox').fill('user_1010');
        await page.waitForFunction(() => document.querySelectorAll('tbody tr').length <= 10);
        await accessible(page, 'the queue, narrow');
        await page.getByRole('button', { name: 'Clear filters' }).click();
        await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 50);
      }
      await picture(page, `${name}-narrow`, { fullPage: name !== 'queue' && name !== 'links' });
    }
  });

  test('who wants no motion sees none', async (context) => {
    const { page } = await started(context, { reducedMotion: 'reduce' });
    const moving = await page.evaluate(() => [...document.querySelectorAll('*')].filter((element) => {
      element.classList.add('changed');
      const style = getComputedStyle(element);
      return style.animationName !== 'none' || (style.transitionDuration !== '0s' && style.transitionProperty !== 'none' && style.transitionDuration !== '');
    }).length);
    assert.equal(moving, 0);
  });
});

test('one page holds no address of any other place, no style and no script of its own', async (context) => {
  const { api } = await started(context, { token: '' });
  for (const file of ['/', '/app.css', '/app.js', '/dom.js', '/icon.svg']) {
    const response = await fetch(api.url + file);
    assert.equal(response.status, 200);
    const text = (await response.text()).replaceAll('http://www.w3.org/2000/svg', '');
    assert.doesNotMatch(text, /https?:|\/\/[a-z]+\.|style="|innerHTML|insertAdjacentHTML|document\.write|eval\(/, file);
  }
});
