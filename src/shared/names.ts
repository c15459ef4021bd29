import { distance } from 'fastest-levenshtein';

export const modelIdPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
export const aliasPattern = /^[a-z][a-z0-9_-]{0,63}$/;
export const requestIdPattern = /^[A-Za-z0-9._-]{1,64}$/;

/** The name among `known` that `name` was probably meant to be: within two edits, or a third of its length. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  if (name.length > 128) return undefined;
  const reach = Math.max(2, Math.floor(name.length / 3));
  let best: string | undefined;
  let bestDistance = reach + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) > reach) continue;
    const edits = distance(name.toLowerCase(), candidate.toLowerCase());
    if (edits < bestDistance) {
      best = candidate;
      bestDistance = edits;
    }
  }
  return best;
}
