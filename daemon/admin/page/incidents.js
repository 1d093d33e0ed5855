// Outages: many links of one bank that fail together are one thing, and no owner can mend it.

import { part } from './api.js';
import { announce, fill, foreign, h, icon, reconcile } from './dom.js';
import { everything, facts, problemBox } from './parts.js';
import { age, pill, plural, when } from './words.js';

const phases = {
  open: { word: 'Outage', tone: 'red', says: 'One link is tried now and then. When it works again, the others follow.' },
  ramp: { word: 'Recovering', tone: 'amber', says: 'The bank answers again. Its links are brought back a few at a time.' },
};

export function incidentsView({ api }) {
  const list = h('div', { class: 'stack' });
  const empty = h('div', { class: 'empty', hidden: true }, icon('check'), h('h2', {}, 'No outage'),
    h('p', {}, 'No bank’s links are failing together. What waits in the queue needs its owner.'));
  const failed = problemBox(() => load('user'));
  const element = h('div', {}, h('div', { class: 'head' }, h('h1', {}, 'Incidents'),
    h('p', { class: 'muted' }, 'Banks and providers whose links fail together. Their owners can do nothing about it: do not contact them yet.')),
  failed.element, list, empty);
  let left = false;

  async function load(cause) {
    try {
      const items = await everything(api, '/v1/incidents');
      if (left) return;
      failed.hide();
      empty.hidden = items.length > 0;
      const count = reconcile(list, items, (item) => item.id, one, cause === 'live');
      if (cause === 'live' && count.added + count.changed > 0) announce('The incidents changed.');
    } catch (problem) {
      if (!left && problem.status !== 401) failed.show(problem);
    }
  }

  function one(incident) {
    const phase = phases[incident.phase] || phases.open;
    const held = incident.held_back || 0;
    const queue = `#/queue?institution=${part(incident.name)}`;
    return h('section', { class: 'card incident' },
      h('div', { class: 'row between' }, h('h2', {}, foreign(incident.name)), pill(phase)),
      h('p', { class: 'advice' }, h('strong', {}, `${incident.links_failing} of ${incident.links_total} links`),
        incident.scope === 'provider' ? ' through this provider' : ' at this bank', ' fail since ', when(incident.opened_at), ' (',
        age(incident.opened_at, '%'), '). ', phase.says),
      h('div', { class: 'notice' }, icon('cloud'), h('span', {}, h('strong', {}, 'Do not contact the owners yet. '),
        held > 0 ? `${plural(held, 'relink entry is', 'relink entries are')} held back until it is over.`
          : 'Entries of the queue are held back until it is over.')),
      facts([
        ['Entries', incident.scope === 'institution' && h('a', { href: queue }, 'Show them in the queue')],
        ['Provider', incident.scope === 'institution' && incident.provider && foreign(incident.provider)],
        ['Tried with', incident.canary_link_id
          && h('a', { href: `#/links/${part(incident.canary_link_id)}`, class: 'mono' }, foreign(incident.canary_link_id))],
      ]));
  }

  load('user');
  return { element, refresh: () => load('live'), leave: () => { left = true; } };
}
