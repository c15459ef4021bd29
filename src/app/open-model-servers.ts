import type { Config } from '../config/schema.js';
import type { ModelServerObserver } from '../models/index.js';
import { ModelServers } from '../models/runtimes/remote/model-servers.js';
import { systemClock } from '../shared/clock.js';

/** The remote model servers of this process; nothing is called before a model asks for it. */
export function openModelServers(config: Config, observer: ModelServerObserver): ModelServers {
  const {
    url,
    api_key: apiKey,
    timeout_ms: timeoutMs,
    circuit_breaker: breaker,
  } = config.inference_service.model_server;
  return new ModelServers({
    timeoutMs,
    failureThreshold: breaker.failure_threshold,
    recoveryMs: breaker.recovery_timeout_seconds * 1000,
    own: url === undefined ? undefined : { url, apiKey },
    clock: systemClock,
    observer,
  });
}
