import { messageOf } from '../../shared/errors.js';
import type { Logger } from '../logger.js';
import type { Instruments } from '../metrics.js';
import { ThinnedCounts } from '../thinned-counts.js';
import type { SpanObserver } from './span-queue.js';

/** Counts spans; that some were lost is told of once in a while. */
export function tracingObserver({ spansExported, spansDropped }: Instruments, logger: Logger): SpanObserver {
  let lastCause: unknown;
  const lost = new ThinnedCounts<string>((reason, spans) =>
    logger.warn(
      { reason, spans, cause: lastCause === undefined ? undefined : messageOf(lastCause) },
      'Spans were lost',
    ),
  );
  return {
    exported: (spans) => spansExported.inc({}, spans),
    dropped: (reason, spans, cause) => {
      spansDropped.inc({ reason }, spans);
      lastCause = cause;
      lost.add(reason, spans);
    },
  };
}
