import type { Contender } from '../measure/contenders.js';
import type { Machine } from '../measure/machine.js';
import type { RunningServer } from '../measure/server.js';

/** How long and how often things are measured. */
export interface Plan {
  readonly machine: Machine;
  readonly contenders: readonly Contender[];
  readonly rounds: number;
  readonly durationSeconds: number;
  /** Before the first round, for each server: compilers of hot code need their time. */
  readonly warmupSeconds: number;
  /** How often a run is taken at most until the generator was not hindered. */
  readonly tries: number;
  readonly say: (text: string) => void;
}

/** Before each run that follows, so that connections and caches are warm. */
export const SHORT_WARMUP_SECONDS = 0.5;
export const SATURATING_CONNECTIONS = 32;

/**
 * A, B, C, B, C, A, …: whatever the machine does meanwhile hits all alike, and none always comes behind the same other. Answers with each
 * server's runs.
 */
export async function interleave<T>(
  servers: readonly RunningServer[],
  rounds: number,
  measure: (server: RunningServer, round: number) => Promise<T>,
): Promise<Map<RunningServer, T[]>> {
  const results = new Map<RunningServer, T[]>(servers.map((server) => [server, []]));
  for (let round = 0; round < rounds; round++)
    for (const server of rotated(servers, round)) results.get(server)?.push(await measure(server, round));
  return results;
}

const rotated = <T>(all: readonly T[], by: number): T[] => all.map((_, index) => all[(index + by) % all.length] as T);

export const echoOf = <T>(results: ReadonlyMap<RunningServer, T>): T | undefined =>
  [...results].find(([server]) => server.contender.name === 'node-echo')?.[1];
