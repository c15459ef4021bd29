import type { EventAccounts, EventPublisher } from './event-publisher.js';

const nothing: EventAccounts = { offered: 0, delivered: 0, journaled: 0, dropped: 0, inMemory: 0 };

/** `event_stream.enabled: false`: predictions leave no events, and none is counted. */
export class NullEventPublisher implements EventPublisher {
  record(): void {}

  accounts(): EventAccounts {
    return nothing;
  }

  health(): 'healthy' {
    return 'healthy';
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
