import { isPlainObject } from '../shared/json.js';
import type { StepRequest } from './steps/step.js';

/**
 * How many requests a batch counts as where each instance counts as one: its instances, at most `maxInstances` (a larger batch is
 * refused by prediction). A body that is no batch counts as one. Reads the body a second time: only this setting pays for that.
 */
export function batchWeight(maxInstances: number): (request: StepRequest) => number {
  return ({ body }) => {
    if (!Buffer.isBuffer(body)) return 1;
    const instances = instancesOf(body);
    return Math.min(Math.max(1, instances), maxInstances);
  };
}

function instancesOf(body: Buffer): number {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return isPlainObject(value) && Array.isArray(value['instances']) ? value['instances'].length : 1;
  } catch {
    // Not JSON: prediction says so, in its own words.
    return 1;
  }
}
