import { setTimeout as delay } from 'node:timers/promises';
import type { Catalogue } from '../../models/lifecycle/catalogue.js';

const pauseMs = 50;

/** Starts a catalogue and waits until every version has become ready or failed, those too that are still being fetched. */
export async function settled(catalogue: Catalogue): Promise<void> {
  await catalogue.start();
  while (catalogue.readiness().loading > 0) await delay(pauseMs);
}
