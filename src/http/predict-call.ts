import type { Authenticator, RateLimiter } from '../access/index.js';
import type { PredictionService } from '../prediction/index.js';
import type { Admission, AdmissionKind } from './admission.js';
import { batchWeight } from './batch-weight.js';
import type { Exchange } from './exchange.js';
import { predictionReplyJson } from './prediction-reply-json.js';
import { jsonContentType, type ReplyContent } from './reply-content.js';
import { checkBodyHeaders, requestTimeoutMs } from './request-rules.js';
import { authenticate, limitRate } from './steps/access.js';
import { admit, refuseEarly } from './steps/admit.js';
import { inOrder, type Step } from './steps/step.js';

export interface PredictCallParts {
  readonly prediction: PredictionService;
  readonly authenticator: Authenticator;
  readonly limiter: RateLimiter | null;
  readonly admission: Admission | null;
  readonly maxTimeoutMs: number;
  readonly maxBatchInstances: number;
  /** A batch counts against the rate limit as its instances. */
  readonly countBatchInstances: boolean;
}

/** A call for predictions, whichever way its bytes come. */
export interface PredictCall {
  /** Before the body is read. */
  readonly beforeBody: Step;
  /** Behind it. */
  readonly afterBody: Step;
  /** The reply to the body. @throws ServiceError with any code that concerns predictions */
  readonly answer: (exchange: Exchange, body: Buffer) => Promise<ReplyContent>;
}

/**
 * The way of a prediction request up to the pipeline:
 *
 *     context → refuse early, under overload → authenticate → rate limit → check headers → read the body → admit → predict → reply
 */
export function predictCall(parts: PredictCallParts): PredictCall {
  const { prediction } = parts;
  return {
    beforeBody: inOrder(
      refuseEarly(parts.admission),
      authenticate(parts.authenticator),
      limitRate(parts.limiter),
      checkHeaders(parts.maxTimeoutMs),
    ),
    afterBody: admit(parts.admission, 'predict'),
    answer: async (exchange, body) => json(predictionReplyJson(await prediction.predict(body, exchange))),
  };
}

/**
 * The same for a batch. Only where it counts as its instances is its rate limit taken behind the body: before, nobody knows how
 * many they are.
 */
export function predictBatchCall(parts: PredictCallParts): PredictCall {
  const { prediction, limiter, countBatchInstances: byInstances } = parts;
  const who = inOrder(refuseEarly(parts.admission), authenticate(parts.authenticator));
  const headers = checkHeaders(parts.maxTimeoutMs);
  const kind: AdmissionKind = 'batch';
  const place = admit(parts.admission, kind);
  return {
    beforeBody: byInstances ? inOrder(who, headers) : inOrder(who, limitRate(limiter), headers),
    afterBody: byInstances ? inOrder(limitRate(limiter, batchWeight(parts.maxBatchInstances)), place) : place,
    answer: async (exchange, body) => json(JSON.stringify(await prediction.predictBatch(body, exchange))),
  };
}

function json(body: string): ReplyContent {
  return { status: 200, contentType: jsonContentType, body };
}

function checkHeaders(maxTimeoutMs: number): Step {
  return (exchange, { headers }) => {
    const refusal = checkBodyHeaders(headers);
    if (refusal !== undefined) return refusal;
    exchange.timeoutMs = requestTimeoutMs(headers, maxTimeoutMs);
    return undefined;
  };
}
