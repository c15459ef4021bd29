import type { FeaturePlan } from './feature-plan.js';

const key = Buffer.from('"features"');
const backslash = 0x5c;
const colon = 0x3a;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const largestBlank = 0x20;

/**
 * The JSON text of `features` in the body of a single prediction, cut out without parsing; undefined where the cut is not sure
 * to be right. It is sure when no string of the body is escaped (so `"features"` stands nowhere but as that one key, if it
 * stands once), and when neither a name nor a value can hold a brace (so the first one that closes is the object's).
 */
export function featuresText(body: Buffer, plan: FeaturePlan): string | undefined {
  if (!plan.bracesAreStructure || body.includes(backslash)) return undefined;
  const at = body.indexOf(key);
  if (at === -1 || body.indexOf(key, at + 1) !== -1) return undefined;
  const colonAt = skipBlanks(body, at + key.length);
  const openAt = skipBlanks(body, colonAt + 1);
  if (body[colonAt] !== colon || body[openAt] !== openBrace) return undefined;
  return body.toString('utf8', openAt, body.indexOf(closeBrace, openAt) + 1);
}

function skipBlanks(body: Buffer, from: number): number {
  let at = from;
  while (at < body.length && (body[at] ?? 0) <= largestBlank) at++;
  return at;
}
