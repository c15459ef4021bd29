import type { MetricSnapshot } from '../../observability/exposition.js';

/** What a worker tells the primary. */
export type ToPrimary =
  | { readonly kind: 'listening'; readonly url: string }
  | { readonly kind: 'rate'; readonly message: unknown }
  /** The worker was scraped: it wants everybody's metrics. */
  | { readonly kind: 'scrape'; readonly id: number }
  | { readonly kind: 'snapshot'; readonly id: number; readonly metrics: readonly MetricSnapshot[] };

/** What the primary tells a worker. */
export type ToWorker =
  | { readonly kind: 'rate'; readonly message: unknown }
  | { readonly kind: 'collect'; readonly id: number }
  | { readonly kind: 'scraped'; readonly id: number; readonly processes: readonly (readonly MetricSnapshot[])[] }
  | { readonly kind: 'stop' };
