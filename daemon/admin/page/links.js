// Links: finding one, what it holds, and what can be done with it.

import { part } from './api.js';
import { announce, ask, button, confirm, fill, foreign, h, icon, keepFocus, reconcile, toast } from './dom.js';
import { accountsCard } from './accounts.js';
import { changesCard } from './changes.js';
import { transactionsCard } from './transactions.js';
import { card, choice, facts, pager, problemBox } from './parts.js';
import { age, linkStatus, linkStatuses, pill, plural, visibleCode, when, whole } from './words.js';

export function linksView({ api, query, go }) {
  let filters = { search: '', state: '' };
  let cursors = [''];
  let next = '';
  let size = '50';
  let loading = null;

  const search = h('input', { type: 'search', id: 'links-search', placeholder: 'Beginning of a link id or an owner’s id',
    autocomplete: 'off', spellcheck: 'false' });
  const state = choice('Status', 'links-state', [['', 'Any'], ...Object.entries(linkStatuses).map(([name, { word }]) => [name, word])]);
  const read = () => setFilters({ search: search.value.trim(), state: state.input.value });
  let timer = 0;
  search.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(read, 250); });
  state.input.addEventListener('change', read);
  const form = h('form', { class: 'filters', role: 'search', 'aria-label': 'Find links',
    onsubmit: (event) => { event.preventDefault(); clearTimeout(timer); read(); } },
  h('div', { class: 'field grow' }, h('label', { for: 'links-search' }, 'Search'),
    h('div', { class: 'with-icon' }, icon('search'), search)), state.element);
  const body = h('tbody', { role: 'rowgroup' });
  const heads = ['Link and owner', 'Bank', 'Status', 'Last good sync', 'Next visit', 'Accounts', 'Transactions'];
  const table = h('table', { role: 'table', class: 'links', 'aria-label': 'Links' }, h('thead', { role: 'rowgroup' },
    h('tr', { role: 'row' }, heads.map((head, at) =>
      h('th', { role: 'columnheader', scope: 'col', class: at > 4 ? 'right' : null }, head)))), body);
  const empty = h('p', { class: 'empty', hidden: true });
  const failed = problemBox(() => load());
  const pages = pager({ size, turn, resize: (each) => { size = each; restart(); } });
  const element = h('div', {}, h('div', { class: 'head' }, h('h1', {}, 'Links')), form, failed.element,
    h('div', { class: 'table-wrap' }, table, empty), pages.element);

  function setFilters(wanted) {
    if (wanted.search === filters.search && wanted.state === filters.state) return;
    filters = wanted;
    const text = new URLSearchParams(Object.entries(filters).filter(([, value]) => value)).toString();
    history.replaceState(null, '', text ? `#/links?${text}` : '#/links');
    restart();
  }

  function restart() {
    cursors = [''];
    load();
  }

  function turn(step) {
    if (step > 0 && next) cursors.push(next);
    else if (step < 0 && cursors.length > 1) cursors.pop();
    else return;
    load().then(() => { window.scrollTo(0, 0); body.querySelector('a')?.focus({ preventScroll: true }); });
  }

  async function load() {
    loading?.abort();
    const mine = new AbortController();
    loading = mine;
    table.setAttribute('aria-busy', 'true');
    try {
      const answer = await api.get('/v1/links', { ...filters, limit: size, after: cursors.at(-1) }, mine.signal);
      if (loading !== mine) return;
      failed.hide();
      next = answer.next || '';
      reconcile(body, answer.items, (link) => link.link_id, row);
      pages.show({ page: cursors.length, more: next !== '', count: answer.items.length, size: Number(size) });
      table.hidden = answer.items.length === 0;
      empty.hidden = !table.hidden;
      empty.textContent = filters.search || filters.state ? 'No link fits. The search looks at how ids begin.' : 'No link is stored here yet.';
      announce(`${plural(answer.items.length, 'link')} shown.`);
    } catch (problem) {
      if (loading === mine && problem.name !== 'AbortError' && problem.status !== 401) failed.show(problem);
    } finally {
      if (loading === mine) table.setAttribute('aria-busy', 'false');
    }
  }

  function row(link) {
    const cell = (at, ...content) => h('td', { role: 'cell', 'data-label': heads[at], class: at > 4 ? 'right' : null }, h('div', {}, content));
    const open = (event) => {
      if (!event.target.closest('a') && String(getSelection()) === '') go('/links', link.link_id);
    };
    return h('tr', { role: 'row', onclick: open },
      cell(0, h('a', { href: `#/links/${part(link.link_id)}`, class: 'mono', 'data-focus': link.link_id }, foreign(link.link_id)),
        h('div', { class: 'sub' }, link.customer_user_id ? foreign(link.customer_user_id) : 'no customer user')),
      cell(1, foreign(link.institution_id || 'unknown'), link.provider && h('div', { class: 'sub' }, foreign(link.provider))),
      cell(2, pill(linkStatus(link.status))), cell(3, age(link.last_success_at)),
      cell(4, link.next_due_at ? due(link.next_due_at) : h('span', { class: 'muted' }, 'none')),
      cell(5, whole(link.counts?.accounts ?? 0)), cell(6, whole(link.counts?.transactions ?? 0)));
  }

  function move(step) {
    const here = document.activeElement?.closest?.('tr[data-key]');
    const line = here ? (step > 0 ? here.nextElementSibling : here.previousElementSibling) : body.firstElementChild;
    line?.querySelector('a').focus();
  }

  function readQuery(from) {
    filters = { search: from.get('search') || '', state: from.get('state') || '' };
    search.value = filters.search;
    state.input.value = filters.state;
  }

  readQuery(query);
  load();
  return {
    element,
    keys: { j: { says: 'Next link', run: () => move(1) }, k: { says: 'Previous link', run: () => move(-1) },
      n: { says: 'Next page', run: () => turn(1) }, p: { says: 'Previous page', run: () => turn(-1) } },
    revisit(wanted) { readQuery(wanted); restart(); },
    leave: () => loading?.abort(),
  };
}

