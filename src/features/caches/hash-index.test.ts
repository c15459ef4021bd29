import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HashIndex } from './hash-index.js';

describe('HashIndex', () => {
  it('agrees with a Map when hashes collide and entries come, move and go', () => {
    const step = fc.record({ act: fc.constantFrom('add', 'remove', 'move'), key: fc.nat(19) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.integer({ min: 1, max: 7 }), (steps, spread) => {
        const index = new HashIndex(32);
        const model = new Map<number, number>();
        // Places are unique; hashes crowd at the end of the table, so that probing wraps around.
        const hashOf = (key: number) => (28 + (key % spread)) >>> 0;
        let fresh = 0;
        for (const { act, key } of steps) {
          const place = model.get(key);
          if (place === undefined) {
            if (act !== 'add' || index.full) continue;
            model.set(key, ++fresh);
            index.add(hashOf(key), fresh);
          } else if (act === 'remove') {
            index.remove(hashOf(key), place);
            model.delete(key);
          } else if (act === 'move') {
            index.move(hashOf(key), place, ++fresh);
            model.set(key, fresh);
          }
          for (const [other, at] of model) {
            expect(index.has(hashOf(other), at)).toBe(true);
            expect(index.find(hashOf(other), (candidate) => candidate === at)).toBe(at);
          }
          expect(index.count).toBe(model.size);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('finds nothing in an empty index, and forgets all when cleared', () => {
    const index = new HashIndex(16);
    expect(index.find(1, () => true)).toBe(-1);
    index.add(1, 0);
    expect(index.find(1, () => true)).toBe(0);
    index.clear();
    index.remove(1, 0);
    index.move(1, 0, 2);
    expect([index.find(1, () => true), index.count, index.byteLength]).toEqual([-1, 0, 128]);
  });
});
