import type { EventFiles } from './event-files.js';

const newline = 0x0a;
const pieceBytes = 64 * 1024;

/** Cuts off what stands behind the last newline: the line of a writer that died. Answers the size. @throws the system's error. */
export function cutTornLine(files: EventFiles, fd: number): number {
  for (;;) {
    const { size } = files.state(fd);
    const whole = sizeOfWholeLines(files, fd, size);
    if (whole === size) return size;
    // What grows is not torn: another process is writing.
    if (files.state(fd).size !== size) continue;
    files.truncate(fd, whole);
    return whole;
  }
}

/** Bytes up to and with the last newline. */
function sizeOfWholeLines(files: EventFiles, fd: number, size: number): number {
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - pieceBytes);
    const newlineAt = files.readPart(fd, start, end - start).lastIndexOf(newline);
    if (newlineAt !== -1) return start + newlineAt + 1;
    end = start;
  }
  return 0;
}
