import { readFileSync } from 'node:fs';

/** The program's own version, from the package that it is part of. */
export function packageVersion(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
