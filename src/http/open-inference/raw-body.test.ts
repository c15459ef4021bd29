import { expect, it } from 'vitest';
import type { TensorSpec } from '../../models/index.js';
import { readRawBody } from './raw-body.js';

const read = (body: Buffer, ...inputs: readonly Omit<TensorSpec, 'name'>[]) =>
  readRawBody(body, {
    inputs: inputs.map((input, at) => ({ name: `x${at}`, ...input })),
    outputs: [],
    kind: 'other',
  }).request.inputs['x0'];

it('finds out the one dimension that varies', () => {
  const body = Buffer.from(Int16Array.of(1, 2, 3, 4).buffer);
  expect(read(body, { type: 'int16', dims: [null, null, 2] })).toEqual({
    type: 'int16',
    dims: [1, 2, 2],
    data: Int16Array.of(1, 2, 3, 4),
  });
});

it('takes a text as it is', () => {
  expect(read(Buffer.from('ä'), { type: 'string', dims: [null, 1] })).toEqual({
    type: 'string',
    dims: [1, 1],
    data: ['ä'],
  });
});

const byte = { type: 'uint8', dims: [null, null] } as const;
it.each([
  ['two inputs', Buffer.alloc(1), [byte, byte], /models of one input, this one has 2/],
  [
    'two dimensions that vary',
    Buffer.alloc(4),
    [{ type: 'uint8', dims: [null, null, null] }],
    /several of its dimensions/,
  ],
  ['several texts', Buffer.from('a'), [{ type: 'string', dims: [null, 2] }], /holds one text/],
  ['text that is no UTF-8', Buffer.from([0xff]), [{ type: 'string', dims: [null, 1] }], /UTF-8/],
  ['half an element', Buffer.alloc(3), [{ type: 'int16', dims: [null, null] }], /needs 2 bytes, there are 3/],
] as const)('refuses %s', (_, body, inputs, words) => {
  expect(() => read(body, ...inputs)).toThrow(words);
});
