import { beforeEach, describe, expect, it } from 'vitest';
import { FakeModelServer, json } from '../../../../test/support/fake-model-server.js';
import { failure, predict, RemoteFixture, rows, within } from '../../../../test/support/remote-fixture.js';
import { systemClock } from '../../../shared/clock.js';
import { Deadline } from '../../../shared/deadline.js';

let fixture: RemoteFixture;
beforeEach(async () => {
  fixture = await RemoteFixture.start();
});

describe('the breaker', () => {
  it('opens after five failures in a row; then the server gets no call, and the error says when to come back (demand 12)', async () => {
    const runtime = await fixture.load(fixture.open());
    fixture.server.infer = ({ response }) => json(response, { error: 'no' }, 503);
    for (let i = 0; i < 5; i++) await failure(predict(runtime));
    const calls = fixture.server.inferCalls;
    const started = performance.now();
    const error = await failure(predict(runtime));
    expect(performance.now() - started).toBeLessThan(1000);
    expect(error.code).toBe('SERVICE_UNAVAILABLE');
    expect(error.retryAfterSeconds).toBeGreaterThanOrEqual(59);
    expect(error.retryAfterSeconds).toBeLessThanOrEqual(66);
    expect(fixture.server.inferCalls).toBe(calls);
    expect(fixture.facts.list).toContain('breaker open');
    expect(fixture.facts.list.at(-1)).toBe('refused');
  });

  it('closes once the server answers again', async () => {
    const runtime = await fixture.load(fixture.open({ recoveryMs: 50 }));
    fixture.server.infer = ({ response }) => json(response, {}, 503);
    for (let i = 0; i < 5; i++) await failure(predict(runtime));
    fixture.server.infer = undefined;
    await expect.poll(() => predict(runtime).catch(() => 0), { timeout: 20_000 }).toBe(3);
    await expect
      .poll(() => predict(runtime).then(() => fixture.facts.list.includes('breaker closed')), { timeout: 20_000 })
      .toBe(true);
  });

  it('does not count what the caller did wrong, nor callers who leave', async () => {
    const runtime = await fixture.load(fixture.open());
    fixture.server.infer = ({ response }) => json(response, { error: 'bad rows' }, 400);
    for (let i = 0; i < 20; i++) await failure(predict(runtime));
    fixture.server.infer = () => undefined;
    for (let i = 0; i < 6; i++) {
      const leaving = new AbortController();
      const caller = {
        cancel: leaving.signal,
        get gone() {
          return leaving.signal.aborted;
        },
      };
      const call = failure(runtime.predictBatch(rows(1), 1, new Deadline(systemClock, 20_000, caller)));
      setTimeout(() => leaving.abort(), 20);
      expect((await call).code).toBe('INFERENCE_TIMEOUT');
    }
    fixture.server.infer = undefined;
    expect(await predict(runtime)).toBe(3);
    expect(fixture.facts.list).not.toContain('breaker open');
  });

  it('ends a call whose time is up on the wire too (opossum 9 frees its place and lets it go on)', async () => {
    const runtime = await fixture.load(fixture.open({ timeoutMs: 50 }));
    let open = 0;
    fixture.server.infer = ({ response }) => {
      open++;
      response.once('close', () => open--);
    };
    const failures = await Promise.all(Array.from({ length: 16 }, () => failure(predict(runtime))));
    expect(failures.map(({ code }) => code)).toContain('INFERENCE_TIMEOUT');
    expect(fixture.server.inferCalls).toBeGreaterThan(0);
    await expect.poll(() => open, { timeout: 20_000 }).toBe(0);
  });

  it('ends a call with the deadline of its caller, before the limit of an attempt', async () => {
    const runtime = await fixture.load(fixture.open());
    fixture.server.infer = () => undefined;
    const started = performance.now();
    expect((await failure(predict(runtime, within(100)))).code).toBe('INFERENCE_TIMEOUT');
    expect(performance.now() - started).toBeLessThan(3000);
  });
});

describe('retries', () => {
  it('are made only where nothing was sent: a server that fails gets each call once (demand 33)', async () => {
    const runtime = await fixture.load(fixture.open());
    fixture.server.infer = ({ response }) => void response.socket?.resetAndDestroy();
    for (let i = 0; i < 4; i++) await failure(predict(runtime));
    expect(fixture.server.inferCalls).toBe(4);
  });

  it('end when their budget is used up, and nobody waits', async () => {
    const runtime = await fixture.load(fixture.open());
    await fixture.server.stop();
    const started = performance.now();
    for (let i = 0; i < 20; i++) expect((await failure(predict(runtime))).code).toBe('SERVICE_UNAVAILABLE');
    expect(performance.now() - started).toBeLessThan(5000);
    // The connection of the load may still have been there for the first.
    expect(fixture.facts.list.filter((fact) => fact === 'unreachable' || fact === 'broken_off')).toHaveLength(5);
    fixture.server = await FakeModelServer.start();
  });
});

describe('loading', () => {
  it('from a server that is out of reach may be tried again', async () => {
    const { url } = fixture.server;
    await fixture.server.stop();
    await expect(fixture.load(fixture.open(), url)).rejects.toMatchObject({ passing: true });
    fixture.server = await FakeModelServer.start();
  });

  it.each(['ftp://x', 'http://user:pw@host', 'http://host/?a=1', 'nonsense'])('refuses the URL %s', async (url) => {
    await expect(fixture.load(fixture.open(), url)).rejects.toMatchObject({ passing: false });
  });

  it('knows whether all its servers can be called', async () => {
    const servers = fixture.open();
    const runtime = await fixture.load(servers);
    expect(servers.health()).toBe('healthy');
    fixture.server.infer = ({ response }) => json(response, {}, 503);
    for (let i = 0; i < 5; i++) await failure(predict(runtime));
    expect(servers.health()).toBe('degraded');
  });
});
