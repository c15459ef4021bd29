import type { Config } from '../../config/schema.js';
import type { ModelDescription } from '../../models/index.js';
import type { MetricSnapshot } from '../../observability/exposition.js';

/** What a worker tells the primary. */
export type ToPrimary =
  /** It hears. What is sent before that is lost. */
  | { readonly kind: 'hello' }
  | { readonly kind: 'listening'; readonly port: number; readonly models: readonly ModelDescription[] }
  /** It could not start; the text is for a person. */
  | { readonly kind: 'failed'; readonly message: string }
  /** For the owner of the rate windows. */
  | { readonly kind: 'rate'; readonly message: unknown }
  /** It was scraped and wants everybody's metrics. */
  | { readonly kind: 'scrape'; readonly id: number }
  | { readonly kind: 'snapshot'; readonly id: number; readonly metrics: readonly MetricSnapshot[] };

/** What the primary tells a worker. */
export type ToWorker =
  /** First of all: what to be. `number` counts from 1 and names its journal and its event file. */
  | { readonly kind: 'configure'; readonly config: Config; readonly number: number }
  | { readonly kind: 'rate'; readonly message: unknown }
  | { readonly kind: 'collect'; readonly id: number }
  | { readonly kind: 'scraped'; readonly id: number; readonly processes: readonly (readonly MetricSnapshot[])[] }
  | { readonly kind: 'stop' };
