// One relink entry: what happened, what to do, what was done.

import { act, actsFor, claim, dismiss, issueSession, stateLine } from './actions.js';
import { part } from './api.js';
import { announce, ask, button, fill, foreign, h, icon, keepFocus, toast, visible } from './dom.js';
import { accountsCard } from './accounts.js';
import { continuityCard } from './continuity.js';
import { card, facts, problemBox } from './parts.js';
import { actor, age, endingOf, historyWords, pill, plural, reasonCodes, reasonOf, relinkStatus, sessionExpired, when } from './words.js';

export function entryView({ api, session, shared, title }, id) {
  const context = { api, session };
  const path = `/v1/relink/${part(id)}`;
  let entry = null;
  let busy = false;
  let left = false;
  let again = false;
  let loading = false;

  const failed = problemBox(load);
  const top = h('div', {});
  const history = h('ol', { class: 'history' });
  const side = h('div', {});
  const acting = session.can('operate');
  const accounts = accountsCard(api, id);
  const continuity = continuityCard(api, id);
  const back = h('a', { href: shared.get('queue')?.hash || '#/queue', class: 'back' }, icon('left'), 'Queue');
  const main = h('div', { class: 'columns', hidden: true },
    h('div', {}, top, continuity.element, card('What happened', acting && noteForm(), history)),
    h('div', {}, side, accounts.element));
  const heading = h('h1', { class: 'mono' }, foreign(id));
  const element = h('div', {}, h('div', { class: 'head' }, back, heading), failed.element, main);

  function noteForm() {
    const text = h('textarea', { id: 'note-text', rows: 2, maxlength: 2000, required: true });
    const send = async (event) => {
      event.preventDefault();
      if (text.value.trim() === '' || busy) return;
      const result = await run(() => act(context, entry, 'note', { text: text.value.trim() }));
      if (result?.answer) text.value = '';
    };
    text.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) event.target.form.requestSubmit();
    });
    return h('form', { class: 'note-form', onsubmit: send }, h('label', { for: 'note-text' }, 'Add a note'), text,
      h('button', { type: 'submit' }, 'Add the note'));
  }

  // One act at a time; what it answers is shown at once.
  async function run(what) {
    if (busy) return null;
    busy = true;
    try {
      const result = await what();
      if (result.entry?.history) show(result.entry);
      else load();
      return result;
    } finally {
      busy = false;
    }
  }

  const runners = {
    claim: () => claim(context, entry),
    session: () => issueSession(context, entry),
    release: () => act(context, entry, 'release'),
    dismiss: () => dismiss(context, entry),
    reopen: () => act(context, entry, 'reopen'),
  };

  async function assign() {
    const to = await ask('Assign this entry', { label: 'To whom?', rows: 1, yes: 'Assign',
      hint: 'The name of their token, for example anna.' });
    if (to === undefined) return {};
    const other = entry.assignee && entry.assignee !== session.who.actor;
    return act(context, entry, 'claim', { assignee: to.includes(':') ? to : `token:${to}`, ...(other ? { take_over: true } : {}) });
  }

  // While one load runs, any number of wishes become one more.
  async function load() {
    again = true;
    if (loading) return;
    loading = true;
    while (again && !left) {
      again = false;
      try {
        const fresh = await api.get(path);
        if (left) break;
        failed.hide();
        if (fresh.version !== entry?.version || fresh.held_back !== entry?.held_back) {
          const was = entry;
          show(fresh);
          if (was && !busy) announce(`This entry changed: ${relinkStatus(fresh).word}.`);
        }
      } catch (problem) {
        if (problem.status === 404) showNothing(problem);
        else if (problem.status !== 401) failed.show(problem);
      }
    }
    loading = false;
  }

  function showNothing(problem) {
    main.hidden = false;
    fill(main, h('div', { class: 'empty' }, h('p', {}, visible(problem.message)),
      h('p', {}, h('a', { href: `#/links/${part(id)}` }, 'Look at the link'))));
  }

  function show(fresh) {
    const first = entry === null;
    entry = fresh;
    title(`${entry.link_id}: ${reasonOf(entry.reason).what}`);
    main.hidden = false;
    keepFocus(main, () => {
      fill(top, summary());
      fill(history, [...(entry.history || [])].reverse().map(event),
        entry.history_dropped ? h('li', { class: 'muted' }, `${plural(entry.history_dropped, 'older line')} left out`) : null);
      fill(side, factsCard());
    });
    if (first) accounts.load();
    continuity.load(entry);
  }

  function summary() {
    const { what, advice } = reasonOf(entry.reason);
    const resolved = entry.status === 'resolved';
    const acts = actsFor(entry, session);
    const buttons = [...acts].map(([name, label], at) => button(label, () => run(runners[name]), {
      class: at === 0 && !(name === 'claim' && entry.assignee) ? 'primary' : null, 'data-focus': name, 'data-act': name }));
    if (acts.has('session')) buttons.push(button('Assign…', () => run(assign), { 'data-focus': 'assign', 'data-act': 'assign' }));
    return h('section', { class: 'card lead', 'aria-label': 'State' },
      stateLine(entry, session),
      h('h2', {}, what, '.'),
      resolved ? h('p', { class: 'advice' }, endingOf(entry.resolved_by)) : h('p', { class: 'advice' }, advice),
      !resolved && entry.held_back && h('div', { class: 'notice' }, icon('cloud'), h('span', {},
        h('strong', {}, 'Do not contact the owner yet. '), 'Many links of this bank fail together, which looks like an outage at the bank. ',
        h('a', { href: '#/incidents' }, 'Look at the incident'))),
      !resolved && entry.session && sessionNotice(),
      !acting && !resolved && h('p', { class: 'hint' }, 'Your role lets you read. Somebody with the role “operate” can act.'),
      buttons.length > 0 && h('div', { class: 'row acts' }, buttons));
  }

  function sessionNotice() {
    const { issued_at: at, expires_at: expires, issued_by: by } = entry.session;
    const over = sessionExpired(entry);
    return h('div', { class: 'notice' }, icon('key'), h('span', {}, actor(by), ' issued a session ', age(at), '. ',
      over ? ['It has expired and was not used: ask the owner, and issue another one.']
        : ['It is valid until ', when(expires), '. The entry closes itself once the owner is through.']));
  }

  function event({ at, kind, actor: who, text }) {
    const said = text && detail(kind, text, who);
    return h('li', { class: `event ${/^[a-z_]+$/.test(kind) ? kind : ''}` },
      h('div', {}, h('strong', {}, historyWords[kind] || foreign(kind)), ' ', who && h('span', { class: 'muted' }, 'by ', actor(who)),
        h('span', { class: 'at' }, when(at))),
      said && h('p', { class: 'said' }, said));
  }

  // Codes in words, other texts as they are.
  function detail(kind, text, who) {
    if (kind === 'claimed') return text === who ? null : ['for ', actor(text)];
    if (kind === 'resolved') return endingOf(text);
    if (kind !== 'opened' && kind !== 'reason_changed' && kind !== 'reopened') return foreign(text);
    return reasonCodes.includes(text) ? reasonOf(text).what : foreign(text);
  }

  function factsCard() {
    const resolved = entry.status === 'resolved';
    return card('Facts', facts([
      ['Link', h('a', { href: `#/links/${part(entry.link_id)}`, class: 'mono', 'data-focus': 'link' }, foreign(entry.link_id))],
      ['Owner', entry.customer_user_id ? foreign(entry.customer_user_id, { class: 'mono' }) : h('span', { class: 'muted' }, 'not known')],
      ['Bank', foreign(entry.institution_id || 'unknown')],
      ['Provider', entry.provider && foreign(entry.provider)],
      ['Reason', h('code', {}, foreign(entry.reason))],
      ['Waiting since', [when(entry.opened_at), ' (', age(entry.opened_at, '%'), ')']],
      ['Resolved', resolved && when(entry.resolved_at)],
      ['Last good sync', [when(entry.last_success_at), entry.last_success_at ? [' (', age(entry.last_success_at), ')'] : null]],
      ['Data missing', entry.days_lost == null ? null : plural(entry.days_lost, 'day')],
      ['Status', pill(relinkStatus(entry))],
      ['Assignee', entry.assignee ? actor(entry.assignee) : h('span', { class: 'muted' }, 'nobody')],
      ['Broke again', entry.reopened ? plural(entry.reopened, 'time') : null],
    ]), h('div', { class: 'row' }, button([icon('copy'), 'Copy the link id'], copyId, { 'data-focus': 'copy' })));
  }

  async function copyId() {
    try {
      await navigator.clipboard.writeText(entry.link_id);
      toast('Copied.');
    } catch {
      toast('The browser does not let this page copy.', 'bad');
    }
  }

  const shortcut = (name, says) => ({ says, run: () => {
    if (!entry || !actsFor(entry, session).has(name)) return false;
    run(runners[name]);
    return true;
  } });
  const keys = { u: { says: 'Back to the queue', run: () => { location.hash = back.getAttribute('href'); } } };
  if (acting) {
    keys.c = shortcut('claim', 'Claim, or take over');
    keys.s = shortcut('session', 'Issue a session');
    keys.r = shortcut('release', 'Release');
    keys.m = { says: 'Write a note', run: () => document.getElementById('note-text')?.focus() };
  }

  load();
  return { element, keys, refresh: load, leave: () => { left = true; accounts.leave(); continuity.leave(); } };
}
