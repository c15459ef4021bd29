import { describe, expect, it } from 'vitest';
import { ManualClock } from '../shared/clock.js';
import { ServiceError } from '../shared/errors.js';
import { createAdmission, type AdmissionControl } from './index.js';

class Puppet {
  readonly clock = new ManualClock();
  readonly facts: string[] = [];
  readonly admission: AdmissionControl;
  #idle = 0;
  #cpu = 0;
  #actions: (() => void)[] = [];

  constructor(limits: { maxConcurrency?: number; maxQueueMs?: number } = {}) {
    this.admission = createAdmission({
      maxConcurrency: limits.maxConcurrency ?? 1024,
      maxQueueMs: limits.maxQueueMs ?? 50,
      clock: this.clock,
      loop: {
        idleMs: () => this.#idle,
        cpuMs: () => this.#cpu,
        endOfTurn: (action) => void this.#actions.push(action),
      },
      observer: {
        shed: (reason) => void this.facts.push(`shed ${reason}`),
        admissionState: (state) => void this.facts.push(state),
      },
    });
  }

  admitted(): () => void {
    const leave = this.admission.enter();
    if (leave instanceof ServiceError) throw leave;
    return leave;
  }

  /** So many that together they can make the loop late. */
  crowd(): void {
    for (let request = 0; request < 40; request++) {
      const leave = this.admitted();
      this.work(1);
      leave();
    }
    this.endTurn();
    for (let request = 0; request < 31; request++) this.admitted()();
  }

  refused(): ServiceError {
    const refusal = this.admission.enter();
    if (!(refusal instanceof ServiceError)) throw new Error('It was admitted');
    return refusal;
  }

  work(milliseconds: number): void {
    this.#cpu += milliseconds;
    this.clock.advance(milliseconds);
  }

  /** The processor is taken away. */
  stall(milliseconds: number): void {
    this.clock.advance(milliseconds);
  }

  endTurn(): void {
    for (const action of this.#actions.splice(0)) action();
  }

  rest(milliseconds: number): void {
    this.endTurn();
    this.#idle += milliseconds;
    this.clock.advance(milliseconds);
  }
}

describe('admission', () => {
  it('refuses what exceeds the concurrency, and admits again when one has left', () => {
    const puppet = new Puppet({ maxConcurrency: 2 });
    const leave = puppet.admitted();
    puppet.admitted();
    const refusal = puppet.refused();
    expect(refusal).toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
      retryAfterSeconds: 1,
      details: { limit: 'concurrency' },
    });
    expect(puppet.facts).toEqual(['shed concurrency']);
    leave();
    puppet.admitted();
  });

  it('counts a place once, however often it is left', () => {
    const puppet = new Puppet({ maxConcurrency: 1 });
    const leave = puppet.admitted();
    leave();
    leave();
    expect(puppet.admission.inFlight).toBe(0);
    puppet.admitted();
    puppet.refused();
  });

  it('lets 32 callers in a closed loop wait for one another', () => {
    const puppet = new Puppet();
    for (let turn = 0; turn < 100; turn++) {
      for (let caller = 0; caller < 32; caller++) {
        const leave = puppet.admitted();
        puppet.work(1);
        leave();
      }
      puppet.endTurn();
    }
    expect(puppet.facts).toEqual([]);
  });

  it('sheds when a turn of the loop takes longer than the queue may be', () => {
    const puppet = new Puppet();
    puppet.crowd();
    puppet.work(51);
    expect(puppet.refused().details).toEqual({ limit: 'loop' });
    expect(puppet.facts).toEqual(['shedding', 'shed loop']);
  });

  it('refuses nobody when the loop is late but those who came cost little: something else made it late', () => {
    const puppet = new Puppet();
    for (let turn = 0; turn < 50; turn++) {
      for (let request = 0; request < 32; request++) {
        const leave = puppet.admitted();
        puppet.work(0.05);
        leave();
      }
      puppet.endTurn();
    }
    for (let request = 0; request < 32; request++) puppet.admitted()();
    puppet.stall(500);
    puppet.admitted()();
    puppet.endTurn();
    puppet.admitted()();
    expect(puppet.facts).toEqual([]);
  });

