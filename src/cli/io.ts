import type { Readable, Writable } from 'node:stream';

/** Where a command reads and writes. Tests hand in their own. */
export interface Io {
  readonly stdin: Readable;
  /** Results: what a pipe should get. */
  readonly stdout: Writable;
  /** Errors, warnings, progress. */
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly cwd: string;
}

/** A failure told in plain words, without a stack. Exit code 1. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
}

/** A command used wrongly in a way that its parser cannot see. Exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Resolves when the text is taken, so that a slow reader slows the writer. */
export async function writeText(stream: Writable, text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

export async function writeJson(stream: Writable, value: unknown): Promise<void> {
  await writeText(stream, `${JSON.stringify(value, null, 2)}\n`);
}
