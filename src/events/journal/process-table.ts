import { readFileSync } from 'node:fs';

/** Which processes live: the owner of a journal directory is in its name. */
export interface ProcessTable {
  /** This process: letters, digits and dashes. Never given to another process, also after a restart. */
  readonly self: string;
  alive(identity: string): boolean;
}

/**
 * A process is its number, its start time and the boot of the machine: numbers are used again, in a container always the same
 * ones. Where /proc does not exist only the number is left, and a journal may stay with a dead owner whose number lives on.
 */
export function systemProcessTable(): ProcessTable {
  const boot = bootId();
  const identityOf = (pid: number) => `${pid}-${startTicks(pid)}-${boot}`;
  return {
    self: identityOf(process.pid),
    alive(identity) {
      const pid = Number(identity.split('-')[0]);
      return Number.isSafeInteger(pid) && pid > 0 && exists(pid) && identityOf(pid) === identity;
    },
  };
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (thrown) {
    // EPERM: it lives and belongs to somebody else.
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Field 22 of proc(5) stat, counted behind the command's closing bracket, since the command may hold anything. */
function startTicks(pid: number): string {
  const stat = readOr(`/proc/${pid}/stat`, '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
}

function bootId(): string {
  return readOr('/proc/sys/kernel/random/boot_id', '0').slice(0, 8);
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}
