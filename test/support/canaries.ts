import { expect } from 'vitest';

/** Texts that must come out nowhere. Each is one of its own, so that a leak says where it came in. */
export class Canaries {
  readonly #texts = new Set<string>();

  make(place: string): string {
    return this.add(`Canary${place}${Math.random().toString(36).slice(2, 12)}`);
  }

  add(text: string): string {
    this.#texts.add(text);
    return text;
  }

  /** Those of the places named last may be there. */
  expectNone(where: string, text: string, ...allowed: readonly string[]): void {
    expect(text.length, where).toBeGreaterThan(100);
    const found = [...this.#texts].filter((canary) => text.includes(canary));
    const mayBe = (canary: string) => allowed.some((place) => canary.startsWith(`Canary${place}`));
    expect(
      found.filter((canary) => !mayBe(canary)),
      where,
    ).toEqual([]);
  }
}

/** A feature view whose entity key is personal. */
export const personalViews = `applicant_profile:
  entity: applicant_id
  table: applicant_profile
  key: applicant_id
  timestamp: updated_at
  on_missing: fail
  pii: true
  features: {consumer_credit_score: integer, mortgage_credit_score: integer, public_bad_credit_record: boolean}
`;

/** One stored row, of this key, as `features import` reads it. */
export const personalRow = (key: string): string =>
  `applicant_id,consumer_credit_score,mortgage_credit_score,public_bad_credit_record,updated_at
${key},5,2,false,1998-12-31T00:00:00Z
`;
