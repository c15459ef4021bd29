import { expect, it } from 'vitest';
import { flatText, lastText } from './flat-text.js';

it('a flat text is the same text', () => {
  const text = 'joined ' + 'é😀'.repeat(20);
  expect(flatText(text)).toBe(text);
});

it('the last text is made again when either value differs, and only then', () => {
  const made: string[] = [];
  const text = lastText((name: string | null, count: number) => {
    made.push(`${name}/${count}`);
    return `${name}/${count}`;
  });
  const asked: readonly (readonly [string | null, number])[] = [['a', 1], ['a', 1], ['a', 2], [null, 2], [null, 2], ['a', 1]]; // prettier-ignore
  expect(asked.map(([name, count]) => text(name, count))).toEqual(['a/1', 'a/1', 'a/2', 'null/2', 'null/2', 'a/1']);
  expect(made).toEqual(['a/1', 'a/2', 'null/2', 'a/1']);
});