  it('admits at least one request a turn while it sheds, and a tenth of the queue', () => {
    const puppet = new Puppet();
    puppet.crowd();
    puppet.work(60);
    puppet.refused();
    puppet.endTurn();
    puppet.admitted()();
    puppet.work(4);
    puppet.admitted()();
    puppet.work(2);
    puppet.refused();
    puppet.endTurn();
    puppet.work(30);
    puppet.admitted()();
  });

  it('refuses at the headers what would be refused later, and takes no place there', () => {
    const puppet = new Puppet();
    expect(puppet.admission.refuseEarly()).toBeUndefined();
    puppet.crowd();
    puppet.work(60);
    puppet.refused();
    puppet.endTurn();
    expect(puppet.admission.refuseEarly()).toBeUndefined();
    puppet.admitted()();
    puppet.work(6);
    expect(puppet.admission.refuseEarly()).toMatchObject({ code: 'SERVICE_UNAVAILABLE', details: { limit: 'loop' } });
    expect(puppet.admission.inFlight).toBe(0);
    puppet.endTurn();
    expect(puppet.admission.refuseEarly()).toBeUndefined();
  });

  it('opens again after a tenth of a second without refusal', () => {
    const puppet = new Puppet();
    puppet.crowd();
    puppet.work(60);
    puppet.refused();
    puppet.rest(101);
    puppet.admitted();
    expect(puppet.admission.state).toBe('open');
    expect(puppet.facts).toEqual(['shedding', 'shed loop', 'open']);
  });

  it('opens after five seconds to see whether it is needed, though callers that try again at once are refused all the time', () => {
    const puppet = new Puppet();
    puppet.crowd();
    puppet.work(60);
    for (let turn = 0; turn < 900; turn++) {
      puppet.admission.enter();
      puppet.work(6);
      puppet.admission.enter();
      puppet.endTurn();
    }
    expect(puppet.facts.filter((fact) => fact === 'shedding')).toHaveLength(1);
    expect(puppet.admission.state).toBe('open');
  });

  it('does not take calls that wait for something outside for work of the loop', () => {
    const puppet = new Puppet();
    for (let call = 0; call < 900; call++) {
      puppet.admitted();
      puppet.work(0.05);
      puppet.rest(1);
    }
    expect(puppet.admission.inFlight).toBe(900);
    expect(puppet.facts).toEqual([]);
  });

  it('does not take one slow turn for the cost of every request', () => {
    const puppet = new Puppet();
    puppet.admitted()();
    puppet.work(40);
    puppet.endTurn();
    puppet.admitted()();
    puppet.rest(1000);
    for (let call = 0; call < 20; call++) puppet.admitted();
  });

  it('sheds by the waits that are measured behind the loop', () => {
    const puppet = new Puppet();
    const early = Array.from({ length: 20 }, () => puppet.admitted());
    puppet.rest(20);
    for (let call = 0; call < 20; call++) puppet.admitted();
    // Whoever has now waited 20 ms came in as the 20th: a place costs 1 ms, and the 51st would wait too long.
    puppet.admission.queueWaited(20);
    for (let call = 0; call < 11; call++) puppet.admitted();
    expect(puppet.refused().details).toEqual({ limit: 'queue' });
    expect(puppet.admission.refuseEarly()?.details).toEqual({ limit: 'queue' });
    early[0]?.();
    expect(puppet.admission.refuseEarly()).toBeUndefined();
    puppet.admitted();
  });

  it('forgets those waits when none is reported any more', () => {
    const puppet = new Puppet();
    for (let call = 0; call < 40; call++) puppet.admitted();
    puppet.rest(60);
    puppet.admission.queueWaited(60);
    puppet.admission.queueWaited(2000);
    puppet.refused();
    puppet.rest(1001);
    puppet.admitted();
  });
});
