import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

/** Runs `bin/inference` with these arguments. @returns what it printed. @throws Error when it fails. */
export async function runProgram(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [path.resolve('bin/inference'), ...args]);
  return stdout;
}

export interface MadeKey {
  readonly id: string;
  readonly secret: string;
}

/** Makes an API key in the data folder. */
export async function makeKey(data: string, ...args: readonly string[]): Promise<MadeKey> {
  return JSON.parse(
    await runProgram('keys', 'create', '--data', data, '--label', 'test', '--json', ...args),
  ) as MadeKey;
}
