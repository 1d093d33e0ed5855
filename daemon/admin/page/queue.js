// The relink queue: everybody who is cut off from their bank.

import { act, actsFor, bulk, claim } from './actions.js';
import { announce, ask, button, fill, foreign, h, icon, reconcile, visible } from './dom.js';
import { actorName, actor, age, pill, plural, reasonCodes, reasonOf, relinkStatus, relinkStatuses, sessionExpired } from './words.js';
import { part } from './api.js';
import { pager, choice, field, problemBox } from './parts.js';

const names = ['status', 'institution', 'reason', 'assignee', 'search', 'order'];
const defaults = { status: 'live', order: 'oldest' };

const statuses = [['live', 'Waiting'], ...Object.entries(relinkStatuses).map(([name, { word }]) => [name, word])];

export function queueView({ api, session, query, shared, go }) {
  const state = shared.get('queue') || { cursors: [''], size: '50', selected: new Map(), seen: new Map(), last: '' };
  shared.set('queue', state);
  const context = { api, session };
  const acting = session.can('operate');
  let items = [];
  let next = '';
  let loading = null;
  let filters = {};
  let first = true;

  const body = h('tbody', { role: 'rowgroup' });
  const failed = problemBox(() => load('user'));
  const empty = h('div', { class: 'empty', hidden: true });
  const all = h('input', { type: 'checkbox', 'aria-label': 'Select all entries on this page', onchange: selectPage });
  const waitingHead = h('th', { role: 'columnheader', scope: 'col' },
    h('button', { type: 'button', class: 'sort', onclick: turn }, 'Waiting', h('span', { class: 'arrow' })));
  const heads = ['Link and owner', 'Bank', 'Reason', waitingHead, 'Last good sync', 'Status', 'Assignee'];
  const table = h('table', { role: 'table', class: 'queue', 'aria-label': 'Relink queue' },
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' },
      acting && h('th', { role: 'columnheader', class: 'tick' }, all),
      heads.map((head) => (typeof head === 'string' ? h('th', { role: 'columnheader', scope: 'col' }, head) : head)))),
    body);
  const pages = pager({ size: state.size, turn: turnPage, resize: (size) => { state.size = size; restart(); } });
  const bar = h('div', { class: 'bulk', role: 'group', 'aria-label': 'Selected entries', hidden: true });
  const controls = filterForm();
  const heading = h('h1', { tabindex: '-1' }, 'Relink queue');
  const element = h('div', {}, h('div', { class: 'head' }, heading,
    h('p', { class: 'muted' }, 'Owners whose bank connection needs them. An entry closes itself once the bank is reconnected.')),
  controls.element, failed.element, h('div', { class: 'table-wrap' }, table, empty), pages.element, bar);

  function filterForm() {
    const search = h('input', { type: 'search', id: 'queue-search', placeholder: 'Link or owner', autocomplete: 'off',
      spellcheck: 'false' });
    const status = choice('Status', 'queue-status', [['', 'All'], ...statuses]);
    const reason = choice('Reason', 'queue-reason', [['', 'Any'], ...reasonCodes.map((code) => [code, reasonOf(code).what])]);
    const institution = field('Bank', 'queue-institution', { list: 'queue-banks', placeholder: 'Any' });
    const assignee = field('Assignee', 'queue-assignee', { list: 'queue-people', placeholder: 'Anybody' });
    const order = choice('Order', 'queue-order', [['oldest', 'Oldest first'], ['newest', 'Newest first']]);
    const banks = h('datalist', { id: 'queue-banks' });
    const people = h('datalist', { id: 'queue-people' });
    const fields = { status: status.input, institution: institution.input, reason: reason.input,
      assignee: assignee.input, search, order: order.input };
    const clear = button('Clear filters', () => setFilters({}), { class: 'quiet' });
    const read = () => Object.fromEntries(names.map((name) => [name, fields[name].value.trim()]));
    let timer = 0;
    search.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(() => setFilters(read()), 250); });
    for (const name of names) if (name !== 'search') fields[name].addEventListener('change', () => setFilters(read()));
    const form = h('form', { class: 'filters', role: 'search', 'aria-label': 'Filter the queue',
      onsubmit: (event) => { event.preventDefault(); clearTimeout(timer); setFilters(read()); } },
    h('div', { class: 'field grow' }, h('label', { for: 'queue-search' }, 'Search'),
      h('div', { class: 'with-icon' }, icon('search'), search)),
    status.element, reason.element, institution.element, assignee.element, order.element, banks, people, clear);
    return {
      element: form,
      show() {
        for (const name of names) {
          const shown = filters[name] ?? '';
          if (fields[name].value !== shown && document.activeElement !== fields[name]) fields[name].value = shown;
        }
        clear.hidden = names.every((name) => (filters[name] ?? '') === (defaults[name] ?? ''));
      },
      offer() {
        const kind = (wanted) => [...state.seen].filter(([, of]) => of === wanted).map(([key]) => key.slice(2)).sort();
        fill(banks, kind('bank').map((id) => h('option', { value: id })));
        fill(people, ['me', ...kind('person')].map((id) => h('option', { value: id })));
      },
    };
  }

  // What a person types as an assignee, as the API names it.
  function assigneeOf(text) {
    if (text === 'me') return session.who.actor;
    return text === '' || text.includes(':') ? text : `token:${text}`;
  }

  function readQuery(from) {
    filters = { ...defaults };
    for (const name of names) if (from.has(name)) filters[name] = from.get(name);
  }

  function setFilters(wanted) {
    const before = JSON.stringify(filters);
    filters = { ...defaults, ...wanted };
    if (JSON.stringify(filters) === before) return;
    const kept = names.filter((name) => (filters[name] ?? '') !== (defaults[name] ?? ''));
    const text = new URLSearchParams(kept.map((name) => [name, filters[name]])).toString();
    history.replaceState(null, '', text ? `#/queue?${text}` : '#/queue');
    restart();
  }

  function restart() {
    state.cursors = [''];
    load('user');
  }

  function turnPage(step) {
    if (step > 0 && next) state.cursors.push(next);
    else if (step < 0 && state.cursors.length > 1) state.cursors.pop();
    else return;
    load('user').then(() => { window.scrollTo(0, 0); body.querySelector('a')?.focus({ preventScroll: true }); });
  }

  function turn() {
    setFilters({ ...filters, order: filters.order === 'newest' ? 'oldest' : 'newest' });
  }

  // `cause`: "user" or "live".
  async function load(cause) {
    loading?.abort();
    const mine = new AbortController();
    loading = mine;
    table.setAttribute('aria-busy', 'true');
    controls.show();
    state.hash = location.hash;
    try {
      const answer = await api.get('/v1/relink', { ...filters, assignee: assigneeOf(filters.assignee ?? ''),
        limit: state.size, after: state.cursors.at(-1) }, mine.signal);
      if (loading !== mine) return;
      failed.hide();
      items = answer.items;
      next = answer.next || '';
      show(cause);
    } catch (problem) {
      if (loading === mine && problem.name !== 'AbortError' && problem.status !== 401) failed.show(problem);
    } finally {
      if (loading === mine) table.setAttribute('aria-busy', 'false');
    }
  }

  function show(cause) {
    for (const entry of items) {
      if (state.selected.has(entry.link_id)) state.selected.set(entry.link_id, entry);
      if (entry.institution_id) state.seen.set(`b ${entry.institution_id}`, 'bank');
      if (entry.assignee) state.seen.set(`p ${entry.assignee}`, 'person');
    }
    const count = reconcile(body, items, (entry) => entry.link_id, row, cause === 'live' && !first);
    if (first) announce(`${plural(items.length, 'entry', 'entries')} shown.`);
    else if (cause === 'live' && count.added + count.changed > 0) {
      announce(`The queue changed: ${count.added} new, ${count.changed} different on this page.`);
    } else if (cause === 'user') {
      announce(`${plural(items.length, 'entry', 'entries')} shown.`);
    }
    controls.offer();
    waitingHead.setAttribute('aria-sort', filters.order === 'newest' ? 'ascending' : 'descending');
    pages.show({ page: state.cursors.length, more: next !== '', count: items.length, size: Number(state.size) });
    const filtered = names.some((name) => (filters[name] ?? '') !== (defaults[name] ?? ''));
    empty.hidden = items.length > 0;
    table.hidden = items.length === 0;
    fill(empty, filtered
      ? [h('p', {}, 'No entry fits these filters.'), button('Clear filters', () => setFilters({}))]
      : [icon('check'), h('h2', {}, 'Nobody is waiting'), h('p', {}, 'Every bank connection works without its owner.')]);
    showSelection();
    if (first) {
      first = false;
      if (state.last) (rowOf(state.last)?.querySelector('a') || heading).focus();
    }
  }

  function row(entry) {
    const { what } = reasonOf(entry.reason);
    const id = entry.link_id;
    const cell = (label, name, ...content) => h('td', { role: 'cell', 'data-label': label, class: name }, h('div', {}, content));
    const sub = (...content) => h('div', { class: 'sub' }, content);
    const resolved = entry.status === 'resolved';
    const tick = h('input', { type: 'checkbox', checked: state.selected.has(id), 'data-focus': `t${id}`,
      'aria-label': `Select ${visible(id)}`, onchange: (event) => select(entry, event.target.checked) });
    return h('tr', { role: 'row', class: state.selected.has(id) ? 'selected' : null, onclick: open },
      acting && h('td', { role: 'cell', class: 'tick' }, tick),
      cell('Link and owner', 'who-cell', h('a', { href: `#/relink/${part(id)}`, 'data-focus': `a${id}`, class: 'mono' },
        foreign(id)), sub(entry.customer_user_id ? foreign(entry.customer_user_id) : 'no customer user')),
      cell('Bank', null, foreign(entry.institution_id || 'unknown'), entry.provider && sub(foreign(entry.provider))),
      cell('Reason', 'reason', what, entry.held_back && h('div', {}, h('a', { href: '#/incidents', class: 'pill grey held' },
        icon('cloud'), 'Held back: outage'))),
      cell('Waiting', 'num', resolved ? age(entry.resolved_at, 'resolved % ago') : age(entry.opened_at, '%'),
        sub(plural(entry.days_lost ?? 0, 'day'), ' of data missing')),
      cell('Last good sync', 'num', age(entry.last_success_at)),
      cell('Status', null, pill(relinkStatus(entry)), entry.status === 'session_issued' && !sessionExpired(entry)
        && sub(age(entry.session?.expires_at, 'valid for %'))),
      cell('Assignee', null, entry.assignee === session.who.actor ? h('strong', {}, 'you')
        : entry.assignee ? actor(entry.assignee) : h('span', { class: 'muted' }, 'nobody')));
  }

  // A click beside the controls of a row opens it; one that marks text does not.
  function open(event) {
    if (event.target.closest('a, button, input') || String(getSelection()) !== '') return;
    if (event.target.closest('.tick')) event.target.closest('.tick').querySelector('input').click();
    else go('/relink', event.currentTarget.dataset.key);
  }

  function select(entry, on) {
    if (on) state.selected.set(entry.link_id, entry);
    else state.selected.delete(entry.link_id);
    rowOf(entry.link_id)?.classList.toggle('selected', on);
    showSelection();
  }

  function selectPage() {
    for (const entry of items) {
      if (all.checked) state.selected.set(entry.link_id, entry);
      else state.selected.delete(entry.link_id);
    }
    showTicks();
    showSelection();
  }

  function showTicks() {
    for (const line of body.children) {
      const on = state.selected.has(line.dataset.key);
      line.classList.toggle('selected', on);
      const tick = line.querySelector('.tick input');
      if (tick) tick.checked = on;
    }
  }

  function showSelection() {
    const here = items.filter((entry) => state.selected.has(entry.link_id)).length;
    all.checked = items.length > 0 && here === items.length;
    all.indeterminate = here > 0 && here < items.length;
    const count = state.selected.size;
    const was = bar.hidden;
    bar.hidden = count === 0;
    if (count === 0) return;
    if (was) {
      fill(bar, h('strong', { role: 'status' }),
        button('Claim', () => runBulk('claim'), { class: 'primary' }), button('Release', () => runBulk('release')),
        button('Note…', () => runBulk('note')), button('Dismiss…', () => runBulk('dismiss')),
        button('Clear selection', () => { state.selected.clear(); showTicks(); showSelection(); all.focus(); }, { class: 'quiet' }));
    }
    const elsewhere = count - here;
    bar.firstChild.textContent = `${count} selected${elsewhere > 0 ? `, ${elsewhere} not on this page` : ''}`;
  }

  async function runBulk(name) {
    const entries = [...state.selected.values()];
    let extra = {};
    if (name === 'note' || name === 'dismiss') {
      const many = plural(entries.length, 'entry', 'entries');
      const text = await ask(name === 'note' ? `A note on ${many}` : `Dismiss ${many}`, {
        label: name === 'note' ? 'Note' : 'Why? (optional)', required: name === 'note', yes: name === 'note' ? 'Add the note' : 'Dismiss',
        hint: name === 'note' ? 'Everybody who opens one of the entries reads it.'
          : 'For owners who do not want the bank back. Their links stay cut off, and nobody is asked again.' });
      if (text === undefined) return;
      if (text) extra = { text };
    }
    const succeeded = await bulk(context, entries, name, extra);
    for (const id of succeeded) state.selected.delete(id);
    showTicks();
    showSelection();
    await load('user');
    if (bar.hidden) all.focus();
  }

  const rowOf = (id) => [...body.children].find((line) => line.dataset.key === id);
  const current = () => document.activeElement?.closest?.('tr[data-key]') || rowOf(state.last);
  const currentEntry = () => items.find((entry) => entry.link_id === current()?.dataset.key);

  function move(step) {
    const here = current();
    const line = here ? (step > 0 ? here.nextElementSibling : here.previousElementSibling) : body.firstElementChild;
    if (!line) return;
    state.last = line.dataset.key;
    const link = line.querySelector('a');
    link.focus();
    link.scrollIntoView({ block: 'nearest' });
  }

  body.addEventListener('focusin', (event) => { state.last = event.target.closest('tr')?.dataset.key || state.last; });

  const keys = {
    j: { says: 'Next entry', run: () => move(1) },
    k: { says: 'Previous entry', run: () => move(-1) },
    Enter: { says: 'Open the entry', run: () => {
      if (document.activeElement !== document.body || !current()) return false;  // a focused link opens by itself
      go('/relink', current().dataset.key);
      return true;
    } },
    n: { says: 'Next page', run: () => turnPage(1) },
    p: { says: 'Previous page', run: () => turnPage(-1) },
  };
  if (acting) {
    keys.x = { says: 'Select the entry, or not', run: () => { current()?.querySelector('.tick input')?.click(); } };
    keys.c = { says: 'Claim the entry', run: claimCurrent };
  }

  async function claimCurrent() {
    const entry = currentEntry();
    if (!entry || !actsFor(entry, session).has('claim')) return;
    await claim(context, entry);
    await load('user');
  }

  readQuery(query);
  load('first');
  return {
    element, keys,
    refresh: () => load('live'),
    revisit(wanted) { readQuery(wanted); restart(); },
    leave: () => loading?.abort(),
    placesFocus: () => state.last !== '',
  };
}
