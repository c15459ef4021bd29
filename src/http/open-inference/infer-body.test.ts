import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBinary, TensorFormatError, toBinary, toJsonList, type Tensor } from '../../models/index.js';
import { ServiceError } from '../../shared/errors.js';
import { readInferBody } from './infer-body.js';
import { inferReply } from './infer-reply.js';

const x = { name: 'x', shape: [2, 1], datatype: 'FP32', data: [1, 2] };
const read = (value: unknown) => readInferBody(Buffer.from(JSON.stringify(value)), undefined);
const refusal = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'INVALID_REQUEST') return error.message;
    throw error;
  }
  return expect.unreachable('it should be refused');
};

describe('an inference request', () => {
  it('is read, what the protocol does not know left aside', () => {
    const { request, id } = read({ id: 'r', model_name: 'm', inputs: [x], parameters: { timeout: 250_000 }, more: 1 });
    expect(id).toBe('r');
    expect(request).toMatchObject({ timeoutMs: 250, outputs: undefined });
    expect(request.inputs['x']).toEqual({ type: 'float32', dims: [2, 1], data: Float32Array.of(1, 2) });
  });

  it('may nest its data to the shape, and leave numbers out as null', () => {
    expect(read({ inputs: [{ ...x, data: [[1], [null]] }] }).request.inputs['x']?.data).toEqual(
      Float32Array.of(1, NaN),
    );
  });

  it.each([
    ['no JSON', () => readInferBody(Buffer.from('{'), undefined), /not valid JSON/],
    ['a list', () => read([]), /must be a JSON object/],
    ['no inputs', () => read({}), /inputs must be a list/],
    ['an input without name', () => read({ inputs: [{ ...x, name: 1 }] }), /inputs\/0 needs a name/],
    ['an unknown datatype', () => read({ inputs: [{ ...x, datatype: 'FP8' }] }), /datatype/],
    ['a shape that is none', () => read({ inputs: [{ ...x, shape: ['2'] }] }), /shape of whole numbers/],
    ['a negative dimension', () => read({ inputs: [{ ...x, shape: [-1, 1] }] }), /whole numbers from 0/],
    ['too few elements', () => read({ inputs: [{ ...x, data: [1] }] }), /needs 2 elements, there are 1/],
    ['a shape beyond counting', () => read({ inputs: [{ ...x, shape: [2 ** 40, 2 ** 40] }] }), /whole numbers/],
    ['data nested otherwise', () => read({ inputs: [{ ...x, data: [[1, 2]] }] }), /not to the shape \[2, 1\]/],
    ['text for numbers', () => read({ inputs: [{ ...x, data: ['1', '2'] }] }), /FP32 is string/],
    [
      'a fraction for an integer',
      () => read({ inputs: [{ ...x, datatype: 'INT8', data: [1, 1.5] }] }),
      /INT8 is number/,
    ],
    [
      'an integer too large for its type',
      () => read({ inputs: [{ ...x, datatype: 'INT8', data: [1, 300] }] }),
      /beyond what INT8/,
    ],
    [
      'an integer that JSON rounds',
      () => read({ inputs: [{ ...x, datatype: 'INT64', data: [1, 2 ** 60] }] }),
      /beyond 2\^53/,
    ],
    ['one name twice', () => read({ inputs: [x, x] }), /name of another/],
    ['a timeout that is none', () => read({ inputs: [x], parameters: { timeout: -1 } }), /microseconds/],
    ['outputs that are no list', () => read({ inputs: [x], outputs: 'y' }), /outputs must be a list/],
    ['an output without name', () => read({ inputs: [x], outputs: [{}] }), /needs a name/],
    ['a header length beyond the body', () => readInferBody(Buffer.from('{}'), '3'), /Content-Length/],
    ['binary data that is cut off', () => read({ inputs: [{ ...x, parameters: { binary_data_size: 8 } }] }), /cut off/],
    ['binary data of no size', () => read({ inputs: [{ ...x, parameters: { binary_data_size: -8 } }] }), /no size/],
    ['more binary data than said', () => readInferBody(Buffer.from('{"inputs":[]}xx'), '13'), /more binary data/],
  ])('of %s is refused', (_name, work, message) => {
    expect(refusal(work)).toMatch(message);
  });

  it('never fails otherwise, whatever it is', () => {
    fc.assert(
      fc.property(fc.json(), fc.option(fc.string(), { nil: undefined }), (text, header) => {
        try {
          readInferBody(Buffer.from(text), header);
        } catch (error) {
          expect(error).toMatchObject({ code: 'INVALID_REQUEST' });
        }
      }),
    );
  });
});

const tensors: readonly Tensor[] = [
  { type: 'bool', dims: [2], data: Uint8Array.of(0, 1) },
  { type: 'int64', dims: [2], data: BigInt64Array.of(-1n, 2n ** 40n) },
  { type: 'uint64', dims: [1], data: BigUint64Array.of(7n) },
  { type: 'float64', dims: [1, 2], data: Float64Array.of(0.1, -1e300) },
  { type: 'float16', dims: [2], data: Uint16Array.of(0x3c00, 0x4000) },
  { type: 'int16', dims: [2], data: Int16Array.of(-3, 4) },
  { type: 'string', dims: [3], data: ['a', '', 'ä€😀'] },
];

describe('tensors', () => {
  it.each(tensors)('$type: there and back in binary form and as JSON', (tensor) => {
    expect(fromBinary(tensor.type, tensor.dims, toBinary(tensor))).toEqual(tensor);
    const reply = { modelId: 'm', modelVersion: '1', outputs: [{ name: 'y', tensor }] };
    for (const binary of [false, true]) {
      const { body, headerLength } = inferReply(reply, { id: 'i', isBinary: () => binary });
      const text = Buffer.from(body);
      // A reply's outputs have the form of a request's inputs.
      const asRequest = Buffer.from(text.toString('latin1').replace('"outputs"', '"inputs" '), 'latin1');
      const length = headerLength === undefined ? undefined : String(headerLength);
      expect(readInferBody(asRequest, length).request.inputs['y']).toEqual(tensor);
    }
  });

  it.each([
    ['a BOOL of 2', 'bool', Uint8Array.of(2)],
    ['text that is no UTF-8', 'string', Uint8Array.of(1, 0, 0, 0, 0xff)],
    ['a length that is cut off', 'string', Uint8Array.of(1, 0)],
    ['a text that is cut off', 'string', Uint8Array.of(9, 0, 0, 0, 65)],
    ['too many texts', 'string', Buffer.alloc(8)],
    ['no text', 'string', Buffer.alloc(0)],
    ['too many bytes', 'int32', Buffer.alloc(5)],
  ] as const)('%s is no tensor', (_name, type, bytes) => {
    expect(() => fromBinary(type, [1], bytes)).toThrow(TensorFormatError);
  });

  it('write what JSON lacks as null', () => {
    expect(toJsonList({ type: 'float32', dims: [3], data: Float32Array.of(NaN, Infinity, 1) })).toBe('[null,null,1]');
  });
});
