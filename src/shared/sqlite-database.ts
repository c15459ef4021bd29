import { closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'libsql';

/** What may be bound. Booleans are not among them: libsql aborts the process on one. Whole numbers go in as bigint, else SQLite stores 3 as 3.0. */
export type SqlValue = string | number | bigint | null;
export type SqlResult = SqlValue | Buffer;

export interface SqliteDatabaseOptions {
  readonly file: string;
  /** Make the file, readable by its owner only, when it is absent; and put it in WAL mode. */
  readonly create: boolean;
  /** How long a statement waits for another process's lock. It blocks the thread. */
  readonly busyTimeoutMs: number;
}

/**
 * The one way to libsql, because of what it does when called carelessly: it aborts on booleans, binds undefined and NaN as NULL,
 * spreads arrays into parameters, rounds integers beyond 2^53, cuts text at NUL and waits for no lock.
 */
export class SqliteDatabase {
  readonly #database: Database.Database;
  /** The file's identity when it was opened: another one means that the file was replaced. */
  readonly inode: number;

  /** @throws Error when the file is absent and not to be made, or is not a database. */
  constructor({ file, create, busyTimeoutMs }: SqliteDatabaseOptions) {
    if (create) createPrivately(file);
    else if (!existsSync(file)) throw new Error(`The database ${file} does not exist`);
    this.inode = statSync(file).ino;
    this.#database = new Database(file);
    try {
      this.run(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
      if (create) this.run('PRAGMA journal_mode = WAL');
      this.run('PRAGMA synchronous = NORMAL');
      this.prepare('SELECT count(*) FROM sqlite_schema').get([]);
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  /** Runs SQL that has no parameters. */
  run(sql: string): void {
    this.#database.exec(sql);
  }

  prepare(sql: string): SqliteStatement {
    return new SqliteStatement(this.#database.prepare(sql));
  }

  /** Takes the write lock at the start: a transaction that reads before it writes fails at once when another one commits between. */
  transaction<T>(work: () => T): T {
    return this.#database.transaction(work).immediate();
  }

  close(): void {
    this.#database.close();
  }
}

export class SqliteStatement {
  readonly #statement: Database.Statement<unknown[]>;

  constructor(statement: Database.Statement<unknown[]>) {
    this.#statement = statement;
    this.#statement.safeIntegers(true);
  }

  /** The first row, its columns in order; undefined when there is none. */
  get(values: readonly SqlValue[]): SqlResult[] | undefined {
    return this.#statement.raw().get(checked(values)) as SqlResult[] | undefined;
  }

  all(values: readonly SqlValue[]): SqlResult[][] {
    return this.#statement.raw().all(checked(values)) as SqlResult[][];
  }

  /** Returns the number of rows changed. */
  run(values: readonly SqlValue[]): number {
    return this.#statement.run(checked(values)).changes;
  }
}

/** Types are checked again as the values are used: what slips past the compiler would end the process. */
function checked(values: readonly SqlValue[]): readonly SqlValue[] {
  for (const value of values) {
    const bindable =
      value === null ||
      typeof value === 'bigint' ||
      (typeof value === 'number' && !Number.isNaN(value)) ||
      (typeof value === 'string' && !value.includes('\0'));
    if (!bindable) throw new TypeError(`A ${typeof value} that SQLite cannot hold unchanged`);
  }
  return values;
}

function createPrivately(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  closeSync(openSync(file, 'a', 0o600));
}
