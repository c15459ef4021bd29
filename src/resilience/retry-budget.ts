/** Tokens at most, and at the start: so many retries may follow one another. */
const maxTokens = 10;
/** What a call that succeeds earns: retries stay under a tenth of the calls. */
const earned = 0.1;

/** Keeps retries from multiplying the load on a backend that fails. An empty budget means: fail now, never wait. */
export class RetryBudget {
  #tokens = maxTokens;

  /** A call has succeeded without a retry. */
  earn(): void {
    this.#tokens = Math.min(maxTokens, this.#tokens + earned);
  }

  /** Takes leave for one retry; false: there is none. */
  spend(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
