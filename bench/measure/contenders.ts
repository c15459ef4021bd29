import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { backgroundCsv, benchFolder, featureNames, modelsFolder, type ModelId } from './workload.js';

export type ContenderName =
  'node-echo' | 'fastify-ort' | 'fastapi-ort' | 'ours-on' | 'ours-off' | 'ours-lane' | 'ours-explained';

export interface Launch {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Sent with each request. */
  readonly headers: readonly string[];
}

export interface Contender {
  readonly name: ContenderName;
  readonly about: string;
  /** Whether it computes an answer; the echo sends back what it got. */
  readonly predicts: boolean;
  /** Why it cannot run here; undefined when it can. */
  readonly missing?: string;
  /** `folder` is the server's own, and empty. The first of `models` is the one that a baseline serves. */
  launch(port: number, models: readonly ModelId[], folder: string): Launch;
}

const repository = path.resolve(benchFolder, '..');
const baseline = (file: string): string => path.join(benchFolder, 'baselines', file);
const python = path.join(
  process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'),
  'inference-service-bench/venv/bin/python',
);

const plain = (command: readonly string[]): Launch => ({ command, environment: {}, headers: [] });

const baselineArguments = (port: number, [modelId]: readonly ModelId[]): string[] => [
  String(port),
  path.join(modelsFolder, modelId ?? 'breast_cancer', '1'),
  featureNames.join(','),
];

const nodeEcho: Contender = {
  name: 'node-echo',
  about: 'node:http, JSON.parse, JSON.stringify',
  predicts: false,
  launch: (port) => plain([process.execPath, baseline('node-echo.mjs'), String(port)]),
};

const fastifyOrt: Contender = {
  name: 'fastify-ort',
  about: 'Fastify and onnxruntime-node as one would write it',
  predicts: true,
  launch: (port, models) => plain([process.execPath, baseline('fastify-ort.mjs'), ...baselineArguments(port, models)]),
};

const fastapiOrt: Contender = {
  name: 'fastapi-ort',
  about: 'FastAPI and onnxruntime on uvicorn as one would write it',
  predicts: true,
  ...(existsSync(python) ? {} : { missing: 'run bench/baselines/install-fastapi.sh first' }),
  launch: (port, models) => plain([python, baseline('fastapi_ort.py'), ...baselineArguments(port, models)]),
};

const everythingOff = {
  INFERENCE_SERVICE__AUTH__MODE: 'none',
  INFERENCE_SERVICE__RATE_LIMIT__ENABLED: 'false',
  INFERENCE_SERVICE__EVENT_STREAM__ENABLED: 'false',
  INFERENCE_SERVICE__LOG_LEVEL: 'ERROR',
};

const everythingOn = {
  INFERENCE_SERVICE__AUTH__MODE: 'required',
  INFERENCE_SERVICE__RATE_LIMIT__ENABLED: 'true',
  // The most that can be set: a limit never reached.
  INFERENCE_SERVICE__RATE_LIMIT__REQUESTS_PER_MINUTE: '10000000',
  INFERENCE_SERVICE__EVENT_STREAM__ENABLED: 'true',
  INFERENCE_SERVICE__EVENTS__DURABILITY: 'journal',
  INFERENCE_SERVICE__LOG_LEVEL: 'INFO',
};

const throughExpressLane = { ...everythingOn, INFERENCE_SERVICE__HTTP__EXPRESS_LANE: 'true' };

const command = path.join(repository, 'bin', 'inference');
const notBuilt = existsSync(path.join(repository, 'dist', 'main.js')) ? {} : { missing: 'run `npm run build` first' };

function launchOurs(settings: Readonly<Record<string, string>>, port: number, place: Place): Launch {
  const { folder, models } = place;
  for (const modelId of models)
    cpSync(path.join(modelsFolder, modelId), path.join(folder, 'models', modelId), { recursive: true });
  if (place.explained === true) {
    for (const modelId of models)
      writeFileSync(path.join(folder, 'models', modelId, '1/background.csv'), backgroundCsv);
  }
  const data = path.join(folder, 'data');
  mkdirSync(data);
  const places = [
    '--models',
    path.join(folder, 'models'),
    '--features',
    path.join(folder, 'none.yaml'),
    '--data',
    data,
  ];
  return {
    command: [process.execPath, ...nodeFlags(), command, 'serve', '--port', String(port), ...places],
    environment: settings,
    headers: settings !== everythingOff ? [`X-API-Key: ${createKey(data)}`] : [],
  };
}

interface Place {
  readonly folder: string;
  readonly models: readonly ModelId[];
  /** The models can be explained. */
  readonly explained?: boolean;
}

/** Flags for the server's own Node, such as --cpu-prof: BENCH_NODE_FLAGS. */
const nodeFlags = (): string[] => (process.env['BENCH_NODE_FLAGS'] ?? '').split(' ').filter(Boolean);

function createKey(data: string): string {
  const output = execFileSync(
    process.execPath,
    [command, 'keys', 'create', '--label', 'bench', '--json', '--data', data],
    {
      encoding: 'utf8',
    },
  );
  return (JSON.parse(output) as { secret: string }).secret;
}

export const contenders: readonly Contender[] = [
  nodeEcho,
  {
    name: 'ours-on',
    about: 'this service: validation, API key, limiter, metrics, a log line and a journalled event a prediction',
    predicts: true,
    ...notBuilt,
    launch: (port, models, folder) => launchOurs(everythingOn, port, { models, folder }),
  },
  {
    name: 'ours-off',
    about: 'this service: no key, no limiter, no events, errors only in the log',
    predicts: true,
    ...notBuilt,
    launch: (port, models, folder) => launchOurs(everythingOff, port, { models, folder }),
  },
  {
    name: 'ours-lane',
    about: 'as ours-on, with http.express_lane',
    predicts: true,
    ...notBuilt,
    launch: (port, models, folder) => launchOurs(throughExpressLane, port, { models, folder }),
  },
  fastifyOrt,
  fastapiOrt,
];

/** The service with everything on, and models that can be explained: what that costs those who do not ask for it. */
export const oursExplained: Contender = {
  name: 'ours-explained',
  about: 'ours-on with background.csv beside the model',
  predicts: true,
  ...notBuilt,
  launch: (port, models, folder) => launchOurs(everythingOn, port, { models, folder, explained: true }),
};
