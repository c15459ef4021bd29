import { open } from 'node:fs/promises';
import { isPlainObject } from '../../shared/json.js';

const pieceBytes = 256 * 1024;

export interface LinesFrom {
  readonly path: string;
  readonly position: number;
  /** The file that is meant; where `path` names another by now, nothing is read. */
  readonly inode?: number;
}

/** Calls `onLine` with each whole line from `position` on. Answers where the last whole line ends. Reads in pieces. */
export async function readLines(
  { path, position, inode }: LinesFrom,
  onLine: (line: string) => void | Promise<void>,
): Promise<number> {
  const file = await open(path, 'r');
  try {
    if (inode !== undefined && (await file.stat()).ino !== inode) return position;
    let rest = Buffer.alloc(0);
    let end = position;
    for (let at = position; ;) {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(pieceBytes), 0, pieceBytes, at);
      if (bytesRead === 0) return end;
      at += bytesRead;
      const bytes = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
      let start = 0;
      for (let stop = bytes.indexOf(0x0a); stop !== -1; stop = bytes.indexOf(0x0a, start)) {
        await onLine(bytes.toString('utf8', start, stop));
        start = stop + 1;
      }
      end += start;
      rest = bytes.subarray(start);
    }
  } finally {
    await file.close();
  }
}

/** The event in a line, or undefined where a line is no JSON object (a foreign hand was in the file). */
export function parseEvent(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isPlainObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
