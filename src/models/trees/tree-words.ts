import { TreeEnsembleError, type PostTransform, type TreeAggregate } from './tree-ensemble.js';

/** The words of an attribute, and the numbers that stand for them in version 5. */
class Words<Word extends string> {
  readonly #what: string;
  readonly #words: readonly Word[];

  constructor(what: string, words: readonly Word[]) {
    this.#what = what;
    this.#words = words;
  }

  byName(name: string): Word {
    const word = this.#words.find((candidate) => candidate === name);
    if (word === undefined) throw new TreeEnsembleError(`${this.#what} is '${name}'`);
    return word;
  }

  byNumber(number: number): Word {
    const word = this.#words[number];
    if (word === undefined) throw new TreeEnsembleError(`${this.#what} is ${number}`);
    return word;
  }
}

export const aggregates = new Words<TreeAggregate>('aggregate_function', ['AVERAGE', 'SUM', 'MIN', 'MAX']);
/** By number as onnxruntime reads them: the standard has SOFTMAX as 1 and LOGISTIC as 2. */
export const postTransforms = new Words<PostTransform>('post_transform', [
  'NONE',
  'LOGISTIC',
  'SOFTMAX',
  'SOFTMAX_ZERO',
  'PROBIT',
]);
