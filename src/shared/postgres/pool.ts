import type pg from 'pg';
import { requestCancel } from './cancel.js';
import { placeOf } from './address.js';
import { clientConfig, type PostgresConnectionOptions } from './connection.js';
import { codeOf, explainPostgresError, PostgresError } from './errors.js';
import type { PostgresObserver } from './observer.js';
import { TimeLimit } from './time-limit.js';

export interface PostgresPoolOptions extends PostgresConnectionOptions {
  /** Most connections at once. */
  readonly size: number;
  /** Longest time for one statement with all that it waits for; also the server's own statement_timeout. */
  readonly queryTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly observer: PostgresObserver;
}

export interface Statement {
  /** Prepared under this name once a connection; the same text whenever it is used. */
  readonly name?: string;
  readonly text: string;
  readonly values?: readonly (string | null | readonly string[])[];
}

/** Columns in the order of the statement, as the server writes them. */
export type PostgresRow = readonly (string | null)[];

/** A cancelled statement that has not ended by then loses its connection. */
const cancelGraceMs = 500;
const lifetimeSeconds = 1800;
const queryCanceled = '57014';

/** Values as the server writes them: what they mean is for those to say who know the columns. */
export const asText: pg.CustomTypesConfig = { getTypeParser: () => (value: unknown) => value };

/**
 * Connections to one database for short statements. Every statement has a time limit, here and on the server. Connects when a
 * statement needs it, and again after any failure.
 */
export class PostgresPool {
  readonly #driver: typeof pg;
  readonly #options: PostgresPoolOptions;
  #pool: pg.Pool;

  private constructor(driver: typeof pg, options: PostgresPoolOptions) {
    this.#driver = driver;
    this.#options = options;
    this.#pool = this.#newPool();
  }

  /** Loads the driver; connects to nothing. @throws the file system's error when the CA's file cannot be read. */
  static async open(options: PostgresPoolOptions): Promise<PostgresPool> {
    return new PostgresPool((await import('pg')).default, options);
  }

  /**
   * Runs one statement. When `signal` aborts it rejects at once and the server is told to stop.
   * @throws PostgresError
   */
  async query(statement: Statement, signal?: AbortSignal): Promise<readonly PostgresRow[]> {
    const { address, queryTimeoutMs } = this.#options;
    const limit = new TimeLimit(queryTimeoutMs, signal, () => {
      return new PostgresError(
        `PostgreSQL at ${placeOf(address)} did not answer within ${queryTimeoutMs} ms`,
        'unreachable',
      );
    });
    try {
      const client = await this.#connect(limit);
      return await this.#run(client, statement, limit);
    } catch (error) {
      throw explainPostgresError(error, address);
    } finally {
      limit.release();
    }
  }

  /** Forgets all connections: what was broken while the server was out of reach is not tried again. */
  renew(): void {
    const old = this.#pool;
    this.#pool = this.#newPool();
    void old.end();
  }

  /** Waits for statements under way. */
  close(): Promise<void> {
    return this.#pool.end();
  }

  #newPool(): pg.Pool {
    const { size, queryTimeoutMs, idleTimeoutMs, observer } = this.#options;
    const pool = new this.#driver.Pool({
      ...clientConfig(this.#options),
      statement_timeout: queryTimeoutMs,
      // Statements are few, and run often: planned once, and never compiled to machine code.
      options: '-c plan_cache_mode=force_generic_plan -c jit=off',
      max: size,
      min: 1,
      idleTimeoutMillis: idleTimeoutMs,
      maxLifetimeSeconds: lifetimeSeconds,
    });
    // Without a listener, a connection that breaks while idle ends the process.
    return pool.on('error', (cause) => observer.connectionLost({ cause }));
  }

  async #connect(limit: TimeLimit): Promise<pg.PoolClient> {
    const connecting = this.#pool.connect();
    try {
      return await limit.race(connecting);
    } catch (error) {
      // It may still come: then nobody waits for it, and it serves another. If it fails, its caller has an error already.
      if (limit.reason !== undefined) connecting.then((client) => client.release(), ignore);
      throw error;
    }
  }

  async #run(client: pg.PoolClient, statement: Statement, limit: TimeLimit): Promise<readonly PostgresRow[]> {
    // A connection that breaks says so twice: the statement's own rejection is the one that is told.
    client.on('error', ignore);
    const { text, name, values } = statement;
    const running = client.query<(string | null)[]>({
      ...{ text, rowMode: 'array', types: asText, values: values as unknown[] as never },
      ...(name !== undefined && { name }),
    });
    try {
      const { rows } = await limit.race(running);
      giveBack(client, false);
      return rows;
    } catch (error) {
      if (limit.reason === undefined) giveBack(client, !isSoundAfter(error));
      else void this.#abandon(client, running);
      throw error;
    }
  }

  /** Never rejects. */
  async #abandon(client: pg.PoolClient, running: Promise<unknown>): Promise<void> {
    const { observer } = this.#options;
    observer.statementCancelled();
    const end = running.then(
      () => undefined,
      (error: unknown) => codeOf(error),
    );
    try {
      await requestCancel(this.#driver, this.#options, client);
    } catch (cause) {
      observer.cancelFailed({ cause });
      giveBack(client, true);
      return;
    }
    // A request that came too late would hit the connection's next statement: only one that was heard makes it safe to go on with.
    const code = await Promise.race([end, new Promise((resolve) => setTimeout(resolve, cancelGraceMs))]);
    giveBack(client, code !== queryCanceled);
  }
}

function giveBack(client: pg.PoolClient, broken: boolean): void {
  client.release(broken);
  client.off('error', ignore);
}

function ignore(): void {
  // The error is told by other means: see where this is used.
}

/** The server refused a statement, and goes on with the connection. */
function isSoundAfter(error: unknown): boolean {
  return (error as { severity?: unknown }).severity === 'ERROR';
}
