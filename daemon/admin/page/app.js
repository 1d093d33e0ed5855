// The page's frame: signing in, the way from one view to another, what is followed live, the keyboard.

import { Session } from './session.js';
import { Live } from './live.js';
import { part } from './api.js';
import { h, fill, icon, button, announce, visible } from './dom.js';
import { refreshAges, age, whole, actorName } from './words.js';
import { Keys } from './keys.js';
import { queueView } from './queue.js';
import { entryView } from './entry.js';
import { incidentsView } from './incidents.js';
import { linksView, linkView } from './links.js';
import { overviewView } from './overview.js';

const views = [
  { name: 'queue', match: /^\/queue$/, make: queueView, title: 'Relink queue' },
  { name: 'queue', match: /^\/relink\/(.+)$/, make: entryView, title: 'Relink entry' },
  { name: 'incidents', match: /^\/incidents$/, make: incidentsView, title: 'Incidents' },
  { name: 'links', match: /^\/links$/, make: linksView, title: 'Links' },
  { name: 'links', match: /^\/links\/(.+)$/, make: linkView, title: 'Link' },
  { name: 'overview', match: /^\/overview$/, make: overviewView, title: 'Overview' },
];

const app = document.getElementById('app');
const session = new Session(signedOut);
const shared = new Map();  // what views keep while others are shown
let live = null;
let view = null;
let keys = null;
let shell = null;

