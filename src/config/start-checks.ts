import { existsSync } from 'node:fs';
import path from 'node:path';
import { parsePostgresUrl, PostgresUrlError } from '../shared/postgres/address.js';
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

/** A way out: what it is for, and the command to run or the setting to make. */
interface Way {
  readonly words: string;
  readonly run: readonly string[];
}

/** What one check finds: the key at fault, what is wanted, and the ways out, the one for a first trial first. */
interface Finding {
  readonly key: string;
  readonly expected: string;
  readonly ways: readonly Way[];
}

const way = (words: string, ...run: string[]): Way => ({ words, run });
const setting = (variable: string, value: string): string => `export INFERENCE_SERVICE__${variable}=${value}`;

type Check = (facts: Facts) => readonly Finding[];

/** Everything that values of the right type can still get wrong together, each with the exact command or setting that mends it. */
export function checkStart(loaded: LoadedConfig, facts: { cwd: string; hasApiKey: boolean }): ConfigProblem[] {
  const service = loaded.config.inference_service;
  const findings = checks.flatMap((check) => check({ service, ...facts }));
  return findings.map(({ key, expected, ways }) => {
    const full = `inference_service.${key}`;
    const got = shown(full, valueAt(service, key));
    return { key: full, source: loaded.sources.get(full) ?? 'default', expected, got, mend: mendText(ways) };
  });
}

/** The words of each way, and below them its commands, each on a line that can be copied. */
function mendText(ways: readonly Way[]): string {
  return ways.map(({ words, run }) => [words, ...run.map((line) => `  ${line}`)].join('\n')).join('\n');
}

const checks: readonly Check[] = [
  mlflowAddress,
  scoringServers,
  oneRedis,
  databaseAddress,
  modelServerUrl,
  openAddress,
  missingKeys,
  missingCertificate,
  absentModels,
  absentFiles,
  kafkaCertificateWithKey,
  headersBeforeRequest,
  defaultTimeoutWithinLargest,
];

function mlflowAddress({ service }: Facts): readonly Finding[] {
  const { tracking_uri: uri } = service.mlflow;
  if (uri === undefined || isPlainUrl(uri)) return [];
  const expected = 'http(s)://host:port, without user, password, query and fragment';
  return [
    { key: 'mlflow.tracking_uri', expected, ways: [way('who asks goes into mlflow.username and mlflow.password')] },
  ];
}

/** A scoring server computes one version: which one must be plain, or a prediction would bear the wrong name. */
function scoringServers({ service }: Facts): readonly Finding[] {
  return Object.entries(service.mlflow.scoring_urls).flatMap(([model, url]) => {
    if (!isPlainUrl(url.replaceAll('{version}', '1'))) {
      const expected = `for ${model} a URL http(s)://host:port, without user, password, query and fragment`;
      return [
        { key: 'mlflow.scoring_urls', expected, ways: [way('write it like http://scoring-iris-{version}:8080')] },
      ];
    }
    if (model.includes('/') || url.includes('{version}')) return [];
    const expected = `for ${model} a URL that tells its version, as a scoring server computes only one`;
    const ways = [way(`write {version} into it, or name one version: ${model}/3`)];
    return [{ key: 'mlflow.scoring_urls', expected, ways }];
  });
}

function oneRedis({ service }: Facts): readonly Finding[] {
  const { host, sentinels, cluster_nodes: nodes, db } = service.redis;
  const named = [host !== undefined, sentinels.length > 0, nodes.length > 0].filter(Boolean);
  if (named.length > 1) {
    const expected = 'only one of redis.host, redis.sentinels and redis.cluster_nodes';
    return [{ key: 'redis.host', expected, ways: [way('keep the one that is meant, unset the others')] }];
  }
  if (nodes.length === 0 || db === 0) return [];
  return [{ key: 'redis.db', expected: '0: a Redis Cluster has no other', ways: [way('unset it')] }];
}

function databaseAddress({ service }: Facts): readonly Finding[] {
  try {
    if (service.database.url !== undefined) parsePostgresUrl(service.database.url);
    return [];
  } catch (error) {
    // Words of our own: those of others could repeat the password.
    const expected = error instanceof PostgresUrlError ? error.message : 'an address of a database';
    return [{ key: 'database.url', expected, ways: [way('see docs/postgresql.md')] }];
  }
}

function modelServerUrl({ service }: Facts): readonly Finding[] {
  const { url } = service.model_server;
  if (url === undefined || isPlainUrl(url)) return [];
  const expected = 'http(s)://host:port, without user, password, query and fragment';
  return [{ key: 'model_server.url', expected, ways: [way('a key for it goes into model_server.api_key')] }];
}

function isPlainUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && [username, password, search, hash].every((part) => part === '');
}

