import type { ModelServerObserver } from '../models/index.js';
import type { Logger } from './logger.js';
import type { Instruments } from './metrics.js';

const breakerValues = { closed: 0, half_open: 1, open: 2 } as const;

/** Counts calls to remote model servers; a breaker that opens or closes is a line of the log. */
export function modelServersObserver(
  { modelServerCalls, breakerState }: Instruments,
  logger: Logger,
): ModelServerObserver {
  return {
    serverCalled: ({ modelId, result }) => modelServerCalls.inc({ model_id: modelId, result }),
    breakerChanged: ({ modelId, server, state }) => {
      breakerState.set({ model_id: modelId, server }, breakerValues[state]);
      const facts = { model_id: modelId, server, state };
      if (state === 'open') logger.error(facts, 'A model server has failed too often: calls are stopped for now');
      else logger.info(facts, `The breaker of a model server is ${state}`);
    },
    signatureChanged: ({ modelId, server, change }) =>
      logger.error({ model_id: modelId, server, change }, 'A model has changed on its server since it was loaded'),
  };
}
