// What a relink did to the data of a link: the daemon's report on an entry that has ended.

import { part } from './api.js';
import { fill, foreign, h } from './dom.js';
import { card, grid } from './parts.js';
import { money, pill, plural, when } from './words.js';

const verdicts = {
  intact: { word: 'intact', tone: 'green', says: 'Everything that was there is there.' },
  changed: { word: 'changed', tone: 'blue', says: 'Ids have changed, and it is certain what became of what.' },
  attention: { word: 'look at it', tone: 'amber', says: 'Something is missing or there twice, or nobody can tell what became of it.' },
};
const reasons = {
  rivals: 'several accounts could be it',
  too_little_evidence: 'too little evidence',
  no_candidate: 'no account could be it',
};
const sure = { certain: 'certain', likely: 'likely', ambiguous: 'refused' };

const numeric = 'num';

function named({ account_id: id, name, account_mask: mask }) {
  return [h('strong', {}, foreign(name || id)), mask ? h('span', { class: 'muted mono' }, ' ··', foreign(mask)) : null];
}

function balance({ balances, currency }) {
  return balances.current === null ? '' : money(balances.current, currency);
}

function keptTable(kept) {
  return grid('Accounts that were kept', [['Account'], ['Rows', numeric], ['Vanished', numeric], ['Twice', numeric], ['New id', numeric],
    ['Balance'], ['Days without rows']], kept.map((each) => [
    named(each), `${each.rows.before} → ${each.rows.after}`, String(each.rows.vanished), String(each.rows.duplicated),
    String(each.rows.renumbered),
    [balance({ ...each, balances: each.balances_before }), ' → ', balance({ ...each, balances: each.balances_after })],
    each.gap?.unusual ? `${plural(Number(each.gap.days), 'day')} from ${each.gap.last_before}` : 'as usual']));
}

function evidence({ evidence: found }) {
  const words = ['mask', 'type', 'currency', 'name', 'balance'].filter((what) => found[what] !== 'unknown')
    .map((what) => `${what} ${found[what]}`);
  return [...words, `${found.rows_equal} of ${found.rows_before} rows equal`].join(', ');
}

function mappingTable({ missing, new: fresh, mappings }) {
  const account = (id) => [...missing, ...fresh].find((each) => each.account_id === id) ?? { account_id: id };
  return [grid('What became of missing accounts', [['Missing'], ['Became'], ['How sure'], ['Evidence']], mappings.map((mapping) => [
    named(account(mapping.from)), mapping.to ? [named(account(mapping.to)), ' ', foreign(mapping.to, { class: 'mono' })]
      : reasons[mapping.reason] ?? foreign(mapping.reason), sure[mapping.verdict] ?? foreign(mapping.verdict), evidence(mapping)])),
  h('p', { class: 'hint' }, 'These are proposals. Nothing is merged because of them.')];
}

export function continuityCard(api, id) {
  const body = h('div', {});
  const element = card('The data before and after', body);
  element.hidden = true;
  let left = false;
  let shown = '';  // of which end

  function show(report) {
    const { word, tone, says } = verdicts[report.verdict] ?? { word: report.verdict, tone: 'grey', says: '' };
    fill(body, h('p', {}, pill({ word, tone }), ' ', says), h('p', {}, foreign(report.summary), '.'),
      report.kept.length > 0 && keptTable(report.kept), report.mappings.length > 0 && mappingTable(report),
      report.mappings.length === 0 && report.new.length > 0 && h('p', {}, plural(report.new.length, 'new account'), '.'),
      h('p', { class: 'hint' }, 'Posted rows since ', report.rows_from, ', compared ', when(report.compared_at), '.'));
    element.hidden = false;
  }

  // Only of an entry that was reconnected. Nothing to show is no problem: the link may have had no data before.
  async function load(entry) {
    const ended = entry.status === 'resolved' && entry.resolved_by === 'reconnected';
    if (!ended) element.hidden = true;
    if (!ended || shown === entry.resolved_at) return;
    shown = entry.resolved_at;
    try {
      const report = await api.get(`/v1/relink/${part(id)}/continuity`, { wait: '10s' });
      if (!left) show(report);
    } catch {
      element.hidden = true;
    }
  }

  return { element, load, leave: () => { left = true; } };
}
