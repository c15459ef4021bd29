import { describe, expect, it } from 'vitest';
import { csvInstance } from './csv-instance.js';

const signature = {
  features: {
    type: 'object',
    properties: {
      age: { type: 'integer' },
      single: { type: 'boolean' },
      island: { type: ['string', 'null'] },
      weight: { type: 'number', nullable: true },
      length: { anyOf: [{ type: 'number' }, { type: 'null' }] },
      pixels: { type: 'array', items: { type: 'number' } },
      person_id: { type: 'string' },
    },
  },
  entities: ['applicant_id', 'person_id'],
};
const features = (record: Record<string, string>): unknown =>
  (JSON.parse(csvInstance(record, signature)) as { features: unknown }).features;

describe('csvInstance', () => {
  it('writes each cell as its type wants', () => {
    expect(features({ age: '42', single: 'TRUE', island: 'Dream', weight: '-1.5e3', pixels: '[1, 2]' })).toEqual({
      age: 42,
      single: true,
      island: 'Dream',
      weight: -1500,
      pixels: [1, 2],
    });
  });

  it('keeps every digit of a number', () => {
    expect(csvInstance({ age: '9007199254740993' }, signature)).toBe('{"features":{"age":9007199254740993}}');
  });

  it('leaves what does not fit as text, for the service to refuse', () => {
    const wrong = { age: 'old', single: 'yes', weight: '.5', pixels: '[1', unknown: '7' };
    expect(features(wrong)).toEqual(wrong);
  });

  it('takes an empty cell for null where that is allowed, else for nothing', () => {
    expect(features({ age: '', island: '', weight: '', length: '', pixels: '' })).toEqual({
      island: null,
      weight: null,
      length: null,
    });
  });

  it('takes a column named like an entity for its key, unless a feature has that name', () => {
    expect(JSON.parse(csvInstance({ applicant_id: '17', person_id: 'P', age: '' }, signature))).toEqual({
      features: { person_id: 'P' },
      entities: { applicant_id: '17' },
    });
    expect(csvInstance({ applicant_id: '' }, signature)).toBe('{"features":{}}');
  });
});
