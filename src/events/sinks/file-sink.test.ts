import { appendFile, chmod, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventSinkContract, wireEvent } from '../event-sink.contract.js';
import { eventFiles } from '../event-paths.js';
import { systemEventFiles, type EventFile, type EventFiles } from './event-files.js';
import { FileSink } from './file-sink.js';

type Fault = (operation: keyof EventFile | 'rename' | 'remove' | 'open', bytes?: Buffer) => Error | number | undefined;

/** The real files, where `fault` says what goes wrong: an error, or a number of bytes after which a write stops. */
function faultyFiles(faults: { current: Fault }): EventFiles {
  const check = (operation: Parameters<Fault>[0]) => {
    const fault = faults.current(operation);
    if (fault instanceof Error) throw fault;
  };
  return {
    ...systemEventFiles,
    async open(path) {
      check('open');
      const file = await systemEventFiles.open(path);
      return {
        readPart: (position, length) => file.readPart(position, length),
        size: () => file.size(),
        isAt: (other) => file.isAt(other),
        close: () => file.close(),
        async append(bytes) {
          const fault = faults.current('append', bytes);
          if (fault instanceof Error) throw fault;
          return file.append(fault === undefined ? bytes : bytes.subarray(0, fault));
        },
        async truncate(size) {
          check('truncate');
          await file.truncate(size);
        },
        async sync() {
          check('sync');
          await file.sync();
        },
      };
    },
    async rename(from, to) {
      check('rename');
      await systemEventFiles.rename(from, to);
    },
  };
}

let directory: string;
beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'events-'))));
afterEach(() => rm(directory, { recursive: true, force: true }));

const events = { file_max_bytes: 65_536, file_keep: 2 };
const noFault: Fault = () => undefined;
const contentOf = (name: string) => readFile(join(directory, 'events', name), 'utf8');

async function lines(worker = '1'): Promise<unknown[]> {
  const names = await readdir(join(directory, 'events')).catch(() => []);
  const files = eventFiles(names).filter((file) => file.worker === worker);
  const texts = await Promise.all(files.map(({ name }) => contentOf(name)));
  return texts.flatMap((text) => text.split('\n').slice(0, -1)).map((line) => JSON.parse(line));
}

eventSinkContract('the file sink', async () => {
  const own = await mkdtemp(join(tmpdir(), 'events-'));
  directory = own;
  const faults = { current: noFault };
  const sink = new FileSink({
    directory: own,
    worker: '1',
    events: { ...events, file_max_bytes: 1_000_000 },
    files: faultyFiles(faults),
  });
  return {
    sink,
    received: () => lines(),
    breakOnce() {
      faults.current = (operation) => (operation === 'sync' ? new Error('EIO') : undefined);
      return () => Promise.resolve(void (faults.current = noFault));
    },
    async cleanUp() {
      await sink.close();
      await rm(own, { recursive: true, force: true });
    },
  };
});

