import type { ManualClock } from '../../../src/shared/clock.js';
import type { Timers } from '../../../src/shared/timers.js';

interface Waiting {
  readonly at: number;
  readonly action: () => void;
}

/** Timers that fire when the test moves the clock. */
export class ManualTimers implements Timers {
  readonly #clock: ManualClock;
  #waiting: Waiting[] = [];
  #turn: (() => void)[] = [];

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  after(milliseconds: number, action: () => void): () => void {
    const entry = { at: this.#clock.monotonic() + milliseconds, action };
    this.#waiting.push(entry);
    return () => (this.#waiting = this.#waiting.filter((other) => other !== entry));
  }

  every(milliseconds: number, work: () => void): () => void {
    let cancel = (): void => undefined;
    const arm = (): void => {
      cancel = this.after(milliseconds, () => {
        arm();
        work();
      });
    };
    arm();
    return () => cancel();
  }

  endOfTurn(action: () => void): void {
    this.#turn.push(action);
  }

  endOfCallback(action: () => void): void {
    this.#turn.push(action);
  }

  /** Their process is dead. */
  forgetAll(): void {
    this.#waiting = [];
    this.#turn = [];
  }

  get armed(): number {
    return this.#waiting.length;
  }

  /** Ends the turn of the loop, and lets everything that is ready happen. */
  async turn(): Promise<void> {
    const actions = this.#turn;
    this.#turn = [];
    for (const action of actions) action();
    await settled();
  }

  /** Moves the clock step by step, so that each timer sees its own time. */
  async advance(milliseconds: number): Promise<void> {
    await settled();
    const end = this.#clock.monotonic() + milliseconds;
    for (;;) {
      const next = this.#waiting.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#waiting = this.#waiting.filter((other) => other !== next);
      this.#clock.advance(Math.max(0, next.at - this.#clock.monotonic()));
      next.action();
      await settled();
    }
    this.#clock.advance(end - this.#clock.monotonic());
    await settled();
  }
}

/** Lets promise callbacks and in-memory file operations run. */
export async function settled(): Promise<void> {
  for (let round = 0; round < 5; round++) await new Promise((resolve) => setImmediate(resolve));
}
