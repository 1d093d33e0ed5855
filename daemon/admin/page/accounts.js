// The accounts of a link with their balances, to the last digit, and how old they are.

import { part } from './api.js';
import { fill, foreign, h } from './dom.js';
import { card, everything } from './parts.js';
import { age, money, visibleType, when } from './words.js';

export function accountsCard(api, id) {
  const body = h('div', { 'aria-busy': 'true' }, h('p', { class: 'muted' }, 'Loading …'));
  let left = false;

  function one({ account_id: account, gone, gone_since: since, data }) {
    const { name, nickname, account_mask: mask, account_type: type, balances, closed } = data || {};
    const { current, available, limit, currency, balance_date: date } = balances || {};
    const amount = (term, value) => value !== null && value !== undefined
      && h('div', {}, h('dt', {}, term), h('dd', {}, money(value, currency)));
    return h('li', { class: 'account' },
      h('div', {}, h('strong', {}, foreign(nickname || name || account)), ' ',
        mask && h('span', { class: 'muted mono' }, '··', foreign(mask)),
        gone && h('span', { class: 'pill grey' }, 'gone'), closed === true && h('span', { class: 'pill grey' }, 'closed')),
      h('div', { class: 'sub' }, type ? foreign(visibleType(type)) : 'account'),
      h('dl', { class: 'balances' }, amount('Current', current), amount('Available', available), amount('Limit', limit)),
      h('div', { class: 'sub' }, gone ? ['no longer at the bank since ', when(since)]
        : date ? ['as of ', /T/.test(date) ? when(date) : foreign(date)] : 'the bank gave no date for it'));
  }

  async function load() {
    try {
      const [accounts, link] = await Promise.all([everything(api, `/v1/links/${part(id)}/accounts`),
        api.get(`/v1/links/${part(id)}`)]);
      if (left) return;
      const fetched = link.data?.products?.accounts?.refreshed_at;
      fill(body, accounts.length === 0 ? h('p', { class: 'muted' }, 'No account is stored for this link.')
        : h('ul', { class: 'accounts' }, accounts.map(one)),
      h('p', { class: 'hint' }, 'MoneyKit last had balances from the bank: ', fetched ? age(fetched) : 'not said', '. Stored here: ',
        age(link.last_success_at), '.'));
    } catch (problem) {
      if (left) return;
      fill(body, h('p', { class: 'muted' }, problem.status === 404 ? 'The link is not stored here any more.' : problem.message));
    }
    body.setAttribute('aria-busy', 'false');
  }

  return { element: card('Accounts', body), load, leave: () => { left = true; } };
}
