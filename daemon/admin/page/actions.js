// What can be done with a relink entry, and what follows when somebody else was faster.

import { part } from './api.js';
import { h, add, ask, button, confirm, dialog, foreign, icon, toast, visible } from './dom.js';
import { actor, actorName, age, endingOf, historyWords, plural, pill, relinkStatus, sessionExpired, when } from './words.js';

const isLive = (entry) => entry.status !== 'resolved';

// The acts that the role and the entry's state allow: name -> label, the most fitting first.
export function actsFor(entry, session) {
  const acts = new Map();
  if (!session.can('operate')) return acts;
  const mine = entry.assignee === session.who.actor;
  if (isLive(entry)) {
    if (!mine) acts.set('claim', entry.assignee ? 'Take over' : 'Claim');
    acts.set('session', entry.session ? 'Issue another session' : 'Issue a session');
    if (entry.assignee) acts.set('release', 'Release');
    acts.set('dismiss', 'Dismiss…');
  } else if (entry.resolved_by === 'dismissed') {
    acts.set('reopen', 'Open again');
  }
  return acts;
}

const done = {
  claim: 'You have it now.', release: 'It is free for others again.', note: 'The note is kept.',
  dismiss: 'Dismissed. It comes back if the bank gives another reason.', reopen: 'It is open again.', session: '',
};

const verbs = { claim: 'claim it', release: 'release it', dismiss: 'dismiss it', reopen: 'open it again', session: 'issue a session' };

// A sentence: who did what last, as far as the history says.
function lastChange(entry) {
  const last = entry.history?.at(-1);
  if (!last) return null;
  const word = (historyWords[last.kind] || visible(last.kind)).toLowerCase();
  return h('p', {}, h('strong', {}, last.actor ? actor(last.actor) : 'the daemon'), `: ${word} `, age(last.at));
}

export function stateLine(entry, session) {
  const line = h('p', { class: 'state-line' }, pill(relinkStatus(entry)));
  if (entry.status === 'resolved') return line;
  if (entry.assignee === session.who.actor) add(line, [' yours']);
  else if (entry.assignee) add(line, [' with ', actor(entry.assignee)]);
  else add(line, [' nobody has it']);
  return line;
}

// Somebody changed the entry since it was read. True: do it all the same.
async function askAfterConflict(context, name, present) {
  if (!present.history) {
    present = await context.api.get(`/v1/relink/${part(present.link_id)}`).catch(() => present);
  }
  const possible = actsFor(present, context.session).has(name);
  return dialog('Somebody changed this entry meanwhile', (close) => ({
    content: [lastChange(present), h('p', {}, 'It is now:'), stateLine(present, context.session),
      present.status === 'resolved' && h('p', {}, endingOf(present.resolved_by)),
      possible ? h('p', {}, `Do you still want to ${verbs[name]}?`)
        : h('p', {}, `There is nothing left to do here: one cannot ${verbs[name]} in this state.`)],
    buttons: possible
      ? [button('Leave it as it is', () => close(false), { autofocus: true }),
        button(`Yes, ${verbs[name]}`, () => close(true), { class: 'primary' })]
      : [button('Good', () => close(false), { class: 'primary', autofocus: true })],
  }));
}

// What the answer to a 409 of one of these codes may be: the same act, said more clearly.
const stronger = {
  claim: { codes: ['claimed_by_other'], member: 'take_over', title: 'Somebody else has this entry', yes: 'Take it over' },
  release: { codes: ['claimed_by_other'], member: 'take_over', title: 'Somebody else has this entry', yes: 'Release it all the same' },
  session: { codes: ['held_back', 'bank_down'], member: 'force', title: 'There is a reason to wait',
    yes: 'Issue it all the same' },
};

// What a person should know before asking again: by a 502 MoneyKit may have done its part.
const againIs = (problem) => (problem.code === 'upstream_outcome_unknown'
  ? 'MoneyKit may have made a session that nobody has seen, which expires unused. Trying again makes another one.'
  : 'Trying again is safe: it is not done twice.');

