// Follows the daemon's revision with a long poll: every change of a relink entry or an incident raises it.

const spacing = 1000;  // at most one refresh a second, however many changes there are
const backoffFirst = 1000;
const backoffMax = 15_000;

export class Live extends EventTarget {
  #api;
  #stop = new AbortController();
  #wake = () => {};

  // Events: "change" (something is new), "lost" (detail: milliseconds until the next try), "found".
  constructor(api) {
    super();
    this.#api = api;
    this.#run();
  }

  stop() {
    this.#stop.abort();
    this.#wake();
  }

  // Ends the pause before the next try.
  retryNow() {
    this.#wake();
  }

  async #run() {
    let revision = null;
    let failures = 0;
    while (!this.#stop.signal.aborted) {
      try {
        const begin = performance.now();
        const query = revision === null ? {} : { after: revision, wait: '30s' };
        const answer = await this.#api.get('/v1/revision', query, this.#stop.signal);
        const first = revision === null;
        const changed = !first && answer.revision !== revision;
        revision = answer.revision;
        if (failures > 0) {
          failures = 0;
          this.dispatchEvent(new Event('found'));
          this.dispatchEvent(new Event('change'));
        } else if (changed || first) {
          this.dispatchEvent(new Event('change'));
        }
        // Nor does an answer that comes without the wait that was asked for make a loop without a pause.
        if (!first && (changed || performance.now() - begin < spacing)) await this.#pause(spacing);
      } catch (problem) {
        if (this.#stop.signal.aborted || problem.status === 401) return;
        const delay = Math.min(backoffMax, backoffFirst * 2 ** failures++);
        this.dispatchEvent(new CustomEvent('lost', { detail: { delay, problem } }));
        await this.#pause(delay);
      }
    }
  }

  #pause(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => { clearTimeout(timer); resolve(); };
    });
  }
}