// '#/links?search=a' as ['/links', URLSearchParams].
function place() {
  const [path, query = ''] = location.hash.replace(/^#/, '').split('?');
  return [path || '/queue', new URLSearchParams(query)];
}

function parameters(path, match) {
  try {
    return path.match(match).slice(1).map(decodeURIComponent);
  } catch {
    return null;  // not an escape that this page wrote
  }
}

function signedOut(reason) {
  live?.stop();
  view?.leave?.();
  keys?.stop();
  live = view = keys = shell = null;
  shared.clear();
  for (const box of document.querySelectorAll('dialog')) box.close();
  document.getElementById('toasts').replaceChildren();
  showSignIn(reason);
}

function showSignIn(reason = '') {
  document.title = 'Sign in – moneykit-syncd';
  const field = h('input', { id: 'token', type: 'password', autocomplete: 'off', spellcheck: 'false', required: true,
    'aria-describedby': 'token-hint', maxlength: 1024 });
  const failed = h('p', { class: 'warn', role: 'alert' }, reason && visible(reason));
  const go = h('button', { type: 'submit', class: 'primary' }, 'Sign in');
  const submit = async (event) => {
    event.preventDefault();
    const token = field.value.trim();
    if (!token) return;
    go.disabled = true;
    failed.textContent = '';
    try {
      // A header holds visible ASCII only; fetch would throw.
      if (!/^[\x21-\x7e]+$/.test(token)) throw new Error('This is no token: it has characters that a token cannot have.');
      await session.begin(token);
      field.value = '';
      start();
    } catch (problem) {
      session.end();
      failed.textContent = problem.status === 401 ? `The daemon does not accept this token: ${visible(problem.message)}`
        : visible(problem.message);
      go.disabled = false;
      field.focus();
    }
  };
  fill(app, h('main', { id: 'main', class: 'sign-in', tabindex: '-1' },
    h('form', { class: 'card', onsubmit: submit },
      h('h1', {}, h('span', { class: 'brand-mark' }, icon('key')), 'moneykit-syncd'),
      h('p', { class: 'muted' }, 'Who is cut off from their bank, and how to get them back.'),
      failed,
      h('label', { for: 'token' }, 'Access token'), field,
      h('p', { id: 'token-hint', class: 'hint' },
        'Your platform engineer gives you one. It is kept in this tab only, until you sign out or close it.'),
      go)));
  field.focus();
}

const links = [['queue', 'Queue'], ['incidents', 'Incidents'], ['links', 'Links'], ['overview', 'Overview']];

function buildShell() {
  const badges = { queue: h('span', { class: 'badge', hidden: true }), incidents: h('span', { class: 'badge alarm', hidden: true }) };
  const nav = h('nav', { 'aria-label': 'Main' }, h('ul', {}, links.map(([name, label]) =>
    h('li', {}, h('a', { href: `#/${name}`, 'data-view': name }, label, badges[name])))));
  const lostText = h('span', {});
  const lost = h('div', { class: 'lost', role: 'status', hidden: true }, icon('cloud'), lostText,
    button('Retry now', () => live?.retryNow(), { class: 'quiet' }));
  const state = h('span', { class: 'live', title: 'Changes appear by themselves' }, h('i', { class: 'dot' }), 'Live');
  const environment = h('span', { class: 'pill grey', hidden: true });
  const expires = session.who.expires_at;
  const header = h('header', {}, h('div', { class: 'bar' },
    h('a', { href: '#/queue', class: 'brand' }, h('span', { class: 'brand-mark' }, icon('key')), h('span', {}, 'moneykit-syncd')),
    environment, nav,
    h('div', { class: 'who' }, state,
      h('span', { class: 'name' }, icon('person'),
        h('span', {}, h('bdi', {}, visible(actorName(session.who.actor))), ' ', h('small', {}, visible(session.who.role)))),
      expires && h('small', { class: 'expiry' }, 'token ends ', age(expires, 'in %')),
      button('?', () => keys.help(), { class: 'quiet', 'aria-label': 'Keyboard shortcuts', title: 'Keyboard shortcuts (?)' }),
      button('Sign out', () => session.end('You signed out.'), { class: 'quiet' }))), lost);
  const main = h('main', { id: 'main', tabindex: '-1' });
  fill(app, header, main);
  return { main, nav, badges, lost, lostText, state, environment };
}

function start() {
  shell = buildShell();
  keys = new Keys(() => view);
  live = new Live(session.api);
  live.addEventListener('change', changed);
  live.addEventListener('lost', ({ detail }) => {
    const { delay, problem } = detail;
    shell.lost.hidden = false;
    shell.state.hidden = true;
    shell.lostText.textContent = `Connection lost, retrying in ${Math.round(delay / 1000)} s. ${
      problem.status ? visible(problem.message) : 'What you see may be old.'}`;
  });
  live.addEventListener('found', () => {
    shell.lost.hidden = true;
    shell.state.hidden = false;
    announce('The connection is back.');
  });
  show();
}

let counting = false;
let countAgain = false;

// The numbers beside the names of the views.
async function count() {
  countAgain = true;
  if (counting) return;
  counting = true;
  try {
    while (countAgain && shell) {
      countAgain = false;
      const [status, incidents] = await Promise.all([session.api.get('/v1/status'), session.api.get('/v1/incidents')]);
      if (!shell) return;
      const waiting = status.queues?.relink_open;
      badge(shell.badges.queue, waiting ? whole(waiting.count) + (waiting.more ? '+' : '') : '0', 'waiting');
      badge(shell.badges.incidents, String(incidents.items.length), 'open');
      shell.environment.hidden = !status.environment;
      shell.environment.textContent = status.environment || '';
    }
  } catch {
    // The poll that failed with it says so.
  } finally {
    counting = false;
  }
}

function badge(element, text, word) {
  element.hidden = text === '0';
  fill(element, text, h('span', { class: 'unseen' }, ` ${word}`));
}

function changed() {
  count();
  view?.refresh?.();
}

// Shows the view that the address names.
function show() {
  const [path, query] = place();
  const found = views.find((each) => each.match.test(path));
  const wanted = found && parameters(path, found.match);
  if (!wanted) {
    location.replace('#/queue');
    return;
  }
  const key = `${found.title} ${wanted.join()}`;
  if (view?.key === key && view.revisit) {
    view.revisit(query);
    return;
  }
  view?.leave?.();
  const moved = view !== null;
  view = found.make({ api: session.api, session, query, shared, go, keys, title: setTitle }, ...wanted);
  view.key = key;
  for (const link of shell.nav.querySelectorAll('a')) {
    if (link.dataset.view === found.name) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  fill(shell.main, view.element);
  setTitle(found.title);
  if (moved) {
    window.scrollTo(0, 0);
    const heading = shell.main.querySelector('h1');
    heading?.setAttribute('tabindex', '-1');
    if (!view.placesFocus?.()) heading?.focus({ preventScroll: true });
  }
}

function setTitle(text) {
  document.title = `${visible(text)} – moneykit-syncd`;
}

// go('/relink', id) or go('/queue'): the address of a view.
function go(path, id = undefined) {
  location.hash = id === undefined ? `#${path}` : `#${path}/${part(id)}`;
}

window.addEventListener('hashchange', () => {
  if (location.hash === '#main') return;  // the skip link
  if (shell) show();
});
document.querySelector('a.skip').addEventListener('click', (event) => {
  event.preventDefault();
  document.getElementById('main').focus();
});
window.addEventListener('online', () => live?.retryNow());
setInterval(refreshAges, 20_000);

async function resume() {
  const token = Session.remembered();
  if (!token) {
    showSignIn();
    return;
  }
  try {
    await session.begin(token);
    start();
  } catch (problem) {
    if (problem.status === 401) {
      session.end();
      showSignIn(`You were signed out: ${problem.message}`);
      return;
    }
    // The token may still be good: it is kept, and asked again.
    fill(app, h('main', { id: 'main', class: 'sign-in', tabindex: '-1' }, h('div', { class: 'card' },
      h('h1', {}, 'moneykit-syncd'), h('p', { class: 'warn', role: 'alert' }, visible(problem.message)),
      h('div', { class: 'row' }, button('Try again', resume, { class: 'primary' }),
        button('Sign in anew', () => { session.end(); showSignIn(); })))));
  }
}

resume();