// Does `name` with the entry. Returns {entry, answer} when it was done, {entry} when it was not but is known anew,
// and {} otherwise. The person has been told either way.
export async function act(context, entry, name, extra = {}) {
  const path = `/v1/relink/${part(entry.link_id)}/${name}`;
  let key = crypto.randomUUID();
  for (;;) {
    const body = name === 'note' ? extra : { version: entry.version, ...extra };
    try {
      const answer = await context.api.post(path, body, key);
      if (done[name]) toast(done[name]);
      return { entry: answer.entry || answer, answer };
    } catch (problem) {
      const more = stronger[name];
      if (problem.status === 401) return {};
      if (problem.code === 'version_conflict' && problem.entry) {
        if (!await askAfterConflict(context, name, problem.entry)) return { entry: problem.entry };
        entry = problem.entry;
        if (stronger[name]?.member === 'take_over' && entry.assignee) extra = { ...extra, take_over: true };
        key = crypto.randomUUID();
      } else if (more?.codes.includes(problem.code) && !extra[more.member]) {
        if (!await confirm(more.title, problem.message, more.yes)) return {};
        extra = { ...extra, [more.member]: true };
        key = crypto.randomUUID();
      } else if (problem.status === 0 || problem.status >= 500) {
        // Perhaps it was done and only the answer was lost: the same key makes another try harmless.
        if (!await confirm('That did not go through', [problem.message, againIs(problem)], 'Try again')) return {};
      } else {
        toast(problem.message, 'bad');
        return problem.entry ? { entry: problem.entry } : {};
      }
    }
  }
}

export async function claim(context, entry) {
  const other = entry.assignee && entry.assignee !== context.session.who.actor;
  if (other && !await confirm('Take it over?', `${actorName(entry.assignee)} has this entry. They see that you took it.`,
    'Take over')) return {};
  return act(context, entry, 'claim', other ? { take_over: true } : {});
}

export async function dismiss(context, entry) {
  const text = await ask('Dismiss this entry', { label: 'Why? (optional)', required: false, yes: 'Dismiss',
    hint: 'For an owner who does not want the bank back. The link stays cut off, and nobody is asked again.' });
  if (text === undefined) return {};
  return act(context, entry, 'dismiss', text ? { text } : {});
}

export async function issueSession(context, entry) {
  const reasons = [];
  if (entry.held_back) {
    reasons.push('Many links of this bank fail together: an outage, most likely, which ends by itself. '
      + 'The owner can do nothing now, and a session may lead nowhere.');
  }
  if (entry.session && !sessionExpired(entry)) {
    reasons.push(h('p', {}, actor(entry.session.issued_by), ' issued a session ', age(entry.session.issued_at),
      ', and it is valid until ', when(entry.session.expires_at), '. A token is shown only once, so another one is '
      + 'right if that one was lost.'));
  }
  if (reasons.length > 0 && !await confirm('Issue a session all the same?', reasons, 'Issue a session')) return {};
  const result = await act(context, entry, 'session', entry.held_back ? { force: true } : {});
  if (result.answer) await showToken(result.answer);
  return result;
}

