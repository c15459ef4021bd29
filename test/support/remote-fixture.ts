import { expect, onTestFinished } from 'vitest';
import { systemClock, type Clock } from '../../src/shared/clock.js';
import { Deadline } from '../../src/shared/deadline.js';
import type { ServiceError } from '../../src/shared/errors.js';
import type { TensorMap } from '../../src/models/index.js';
import { loadOpenInferenceRuntime } from '../../src/models/runtimes/open-inference/load-open-inference-runtime.js';
import { ModelServers } from '../../src/models/runtimes/remote/model-servers.js';
import type { RemoteRuntime } from '../../src/models/runtimes/remote/remote-runtime.js';
import { FakeModelServer } from './fake-model-server.js';

/** What the runtime tells, as lines. */
export class Facts {
  readonly list: string[] = [];
  breakerChanged({ state }: { readonly state: string }): void {
    this.list.push(`breaker ${state}`);
  }
  serverCalled({ result }: { readonly result: string }): void {
    this.list.push(result);
  }
  signatureChanged({ change }: { readonly change: string }): void {
    this.list.push(`changed: ${change}`);
  }
}

interface Setting {
  readonly timeoutMs?: number;
  readonly recoveryMs?: number;
  readonly clock?: Clock;
  readonly own?: { readonly url: string; readonly apiKey?: string };
}

/** A fake model server and what calls it, for one test. */
export class RemoteFixture {
  server: FakeModelServer;
  readonly facts = new Facts();

  private constructor(server: FakeModelServer) {
    this.server = server;
  }

  static async start(): Promise<RemoteFixture> {
    const fixture = new RemoteFixture(await FakeModelServer.start());
    onTestFinished(() => fixture.server.stop());
    return fixture;
  }

  open({ timeoutMs = 5000, recoveryMs = 60_000, clock = systemClock, own }: Setting = {}): ModelServers {
    const servers = new ModelServers({
      timeoutMs,
      failureThreshold: 0.5,
      recoveryMs,
      own,
      clock,
      observer: this.facts,
    });
    onTestFinished(() => servers.close());
    return servers;
  }

  load(servers: ModelServers, url = this.server.url): Promise<RemoteRuntime> {
    return loadFrom(servers, url);
  }
}

export function loadFrom(servers: ModelServers, url: string): Promise<RemoteRuntime> {
  const remote = { runtime: 'open-inference', url, model: 'half', version: undefined } as const;
  return loadOpenInferenceRuntime({ modelId: 'half', remote, servers });
}

export const rows = (...values: number[]): TensorMap => ({
  x: { type: 'float32', dims: [values.length, 1], data: Float32Array.from(values) },
});
export const within = (milliseconds = 20_000) => new Deadline(systemClock, milliseconds);
export const predict = async (runtime: RemoteRuntime, deadline = within()) =>
  (await runtime.predictBatch(rows(2), 1, deadline))['y']?.data[0];
export const failure = (work: Promise<unknown>): Promise<ServiceError> =>
  work.then(
    () => expect.unreachable('it should fail'),
    (error: unknown) => error as ServiceError,
  );
