import type { Config } from '../config/schema.js';
import { createAdmission, openLoopProbe, type AdmissionControl, type OverloadObserver } from '../overload/index.js';
import { systemClock } from '../shared/clock.js';

/** What keeps answers in time when more is asked than can be answered. */
export function openAdmission(config: Config, observer: OverloadObserver): AdmissionControl {
  const { max_concurrency, max_queue_ms } = config.inference_service.http;
  return createAdmission({
    maxConcurrency: max_concurrency,
    maxQueueMs: max_queue_ms,
    clock: systemClock,
    loop: openLoopProbe(),
    observer,
  });
}