// The token, once.
async function showToken({ link_session_token: token, expires_at: expires }) {
  let copied = false;
  await dialog('The owner’s session', (close) => {
    const field = h('textarea', { id: 'session-token', readonly: true, rows: 3, value: token, spellcheck: 'false',
      onfocus: (event) => event.target.select() });
    const said = h('p', { role: 'status', class: 'copied' });
    const copy = async () => {
      try {
        await navigator.clipboard.writeText(token);
        copied = true;
        said.replaceChildren(icon('check'), 'Copied.');
      } catch {
        field.focus();
        said.textContent = 'The browser does not let this page copy. The token is marked: press Ctrl+C.';
      }
    };
    field.addEventListener('copy', () => { copied = true; });
    return {
      content: [
        h('p', {}, 'Give this token to the owner’s app. It opens the bank’s sign-in with it. The entry closes by itself '
          + 'once the bank is connected and a sync went well.'),
        h('label', { for: 'session-token' }, 'Link session token'), field,
        h('p', {}, 'Valid until ', h('strong', {}, when(expires)), ' (', age(expires, 'for another %'), ').'),
        h('p', { class: 'warn' }, icon('alert'), 'It is shown only this once, and stored nowhere.'), said],
      buttons: [button([icon('copy'), 'Copy'], copy, { class: 'primary', autofocus: true }),
        button('Done', () => close())],
    };
  }, { keep: () => !copied });
}

const workers = 4;
const bulkWords = { claim: 'Claim', release: 'Release', note: 'Note on', dismiss: 'Dismiss' };

// The same act for many entries; shows what became of each. Returns the link ids for which it was done.
export async function bulk(context, entries, name, extra) {
  const succeeded = new Set();
  let failed = entries;
  const keys = new Map();
  let closed = false;
  await dialog(`${bulkWords[name]} ${plural(entries.length, 'entry', 'entries')}`, (close) => {
    const bar = h('progress', { 'aria-label': 'Progress' });
    const sum = h('p', { role: 'status' });
    const list = h('ul', { class: 'outcomes' });
    const again = button('Try again', () => run(failed), { class: 'primary', hidden: true });
    const leave = button('Close', () => close(), { autofocus: true });
    const run = async (wanted) => {
      const queue = [...wanted];
      let finished = 0;
      failed = [];
      again.hidden = true;
      bar.max = wanted.length;
      bar.value = 0;
      list.replaceChildren();
      sum.textContent = `Working on ${plural(wanted.length, 'entry', 'entries')} …`;
      const work = async () => {
        for (let entry = queue.shift(); entry && !closed; entry = queue.shift()) {
          const { good, text, present } = await one(context, entry, name, extra, keys);
          if (good) succeeded.add(entry.link_id);
          else failed.push(present);
          list.append(h('li', { class: good ? 'good' : 'bad' }, icon(good ? 'check' : 'alert'),
            foreign(entry.link_id, { class: 'mono' }), h('span', {}, text)));
          bar.value = ++finished;
        }
      };
      await Promise.all(Array.from({ length: workers }, work));
      sum.textContent = `${plural(finished - failed.length, 'entry', 'entries')} done, ${failed.length} not.`;
      again.hidden = failed.length === 0;
      again.textContent = `Try the ${failed.length} again`;
    };
    run(entries);
    return { content: [bar, sum, list], buttons: [again, leave] };
  }, { wide: true });
  closed = true;  // what is not begun is left
  return succeeded;
}

// `keys`: of the requests so far. One whose answer was lost is sent again under its key, so that nothing is done twice.
async function one(context, entry, name, extra, keys) {
  if (!keys.has(entry.link_id)) keys.set(entry.link_id, crypto.randomUUID());
  const path = `/v1/relink/${part(entry.link_id)}/${name}`;
  try {
    await context.api.post(path, name === 'note' ? extra : { version: entry.version, ...extra }, keys.get(entry.link_id));
    return { good: true, text: 'done', present: entry };
  } catch (problem) {
    const present = problem.entry || entry;
    if (problem.entry) keys.delete(entry.link_id);
    if (problem.code !== 'version_conflict') return { good: false, text: visible(problem.message), present };
    const last = present.history?.at(-1);
    const who = last ? `${last.actor ? actorName(last.actor) : 'the daemon'}: ` : '';
    return { good: false, present, text: visible(`${who}changed meanwhile, now ${relinkStatus(present).word.toLowerCase()}${
      present.assignee ? `, with ${actorName(present.assignee)}` : ''}`) };
  }
}
