// Pieces that several views are made of.

import { button, h, icon, visible } from './dom.js';

// A labelled list of choices: [[value, text], ...].
export function choice(label, id, options) {
  const input = h('select', { id }, options.map(([value, text]) => h('option', { value }, text)));
  return { input, element: h('div', { class: 'field' }, h('label', { for: id }, label), input) };
}

export function field(label, id, properties = {}) {
  const input = h('input', { id, autocomplete: 'off', spellcheck: 'false', ...properties });
  return { input, element: h('div', { class: 'field' }, h('label', { for: id }, label), input) };
}

const sizes = ['25', '50', '100', '200'];

// Next, previous, and how many to a page. `turn(1 | -1)`, `resize(size)`.
export function pager({ size, turn, resize }) {
  const back = button([icon('left'), 'Previous'], () => turn(-1));
  const on = button(['Next', icon('right')], () => turn(1));
  const text = h('span', { class: 'muted' });
  const id = `pager-${crypto.randomUUID()}`;
  const select = h('select', { id, onchange: (event) => resize(event.target.value) },
    sizes.map((each) => h('option', { value: each }, each)));
  select.value = size;
  const element = h('nav', { class: 'pager', 'aria-label': 'Pages', hidden: true }, back, text, on,
    h('label', { for: id, class: 'muted' }, 'A page has'), select);
  return {
    element,
    show({ page, more, count, size: each }) {
      element.hidden = page === 1 && !more && count <= Number(sizes[0]);
      back.disabled = page === 1;
      on.disabled = !more;
      const from = (page - 1) * each + 1;
      text.textContent = count === 0 ? 'nothing here' : `${from}–${from + count - 1}`;
    },
  };
}

// What went wrong with reading, and another try.
export function problemBox(again) {
  const text = h('span', {});
  const element = h('div', { class: 'notice bad', role: 'alert', hidden: true }, icon('alert'), text,
    button('Try again', again));
  return {
    element,
    show(problem) {
      text.textContent = problem.status === 403
        ? `Your role does not allow this: ${visible(problem.message)}` : visible(problem.message);
      element.hidden = false;
    },
    hide() { element.hidden = true; },
  };
}

// A list of facts: [[term, value], ...]; a value that is null is left out.
export function facts(rows) {
  return h('dl', { class: 'facts' }, rows.filter(([, value]) => value !== null && value !== undefined && value !== false)
    .map(([term, value]) => h('div', {}, h('dt', {}, term), h('dd', {}, value))));
}

export function card(title, ...content) {
  return h('section', { class: 'card' }, h('h2', {}, title), content);
}

// A table of rows that are arrays of cells; `columns`: [[head, class], ...].
export function grid(label, columns, rows) {
  return h('div', { class: 'table-wrap', tabindex: '0', role: 'region', 'aria-label': label },
    h('table', { role: 'table', 'aria-label': label },
      h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' },
        columns.map(([head, name]) => h('th', { role: 'columnheader', scope: 'col', class: name }, head)))),
      h('tbody', { role: 'rowgroup' }, rows.map((cells) => h('tr', { role: 'row' },
        cells.map((content, at) => h('td', { role: 'cell', 'data-label': columns[at][0], class: columns[at][1] },
          h('div', {}, content))))))));
}

// All items of a list, page by page, at most `max`.
export async function everything(api, path, max = 2000) {
  const items = [];
  let after = '';
  do {
    const answer = await api.get(path, { limit: 500, after });
    items.push(...answer.items);
    after = answer.next || '';
  } while (after && items.length < max);
  return items;
}

