import { describe, expect, it } from 'vitest';
import { contiguousBuffers, EventChunks } from './stored-event.js';

const text = (n: number): string => JSON.stringify({ n, filler: 'x'.repeat(10_000) });
const event = (n: number) => ({ id: `id-${n}`, key: 'k', text: text(n) });

describe('EventChunks', () => {
  it('lays events side by side, so that a turn is one buffer', () => {
    const chunks = new EventChunks();
    const events = [1, 2, 3].map((n) => chunks.store(event(n)));
    expect(contiguousBuffers(events)).toHaveLength(1);
    expect(events.map(({ json }) => json.toString())).toEqual([1, 2, 3].map(text));
  });

  it('uses a chunk again once all of its events are released, and not before', () => {
    const chunks = new EventChunks();
    const first = Array.from({ length: 8 }, (_, n) => chunks.store(event(n)));
    const buffer = first[0]!.chunk;
    for (const stored of first.slice(1)) stored.release();
    const second = Array.from({ length: 40 }, (_, n) => chunks.store(event(n)));
    expect(second.some(({ chunk }) => chunk === buffer && chunk !== second[0]!.chunk)).toBe(false);
    expect(first[0]!.json.toString()).toBe(text(0));
    for (const stored of [first[0]!, ...second]) stored.release();
    const third = Array.from({ length: 100 }, (_, n) => chunks.store(event(n)));
    expect(third.some(({ chunk }) => chunk === buffer)).toBe(true);
    expect(third.map(({ json }) => json.toString())).toEqual(third.map((_, n) => text(n)));
  });

  it('gives an event that is larger than a chunk bytes of its own', () => {
    const chunks = new EventChunks();
    const large = chunks.store({ id: 'large', key: 'k', text: 'y'.repeat(300_000) });
    const next = chunks.store(event(1));
    expect(large.json.toString()).toBe('y'.repeat(300_000));
    expect(next.json.toString()).toBe(text(1));
  });
});
