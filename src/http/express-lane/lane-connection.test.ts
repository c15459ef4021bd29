import { afterEach, describe, expect, it } from 'vitest';
import { FakeSocket, turns } from '../../../test/support/fake-socket.js';
import { RequestReader } from './canonical-request.js';
import { LaneConnection, type LaneEnd } from './lane-connection.js';

const request = (body: string) =>
  `POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

const textOf = (text: string) => ({ text, encoding: 'utf8' as const });

/** Answers nothing by itself unless told to, and writes down what it is asked. */
class RecordingLane implements LaneEnd {
  readonly reader = new RequestReader(1000);
  readonly connections = { sweeps: 0 };
  readonly asked: string[] = [];
  readonly handedOver: string[] = [];
  readonly facts: string[] = [];

  answersAtOnce = false;

  answer(connection: LaneConnection, { body }: { readonly body: Buffer }): void {
    this.asked.push(body.toString());
    if (this.answersAtOnce) connection.reply(textOf(`<${body.toString()}>`), false);
  }

  handOver(_connection: LaneConnection, bytes: Buffer): void {
    this.handedOver.push(bytes.toString('latin1'));
  }

  failed({ socket }: LaneConnection, error: Error): void {
    this.facts.push(error.message);
    socket.destroy();
  }

  closed(): void {
    this.facts.push('closed');
  }
}

const socket = { current: new FakeSocket() };
afterEach(() => socket.current.destroy());

function open() {
  const lane = new RecordingLane();
  socket.current = new FakeSocket();
  return { lane, client: socket.current, connection: new LaneConnection(socket.current.asSocket, lane) };
}

describe('a connection of the lane', () => {
  it('answers one request after the other', async () => {
    const { lane, client, connection } = open();
    expect(connection.waiting).toBe('fresh');
    for (const body of ['1', '22']) {
      await client.sends(request(body));
      expect(connection.waiting).toBe('reply');
      connection.reply(textOf(`<${body}>`), false);
      expect(connection.waiting).toBe('idle');
    }
    expect([lane.asked, client.text]).toEqual([['1', '22'], '<1><22>']);
  });

  it('waits for a request that comes in any pieces, from its first byte on', async () => {
    const { lane, client, connection } = open();
    for (const byte of request('{"a":1}')) {
      expect(lane.asked).toEqual([]);
      await client.sends(byte);
      lane.connections.sweeps++;
    }
    expect(lane.asked).toEqual(['{"a":1}']);
    connection.reply(textOf(''), false);
    lane.connections.sweeps = 1000;
    await client.sends('POST');
    lane.connections.sweeps++;
    await client.sends(' /v1');
    expect([connection.waiting, connection.since]).toEqual(['partial', 1000]);
  });

  it('answers a pipeline that comes in one piece in order, one at a time', async () => {
    const { lane, client, connection } = open();
    await client.sends(request('1') + request('2') + request('3'));
    expect(lane.asked).toEqual(['1']);
    connection.reply(textOf('<1>'), false);
    connection.reply(textOf('<2>'), false);
    expect(connection.waiting).toBe('reply');
    connection.reply(textOf('<3>'), false);
    expect([lane.asked, client.text, connection.waiting]).toEqual([['1', '2', '3'], '<1><2><3>', 'idle']);
  });

  it('answers at once one behind the other, and not one inside the other', async () => {
    const { lane, client } = open();
    lane.answersAtOnce = true;
    await client.sends(request('1').repeat(3000));
    expect(client.text).toBe('<1>'.repeat(3000));
  });

  it.each([
    ['another request', 'GET /health HTTP/1.1\r\n\r\n'],
    ['no request', 'BROKEN'],
    ['a request that is not whole', request('22').slice(0, -1)],
  ])('hands good requests over with %s behind them in the same piece, unanswered', async (_what, behind) => {
    const { lane, client } = open();
    await client.sends(request('1') + behind);
    expect([lane.asked, lane.handedOver]).toEqual([[], [request('1') + behind]]);
  });

  it('hands over from the first byte that is not canonical, whatever was answered before', async () => {
    const { lane, client, connection } = open();
    await client.sends(request('1'));
    connection.reply(textOf('<1>'), false);
    await client.sends('P');
    await client.sends('U');
    expect(lane.handedOver).toEqual(['PU']);
    // Nothing that comes later is the lane's.
    for (const event of ['data', 'end', 'drain', 'error', 'close']) expect(client.listenerCount(event), event).toBe(0);
  });

  it('reads nothing more than one piece while it answers', async () => {
    const { lane, client, connection } = open();
    await client.sends(request('1'));
    await client.sends(request('2'));
    expect(client.isPaused()).toBe(true);
    await client.sends(request('3'));
    expect([lane.asked, client.readableLength]).toEqual([['1'], request('3').length]);
    connection.reply(textOf(''), false);
    connection.reply(textOf(''), false);
    await turns();
    expect([lane.asked, connection.waiting]).toEqual([['1', '2', '3'], 'reply']);
  });

  it('takes up nothing for a client that does not read its replies', async () => {
    const { lane, client, connection } = open();
    client.reading = false;
    await client.sends(request('1') + request('2'));
    connection.reply(textOf('x'.repeat(200)), false);
    await client.sends(request('3'));
    expect([connection.waiting, lane.asked]).toEqual(['reader', ['1']]);
    await client.reads();
    expect([connection.waiting, lane.asked]).toEqual(['reply', ['1', '2']]);
    connection.reply(textOf(''), false);
    expect(lane.asked).toEqual(['1', '2', '3']);
  });

  it('ends with its last reply, which is still given', async () => {
    const { lane, client, connection } = open();
    client.reading = false;
    await client.sends(request('1') + request('2'));
    connection.reply(textOf('<last>'), true);
    await client.sends(request('3'));
    expect([connection.waiting, client.destroyed]).toEqual(['end', false]);
    await client.reads();
    expect([client.text, client.destroyed, lane.asked, lane.facts]).toEqual(['<last>', true, ['1'], ['closed']]);
  });
});

describe('a client that leaves', () => {
  it('between requests: the connection ends', async () => {
    const { lane, client } = open();
    await client.sends(null);
    await turns();
    expect([client.destroyed, lane.facts, lane.handedOver]).toEqual([true, ['closed'], []]);
  });

  it('in the middle of a request: that is handed over with its end', async () => {
    const { lane, client } = open();
    await client.sends('POST /v1/pre');
    await client.sends(null);
    expect([lane.handedOver, client.readableEnded, client.destroyed]).toEqual([['POST /v1/pre'], true, false]);
  });

  it('before its reply: whoever works on that is told, and nothing is written', async () => {
    const { client, connection } = open();
    const told: string[] = [];
    await client.sends(request('1'));
    connection.onGone(() => told.push('gone'));
    expect(connection.gone).toBe(false);
    await client.sends(null);
    expect([connection.gone, told]).toEqual([true, ['gone']]);
    connection.reply(textOf('<1>'), false);
    expect(client.text).toBe('');
  });

  it('after its reply: nobody is told, however many requests there were', async () => {
    const { client, connection } = open();
    const told: string[] = [];
    for (let i = 0; i < 20; i++) {
      await client.sends(request('1'));
      connection.onGone(() => told.push('gone'));
      connection.reply(textOf(''), false);
    }
    expect(client.listenerCount('close')).toBeLessThan(5);
    client.destroy();
    await turns();
    expect(told).toEqual([]);
  });

  it('in the middle of a second request: the first is answered, the second handed over with the end', async () => {
    const { lane, client, connection } = open();
    await client.sends(request('1'));
    await client.sends('POST /v1');
    connection.reply(textOf('<1>'), false);
    await turns();
    await client.sends(null);
    expect([client.text, lane.handedOver]).toEqual(['<1>', ['POST /v1']]);
  });

  it('by a reset: that is reported, and whoever works for it is told', async () => {
    const { lane, client, connection } = open();
    const told: string[] = [];
    await client.sends(request('1'));
    connection.onGone(() => told.push('gone'));
    client.destroy(new Error('reset'));
    await turns();
    expect([lane.facts, told]).toEqual([['reset', 'closed'], ['gone']]);
  });
});