describe('the file sink', () => {
  const make = (files: EventFiles = systemEventFiles, worker = '1') =>
    new FileSink({ directory, worker, events, files });

  it('writes one JSON line an event, readable by its owner only', async () => {
    const sink = make();
    await sink.deliver([wireEvent(1), wireEvent(2)]);
    await sink.close();
    expect(await contentOf('events-1.jsonl')).toBe(
      '{"id":"event-1","data":{"number":1}}\n{"id":"event-2","data":{"number":2}}\n',
    );
    expect((await stat(join(directory, 'events', 'events-1.jsonl'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(directory, 'events'))).mode & 0o777).toBe(0o700);
  });

  it('gives each worker its own file', async () => {
    const [one, two] = [make(systemEventFiles, '1'), make(systemEventFiles, '2')];
    await Promise.all([one.deliver([wireEvent(1)]), two.deliver([wireEvent(2)])]);
    await Promise.all([one.close(), two.close()]);
    expect([await lines('1'), await lines('2')]).toMatchObject([[{ id: 'event-1' }], [{ id: 'event-2' }]]);
  });

  it('rotates at the size and keeps the newest files', async () => {
    const sink = make();
    for (let number = 1; number <= 5; number++) await sink.deliver([wireEvent(number, 'x'.repeat(60_000))]);
    await sink.close();
    expect((await readdir(join(directory, 'events'))).sort()).toEqual([
      'events-1.000003.jsonl',
      'events-1.000004.jsonl',
      'events-1.jsonl',
    ]);
    expect(await lines()).toMatchObject([{ id: 'event-3' }, { id: 'event-4' }, { id: 'event-5' }]);
  });

  it('leaves no half line when the disk fills up within a batch', async () => {
    const faults = { current: noFault };
    const sink = make(faultyFiles(faults));
    await sink.deliver([wireEvent(1)]);
    let room = 50;
    faults.current = (operation, bytes) => {
      if (operation !== 'append') return undefined;
      const taken = Math.min(room, bytes?.length ?? 0);
      room -= taken;
      return taken === 0 ? new Error('ENOSPC') : taken;
    };
    await expect(sink.deliver([wireEvent(2), wireEvent(3)])).rejects.toThrow('ENOSPC');
    expect(await lines()).toMatchObject([{ id: 'event-1' }]);
    faults.current = noFault;
    await sink.deliver([wireEvent(2), wireEvent(3)]);
    expect(await lines()).toMatchObject([{ id: 'event-1' }, { id: 'event-2' }, { id: 'event-3' }]);
  });

  it('cuts the half line off later where it cannot at once', async () => {
    const faults = { current: noFault };
    const sink = make(faultyFiles(faults));
    await sink.deliver([wireEvent(1)]);
    let isFirst = true;
    faults.current = (operation) => {
      if (operation === 'truncate') return new Error('EIO');
      if (operation !== 'append') return undefined;
      if (!isFirst) return new Error('ENOSPC');
      isFirst = false;
      return 10;
    };
    await expect(sink.deliver([wireEvent(2)])).rejects.toThrow();
    await expect(sink.deliver([wireEvent(2)])).rejects.toThrow();
    faults.current = noFault;
    await sink.deliver([wireEvent(2)]);
    expect(await lines()).toMatchObject([{ id: 'event-1' }, { id: 'event-2' }]);
  });

  it.each(['open', 'sync', 'rename'] as const)('rejects when %s fails, and recovers', async (operation) => {
    const faults = { current: noFault };
    const sink = make(faultyFiles(faults));
    if (operation === 'rename') await sink.deliver([wireEvent(0, 'x'.repeat(60_000))]);
    faults.current = (other) => (other === operation ? new Error('EIO') : undefined);
    await expect(sink.deliver([wireEvent(1, 'x'.repeat(10_000))])).rejects.toThrow('EIO');
    faults.current = noFault;
    await sink.deliver([wireEvent(1, 'x'.repeat(10_000))]);
    expect((await lines()).at(-1)).toMatchObject({ id: 'event-1' });
  });

  it.each([
    ['a short', 'half a li'],
    ['a very long', 'x'.repeat(200_000)],
  ])('cuts off %s half line that a dead process left', async (_name, rest) => {
    const first = make();
    await first.deliver([wireEvent(1)]);
    await first.close();
    await appendFile(join(directory, 'events', 'events-1.jsonl'), rest);
    const second = make();
    await second.deliver([wireEvent(2)]);
    await second.close();
    expect(await lines()).toMatchObject([{ id: 'event-1' }, { id: 'event-2' }]);
  });

  it('goes on in a new file when somebody moved or removed the old one', async () => {
    const sink = make();
    const path = join(directory, 'events', 'events-1.jsonl');
    await sink.deliver([wireEvent(1)]);
    await rename(path, `${path}.moved`);
    await sink.deliver([wireEvent(2)]);
    await rm(path);
    await sink.deliver([wireEvent(3)]);
    await sink.close();
    expect(await lines()).toMatchObject([{ id: 'event-3' }]);
  });

  it('tells apart a folder that is a file', async () => {
    await writeFile(join(directory, 'events'), '');
    await chmod(join(directory, 'events'), 0o600);
    await expect(make().deliver([wireEvent(1)])).rejects.toThrow('EEXIST');
  });
});
