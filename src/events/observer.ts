/**
 * Why an event was given up.
 * `journal_full`: the journal has its largest size. `memory_full`: `buffer_size` wait in memory and the disk takes none.
 * `journal_unreadable`: written, but could not be read back. `refused`: the sink will never take it. `not_encodable`: the
 * record holds what JSON cannot. `closed`: offered after the end, or still in memory when the time to close was up.
 */
export type DropReason = 'journal_full' | 'memory_full' | 'journal_unreadable' | 'refused' | 'not_encodable' | 'closed';

export type JournalOperation = 'open' | 'write' | 'sync' | 'read' | 'cursor' | 'remove' | 'adopt';

/** What earlier processes left on disk. */
export interface ReplayedJournal {
  readonly events: number;
  /** Records cut off by the death of their writer: skipped, they were never acknowledged. */
  readonly tornTails: number;
  /** Segments with a damaged record: what follows it in that segment is lost. */
  readonly damagedSegments: number;
}

/** Events in the journal that nobody delivers, since no sink is configured. */
export interface WaitingJournal {
  readonly directories: number;
  readonly bytes: number;
}

/** Facts about events, for metrics and the log. Reasons are the system's words: for operators, not for callers. */
export interface EventsObserver {
  delivered(events: number, milliseconds: number): void;
  /** `attempt` counts from 1 in each batch. */
  deliveryFailed(reason: string, attempt: number): void;
  /** The sink's client was broken for good, or hung: it was closed, and the next attempt makes a new one. */
  sinkClientRenewed(reason: string): void;
  /** Called up to once for each event while events are lost: a log must thin it out. */
  dropped(reason: DropReason, events: number): void;
  /**
   * The journal (without a sink: the event file) cannot be used as it should be: until `journalRecovered` new events are held in
   * memory only (write, open).
   */
  journalTrouble(operation: JournalOperation, reason: string): void;
  journalRecovered(): void;
  replayed(found: ReplayedJournal): void;
  /** Told once, at the start, where anything waits. */
  journalWaits(found: WaitingJournal): void;
}
