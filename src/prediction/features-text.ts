import type { FeaturePlan } from './feature-plan.js';
import type { PredictionRun } from './prediction-run.js';

const key = '"features"';
/** What may stand between the key and its object. */
const opening = /\s*:\s*\{/y;

/**
 * The JSON text of each row's `features` in the body of a request, cut out without parsing; undefined where the cut is not sure to be
 * right. It is sure when no string of the body is escaped (so `"features"` stands nowhere but as that key), when it stands as often as there
 * are rows, each of which has features (so each has one), and when neither a name nor a value can hold a brace (so the first one that
 * closes is the object's).
 */
export function featuresTexts(body: string, plan: FeaturePlan, rows: number): readonly string[] | undefined {
  if (!plan.bracesAreStructure || body.includes('\\')) return undefined;
  const texts: string[] = [];
  for (let at = body.indexOf(key); at !== -1; at = body.indexOf(key, at + key.length)) {
    opening.lastIndex = at + key.length;
    if (texts.length === rows || !opening.test(body)) return undefined;
    const openAt = opening.lastIndex - 1;
    texts.push(body.slice(openAt, body.indexOf('}', openAt) + 1));
  }
  return texts.length === rows ? texts : undefined;
}

/** The texts of a run whose rows were all given whole by the caller. */
export function inlineTexts({ text, rows }: PredictionRun): readonly string[] | undefined {
  const plan = rows[0]?.assembled?.plan;
  if (plan === undefined || plan.personal || plan.version.features.length === 0) return undefined;
  return rows.every(({ assembled }) => assembled?.allInline === true)
    ? featuresTexts(text, plan, rows.length)
    : undefined;
}
