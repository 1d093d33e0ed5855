// What has changed of a link: read only when somebody asks for it, because each reading is recorded.

import { part } from './api.js';
import { button, fill, foreign, h } from './dom.js';
import { card, grid, pager, problemBox } from './parts.js';
import { money, when } from './words.js';

const columns = [['When', 'num'], ['What', null], ['Of', 'grow'], ['From', 'right'], ['To', 'right']];
const kinds = {
  'link.added': 'Link added', 'link.status': 'Link’s status', 'link.purged': 'Link purged',
  'account.created': 'Account added', 'account.updated': 'Account changed', 'account.gone': 'Account gone', 'account.returned': 'Account back',
  'transaction.created': 'Transaction added', 'transaction.updated': 'Transaction changed', 'transaction.removed': 'Transaction removed',
  'relink.opened': 'Owner needed', 'relink.resolved': 'Owner no longer needed',
};

export function changesCard(api, id) {
  let cursors = [''];
  let next = '';
  let size = '25';
  let shown = false;
  let left = false;

  const body = h('div', {});
  const failed = problemBox(() => load());
  const pages = pager({ size, turn, resize: (each) => { size = each; cursors = ['']; load(); } });
  const opener = button('Show the changes', () => { shown = true; opener.remove(); load(); });
  const element = card('Changes', h('p', { class: 'hint' }, 'What the feed told the back end about this link, newest first.'),
    opener, failed.element, body, pages.element);

  function turn(step) {
    if (step > 0 && next) cursors.push(next);
    else if (step < 0 && cursors.length > 1) cursors.pop();
    else return;
    load();
  }

  async function load() {
    body.setAttribute('aria-busy', 'true');
    try {
      const answer = await api.get(`/v1/links/${part(id)}/feed`, { limit: size, after: cursors.at(-1) });
      if (left) return;
      failed.hide();
      next = answer.next || '';
      pages.show({ page: cursors.length, more: next !== '', count: answer.items.length, size: Number(size) });
      fill(body, answer.items.length === 0 ? h('p', { class: 'muted' }, 'The feed holds nothing about this link.')
        : grid('Changes', columns, answer.items.map(row)));
    } catch (problem) {
      if (!left && problem.status !== 401) failed.show(problem);
    }
    body.setAttribute('aria-busy', 'false');
  }

  function row({ at, kind, id: of, before, after }) {
    const told = after || before || {};
    const name = kind.startsWith('transaction.') ? told.description || told.raw_description : told.name;
    return [when(at), kinds[kind] || foreign(kind), foreign(name || (of === id ? '' : of)), side(before), side(after)];
  }

  // The amount or the status: what most people look for.
  function side(value) {
    if (!value) return '';
    if (value.amount !== undefined) return money(value.amount, value.currency, '');
    if (value.balances?.current !== undefined) return money(value.balances.current, value.balances.currency, '');
    return foreign(String(value.status ?? ''));
  }

  return { element, reload: () => { if (shown && !left) load(); }, leave: () => { left = true; } };
}
