import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import type * as copy from 'pg-copy-streams';
import { clientConfig, type PostgresConnectionOptions } from './connection.js';
import { explainPostgresError } from './errors.js';
import { asText, type PostgresRow, type Statement } from './pool.js';

export interface SessionResult {
  readonly rows: readonly PostgresRow[];
  /** Rows returned or changed. */
  readonly count: number;
}

/** A statement of a command, such as the last of an import, may take this long. */
const statementLimitMs = 600_000;
/** How long it waits for somebody else's lock. */
const lockLimitMs = 10_000;
/** Beyond the server's own limit, for a server that is gone. */
const answerLimitMs = statementLimitMs + 10_000;

/** One connection for work of several statements: transactions, temporary tables, COPY. For one caller at a time. */
export class PostgresSession {
  readonly #client: pg.Client;
  readonly #options: PostgresConnectionOptions;
  readonly #copyFrom: typeof copy.from;

  private constructor(client: pg.Client, options: PostgresConnectionOptions, copyFrom: typeof copy.from) {
    this.#client = client;
    this.#options = options;
    this.#copyFrom = copyFrom;
  }

  /** Loads the driver and connects. @throws PostgresError */
  static async open(options: PostgresConnectionOptions): Promise<PostgresSession> {
    const [driver, copyStreams] = await Promise.all([import('pg'), import('pg-copy-streams')]);
    const client = new driver.default.Client({
      ...clientConfig(options),
      statement_timeout: statementLimitMs,
      lock_timeout: lockLimitMs,
      idle_in_transaction_session_timeout: statementLimitMs,
      query_timeout: answerLimitMs,
    });
    // A connection that breaks also rejects the statement under way, or the next one: there it is told.
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch (error) {
      throw explainPostgresError(error, options.address);
    }
    return new PostgresSession(client, options, copyStreams.from);
  }

  /** Several statements may stand in one text that has no values: the result is the last one's. @throws PostgresError */
  async query({ text, values }: Statement): Promise<SessionResult> {
    try {
      const config = { text, rowMode: 'array' as const, types: asText, values: values as unknown[] as never };
      const answer = await this.#client.query<(string | null)[]>(config);
      const { rows, rowCount } = [answer].flat().at(-1) ?? { rows: [], rowCount: 0 };
      return { rows, count: rowCount ?? 0 };
    } catch (error) {
      throw explainPostgresError(error, this.#options.address);
    }
  }

  /** Commits what `work` did, or nothing where it throws. */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    await this.query({ text: 'BEGIN' });
    try {
      const result = await work();
      await this.query({ text: 'COMMIT' });
      return result;
    } catch (error) {
      // Where the connection is gone the server rolls back by itself: what broke it is the error to tell.
      await this.query({ text: 'ROLLBACK' }).catch(() => undefined);
      throw error;
    }
  }

  /**
   * Runs `COPY … FROM STDIN` with rows in its text format.
   * @throws CopyRefused for a row that the server does not take; PostgresError
   */
  async copyIn(text: string, rows: Iterable<string>): Promise<void> {
    const stream = this.#client.query(this.#copyFrom(text));
    try {
      await pipeline(Readable.from(rows), stream);
    } catch (error) {
      throw refusedRow(error) ?? explainPostgresError(error, this.#options.address);
    }
  }

  close(): Promise<void> {
    return this.#client.end();
  }
}

/** The server does not take a row of a COPY. */
export class CopyRefused extends Error {
  override readonly name = 'CopyRefused';
  /** From 1, within the COPY. */
  readonly row: number;
  readonly column: string | undefined;
  readonly reason: string;

  constructor(row: number, column: string | undefined, reason: string) {
    super(`row ${row} of the COPY: ${reason}`);
    this.row = row;
    this.column = column;
    this.reason = reason;
  }
}

/** The server's context reads `COPY table, line 3, column c2: "the value"`: all but the value is told. */
function refusedRow(error: unknown): CopyRefused | undefined {
  const { where, code } = error as { where?: unknown; code?: unknown };
  const place = typeof where === 'string' ? /^COPY .*?, line (\d+)(?:, column ([^:]+))?/.exec(where) : null;
  if (place === null || typeof code !== 'string') return undefined;
  return new CopyRefused(Number(place[1]), place[2], reasons[code] ?? `the column cannot hold the value (${code})`);
}

const reasons: Readonly<Record<string, string>> = {
  '22001': 'the text is longer than the column',
  '22003': 'the number is beyond the range of the column',
  '23502': 'the column must not be empty',
};
