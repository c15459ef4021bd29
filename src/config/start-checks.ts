import { existsSync } from 'node:fs';
import path from 'node:path';
import type { LoadedConfig } from './load.js';
import { shown } from './mask.js';
import type { ConfigProblem } from './problem.js';

type Service = LoadedConfig['config']['inference_service'];

interface Facts {
  readonly service: Service;
  /** Folder that relative paths start from. */
  readonly cwd: string;
  /** Whether some API key exists: the program says so, as this folder knows no key store. */
  readonly hasApiKey: boolean;
}

/** What one check finds: the key at fault, what is wanted, and the exact mend. */
interface Finding {
  readonly key: string;
  readonly expected: string;
  readonly mend: string;
}

type Check = (facts: Facts) => readonly Finding[];

/** Everything that values of the right type can still get wrong together, each with the exact command or setting that mends it. */
export function checkStart(loaded: LoadedConfig, facts: { cwd: string; hasApiKey: boolean }): ConfigProblem[] {
  const service = loaded.config.inference_service;
  const findings = checks.flatMap((check) => check({ service, ...facts }));
  return findings.map(({ key, expected, mend }) => {
    const full = `inference_service.${key}`;
    return {
      key: full,
      source: loaded.sources.get(full) ?? 'default',
      expected,
      got: shown(full, valueAt(service, key)),
      mend,
    };
  });
}

const checks: readonly Check[] = [
  missingEngines,
  openAddress,
  missingKeys,
  missingCertificate,
  absentFiles,
  headersBeforeRequest,
  defaultTimeoutWithinLargest,
];

/** Engines that this build does not have. A value that asks for one stops the start: it is never ignored. */
const engines = [
  { key: 'model_server.url', engine: 'a remote model server' },
  { key: 'mlflow.tracking_uri', engine: 'the MLflow registry' },
  { key: 'redis.host', engine: 'Redis' },
  { key: 'database.url', engine: 'PostgreSQL' },
  { key: 'kafka.bootstrap_servers', engine: 'Kafka' },
] as const;

function missingEngines({ service }: Facts): readonly Finding[] {
  return engines
    .filter(({ key }) => valueAt(service, key) !== undefined)
    .map(({ key, engine }) => ({
      key,
      expected: `nothing: this build does not have ${engine} yet`,
      mend: 'unset it; the embedded part is used instead',
    }));
}

function openAddress({ service }: Facts): readonly Finding[] {
  if (isLoopback(service.host) || service.auth.mode === 'required' || service.auth.allow_anonymous) return [];
  const mend =
    'require keys:         INFERENCE_SERVICE__AUTH__MODE=required\n' +
    'or stay local:        INFERENCE_SERVICE__HOST=127.0.0.1\n' +
    'or let anyone call:   INFERENCE_SERVICE__AUTH__ALLOW_ANONYMOUS=true';
  return [{ key: 'auth.mode', expected: `required, as others can reach the address ${service.host}`, mend }];
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function missingKeys({ service, hasApiKey }: Facts): readonly Finding[] {
  const { mode, keys_file: keysFile, jwt } = service.auth;
  if (mode === 'none' || keysFile !== undefined || jwt !== undefined || hasApiKey) return [];
  const mend =
    "make a key:           bin/inference keys create --label me --scope 'predict:*'\n" +
    'or declare keys:      INFERENCE_SERVICE__AUTH__KEYS_FILE=FILE';
  return [
    { key: 'auth.keys_file', expected: 'a key or a token issuer, as auth.mode is required and no key exists', mend },
  ];
}

function missingCertificate({ service }: Facts): readonly Finding[] {
  const { mode, cert_file: certificate, key_file: privateKey } = service.tls;
  if (mode !== 'required' || (certificate !== undefined && privateKey !== undefined)) return [];
  const key = certificate === undefined ? 'tls.cert_file' : 'tls.key_file';
  const folder = service.data;
  const mend =
    'for a trial:          ' +
    `mkdir -p ${folder} && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 ` +
    `-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout ${folder}/tls.key -out ${folder}/tls.crt\n` +
    `then:                 export INFERENCE_SERVICE__TLS__CERT_FILE=${folder}/tls.crt INFERENCE_SERVICE__TLS__KEY_FILE=${folder}/tls.key\n` +
    'or behind a proxy:    INFERENCE_SERVICE__TLS__MODE=terminated_upstream';
  return [{ key, expected: 'certificate and key files, as tls.mode is required', mend }];
}

function absentFiles({ service, cwd }: Facts): readonly Finding[] {
  const named = [
    service.tls.mode === 'required' && { key: 'tls.cert_file', file: service.tls.cert_file },
    service.tls.mode === 'required' && { key: 'tls.key_file', file: service.tls.key_file },
    service.auth.mode === 'required' && { key: 'auth.keys_file', file: service.auth.keys_file },
    { key: 'models.directory', file: service.models.directory },
  ];
  return named.flatMap((one) => {
    if (one === false || one.file === undefined || existsSync(path.resolve(cwd, one.file))) return [];
    return [{ key: one.key, expected: 'a file or folder that exists', mend: `create ${path.resolve(cwd, one.file)}` }];
  });
}

function headersBeforeRequest({ service }: Facts): readonly Finding[] {
  const { headers_timeout_ms: headers, request_timeout_ms: request } = service.http;
  if (headers < request) return [];
  const expected = `less than http.request_timeout_ms (${request}): headers arrive before the rest`;
  return [{ key: 'http.headers_timeout_ms', expected, mend: 'lower it, or raise http.request_timeout_ms' }];
}

function defaultTimeoutWithinLargest({ service }: Facts): readonly Finding[] {
  const largest = service.http.max_timeout_ms;
  if (service.timeout_seconds * 1000 <= largest) return [];
  const expected = `at most http.max_timeout_ms (${largest} ms)`;
  return [{ key: 'timeout_seconds', expected, mend: 'lower it, or raise http.max_timeout_ms' }];
}

function valueAt(service: Service, key: string): unknown {
  return key
    .split('.')
    .reduce<unknown>((value, step) => (value as Record<string, unknown> | undefined)?.[step], service);
}
