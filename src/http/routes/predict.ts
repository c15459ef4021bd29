import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Authenticator, RateLimiter } from '../../access/index.js';
import type { CallContext, PredictionService } from '../../prediction/index.js';
import { authenticateHook, rateLimitHook, type SyncHook } from '../access-hooks.js';
import type { Admission, AdmissionKind } from '../admission.js';
import { batchWeight } from '../batch-weight.js';
import { predictionReplyJson } from '../prediction-reply-json.js';
import { jsonContentType } from '../reply-content.js';
import { checkBodyHeaders, requestTimeoutMs } from '../request-rules.js';
import type { Responder } from '../responder.js';

export interface PredictRouteParts {
  readonly prediction: PredictionService;
  readonly authenticator: Authenticator;
  readonly limiter: RateLimiter | null;
  readonly admission: Admission | null;
  readonly responder: Responder;
  readonly maxTimeoutMs: number;
  readonly maxBatchInstances: number;
  /** A batch counts against the rate limit as its instances. */
  readonly countBatchInstances: boolean;
}

const noBody = Buffer.alloc(0);

/**
 * The way of a prediction request up to the pipeline, in the order of the hooks:
 *
 *     context (server.ts) → authenticate → rate limit → check headers → read the body → admit → predict → reply
 *
 * Only where a batch counts as its instances is its rate limit taken behind the body: before, nobody knows how many they are.
 */
export function predictRoutes(app: FastifyInstance, parts: PredictRouteParts): void {
  const authenticate = authenticateHook(parts.authenticator);
  const limit = rateLimitHook(parts.limiter);
  const checkHeaders = checkHeadersHook(parts.maxTimeoutMs);
  const { prediction, responder } = parts;
  const predict = handler(responder, (body, call) => prediction.predict(body, call), predictionReplyJson);
  const predictBatch = handler(responder, (body, call) => prediction.predictBatch(body, call), JSON.stringify);

  app.post('/v1/predict', {
    onRequest: [authenticate, limit, checkHeaders],
    preHandler: admitHook(parts.admission, 'predict'),
    handler: predict,
  });

  const limitByInstances = rateLimitHook(parts.limiter, batchWeight(parts.maxBatchInstances));
  const byInstances = parts.countBatchInstances;
  app.post('/v1/predict/batch', {
    onRequest: byInstances ? [authenticate, checkHeaders] : [authenticate, limit, checkHeaders],
    preHandler: [...(byInstances ? [limitByInstances] : []), admitHook(parts.admission, 'batch')],
    handler: predictBatch,
  });
}

function checkHeadersHook(maxTimeoutMs: number): SyncHook {
  return (request, _reply, done) => {
    const refusal = checkBodyHeaders(request.raw);
    if (refusal !== undefined) return done(refusal);
    request.exchange.timeoutMs = requestTimeoutMs(request.raw, maxTimeoutMs);
    done();
  };
}

function admitHook(admission: Admission | null, kind: AdmissionKind): SyncHook {
  return (request, _reply, done) => {
    if (admission === null) return done();
    const place = admission.enter(kind);
    if (place instanceof Error) return done(place);
    request.exchange.leave = place;
    done();
  };
}

/** Not async: the reply is sent from the promise that the pipeline makes anyway. */
function handler<Answer>(
  responder: Responder,
  ask: (body: Buffer, call: CallContext) => Promise<Answer>,
  jsonOf: (answer: Answer) => string,
) {
  return (request: FastifyRequest, reply: FastifyReply): void => {
    const { exchange, body } = request;
    exchange.reachedPrediction = true;
    ask(Buffer.isBuffer(body) ? body : noBody, exchange)
      .then((answer) => {
        responder.send(request, reply, { status: 200, contentType: jsonContentType, body: jsonOf(answer) });
      })
      .catch((thrown: unknown) => responder.error(request, reply, thrown));
  };
}
