import { eventStats, tailEvents } from '../../events/index.js';
import type { EventOperations } from '../operations.js';

export const eventOperations: EventOperations = {
  async tail(config, { count, follow, signal, onEvent }) {
    const directory = config.inference_service.data;
    let held = 0;
    const countOne = (): void => void held++;
    await tailEvents({ directory, follow: false, from: 'start', signal, onEvent: countOne });
    // The second pass passes over what the first one counted, but for the last `count`; what came between is printed too.
    let seen = 0;
    const skip = Math.max(0, held - count);
    const show = (json: string): Promise<void> | void => (seen++ < skip ? undefined : onEvent(json));
    await tailEvents({ directory, follow, from: 'start', signal, onEvent: show });
  },

  stats(config) {
    return eventStats({ dataDirectory: config.inference_service.data });
  },
};
