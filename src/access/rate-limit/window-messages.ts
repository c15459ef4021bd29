/** Between the primary process, which owns the windows, and its workers. Other messages may travel on the same channel. */
export interface MessageChannel {
  /** Hands a message to the other side, in order. @throws Error when the channel is closed. */
  send(message: unknown): void;
  /** Calls `listener` for each message from the other side until the returned function is called. */
  onMessage(listener: (message: unknown) => void): () => void;
}

/** One question of a worker: may this caller pass? */
export interface WindowQuestion {
  readonly id: number;
  readonly caller: string;
  readonly limit: number;
  readonly weight: number;
}

export interface WindowAnswer {
  readonly id: number;
  readonly allowed: boolean;
  readonly remaining: number;
  readonly resetMs: number;
}

export interface WindowQuestions {
  readonly type: 'rate-limit-questions';
  readonly questions: readonly WindowQuestion[];
}

export interface WindowAnswers {
  readonly type: 'rate-limit-answers';
  readonly answers: readonly WindowAnswer[];
}

export function isWindowQuestions(message: unknown): message is WindowQuestions {
  return typeOf(message) === 'rate-limit-questions';
}

export function isWindowAnswers(message: unknown): message is WindowAnswers {
  return typeOf(message) === 'rate-limit-answers';
}

function typeOf(message: unknown): unknown {
  return typeof message === 'object' && message !== null && 'type' in message ? message.type : undefined;
}
