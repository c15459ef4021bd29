import type { FeaturePlan } from './feature-plan.js';

const key = '"features"';
/** What may stand between the key and its object. */
const opening = /\s*:\s*\{/y;

/**
 * The JSON text of `features` in the body of a single prediction, cut out without parsing; undefined where the cut is not sure
 * to be right. It is sure when no string of the body is escaped (so `"features"` stands nowhere but as that one key, if it
 * stands once), and when neither a name nor a value can hold a brace (so the first one that closes is the object's).
 */
export function featuresText(body: string, plan: FeaturePlan): string | undefined {
  if (!plan.bracesAreStructure || body.includes('\\')) return undefined;
  const at = body.indexOf(key);
  if (at === -1 || body.includes(key, at + 1)) return undefined;
  opening.lastIndex = at + key.length;
  if (!opening.test(body)) return undefined;
  const openAt = opening.lastIndex - 1;
  return body.slice(openAt, body.indexOf('}', openAt) + 1);
}
