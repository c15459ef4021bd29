import { ServiceError } from '../shared/errors.js';
import type { HttpCall } from './http-call.js';
import type { PredictCall } from './predict-call.js';
import { readBody } from './read-body.js';
import type { Responder } from './responder.js';
import { takeStep, type Step } from './steps/step.js';
import type { Turn } from './turn.js';

export interface PredictRouteParts {
  readonly call: PredictCall;
  readonly responder: Responder;
  readonly turn: Turn;
  readonly maxBodyBytes: number;
}

/** Answers calls for predictions that come through Node's HTTP server: steps, body, steps, answer. */
export class PredictRoute {
  readonly #parts: PredictRouteParts;

  constructor(parts: PredictRouteParts) {
    this.#parts = parts;
  }

  begin(call: HttpCall): void {
    this.#pass(this.#parts.call.beforeBody, call, this.#readBody);
  }

  readonly #readBody = (call: HttpCall): void => {
    readBody(call.request, this.#parts.maxBodyBytes, (body) => {
      if (body instanceof ServiceError) return this.#parts.responder.refuse(call, body);
      call.body = body;
      this.#pass(this.#parts.call.afterBody, call, this.#answer);
    });
  };

  readonly #answer = (call: HttpCall): void => void this.#answerLater(call);

  async #answerLater(call: HttpCall): Promise<void> {
    const { call: predict, responder, turn } = this.#parts;
    const { exchange, body } = call;
    exchange.reachedPrediction = true;
    try {
      await turn.read();
      responder.reply(call, await predict.answer(exchange, body as Buffer));
    } catch (thrown) {
      responder.refuse(call, thrown);
    }
  }

  /** A step, and what comes behind it where it does not refuse. */
  #pass(step: Step, call: HttpCall, behind: (call: HttpCall) => void): void {
    takeStep(step, call.exchange, call, (refusal) =>
      refusal === undefined ? behind(call) : this.#parts.responder.refuse(call, refusal),
    );
  }
}
