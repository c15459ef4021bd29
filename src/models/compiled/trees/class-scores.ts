import type { TreeEnsemble } from '../../trees/tree-ensemble.js';
import { NotCompiled } from '../value.js';
import { applyPostTransform, logistic } from '../post-transform.js';

/**
 * How one score becomes the scores of two classes: `complement` (1 - s, s) where all weights are positive and so the score is a
 * probability; `opposite` (-s, s), or their logistic.
 */
type SecondClass = 'complement' | 'opposite';

/** Scores and place of the winning class of one row, by the rules of onnxruntime, odd ones included (tree_ensemble_aggregator.h). */
export class ClassScores {
  readonly #ensemble: TreeEnsemble;
  readonly #round: (x: number) => number;
  /** Two classes, and all weights are for one of them. */
  readonly #oneWeighted: boolean;
  readonly #allPositive: boolean;

  constructor(ensemble: TreeEnsemble, round: (x: number) => number) {
    const { weights, targets } = ensemble;
    this.#ensemble = ensemble;
    this.#round = round;
    this.#oneWeighted = targets === 2 && new Set(weights.target).size === 1;
    if (targets === 2 && !this.#oneWeighted && ensemble.baseValues.length === 1) {
      // onnxruntime leaves the second score of some rows unwritten.
      throw new NotCompiled('a classifier of two weighted classes with one base value is not compiled');
    }
    this.#allPositive = weights.value.every((value) => value >= 0);
  }

  /** Labels that are numbers are 0 and 1, whatever the classes: of two classes that both have weights. */
  get plainLabels(): boolean {
    return this.#ensemble.targets === 2 && !this.#oneWeighted;
  }

  /** Turns the trees' sums into scores, in place. Returns the place of the label. */
  finish(scores: Float64Array, scored: Uint8Array): number {
    return scores.length > 2 ? this.#finishMany(scores, scored) : this.#finishTwo(scores, scored);
  }

  #finishMany(scores: Float64Array, scored: Uint8Array): number {
    const { baseValues, postTransform } = this.#ensemble;
    for (let at = 0; at < baseValues.length; at++) {
      scores[at] = this.#round(scores[at]! + baseValues[at]!);
      scored[at] = 1;
    }
    let best = -1;
    for (let at = 0; at < scores.length; at++) {
      if (scored[at] === 1 && (best < 0 || scores[at]! > scores[best]!)) best = at;
    }
    applyPostTransform(postTransform, scores);
    return best;
  }

  #finishTwo(scores: Float64Array, scored: Uint8Array): number {
    const { baseValues, postTransform } = this.#ensemble;
    let both = scored[1] === 1 || baseValues.length === 2;
    if (baseValues.length === 2) this.#addTwoBases(scores, scored);
    else if (baseValues.length === 1) {
      scores[0] = this.#round(scores[0]! + baseValues[0]!);
      both = scored[1] === 1;
    }
    const deciding = both && scored[1] === 1 ? scores[1]! : scored[0] === 1 ? scores[0]! : 0;
    const positive = deciding > (this.#oneWeighted && this.#allPositive ? 0.5 : 0);
    dropUnscored(scores, scored);
    if (both) applyPostTransform(postTransform, scores);
    else this.#addSecond(scores, this.#secondClass());
    return positive ? 1 : 0;
  }

  #addTwoBases(scores: Float64Array, scored: Uint8Array): void {
    const { baseValues } = this.#ensemble;
    if (scored[1] === 1) {
      scores[1] = this.#round(baseValues[1]! + scores[0]!);
      scores[0] = -scores[1];
    } else {
      scores[1] = this.#round(scores[1]! + baseValues[1]!);
      scores[0] = this.#round(scores[0]! + baseValues[0]!);
    }
  }

  #secondClass(): SecondClass {
    const probability = this.#oneWeighted && this.#allPositive && this.#ensemble.postTransform !== 'LOGISTIC';
    return probability ? 'complement' : 'opposite';
  }

  #addSecond(scores: Float64Array, second: SecondClass): void {
    const score = scores[0]!;
    scores[1] = score;
    if (second === 'complement') scores[0] = this.#round(1 - score);
    else if (this.#ensemble.postTransform === 'LOGISTIC') {
      scores[0] = logistic(-score);
      scores[1] = logistic(score);
    } else scores[0] = -score;
  }
}

/** A target that no leaf of the row has a weight for scores 0, whatever its base value. */
export function dropUnscored(scores: Float64Array, scored: Uint8Array): void {
  for (let at = 0; at < scores.length; at++) if (scored[at] === 0) scores[at] = 0;
}
