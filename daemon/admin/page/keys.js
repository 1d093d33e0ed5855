// Shortcuts of one letter. They act only outside of fields and dialogs, and can be turned off.

import { h, dialog, button } from './dom.js';

const stored = 'moneykit-syncd.keys';
const places = { q: 'queue', i: 'incidents', l: 'links', o: 'overview' };

const general = [
  ['g q', 'Go to the queue'], ['g i', 'Go to the incidents'], ['g l', 'Go to the links'], ['g o', 'Go to the overview'],
  ['/', 'Search'], ['?', 'This help'],
];

function isOff() {
  try {
    return localStorage.getItem(stored) === 'off';
  } catch {
    return false;
  }
}

export class Keys {
  #view;
  #listener = (event) => this.#press(event);
  #going = false;

  // `view()` is the present view: its `keys` maps a key to {says, run}.
  constructor(view) {
    this.#view = view;
    document.addEventListener('keydown', this.#listener);
  }

  stop() {
    document.removeEventListener('keydown', this.#listener);
  }

  #press(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    if (document.querySelector('dialog[open]')) return;
    const inField = event.target.closest?.('input:not([type=checkbox]), textarea, select');
    if (inField) {
      if (event.key === 'Escape') event.target.blur();
      return;
    }
    if (isOff()) return;
    const going = this.#going;
    this.#going = false;
    if (going && places[event.key]) {
      location.hash = `#/${places[event.key]}`;
    } else if (event.key === 'g') {
      this.#going = true;
    } else if (event.key === '?') {
      this.help();
    } else if (event.key === '/') {
      const field = document.querySelector('main input[type=search]');
      if (!field) return;
      field.focus();
      field.select();
    } else {
      const act = this.#view()?.keys?.[event.key];
      if (!act || act.run(event) === false) return;
    }
    event.preventDefault();
  }

  help() {
    const own = Object.entries(this.#view()?.keys || {}).map(([key, { says }]) => [key, says]);
    const row = ([key, says]) => h('div', {}, h('dt', {}, key.split(' ').map((one) => h('kbd', {}, one))), h('dd', {}, says));
    dialog('Keyboard shortcuts', (close) => ({
      content: [
        own.length > 0 && [h('h3', {}, 'Here'), h('dl', { class: 'keys' }, own.map(row))],
        h('h3', {}, 'Everywhere'), h('dl', { class: 'keys' }, general.map(row)),
        h('p', { class: 'hint' }, 'Tab and Shift+Tab reach everything as well; Escape leaves a field or a dialog.'),
        h('label', { class: 'check' }, h('input', { type: 'checkbox', checked: !isOff(), onchange: (event) => {
          try {
            localStorage.setItem(stored, event.target.checked ? 'on' : 'off');
          } catch {
            event.target.checked = true;  // nowhere to remember it
          }
        } }), 'Shortcuts of one key are on'),
      ],
      buttons: [button('Close', () => close(), { class: 'primary', autofocus: true })],
    }));
  }
}
