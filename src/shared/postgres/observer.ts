/** The facts of connections to PostgreSQL. Implementations must not throw. */
export interface PostgresObserver {
  /** A connection broke while nobody used it; another takes its place when it is needed. */
  connectionLost(fact: { readonly cause: unknown }): void;
  /** A statement was given up before its end: the server was asked to cancel it. */
  statementCancelled(): void;
  /** The server could not be asked: its own statement_timeout ends the statement. */
  cancelFailed(fact: { readonly cause: unknown }): void;
}

export const silentPostgresObserver: PostgresObserver = {
  connectionLost: () => undefined,
  statementCancelled: () => undefined,
  cancelFailed: () => undefined,
};
