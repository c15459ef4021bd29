import { ServiceError } from '../../../shared/errors.js';
import type { ServerAnswer, ServerFault } from './server-client.js';
import type { WrongAnswer } from './wrong-answer.js';

const longestRetryAfterSeconds = 3600;

/** The breaker is open: nothing was sent. */
export function refusedError(modelId: string, retryAfterMs: number): ServiceError {
  const message = `The model server of model '${modelId}' has failed too often: calls are stopped for now`;
  return unavailable(message, modelId, Math.ceil(retryAfterMs / 1000));
}

export function faultError(modelId: string, fault: ServerFault): ServiceError {
  const details = { model_id: modelId, stage: 'model' };
  switch (fault.kind) {
    case 'timeout':
    case 'cancelled': {
      const message = `The model server did not answer in time for model '${modelId}'`;
      return new ServiceError('INFERENCE_TIMEOUT', message, { details, cause: fault });
    }
    case 'too_large':
      return notAPrediction(modelId, fault);
    default: {
      const what = fault.kind === 'unreachable' ? 'cannot be reached' : 'broke off its answer';
      return unavailable(`The model server of model '${modelId}' ${what}`, modelId, 1, fault);
    }
  }
}

export function wrongAnswerError(modelId: string, answer: WrongAnswer): ServiceError {
  return notAPrediction(modelId, answer);
}

/** What the server wrote may hold what the caller sent: it goes into the log only, and shortened. */
export function statusError(modelId: string, { status, headers, body }: ServerAnswer): ServiceError {
  const cause = new Error(`status ${status}: ${body.subarray(0, 500).toString('utf8')}`);
  const details = { model_id: modelId };
  if (status >= 300 && status < 400) {
    const message = `The model server redirects model '${modelId}', and redirects are not followed`;
    return unavailable(message, modelId, 1, cause);
  }
  if (status === 504) {
    const message = `The model server ran out of time for model '${modelId}'`;
    return new ServiceError('INFERENCE_TIMEOUT', message, { details: { ...details, stage: 'model' }, cause });
  }
  if ([401, 403, 404, 429, 502, 503].includes(status)) {
    return unavailable(
      `The model server does not serve model '${modelId}' at present`,
      modelId,
      retryAfterOf(headers),
      cause,
    );
  }
  return new ServiceError('INTERNAL_ERROR', `The model server could not predict with model '${modelId}'`, {
    details,
    cause,
  });
}

/** Where its tensors are others now, what this version makes of them could be wrong. */
export function changedError(modelId: string, change: string): ServiceError {
  const message = `Model '${modelId}' has changed its signature on the model server since it was loaded`;
  return unavailable(message, modelId, 1, new Error(change));
}

function notAPrediction(modelId: string, cause: Error): ServiceError {
  const message = `What the model server answered is no prediction of model '${modelId}': ${cause.message}`;
  return new ServiceError('INTERNAL_ERROR', message, { details: { model_id: modelId }, cause });
}

function unavailable(message: string, modelId: string, retryAfterSeconds: number, cause?: Error): ServiceError {
  const details = { model_id: modelId };
  return new ServiceError('SERVICE_UNAVAILABLE', message, { details, retryAfterSeconds, ...(cause && { cause }) });
}

function retryAfterOf(headers: ServerAnswer['headers']): number {
  const value = headers['retry-after'];
  const seconds = typeof value === 'string' && /^\d{1,6}$/.test(value) ? Number(value) : 1;
  return Math.min(longestRetryAfterSeconds, Math.max(1, seconds));
}