function due(at) {
  return Date.parse(at) <= Date.now() ? h('span', {}, 'now') : age(at, 'in %');
}

export function linkView({ api, session, title }, id) {
  const path = `/v1/links/${part(id)}`;
  let link = null;
  let left = false;
  let busy = '';

  const top = h('div', {});
  const report = h('div', { role: 'status' });
  const failed = problemBox(load);
  const accounts = accountsCard(api, id);
  const transactions = transactionsCard(api, id);
  const changes = changesCard(api, id);
  const main = h('div', { hidden: true }, h('div', { class: 'columns' }, h('div', {}, top, report), accounts.element), transactions.element, changes.element);
  const element = h('div', {}, h('div', { class: 'head' }, h('a', { href: '#/links', class: 'back' }, icon('left'), 'Links'),
    h('h1', { class: 'mono' }, foreign(id))), failed.element, main);

  async function load() {
    try {
      const fresh = await api.get(path);
      if (left) return;
      failed.hide();
      const first = link === null;
      link = fresh;
      main.hidden = false;
      title(link.link_id);
      show();
      if (first) accounts.load();
    } catch (problem) {
      if (!left && problem.status !== 401) failed.show(problem);
    }
  }

  function show() {
    keepFocus(main, () => fill(top, summary()));
  }

  function summary() {
    const status = linkStatus(link.status);
    const error = link.last_error;
    const products = link.data?.products || {};
    return h('section', { class: 'card lead' }, h('p', { class: 'state-line' }, pill(status)), h('p', { class: 'advice' }, status.says),
      link.status === 'relink' && h('p', {}, h('a', { href: `#/relink/${part(id)}` }, 'Go to its relink entry')),
      error && h('div', { class: 'notice' }, icon('alert'), h('span', {}, h('strong', {}, 'Last error '), age(error.at), ': ',
        foreign(error.message), error.code && [' (', h('code', {}, foreign(error.code)), ')'])),
      acts(),
      facts([
        ['Owner', link.customer_user_id ? foreign(link.customer_user_id, { class: 'mono' }) : h('span', { class: 'muted' }, 'not known')],
        ['Bank', foreign(link.data?.institution_name || link.institution_id || 'unknown')],
        ['Provider', link.provider && foreign(link.provider)],
        ['Tags', link.tags?.length > 0 && link.tags.map((tag) => h('span', { class: 'pill grey' }, foreign(tag)))],
        ['Last good sync', [when(link.last_success_at), link.last_success_at && [' (', age(link.last_success_at), ')']]],
        ['Bank to MoneyKit', products.transactions?.refreshed_at
          && ['transactions as of ', when(products.transactions.refreshed_at), ' (', age(products.transactions.refreshed_at), ')']],
        ['Last try', when(link.last_attempt_at)],
        ['Next visit', link.next_due_at ? due(link.next_due_at) : h('span', { class: 'muted' }, 'none')],
        ['Failures in a row', link.failures ? whole(link.failures) : null],
        ['Stored', `${plural(link.counts?.accounts ?? 0, 'account')}, ${plural(link.counts?.transactions ?? 0, 'transaction')} (${
          whole(link.counts?.pending ?? 0)} pending)`],
        ['State at MoneyKit', link.upstream_state && [foreign(visibleCode(link.upstream_state)),
          link.upstream_error_code && [', ', foreign(visibleCode(link.upstream_error_code))]]],
        ['Added', when(link.added_at)],
      ]));
  }

  function acts() {
    if (!session.can('operate')) return null;
    const waits = busy !== '';
    const make = (name, label, run, properties = {}) => button(busy === name ? `${label} …` : label, run,
      { 'data-focus': name, disabled: waits, ...properties });
    const fetches = link.status !== 'paused' && link.status !== 'gone';
    return h('div', { class: 'row acts' },
      fetches && make('sync', 'Sync now', sync, { class: 'primary' }),
      link.status === 'paused' && make('resume', 'Resume', () => change('resume')),
      fetches && make('pause', 'Pause', pause),
      fetches && make('verify', 'Verify', verify),
      fetches && make('repair', 'Rewind', rewind),
      session.can('admin') && make('purge', 'Purge', purge, { class: 'danger' }));
  }

  async function during(name, what) {
    busy = name;
    show();
    try {
      await what();
    } catch (problem) {
      if (problem.status !== 401) toast(problem.message, 'bad');
    }
    busy = '';
    if (left) return;
    await load();
  }

  const say = (kind, ...content) => fill(report, h('div', { class: `notice ${kind}` }, icon(kind === 'bad' ? 'alert' : 'info'),
    h('span', {}, content)));

  function sync() {
    return during('sync', async () => {
      const answer = await api.post(`${path}/sync?wait=30s`);
      if (answer.queued) say('', 'It is queued: budgets or other links come first. This page shows it once it is through.');
      else if (answer.error) say('bad', 'It did not go well: ', foreign(answer.error));
      else say('', `Synced: ${whole(answer.created)} new, ${whole(answer.updated)} changed, ${whole(answer.removed)} removed.`);
      accounts.load();
      transactions.reload();
      changes.reload();
    });
  }

  async function pause() {
    if (!await confirm('Pause this link?', 'Nothing is fetched for it until somebody resumes it. What is stored stays.', 'Pause')) return;
    await change('pause');
  }

  function change(name) {
    return during(name, async () => {
      await api.post(`${path}/${name}`);
      toast(name === 'pause' ? 'Paused.' : 'Resumed: it is due at once.');
    });
  }

  // It reads everything again, which takes a while: asked for once, then waited for.
  function verify() {
    return during('verify', async () => {
      say('', 'Comparing the copy with what MoneyKit has. This takes a while; you may leave.');
      let answer = await api.post(`${path}/verify?wait=30s`);
      while (!left && answer.state !== 'done' && answer.state !== 'never') answer = await api.get(`${path}/verify`, { wait: '30s' });
      if (left) return;
      const found = answer.report;
      const sum = (tally) => (tally?.compared ? Number(tally.missing) + Number(tally.extra) + Number(tally.changed) : 0);
      if (found?.result === 'match') say('', `The copy is as MoneyKit has it (${plural(found.rows, 'row')} compared).`);
      else if (found?.result === 'mismatch') {
        say('bad', `The copy differs in ${plural(sum(found.transactions) + sum(found.accounts), 'row')}. `
          + 'Rewind reads its history again and corrects that.');
      } else say('bad', 'Nothing can be said: ', foreign(found?.detail || found?.reason || 'the verify did not end'));
    });
  }

  async function rewind() {
    if (!await confirm('Read the whole history again?', 'It is compared with what is stored, and what differs is corrected. The back end '
      + 'sees the corrections in the feed. Nothing is lost meanwhile.', 'Rewind')) return;
    await during('repair', async () => {
      const answer = await api.post(`${path}/repair?wait=30s`);
      if (answer.queued) say('', 'The history is being read again. What differs shows among the changes.');
      else if (answer.error) say('bad', 'It did not go well: ', foreign(answer.error));
      else say('', `Read again: ${whole(answer.created)} missing, ${whole(answer.updated)} wrong, ${whole(answer.removed)} too many were corrected.`);
      transactions.reload();
      changes.reload();
    });
  }

  async function purge() {
    const unlink = h('input', { type: 'checkbox', id: 'unlink' });
    const typed = await ask('Purge this link?', {
      label: 'Type the link’s id to go on', yes: 'Purge', rows: 1, danger: true,
      before: [h('p', {}, `Everything that is stored of it is taken away: ${plural(link.counts?.accounts ?? 0, 'account')}, ${
        plural(link.counts?.transactions ?? 0, 'transaction')}, its relink entry, and what the feed told of it. It cannot be taken back.`),
      h('p', {}, h('label', { for: 'unlink', class: 'inline' }, unlink, ' End it at MoneyKit, too'))] });
    if (typed === undefined) return;
    if (typed !== id.trim()) {
      toast('That is not the id of this link. Nothing was changed.', 'bad');
      return;
    }
    await during('purge', async () => {
      const answer = await api.post(`${path}/purge`, { unlink: unlink.checked });
      left = true;
      toast(answer.repeated ? 'Purged.'
        : `Purged: ${plural(answer.accounts, 'account')} and ${plural(answer.transactions, 'transaction')} were taken away.`);
      location.hash = '#/links';
    });
  }

  load();
  return { element, keys: { u: { says: 'Back to the links', run: () => { location.hash = '#/links'; } } }, refresh: load,
    leave: () => { left = true; accounts.leave(); transactions.leave(); changes.leave(); } };
}
