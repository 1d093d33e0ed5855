// What the API's words mean for the person who reads them, and how times and amounts are shown.

import { h, foreign, visible } from './dom.js';

// reason of a relink entry -> what happened, and what to do about it.
const reasons = {
  auth_expired: ['The bank ended the permission', 'Send the owner a new session.'],
  invalid_credentials: ['The bank refused the sign-in details',
    'The owner may have changed the password. Send a new session, so that they can sign in again.'],
  user_oauth_denied: ['The owner refused at the bank’s consent page',
    'Ask the owner whether that was meant. If it was not, send a new session.'],
  user_input_incorrect: ['The answer to the bank’s question was wrong', 'Send a new session, so that the owner can try again.'],
  user_error: ['The owner did not finish signing in', 'Send a new session, so that the owner can start over.'],
  incomplete: ['The bank waits for the owner to agree to its terms', 'Send a new session; the owner finishes the last step in it.'],
  user_setup_required: ['The bank wants the owner to do something on its own site',
    'Ask the owner to sign in at the bank first (new terms, a new password, a locked account). Then send a new session.'],
};

export const reasonCodes = Object.keys(reasons);

export function reasonOf(code) {
  const [what, advice] = reasons[code] || [`The bank says: ${visible(code || 'nothing')}`,
    'Send the owner a new session. If it comes back with the same words, ask the platform engineer.'];
  return { what, advice };
}

export const relinkStatuses = {
  open: { word: 'Open', tone: 'amber' },
  claimed: { word: 'Claimed', tone: 'blue' },
  session_issued: { word: 'Session issued', tone: 'violet' },
  resolved: { word: 'Resolved', tone: 'green' },
};

export function relinkStatus(entry) {
  if (entry.status === 'resolved' && entry.resolved_by === 'dismissed') return { word: 'Dismissed', tone: 'grey' };
  if (entry.status === 'resolved' && entry.resolved_by === 'gone') return { word: 'Link gone', tone: 'grey' };
  if (entry.status === 'session_issued' && sessionExpired(entry)) return { word: 'Session expired', tone: 'amber' };
  return relinkStatuses[entry.status] || { word: visible(entry.status), tone: 'grey' };
}

export function sessionExpired(entry) {
  return Boolean(entry.session) && (entry.session.expired === true || Date.parse(entry.session.expires_at) <= Date.now());
}

const endings = {
  reconnected: 'The owner reconnected the bank, and a sync went well.',
  gone: 'The link no longer exists at MoneyKit. There is nothing to reconnect.',
  dismissed: 'Dismissed: nobody is asked to reconnect. It comes back if the bank gives another reason.',
};

export const endingOf = (how) => endings[how] || `Resolved: ${visible(how || 'unknown')}`;

export const historyWords = {
  opened: 'Opened', reason_changed: 'The reason changed', claimed: 'Claimed', released: 'Released', noted: 'Note',
  session_issued: 'Session issued', dismissed: 'Dismissed', reopened: 'Opened again', resolved: 'Resolved',
};

export const linkStatuses = {
  active: { word: 'Active', tone: 'green', says: 'The copy is kept current.' },
  backoff: { word: 'Retrying', tone: 'amber', says: 'The last try failed. It is tried again by itself, at growing intervals.' },
  relink: { word: 'Needs its owner', tone: 'red', says: 'The bank wants the owner to sign in again. What was stored stays readable.' },
  blocked: { word: 'Blocked', tone: 'red', says: 'MoneyKit refuses this link to us. The platform engineer has to ask MoneyKit.' },
  quarantined: { word: 'Quarantined', tone: 'red', says: 'Answers for this link could not be understood. The platform engineer finds the evidence in the dead letters.' },
  paused: { word: 'Paused', tone: 'grey', says: 'Somebody paused it. Nothing is fetched until it is resumed.' },
  gone: { word: 'Gone', tone: 'grey', says: 'The link was deleted at MoneyKit. The stored data stays until it is purged.' },
};

export const linkStatus = (status) => linkStatuses[status] || { word: visible(status), tone: 'grey', says: '' };

export function pill({ word, tone }) {
  return h('span', { class: `pill ${tone}` }, word);
}

// Actors are uid:1000 or token:NAME; a person reads the name.
export function actorName(actor) {
  if (!actor) return 'nobody';
  return actor.startsWith('token:') ? actor.slice(6) : actor.replace(/^uid:/, 'local user ');
}

export const actor = (id) => foreign(actorName(id), { title: visible(id || '') });

const dateTime = new Intl.DateTimeFormat(undefined, {
  year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' });
const utcText = (instant) => instant.toISOString().replace('T', ' ').replace(/\.\d+Z$/, '') + ' UTC';

function instantOf(text) {
  const instant = text ? new Date(text) : null;
  return instant && !Number.isNaN(instant.getTime()) ? instant : null;
}

// A time in the viewer's zone; the UTC is its title. `none`: what stands for a time that is not there.
export function when(text, none = 'never') {
  const instant = instantOf(text);
  if (!instant) return h('span', { class: 'muted' }, text ? visible(text) : none);
  return h('time', { datetime: text, title: utcText(instant) }, dateTime.format(instant));
}

const steps = [[86_400, 'd'], [3600, 'h'], [60, 'min']];

export function ageText(text, now = Date.now()) {
  const instant = instantOf(text);
  if (!instant) return '';
  const seconds = Math.abs(now - instant.getTime()) / 1000;
  const step = steps.find(([size]) => seconds >= size);
  return step ? `${Math.floor(seconds / step[0])} ${step[1]}` : 'under a minute';
}

// How long ago, kept current by refreshAges; `form`: how it is put, with % for the length.
export function age(text, form = '% ago', none = 'never') {
  const instant = instantOf(text);
  if (!instant) return h('span', { class: 'muted' }, none);
  return h('time', { datetime: text, 'data-age': form, title: `${dateTime.format(instant)} (${utcText(instant)})` },
    form.replace('%', ageText(text)));
}

export function refreshAges(root = document) {
  for (const element of root.querySelectorAll('time[data-age]')) {
    const text = element.dataset.age.replace('%', ageText(element.dateTime));
    if (element.textContent !== text) element.textContent = text;
  }
}

// The amount as it was given, to the last digit.
export function money(amount, currency, sign = '') {
  if (amount === null || amount === undefined || amount === '') return h('span', { class: 'muted' }, '–');
  return h('span', { class: 'money' }, sign + visible(amount), ' ', h('small', {}, visible(currency || '')));
}

export function bytes(count) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = Number(count);
  let at = 0;
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024;
    ++at;
  }
  return `${value >= 100 || at === 0 ? Math.round(value) : value.toFixed(1)} ${units[at]}`;
}

export const whole = (count) => Number(count).toLocaleString();

export function plural(count, one, many = `${one}s`) {
  return `${whole(count)} ${Number(count) === 1 ? one : many}`;
}

export function duration(seconds) {
  const step = steps.find(([size]) => seconds >= size);
  return step ? `${Math.floor(seconds / step[0])} ${step[1]}` : `${Math.floor(seconds)} s`;
}

// depository.checking as "checking (depository)".
export function visibleType(type) {
  const [family, ...kind] = String(type).replaceAll('_', ' ').split('.');
  return kind.length > 0 ? `${kind.join(' ')} (${family})` : family;
}

export const visibleCode = (code) => visible(String(code).replaceAll('_', ' '));
