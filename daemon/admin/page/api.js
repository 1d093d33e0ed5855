// The admin API: one place that knows the token, the headers and what is tried again.

import { parseExact } from './json.js';

// What the daemon refused, as RFC 9457 describes it, or that it could not be reached (status 0).
export class Problem extends Error {
  constructor(status, body, retryAfter = 0) {
    super(body.detail || body.title || 'The daemon gave no reason.');
    this.status = status;
    this.retryAfter = retryAfter;  // seconds; 0: not said
    this.code = body.code || '';
    this.entry = body.entry || null;
  }
}

const triesMax = 4;
const waitMax = 10_000;  // milliseconds; who is told to wait longer tells the person
const passing = new Set([0, 429, 503, 504]);

// Whether the same request, under the same key, may go again by itself. Behind a 502 that does not say that MoneyKit
// has done nothing, it would perhaps do it twice there, and only a person should want that.
const mayRepeat = ({ status, code }) => passing.has(status) || (status === 502 && code === 'upstream_failed');

const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

export class Api {
  #token = '';
  #refused;

  // `refused(problem)` is called for each 401: the token is not, or no longer, accepted.
  constructor(refused) {
    this.#refused = refused;
  }

  use(token) {
    this.#token = token;
  }

  // `query`: members that are empty are left out.
  get(path, query = {}, signal = undefined) {
    const pairs = Object.entries(query).filter(([, value]) => value !== '' && value != null);
    const text = new URLSearchParams(pairs).toString();
    return this.#ask('GET', text ? `${path}?${text}` : path, { signal });
  }

  // One act. It carries one key however often it is sent, so an answer that was lost does not act twice.
  async post(path, body = undefined, key = crypto.randomUUID()) {
    for (let attempt = 1; ; ++attempt) {
      try {
        return await this.#ask('POST', path, { body, key });
      } catch (problem) {
        const delay = Math.max(250 * 2 ** attempt, problem.retryAfter * 1000);
        if (!mayRepeat(problem) || attempt === triesMax || delay > waitMax) throw problem;
        await pause(delay);
      }
    }
  }

  async #ask(method, target, { body, key, signal }) {
    const headers = { Accept: 'application/json', Authorization: `Bearer ${this.#token}` };
    if (key) headers['Idempotency-Key'] = key;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    const asked = this.#token;
    let response;
    let text;
    try {
      response = await fetch(target, {
        method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body),
        cache: 'no-store', credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer',
      });
      text = await response.text();
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new Problem(0, { detail: 'The daemon cannot be reached. Is it running, and is the network there?' });
    }
    const answer = read(text, response.ok);
    if (response.ok) return answer;
    const problem = new Problem(response.status, answer, Number(response.headers.get('Retry-After')) || 0);
    // An old request that is refused late says nothing about the token of today.
    if (response.status === 401 && asked === this.#token) this.#refused(problem);
    throw problem;
  }
}

function read(text, good) {
  try {
    return text === '' ? {} : parseExact(text);
  } catch {
    if (!good) return {};
    throw new Problem(502, { detail: 'The answer is not JSON: something between this page and the daemon changed it.' });
  }
}

// A part of a path.
export const part = (id) => encodeURIComponent(id);
