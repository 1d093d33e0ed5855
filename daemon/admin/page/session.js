// Who is signed in. The token lives in this page's memory and in this tab's session storage, and nowhere else.

import { Api } from './api.js';

const stored = 'moneykit-syncd.token';
const ranks = { read: 1, operate: 2, admin: 3 };

export class Session {
  who = null;
  #ended;

  // `ended(reason)` is called when somebody is signed out, by themselves (no reason) or by the daemon.
  constructor(ended) {
    this.#ended = ended;
    this.api = new Api((problem) => this.end(`You were signed out: ${problem.message}`));
  }

  static remembered() {
    return sessionStorage.getItem(stored) || '';
  }

  // Throws a Problem if the daemon does not accept the token.
  async begin(token) {
    this.api.use(token);
    const who = await this.api.get('/v1/whoami');
    sessionStorage.setItem(stored, token);
    this.who = who;
  }

  end(reason = '') {
    const known = this.who !== null;
    this.who = null;
    this.api.use('');
    sessionStorage.removeItem(stored);
    if (known) this.#ended(reason);
  }

  can(role) {
    return (ranks[this.who?.role] || 0) >= ranks[role];
  }
}
