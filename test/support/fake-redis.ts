import { ManualClock } from '../../src/shared/clock.js';
import type { RedisClient, RedisEntry, RedisScript } from '../../src/shared/redis-client.js';

type Call = 'getMany' | 'setMany' | 'runScript';

/** Redis in memory, by a clock moved by hand. It can be told to fail, and to hold its answers back. */
export class FakeRedis implements RedisClient {
  readonly clock: ManualClock;
  reachable = true;
  /** Thrown by every call while it is set. */
  failure: Error | undefined;
  /** What scripts answer. */
  answer: unknown = [1, 0, 0];
  readonly calls: Call[] = [];
  readonly scripts: { readonly key: string; readonly args: readonly (string | number)[] }[] = [];
  readonly values = new Map<string, { readonly value: Buffer; readonly until: number }>();
  #gate: Promise<void> = Promise.resolve();

  constructor(clock = new ManualClock()) {
    this.clock = clock;
  }

  /** Until the returned function is called, nothing is answered. What is asked takes effect when it is answered. */
  hold(): () => void {
    let open: () => void = () => undefined;
    this.#gate = new Promise((resolve) => (open = resolve));
    return open;
  }

  async getMany(keys: readonly string[]): Promise<(Buffer | null)[]> {
    await this.#called('getMany');
    return keys.map((key) => {
      const held = this.values.get(key);
      return held === undefined || held.until <= this.clock.monotonic() ? null : Buffer.from(held.value);
    });
  }

  async setMany(entries: readonly RedisEntry[]): Promise<void> {
    await this.#called('setMany');
    for (const { key, value, ttlMs } of entries) {
      const until = this.clock.monotonic() + (ttlMs ?? Number.POSITIVE_INFINITY);
      this.values.set(key, { value: Buffer.from(value), until });
    }
  }

  async runScript(_script: RedisScript, key: string, args: readonly (string | number)[]): Promise<unknown> {
    this.scripts.push({ key, args });
    await this.#called('runScript');
    return this.answer;
  }

  async #called(call: Call): Promise<void> {
    this.calls.push(call);
    await this.#gate;
    if (this.failure !== undefined) throw this.failure;
  }
}
