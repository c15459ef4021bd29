import type { Clock } from '../../shared/clock.js';
import type { AccessObserver } from '../observer.js';
import { KnownRefusals } from './known-refusals.js';
import {
  isWindowAnswers,
  type MessageChannel,
  type WindowAnswer,
  type WindowQuestion,
  type WindowQuestions,
} from './window-messages.js';
import { WindowTable } from './window-table.js';
import type { WindowDecision, Windows } from './windows.js';
import type { Timers } from '../../shared/timers.js';

export interface RemoteWindowsOptions {
  /** To the process that owns the windows. */
  readonly channel: MessageChannel;
  /** Processes that share the limits. */
  readonly workers: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly observer: Pick<AccessObserver, 'limiterDegraded' | 'limiterOverflow'>;
}

interface Pending extends WindowQuestion {
  readonly resolve: (decision: WindowDecision) => void;
  readonly stopWaiting: () => void;
}

/** The owner must answer within this. */
const patienceMs = 20;
/** Questions without an answer; beyond it requests are decided here at once. */
const mostPending = 10_000;

/**
 * A worker's view of the windows that the primary holds. It asks only for admissions, all of one turn of the event loop in one message, and
 * repeats a refusal itself until the time it was told. While the primary does not answer, each worker lets its share of the limit pass
 * (rounded down, at least one), counting what the primary had admitted here before.
 */
export class RemoteWindows implements Windows {
  readonly #options: RemoteWindowsOptions;
  readonly #refusals: KnownRefusals;
  readonly #share: WindowTable;
  readonly #pending = new Map<number, Pending>();
  readonly #stopListening: () => void;
  #outbox: WindowQuestion[] = [];
  #lastId = 0;

  constructor(options: RemoteWindowsOptions) {
    this.#options = options;
    this.#refusals = new KnownRefusals(options.clock);
    this.#share = new WindowTable(options);
    this.#stopListening = options.channel.onMessage((message) => {
      if (isWindowAnswers(message)) for (const answer of message.answers) this.#answered(answer);
    });
  }

  take(caller: string, limit: number, weight: number): WindowDecision | Promise<WindowDecision> {
    const refused = this.#refusals.find(caller, limit, weight);
    if (refused !== undefined) return refused;
    if (this.#pending.size >= mostPending) return this.#decideHere({ caller, limit, weight });
    return new Promise((resolve) => this.#ask({ id: ++this.#lastId, caller, limit, weight }, resolve));
  }

  /** Decides what is still unanswered from this process's share. */
  async close(): Promise<void> {
    this.#stopListening();
    for (const id of [...this.#pending.keys()]) this.#giveUp(id);
    await this.#share.close();
  }

  #ask(question: WindowQuestion, resolve: (decision: WindowDecision) => void): void {
    const { timers } = this.#options;
    // An answer that lies unread because this process was busy is not late: what has arrived is read before giving up.
    const stopWaiting = timers.after(patienceMs, () => timers.endOfTurn(() => this.#giveUp(question.id)));
    this.#pending.set(question.id, { ...question, resolve, stopWaiting });
    if (this.#outbox.push(question) === 1) timers.endOfTurn(() => this.#send());
  }

  #send(): void {
    const message: WindowQuestions = { type: 'rate-limit-questions', questions: this.#outbox };
    this.#outbox = [];
    try {
      this.#options.channel.send(message);
    } catch {
      // The primary is gone. What it was to decide is decided here, which is counted.
      for (const { id } of message.questions) this.#giveUp(id);
    }
  }

  /** An answer that comes after its question was decided here finds nothing: it was counted by both, which only makes the limit tighter. */
  #answered({ id, ...decision }: WindowAnswer): void {
    const pending = this.#settle(id);
    if (pending === undefined) return;
    const { caller, limit, weight, resolve } = pending;
    if (decision.allowed) this.#share.record(caller, limit, weight);
    else this.#refusals.remember(caller, { limit, weight }, decision);
    resolve(decision);
  }

  #giveUp(id: number): void {
    const pending = this.#settle(id);
    if (pending !== undefined) pending.resolve(this.#decideHere(pending));
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.stopWaiting();
    return pending;
  }

  #decideHere({ caller, limit, weight }: Omit<WindowQuestion, 'id'>): WindowDecision {
    this.#options.observer.limiterDegraded();
    const share = Math.max(1, Math.floor(limit / this.#options.workers));
    return this.#share.take(caller, share, weight);
  }
}
