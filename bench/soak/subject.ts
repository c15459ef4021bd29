import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestServer } from '../../test/support/servers.js';
import { contenders, type Contender, type Launch } from '../measure/contenders.js';
import { benchFolder, featureNames, singleRows, type Workload } from '../measure/workload.js';

const MODEL = 'breast_cancer';
/** Kept in the feature store; callers send the others. */
const stored = featureNames.filter((name) => name.startsWith('worst_'));
const command = path.resolve(benchFolder, '..', 'bin', 'inference');

/** The real servers that the service leans on; undefined where it runs on its embedded parts. */
export interface Outside {
  readonly redis: TestServer;
  readonly postgres: TestServer;
}

type Settings = Readonly<Record<string, string>>;

const settingsOf = (outside: Outside | undefined): Settings => ({
  // What is not used is given back before the next sample.
  INFERENCE_SERVICE__DATABASE__IDLE_TIMEOUT_SECONDS: '1',
  INFERENCE_SERVICE__EVENTS__FILE_MAX_BYTES: String(16 * 2 ** 20),
  INFERENCE_SERVICE__EVENTS__FILE_KEEP: '2',
  INFERENCE_SERVICE__MODELS__DRAIN_TIMEOUT_SECONDS: '1',
  ...(outside === undefined
    ? {}
    : {
        REDIS_HOST: '127.0.0.1',
        REDIS_PORT: String(outside.redis.port),
        DATABASE_URL: `postgres://app:app-secret@127.0.0.1:${outside.postgres.port}/app`,
      }),
});

/** The service with everything on, whose model takes a third of its features from the store. */
export function subject(outside: Outside | undefined): Contender {
  const everythingOn = contenders.find(({ name }) => name === 'ours-on');
  if (everythingOn === undefined) throw new Error('bench/measure/contenders.ts has no ours-on');
  const settings = settingsOf(outside);
  return {
    ...everythingOn,
    launch: (port, models, folder) => {
      const launch = everythingOn.launch(port, models, folder);
      const place = placesIn(folder);
      storeFeatures(place);
      return { ...prepare(launch, place, settings), environment: { ...launch.environment, ...settings } };
    },
  };
}

const placesIn = (folder: string) => ({
  manifest: path.join(folder, 'models', MODEL, '1', 'model.yaml'),
  features: path.join(folder, 'features.yaml'),
  csv: path.join(folder, 'cells.csv'),
  data: path.join(folder, 'data'),
});
type Places = ReturnType<typeof placesIn>;

function storeFeatures(place: Places): void {
  let manifest = readFileSync(place.manifest, 'utf8');
  for (const name of stored)
    manifest = manifest.replace(`{name: ${name}, type: number}`, `{name: ${name}, type: number, from: cells.${name}}`);
  writeFileSync(place.manifest, manifest);
  const types = stored.map((name) => `    ${name}: number\n`).join('');
  writeFileSync(place.features, `cells:\n  entity: cell_id\n  table: cells\n  key: cell_id\n  features:\n${types}`);
  const rows = plainFeatures().map((features, at) => [cellId(at), ...stored.map((name) => features[name])].join());
  writeFileSync(place.csv, [['cell_id', ...stored].join(), ...rows, ''].join('\n'));
}

/** Fills the store, makes a key, and lets the service be looked into. */
function prepare(launch: Launch, place: Places, settings: Settings): Pick<Launch, 'command' | 'headers'> {
  const call = (...args: readonly string[]) =>
    execFileSync(process.execPath, [command, ...args, '--data', place.data], {
      encoding: 'utf8',
      env: { ...process.env, ...settings },
    });
  if (settings['DATABASE_URL'] !== undefined)
    execFileSync(process.execPath, [command, 'database', 'migrate'], { env: { ...process.env, ...settings } });
  call('features', 'import', place.csv, '--view', 'cells', '--features', place.features);
  const key = JSON.parse(call('keys', 'create', '--label', 'soak', '--json')) as { secret: string };
  const [node, ...rest] = launch.command;
  const flag = rest.indexOf('--features');
  return {
    command: [node ?? '', '--inspect=127.0.0.1:0', ...rest.with(flag + 1, place.features)],
    headers: [`X-API-Key: ${key.secret}`],
  };
}

const cellId = (at: number): string => `cell-${at}`;
const plainFeatures = () =>
  singleRows(MODEL).bodies.map((body) => (JSON.parse(body) as { features: Record<string, number> }).features);

/** Each row once: its own features, and the id that the rest is stored under. */
export const workload: Workload = {
  ...singleRows(MODEL),
  bodies: plainFeatures().map((features, at) =>
    JSON.stringify({
      model_id: MODEL,
      entities: { cell_id: cellId(at) },
      features: Object.fromEntries(Object.entries(features).filter(([name]) => !stored.includes(name))),
    }),
  ),
};

export const modelFolder = (folder: string): string => path.join(folder, 'models', MODEL);
