import type { MissingExplanation, RowExplainer } from './explanation.js';

/** Stands for a version that cannot be explained, and says what to add. */
export class Unexplained implements RowExplainer {
  readonly explains: { readonly reason: string };
  readonly #answer: Promise<MissingExplanation>;

  constructor(reason: string) {
    this.explains = { reason };
    this.#answer = Promise.resolve({
      code: 'explanation_unavailable',
      message: `This version cannot be explained: ${reason}`,
    });
  }

  explain(): Promise<MissingExplanation> {
    return this.#answer;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
