import { Readable, Writable } from 'node:stream';
import { vi } from 'vitest';
import type { Operations } from '../../src/app/operations.js';
import { run } from '../../src/cli/index.js';
import type { ModelDescription } from '../../src/models/index.js';
import type { BatchReply } from '../../src/prediction/index.js';

export class TextSink extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

export const iris: ModelDescription = {
  model_id: 'iris',
  aliases: { production: '1' },
  default_version: '1',
  problems: [],
  versions: [
    {
      version: '1',
      state: 'ready',
      reasons: [],
      aliases: ['production'],
      description: 'three species',
      features: { type: 'object', properties: { width: { type: 'number' }, kind: { type: ['string', 'null'] } } },
      example: { model_id: 'iris', features: { width: 1, kind: "it's" } },
    },
    { version: '2', state: 'failed', reasons: ['model.onnx is cut short'], aliases: [] },
  ],
};

const good = { modelId: 'iris', version: '1', ok: true, problems: [], notes: ['3 golden rows agree'] };

function fakeOperations(onStart: () => void) {
  const bodies: string[] = [];
  const service = {
    start: vi.fn(() => {
      onStart();
      return Promise.resolve({ port: 8123, models: [iris] });
    }),
    stop: vi.fn(() => Promise.resolve()),
    crashed: new Promise<void>(() => undefined),
  };
  const keys = {
    create: vi.fn(() => Promise.resolve({ id: 'k1', secret: 'inf_secret' })),
    list: vi.fn(() =>
      Promise.resolve([
        { id: 'k1', label: 'shop', scopes: ['predict:*'], createdAt: '2026-01-01', expiresAt: null, state: 'active' },
      ]),
    ),
    rotate: vi.fn(() => Promise.resolve({ id: 'k2', secret: 'inf_new' })),
    revoke: vi.fn((id: string) => Promise.resolve(id === 'k1')),
    close: vi.fn(() => Promise.resolve()),
  };
  const operations = {
    createService: vi.fn(() => Promise.resolve(service)),
    hasApiKey: () => Promise.resolve(false),
    models: {
      list: () => Promise.resolve([iris]),
      check: vi.fn((_config: unknown, id?: string) =>
        Promise.resolve(
          id === 'none' ? [] : [good, { ...good, version: '2', ok: false, problems: ['model.onnx is cut short'] }],
        ),
      ),
      import: vi.fn(() => Promise.resolve({ manifest: 'models/iris/1/model.yaml', report: good })),
      promote: vi.fn(() => Promise.resolve('1')),
      retire: vi.fn(() => Promise.resolve({ folder: 'models/.retired/iris/2', aliases: ['canary'] })),
    },
    openPredictor: vi.fn(() =>
      Promise.resolve({
        signature: () => Promise.resolve({ features: iris.versions[0]?.features ?? {}, entities: ['plant_id'] }),
        predictBatch: (body: string) => {
          bodies.push(body);
          const { instances } = JSON.parse(body) as { instances: { features: { width?: number } }[] };
          const results = instances.map(({ features }, index) =>
            features.width === undefined
              ? {
                  index,
                  error: { error_code: 'FEATURE_VALIDATION_FAILED' as const, message: 'width is missing', details: {} },
                }
              : { index, prediction: { twice: features.width * 2 }, confidence: null, cached: false },
          );
          return Promise.resolve({ results } as unknown as BatchReply);
        },
        close: () => Promise.resolve(),
      }),
    ),
    features: {
      import: vi.fn((_config: unknown, { file }: { file: string }) =>
        Promise.resolve(
          file === 'bad.csv'
            ? {
                rows: 0,
                ignoredColumns: [],
                problems: [{ line: 3, message: 'age is not an integer' }],
                problemCount: 4,
              }
            : { rows: 2, ignoredColumns: ['note'], problems: [], problemCount: 0 },
        ),
      ),
      get: (_config: unknown, _view: string, key: string) =>
        Promise.resolve(
          key === 'A-1'
            ? { features: { age: 3 }, updated_at: '2026-01-01T00:00:00.000Z', age_seconds: 5, stale: true }
            : undefined,
        ),
      verify: vi.fn(() => Promise.resolve([{ view: 'person', problems: ['column age is missing'] }])),
    },
    events: {
      tail: vi.fn(async (_config: unknown, { onEvent }: { onEvent: (json: string) => Promise<void> }) => {
        await onEvent('{"id":"1"}');
        await onEvent('{"id":"2"}');
      }),
      stats: () =>
        Promise.resolve({
          events: 2,
          counts: [{ modelId: 'iris', status: 'success', errorCode: null, events: 2 }],
          unreadableLines: 1,
          journal: { events: 3, bytes: 900, oldest: '2026-01-01T00:00:00Z' },
        }),
    },
    database: {
      status: () => Promise.resolve({ schema: 'inference', version: 1, latest: 2, pending: ['api keys'] }),
      migrate: () =>
        Promise.resolve({ schema: 'inference', version: 2, latest: 2, pending: [], applied: ['api keys'] }),
    },
    openKeys: () => keys,
    declareKey: () => ({ id: 'k3', secret: 'inf_hashed', entry: '- {label: shop, sha256: abc}' }),
  };
  return { operations, service, keys, bodies };
}

interface Call {
  readonly stdin?: string;
  readonly tty?: boolean;
}

/** Runs one command line against operations that only answer and remember. */
export async function call(line: string, { stdin = '', tty = false }: Call = {}) {
  // A service is told to stop as soon as it has started.
  const stop = new AbortController();
  const fake = fakeOperations(() => queueMicrotask(() => stop.abort()));
  const stdout = new TextSink();
  const stderr = Object.assign(new TextSink(), { isTTY: tty });
  const io = { stdin: Readable.from([Buffer.from(stdin)], { objectMode: false }), stdout, stderr, cwd: process.cwd() };
  const operations = () => Promise.resolve(fake.operations as unknown as Operations);
  const code = await run(line.split(' '), { io, operations, stop: stop.signal });
  return { code, out: stdout.text, err: stderr.text, ...fake };
}

export const json = (text: string): unknown => JSON.parse(text);
