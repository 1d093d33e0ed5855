// Transactions of a link: read only when somebody asks for them, because each reading is recorded.

import { part } from './api.js';
import { button, fill, foreign, h } from './dom.js';
import { card, grid, pager, problemBox } from './parts.js';
import { money } from './words.js';

const columns = [['Date', 'num'], ['Description', 'grow'], ['Account', null], ['Amount', 'right']];

export function transactionsCard(api, id) {
  let cursors = [''];
  let next = '';
  let size = '50';
  let shown = false;
  let left = false;

  const body = h('div', {});
  const failed = problemBox(() => load());
  const pages = pager({ size, turn, resize: (each) => { size = each; cursors = ['']; load(); } });
  const opener = button('Show the transactions', () => { shown = true; opener.remove(); load(); });
  const element = card('Transactions', h('p', { class: 'hint' }, 'In the order of their ids, which is not that of their dates.'), opener, failed.element, body, pages.element);

  function turn(step) {
    if (step > 0 && next) cursors.push(next);
    else if (step < 0 && cursors.length > 1) cursors.pop();
    else return;
    load();
  }

  async function load() {
    body.setAttribute('aria-busy', 'true');
    try {
      const answer = await api.get(`/v1/links/${part(id)}/transactions`, { limit: size, after: cursors.at(-1) });
      if (left) return;
      failed.hide();
      next = answer.next || '';
      pages.show({ page: cursors.length, more: next !== '', count: answer.items.length, size: Number(size) });
      fill(body, answer.items.length === 0 ? h('p', { class: 'muted' }, 'No transaction is stored for this link.')
        : grid('Transactions', columns, answer.items.map(row)));
    } catch (problem) {
      if (!left && problem.status !== 401) failed.show(problem);
    }
    body.setAttribute('aria-busy', 'false');
  }

  // The bank's date is a date and no instant: it is shown as it is.
  function row({ transaction_id: transaction, account_id: account, pending, data }) {
    const { date, description, raw_description: raw, amount, currency, type } = data || {};
    return [
      foreign(String(date ?? '').slice(0, 10) || 'no date'),
      [foreign(description || raw || transaction), pending && h('span', { class: 'pill grey' }, 'pending')],
      foreign(account, { class: 'mono' }),
      h('span', { class: type === 'credit' ? 'credit' : null }, money(amount, currency, type === 'credit' ? '+' : type === 'debit' ? '\u2212' : '')),
    ];
  }

  return { element, reload: () => { if (shown && !left) load(); }, leave: () => { left = true; } };
}
