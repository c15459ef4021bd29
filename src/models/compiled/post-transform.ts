import type { PostTransform } from '../trees/tree-ensemble.js';

/** 1 / (1 + e^-x) in float32, step by step as onnxruntime rounds it. */
export function logistic(x: number): number {
  const value = Math.fround(1 / Math.fround(1 + Math.fround(Math.exp(-Math.abs(Math.fround(x))))));
  return x < 0 ? Math.fround(1 - value) : value;
}

/** PROBIT is too rare to be worth its proof. */
export function isSupported(transform: PostTransform): boolean {
  return transform !== 'PROBIT';
}

/** Transforms the scores of one row in place, in float32 whatever they were summed in. */
export function applyPostTransform(transform: PostTransform, scores: Float64Array): void {
  if (transform === 'NONE') return;
  for (let at = 0; at < scores.length; at++) scores[at] = Math.fround(scores[at]!);
  if (transform === 'LOGISTIC') for (let at = 0; at < scores.length; at++) scores[at] = logistic(scores[at]!);
  else if (transform === 'SOFTMAX') softmax(scores, false);
  else if (transform === 'SOFTMAX_ZERO') softmax(scores, true);
}

/** Scores within this of zero are left out of SOFTMAX_ZERO. */
const nearZero = Math.fround(0.0000001);

export function softmax(scores: Float64Array, skipZeros: boolean): void {
  let most = -3.4028234663852886e38;
  for (let at = 0; at < scores.length; at++) if (scores[at]! > most) most = scores[at]!;
  const skipped = skipZeros ? Math.fround(Math.exp(-most)) : 0;
  let sum = 0;
  for (let at = 0; at < scores.length; at++) {
    const score = scores[at]!;
    if (skipZeros && !(score > nearZero || score < -nearZero)) scores[at] = Math.fround(score * skipped);
    else {
      scores[at] = Math.fround(Math.exp(Math.fround(score - most)));
      sum = Math.fround(sum + scores[at]!);
    }
  }
  for (let at = 0; at < scores.length; at++) scores[at] = Math.fround(scores[at]! / sum);
}
