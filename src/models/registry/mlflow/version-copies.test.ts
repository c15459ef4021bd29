import { readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../../test/support/service.js';
import { ManualClock } from '../../../shared/clock.js';
import { VersionCopies, type Draft } from './version-copies.js';

const place = { modelId: 'm', key: '1-abc' };
const facts = { flavours: ['onnx'], onnx: true };
let root: string;
let clock: ManualClock;
const open = () => new VersionCopies(root, clock);

beforeEach(() => {
  root = temporaryFolder('copies');
  clock = new ManualClock(Date.now());
});

afterEach(() => rm(root, { recursive: true }));

async function fill(copies: VersionCopies) {
  const draft = await begun(copies);
  await writeFile(join(draft.folder, 'model.onnx'), 'graph');
  return copies.finish(place, facts);
}

async function begun(copies: VersionCopies): Promise<Draft> {
  const draft = await copies.begin(place);
  if (draft === undefined) throw new Error('another process fills it');
  return draft;
}

describe('a copy', () => {
  it('is found by every process once it is whole, and nothing else is left', async () => {
    const copy = await fill(open());
    expect(await open().find(place)).toEqual(copy);
    expect(await readdir(join(root, 'm'))).toEqual(['1-abc', '1-abc.json']);
  });

  it('is filled by one process, and by the next once that gives up', async () => {
    const first = open();
    await begun(first);
    expect(await open().begin(place)).toBeUndefined();
    await first.giveUp(place);
    await begun(open());
  });

  it('that another process finished since one looked is not filled again', async () => {
    const late = open();
    expect(await late.find(place)).toBeUndefined();
    const copy = await fill(open());
    expect(await late.begin(place)).toBeUndefined();
    expect(await late.find(place)).toEqual(copy);
  });

  it('that is damaged is filled again, and the whole one takes its place', async () => {
    const damaged = await fill(open());
    await writeFile(join(damaged.folder, 'model.onnx'), 'other');
    expect(await open().find(place)).toBeUndefined();
    const whole = await fill(open());
    expect(await open().find(place)).toEqual(whole);
  });

  it('whose process died is filled by another after two minutes', async () => {
    await begun(open());
    const draft = join(root, 'm', '.1-abc.draft');
    const madeAt = clock.now() / 1000;
    await utimes(draft, madeAt, madeAt);
    clock.advance(119_000);
    expect(await open().begin(place)).toBeUndefined();
    clock.advance(2000);
    await fill(open());
  });
});
