import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseReply } from '../../../test/support/edge.js';
import { LaneEdge, request, statuses } from '../../../test/support/lane-edge.js';
import { eventually } from '../../../test/support/service.js';

let edge: LaneEdge;
beforeEach(() => void (edge = new LaneEdge()));
afterEach(() => edge.stop());

describe('draining', () => {
  it('ends a connection with the reply that is under way, and nothing behind it is taken up', async () => {
    await edge.start();
    let letGo = (): void => undefined;
    edge.prediction.before = () => new Promise((resolve) => (letGo = resolve));
    const { socket, text, closed } = await edge.client();
    socket.write(request() + request());
    await eventually(() => edge.prediction.asked.length === 1);
    edge.server.beginDrain();
    letGo();
    await eventually(closed);
    expect([statuses(text()), parseReply(text()).headers['connection']]).toEqual([[200], 'close']);
    expect(edge.prediction.asked).toHaveLength(1);
  });

  it('closes idle connections at once, and waits for the others', async () => {
    await edge.start();
    let letGo = (): void => undefined;
    const [idle, busy, passedOn] = [await edge.client(), await edge.client(), await edge.client()];
    idle.socket.write(request());
    passedOn.socket.write('GET /health HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => idle.text() !== '' && passedOn.text() !== '');
    edge.prediction.before = () => new Promise((resolve) => (letGo = resolve));
    busy.socket.write(request());
    await eventually(() => edge.prediction.asked.length === 2);
    const closing = edge.server.close(60_000);
    await eventually(() => idle.closed() && passedOn.closed());
    expect(busy.closed()).toBe(false);
    letGo();
    await closing;
    await eventually(busy.closed);
    expect(statuses(busy.text())).toEqual([200]);
  });

  it('still serves a connection that was made just before, and no new one', async () => {
    await edge.start();
    const early = await edge.client();
    await edge.sendOne('');
    const closing = edge.server.close(60_000);
    await expect(edge.client()).rejects.toThrow();
    early.socket.write(request());
    await closing;
    await eventually(early.closed);
    expect(statuses(early.text())).toEqual([200]);
  });

  it('cuts what is left at the deadline', async () => {
    await edge.start();
    edge.prediction.before = () => new Promise(() => undefined);
    const [waiting, half] = [await edge.client(), await edge.client()];
    waiting.socket.write(request());
    half.socket.write('POST /v1');
    await eventually(() => edge.prediction.asked.length === 1);
    await edge.server.close(20);
    await eventually(() => waiting.closed() && half.closed());
    expect(waiting.text()).toBe('');
  });
});
