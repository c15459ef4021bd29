export type CrashKind = 'uncaught_exception' | 'unhandled_rejection';

export interface CrashObserver {
  /** Something was thrown that nobody caught: a defect of the program. */
  crashed(kind: CrashKind, thrown: unknown): void;
}

/**
 * Resolves when something was thrown that nobody caught. From then on nothing is certain of the process, so it should end; yet what is in
 * flight mostly has nothing to do with it, and may be finished first. Later ones are told to the observer only.
 */
export function firstCrash(observer: CrashObserver): Promise<void> {
  return new Promise((resolve) => {
    const tell = (kind: CrashKind) => (thrown: unknown) => {
      observer.crashed(kind, thrown);
      resolve();
    };
    process.on('uncaughtException', tell('uncaught_exception'));
    process.on('unhandledRejection', tell('unhandled_rejection'));
  });
}
