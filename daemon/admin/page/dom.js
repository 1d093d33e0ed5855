// Elements, made without a line of markup: what comes from the API can only ever become text.

const space = 'http://www.w3.org/2000/svg';

// h('a', {href: '#', class: 'x', onclick: f}, 'text', other): an element. null, false and '' are left out.
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (key === 'value' || key === 'checked' || key === 'indeterminate') element[key] = value;
    else element.setAttribute(key, value === true ? '' : value);
  }
  add(element, children);
  return element;
}

export function add(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === '') continue;
    element.append(child);  // a string becomes a text node
  }
}

export function fill(element, ...children) {
  element.replaceChildren();
  add(element, children);
  return element;
}

const hidden = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

// Text with what cannot be seen, or turns its surroundings round, written out. Line ends stay.
export function visible(text) {
  return String(text).replace(hidden, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

// A text of somebody else, which may be of either direction; nothing around it is moved by it.
export function foreign(text, properties = {}) {
  return h('bdi', properties, visible(text));
}

const shapes = {
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM21 21l-5-5',
  copy: 'M9 9h11v12H9zM5 15H4V3h11v2',
  check: 'M4 12.5l5 5L20 6.5',
  alert: 'M12 3 2 20h20L12 3ZM12 10v4M12 17v.5',
  info: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM12 11v5M12 7.5v.5',
  key: 'M8 11a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM11 12l9-9M16 7l3 3',
  left: 'M15 5l-7 7 7 7',
  right: 'M9 5l7 7-7 7',
  cloud: 'M3 3l18 18M8 8.5A5 5 0 0 0 7 18h10M11 6.2A6 6 0 0 1 18 11a3.5 3.5 0 0 1 2.5 5.5',
  person: 'M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM4 21c0-4 3.6-6 8-6s8 2 8 6',
};

export function icon(name) {
  const svg = document.createElementNS(space, 'svg');
  for (const [key, value] of [['viewBox', '0 0 24 24'], ['class', 'icon'], ['aria-hidden', 'true']]) {
    svg.setAttribute(key, value);
  }
  const path = document.createElementNS(space, 'path');
  path.setAttribute('d', shapes[name]);
  svg.append(path);
  return svg;
}

export function button(label, onclick, properties = {}) {
  return h('button', { type: 'button', onclick, ...properties }, label);
}

// What a screen reader is told.
export function announce(text) {
  document.getElementById('announcer').textContent = visible(text);
}

const toastTime = 8000;

// A short notice; it goes by itself, but not while it is being read (pointer or focus on it).
export function toast(text, kind = 'good', action = null) {
  const stack = document.getElementById('toasts');
  const note = h('div', { class: `toast ${kind}` }, icon(kind === 'good' ? 'check' : 'alert'),
    h('span', {}, visible(text)));
  const close = () => note.remove();
  if (action) note.append(button(action.label, () => { close(); action.run(); }, { class: 'quiet' }));
  note.append(button('\u00d7', close, { class: 'quiet', 'aria-label': 'Close this notice' }));
  const leave = () => (note.matches(':hover, :focus-within') ? setTimeout(leave, toastTime) : close());
  stack.append(note);
  while (stack.children.length > 4) stack.firstChild.remove();
  if (kind === 'good') setTimeout(leave, toastTime);
}

let dialogs = 0;

// A modal dialog. `build(close)` returns its content and its buttons; the promise has what `close` was given, or
// undefined when it was left with Escape. `keep()` true: the first Escape only asks. The focus goes back by itself.
export function dialog(title, build, { keep = () => false, wide = false } = {}) {
  return new Promise((resolve) => {
    const id = `dialog-${++dialogs}`;
    let answer;
    let warned = false;
    const close = (value) => { answer = value; box.close(); };
    const { content, buttons } = build(close);
    const warning = h('p', { class: 'warn', role: 'alert' });
    const box = h('dialog', { 'aria-labelledby': id, class: wide ? 'wide' : null },
      h('h2', { id }, title), h('div', { class: 'dialog-body' }, content), warning, h('div', { class: 'row end' }, buttons));
    const back = document.activeElement;
    box.addEventListener('cancel', (event) => {
      if (!warned && keep()) {
        warned = true;
        event.preventDefault();
        warning.textContent = 'You have not copied it yet, and it is not shown again. Press Escape once more to close.';
      }
    });
    box.addEventListener('close', () => {
      box.remove();
      if (back?.isConnected) back.focus();
      resolve(answer);
    });
    document.body.append(box);
    box.showModal();
    box.querySelector('[autofocus]')?.focus();
  });
}

// Asks; resolves to true or undefined.
export function confirm(title, content, yes, { danger = false } = {}) {
  return dialog(title, (close) => ({
    content: [content].flat().map((text) => (typeof text === 'string' ? h('p', {}, text) : text)),
    buttons: [button('Cancel', () => close(), { autofocus: danger }),
      button(yes, () => close(true), { class: danger ? 'danger' : 'primary', autofocus: !danger })],
  }));
}

// Asks for a line of text; resolves to it, or undefined.
export function ask(title, { label, hint = '', yes, value = '', required = true, rows = 3, before = [], danger = false }) {
  return dialog(title, (close) => {
    const field = rows > 1
      ? h('textarea', { id: 'asked', rows, maxlength: 2000, autofocus: true, required, value })
      : h('input', { id: 'asked', maxlength: 256, autofocus: true, required, value, autocomplete: 'off' });
    const send = (event) => {
      event.preventDefault();
      const text = field.value.trim();
      if (required && text === '') field.focus();
      else close(text);
    };
    return {
      content: h('form', { id: 'ask-form', onsubmit: send }, before,
        h('label', { for: 'asked' }, label), field, hint && h('p', { class: 'hint' }, hint)),
      buttons: [button('Cancel', () => close()), h('button', { type: 'submit', form: 'ask-form', class: danger ? 'danger' : 'primary' }, yes)],
    };
  });
}

// Puts the present focus back after `change` has replaced elements: on the one with the same data-focus.
export function keepFocus(root, change) {
  const held = document.activeElement;
  const name = root.contains(held) ? held.closest('[data-focus]')?.dataset.focus : undefined;
  change();
  if (name === undefined || (held.isConnected && document.activeElement === held)) return;
  root.querySelector(`[data-focus="${CSS.escape(name)}"]`)?.focus({ preventScroll: true });
}

// Makes the children of `body` those that `items` say, one each, in order. One that has not changed is not touched.
// Returns how many are new and how many changed; `mark`: these are made visible for a moment.
export function reconcile(body, items, keyOf, render, mark = false) {
  const old = new Map([...body.children].map((child) => [child.dataset.key, child]));
  const count = { added: 0, changed: 0 };
  keepFocus(body, () => {
    let at = body.firstElementChild;
    for (const item of items) {
      const key = keyOf(item);
      const stamp = JSON.stringify(item);
      let child = old.get(key);
      old.delete(key);
      if (child?.stamp !== stamp) {
        const fresh = render(item);
        fresh.dataset.key = key;
        fresh.stamp = stamp;
        if (mark) fresh.classList.add('changed');
        if (child) {
          ++count.changed;
          if (at === child) at = fresh;
          child.replaceWith(fresh);
        } else {
          ++count.added;
        }
        child = fresh;
      }
      if (child === at) at = at.nextElementSibling;
      else body.insertBefore(child, at);
    }
    for (const gone of old.values()) gone.remove();
  });
  return count;
}
