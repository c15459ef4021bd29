import { cpSync, existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestServer } from '../../test/support/servers.js';
import { modelFolder, type Outside } from './subject.js';

const SECONDS = 4;
const PAUSE_SECONDS = 3;

/** Something that goes wrong, or changes, for some seconds, and is as before afterwards. */
export interface Blip {
  readonly name: string;
  run(): Promise<void>;
}

/** The blips that are possible, to be taken in turn. `folder` is the service's own. */
export function blipsOf(outside: Outside | undefined, folder: string): Blip[] {
  const swap = modelSwap(folder);
  if (outside === undefined) return [swap];
  const { redis, postgres } = outside;
  return [
    hang('Redis', redis),
    swap,
    hang('PostgreSQL', postgres),
    restart('Redis', redis),
    restart('PostgreSQL', postgres),
  ];
}

/** Each once: what a program does for the first time stays with it, compiled code for one. */
export const allOf = (blips: readonly Blip[]): Blip => ({
  name: 'all in turn',
  async run() {
    for (const blip of blips) {
      await blip.run();
      await sleep(PAUSE_SECONDS * 1000);
    }
  },
});

const hang = (name: string, server: TestServer): Blip => ({
  name: `${name} hangs`,
  async run() {
    await server.signal('SIGSTOP');
    try {
      await sleep(SECONDS * 1000);
    } finally {
      await server.signal('SIGCONT');
    }
  },
});

const restart = (name: string, server: TestServer): Blip => ({
  name: `${name} restarts`,
  async run() {
    await server.stop();
    await sleep(SECONDS * 1000);
    await server.start();
  },
});

/** A new version is put beside the old one, answers, and is taken away again. */
function modelSwap(folder: string): Blip {
  const [old, next] = ['1', '2'].map((version) => path.join(modelFolder(folder), version)) as [string, string];
  return {
    name: 'a model version comes and goes',
    async run() {
      if (existsSync(next)) throw new Error('the last blip has left its version behind');
      cpSync(old, next, { recursive: true });
      await sleep(SECONDS * 1000);
      rmSync(next, { recursive: true });
    },
  };
}
