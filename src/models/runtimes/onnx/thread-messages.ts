import type { TensorMap } from '../../runtime.js';
import type { SessionSource } from './session.js';

/** What the thread is started with. */
export type ThreadData = SessionSource;

/** To the thread. After `close` it releases its session and ends by itself. */
export type ThreadRequest =
  | { readonly kind: 'run'; readonly id: number; readonly inputs: TensorMap; readonly outputs: readonly string[] }
  | { readonly kind: 'close' };

/** From the thread: first `loaded` or `refused`, then one reply for each run. */
export type ThreadReply =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'outputs'; readonly id: number; readonly outputs: TensorMap; readonly microseconds: number }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string };
