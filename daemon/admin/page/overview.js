// How the daemon is: the numbers of GET /v1/status, and what to do about those that are not well.

import { announce, fill, foreign, h, icon, keepFocus, visible } from './dom.js';
import { card, facts, problemBox } from './parts.js';
import { age, bytes, duration, linkStatus, linkStatuses, pill, plural, when, whole } from './words.js';

const interval = 10_000;

const endpoints = { sync: 'Transactions', accounts: 'Accounts', link: 'Link state', links: 'List of links', token: 'Access token', introspect: 'Token check',
  link_session: 'Link sessions', exchange_token: 'Token exchange', user_links: 'Links of a user', delete_link: 'Deleting links' };

export function overviewView({ api }) {
  const failed = problemBox(load);
  const body = h('div', { 'aria-busy': 'true' });
  const element = h('div', {}, h('div', { class: 'head' }, h('h1', {}, 'Overview'),
    h('p', { class: 'muted' }, 'How the daemon itself is. The figures renew themselves.')), failed.element, body);
  let left = false;
  let worries = '';

  async function load() {
    try {
      const status = await api.get('/v1/status');
      if (left) return;
      failed.hide();
      keepFocus(body, () => fill(body, trouble(status), h('div', { class: 'tiles' }, tiles(status)),
        h('div', { class: 'cards' }, linksCard(status), budgetCard(status), storeCard(status), upstreamCard(status))));
    } catch (problem) {
      if (!left && problem.status !== 401) failed.show(problem);
    }
    body.setAttribute('aria-busy', 'false');
  }

  // What is not well, in words, with the next step.
  function trouble({ healthy, ready, upstream = {}, store = {}, config = {} }) {
    const found = [
      !healthy && 'The daemon says it is not healthy. Its log names the cause.',
      !ready && 'The daemon is not ready: it has not reached MoneyKit yet, or its store does not open. Its log names the cause.',
      upstream.auth_refused && `MoneyKit refuses the daemon’s own credentials${upstream.auth_error ? ` (${visible(upstream.auth_error)})` : ''
      }. No owner can help: the platform engineer renews the client secret.`,
      store.write_stopped && 'Nothing is written: the disk or the store failed. The platform engineer has to act now.',
      store.healthy === false && !store.write_stopped && 'The store reports a failure. The platform engineer finds it in the log.',
      store.space_low && 'The disk is almost full. Syncing stops before it is.',
      Number(store.damaged_files) > 0 && `${plural(store.damaged_files, 'file')} of the store is damaged. Restore a backup.`,
      config.pending_restart?.length > 0 && `A restart is needed before these take their new value: ${config.pending_restart.join(', ')}.`,
      config.last_reload_ok === false && 'The last reload of the configuration was refused; the one before it is still used.',
    ].filter(Boolean);
    if (found.join() !== worries) {
      worries = found.join();
      if (worries) announce(found.join(' '));
    }
    return found.map((text) => h('div', { class: 'notice bad' }, icon('alert'), h('span', {}, text)));
  }

  function tiles(status) {
    const tile = (label, value, sub, tone = '') => h('div', { class: `tile ${tone}` }, h('div', { class: 'label' }, label),
      h('div', { class: 'value' }, value), h('div', { class: 'sub' }, sub));
    const waiting = status.queues?.relink_open || { count: 0 };
    const letters = status.queues?.dead_letters || { count: 0 };
    const counted = ({ count, more }) => whole(count) + (more ? '+' : '');
    return [
      tile('Daemon', status.healthy && status.ready ? 'Well' : status.healthy ? 'Not ready' : 'Not healthy',
        ['version ', visible(status.version), ', up ', duration(Number(status.uptime_seconds))],
        status.healthy && status.ready ? 'green' : 'red'),
      tile('Links', whole(status.links?.total ?? 0), [plural(status.links?.due ?? 0, 'is due', 'are due'), ', ',
        whole(status.links?.in_flight ?? 0), ' being read']),
      tile('Relink queue', h('a', { href: '#/queue', 'data-focus': 'queue' }, counted(waiting)), 'owners wait',
        Number(waiting.count) > 0 ? 'amber' : 'green'),
      tile('Dead letters', counted(letters), 'answers that were not understood', Number(letters.count) > 0 ? 'amber' : ''),
      tile('Feed', whole(status.feed?.head ?? 0), ['changes in epoch ', whole(status.feed?.epoch ?? 0)]),
    ];
  }

  function linksCard({ links = {} }) {
    const total = Math.max(1, Number(links.total ?? 0));
    return card('Links by status', h('ul', { class: 'bars' }, Object.keys(linkStatuses).map((name) => {
      const count = Number(links.by_status?.[name] ?? 0);
      return h('li', {}, h('a', { href: `#/links?state=${name}`, 'data-focus': `s${name}` }, linkStatus(name).word),
        h('meter', { class: linkStatus(name).tone, min: 0, max: total, value: count, 'aria-hidden': 'true' }), h('span', { class: 'num' }, whole(count)));
    })), facts([['Oldest good sync', age(links.oldest_success_at)], ['Next visit', age(links.next_due_at, 'in %', 'none')]]));
  }

  function budgetCard({ budget = [] }) {
    return card('Calls to MoneyKit, last minute', h('ul', { class: 'bars' }, budget.map((use) => {
      const frozen = use.frozen_until && Date.parse(use.frozen_until) > Date.now();
      return h('li', {}, h('span', {}, endpoints[use.endpoint] || foreign(use.endpoint)),
      h('meter', { min: 0, max: Math.max(1, Number(use.limit)), value: Number(use.used), 'aria-hidden': 'true' }),
      h('span', { class: 'num' }, `${whole(use.used)} of ${whole(use.limit)}`,
        Number(use.waiting) > 0 && h('div', { class: 'sub' }, `${whole(use.waiting)} waiting`)),
      frozen && h('div', { class: 'told' }, 'MoneyKit asked us to wait: ', age(use.frozen_until, '% left')));
    })));
  }

  function storeCard({ store = {} }) {
    const well = store.healthy !== false && !store.write_stopped && !store.space_low && Number(store.damaged_files ?? 0) === 0;
    return card('Storage', facts([
      ['State', pill(well ? { word: 'Well', tone: 'green' } : { word: 'Needs attention', tone: 'red' })],
      ['On disk', bytes(store.disk_bytes ?? 0)], ['Free', bytes(store.disk_free_bytes ?? 0)],
      ['Commits', whole(store.commits ?? 0)],
      ['Last checked for damage', age(store.scrubbed_at)],
    ]));
  }

  function upstreamCard({ upstream = {}, config = {}, started_at: started }) {
    const connections = upstream.connections || {};
    const discovery = upstream.discovery;
    return card('MoneyKit and configuration', facts([
      ['Credentials', pill(upstream.auth_refused ? { word: 'Refused', tone: 'red' } : { word: 'Accepted', tone: 'green' })],
      ['Connections', `${whole(connections.open ?? 0)} open, ${whole(connections.idle ?? 0)} idle, ${whole(connections.waiting ?? 0)} waiting`],
      ['Discovery', discovery ? [age(discovery.at), `: ${whole(discovery.only_upstream)} only at MoneyKit, ${whole(discovery.only_here)} only here`] : 'off'],
      ['Last reload', [pill(config.last_reload_ok === false ? { word: 'Refused', tone: 'red' } : { word: 'Good', tone: 'green' }),
        ' ', when(config.loaded_at)]],
      ['Started', when(started)],
    ]));
  }

  load();
  const timer = setInterval(() => { if (!document.hidden) load(); }, interval);
  return { element, refresh: load, leave: () => { left = true; clearInterval(timer); } };
}