function openAddress({ service }: Facts): readonly Finding[] {
  if (isLoopback(service.host) || service.auth.mode === 'required' || service.auth.allow_anonymous) return [];
  const ways = [
    way('require keys:', setting('AUTH__MODE', 'required')),
    way('or stay on this machine:', setting('HOST', '127.0.0.1')),
    way('or let anyone call:', setting('AUTH__ALLOW_ANONYMOUS', 'true')),
  ];
  return [{ key: 'auth.mode', expected: `required, as others can reach the address ${service.host}`, ways }];
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function missingKeys({ service, hasApiKey }: Facts): readonly Finding[] {
  const { mode, keys_file: keysFile, jwt } = service.auth;
  if (mode === 'none' || keysFile !== undefined || jwt !== undefined || hasApiKey) return [];
  const ways = [
    way('make a key:', `bin/inference keys create --label me --scope 'predict:*' --data ${service.data}`),
    way('or declare keys in a file (keys create --hash-only):', setting('AUTH__KEYS_FILE', 'FILE')),
  ];
  return [
    { key: 'auth.keys_file', expected: 'a key or a token issuer: auth.mode is required and there is none', ways },
  ];
}

function missingCertificate({ service }: Facts): readonly Finding[] {
  const { mode, cert_file: certificate, key_file: privateKey } = service.tls;
  if (mode !== 'required' || (certificate !== undefined && privateKey !== undefined)) return [];
  const [cert, key] = [`${service.data}/tls.crt`, `${service.data}/tls.key`];
  const openssl =
    'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost ' +
    `-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout ${key} -out ${cert}`;
  const use = [setting('TLS__CERT_FILE', cert), setting('TLS__KEY_FILE', key)];
  const ways = [
    way('for a trial, make a certificate of your own:', `mkdir -p ${service.data}`, openssl, ...use),
    way('or, behind a proxy that ends TLS:', setting('TLS__MODE', 'terminated_upstream')),
  ];
  const missing = certificate === undefined ? 'tls.cert_file' : 'tls.key_file';
  return [{ key: missing, expected: 'certificate and key files: tls.mode is required', ways }];
}

function absentModels({ service, cwd }: Facts): readonly Finding[] {
  const { directory } = service.models;
  // A model server or a registry may hold all models.
  if (service.model_server.url !== undefined || service.mlflow.tracking_uri !== undefined) return [];
  if (existsSync(path.resolve(cwd, directory))) return [];
  const examples = [
    setting('MODELS__DIRECTORY', 'examples/models'),
    setting('FEATURES__FILE', 'examples/features.yaml'),
    setting('FEATURES__SEED_DIRECTORY', 'examples/features'),
  ];
  const ways = [
    way('for a trial, serve the examples:', ...examples),
    way('or your own:', `bin/inference models import FILE.onnx --id ID --version 1 --models ${directory}`),
  ];
  return [{ key: 'models.directory', expected: 'a folder that exists', ways }];
}

function absentFiles({ service, cwd }: Facts): readonly Finding[] {
  const tls = service.tls.mode === 'required';
  const { bootstrap_servers: brokers, tls: toBrokers } = service.kafka;
  const kafkaFile = (file: string | undefined) => (brokers !== undefined && toBrokers.enabled ? file : undefined);
  const named = [
    { key: 'tls.cert_file', file: tls ? service.tls.cert_file : undefined },
    { key: 'tls.key_file', file: tls ? service.tls.key_file : undefined },
    { key: 'redis.tls.ca_file', file: service.redis.tls.enabled ? service.redis.tls.ca_file : undefined },
    {
      key: 'database.ssl.ca_file',
      file: service.database.url === undefined ? undefined : service.database.ssl.ca_file,
    },
    { key: 'auth.keys_file', file: service.auth.mode === 'required' ? service.auth.keys_file : undefined },
    { key: 'kafka.tls.ca_file', file: kafkaFile(toBrokers.ca_file) },
    { key: 'kafka.tls.cert_file', file: kafkaFile(toBrokers.cert_file) },
    { key: 'kafka.tls.key_file', file: kafkaFile(toBrokers.key_file) },
  ];
  return named.flatMap(({ key, file }) => {
    if (file === undefined || existsSync(path.resolve(cwd, file))) return [];
    return [
      { key, expected: 'a file that exists', ways: [way(`put it at ${path.resolve(cwd, file)}, or name another`)] },
    ];
  });
}

function kafkaCertificateWithKey({ service }: Facts): readonly Finding[] {
  const { cert_file: certificate, key_file: privateKey } = service.kafka.tls;
  if ((certificate === undefined) === (privateKey === undefined)) return [];
  const missing = certificate === undefined ? 'kafka.tls.cert_file' : 'kafka.tls.key_file';
  return [{ key: missing, expected: 'a file: a client certificate and its key go together', ways: [way('name both')] }];
}

function headersBeforeRequest({ service }: Facts): readonly Finding[] {
  const { headers_timeout_ms: headers, request_timeout_ms: request } = service.http;
  if (headers < request) return [];
  const expected = `less than http.request_timeout_ms (${request}): headers arrive before the rest`;
  return [{ key: 'http.headers_timeout_ms', expected, ways: [way('lower it, or raise http.request_timeout_ms')] }];
}

function defaultTimeoutWithinLargest({ service }: Facts): readonly Finding[] {
  const largest = service.http.max_timeout_ms;
  if (service.timeout_seconds * 1000 <= largest) return [];
  const expected = `at most http.max_timeout_ms (${largest} ms)`;
  return [{ key: 'timeout_seconds', expected, ways: [way('lower it, or raise http.max_timeout_ms')] }];
}

function valueAt(service: Service, key: string): unknown {
  return key
    .split('.')
    .reduce<unknown>((value, step) => (value as Record<string, unknown> | undefined)?.[step], service);
}
