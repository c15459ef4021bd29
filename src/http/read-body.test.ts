import { PassThrough } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ServiceError } from '../shared/errors.js';
import { readBody } from './read-body.js';

let request: PassThrough;
let outcomes: (Buffer | ServiceError)[];

function start(limit: number, headers: Record<string, string> = {}): void {
  request = new PassThrough();
  outcomes = [];
  readBody(Object.assign(request, { headers }) as unknown as IncomingMessage, limit, (body) => outcomes.push(body));
}

const listeners = (stream: PassThrough) => ['data', 'end', 'error'].map((name) => stream.listenerCount(name));
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('the body of a request', () => {
  beforeEach(() => start(10));

  it('is all its chunks', async () => {
    for (const chunk of ['ab', 'cd', 'e']) request.write(chunk);
    request.end();
    await settled();
    expect(outcomes).toEqual([Buffer.from('abcde')]);
  });

  it('is empty where nothing comes', async () => {
    request.end();
    await settled();
    expect(outcomes).toEqual([Buffer.alloc(0)]);
  });

  it('may be as long as the limit, not a byte longer, and is refused once', async () => {
    request.end('0123456789');
    await settled();
    expect(outcomes).toEqual([Buffer.from('0123456789')]);
    start(10);
    request.write('0123456789');
    request.write('a');
    request.end('b');
    await settled();
    expect(outcomes).toMatchObject([{ code: 'PAYLOAD_TOO_LARGE' }]);
  });

  it('is refused unread where its length says that it is too long', () => {
    start(10, { 'content-length': '11' });
    expect(outcomes).toMatchObject([{ code: 'PAYLOAD_TOO_LARGE' }]);
    expect(request.listenerCount('data')).toBe(0);
  });

  it('is refused where it is not as long as it says', async () => {
    start(10, { 'content-length': '3' });
    request.end('ab');
    await settled();
    expect(outcomes).toMatchObject([{ code: 'INVALID_REQUEST' }]);
  });

  it('is refused where the client leaves in the middle of it', async () => {
    request.write('ab');
    request.destroy(new Error('aborted'));
    await settled();
    expect(outcomes).toMatchObject([{ code: 'INVALID_REQUEST' }]);
    expect(listeners(request)).toEqual(listeners(new PassThrough()));
  });
});
