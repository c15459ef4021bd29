import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.js';
import { checkStart } from '../../src/config/start-checks.js';
import { tool } from './support/tool.js';

interface ComposeService {
  readonly image: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: readonly { readonly source: string; readonly target?: string }[];
  readonly volumes?: readonly { readonly type: string; readonly source: string; readonly target: string }[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly command?: readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly stop_grace_period?: string;
}
interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

let folder: string;
/** deploy/compose below `folder`, prepared: there `docker` is a program of ours that runs the service's commands here. */
let copy: string;
let compose: Compose;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'compose-'));
  copy = path.join(folder, 'deploy', 'compose');
  cpSync('deploy/compose', copy, { recursive: true, filter: (file) => !file.endsWith('secrets') });
  mkdirSync(path.join(folder, 'bin'));
  const docker = path.join(folder, 'bin', 'docker');
  writeFileSync(
    docker,
    `#!/bin/sh
echo "$*" >>"${folder}/calls"
while [ $# -gt 0 ] && [ "$1" != inference ]; do shift; done
[ "\${2:-}" = keys ] || exit 0
shift
exec "${path.resolve('bin/inference')}" "$@" --data "${folder}/data"
`,
  );
  chmodSync(docker, 0o755);
  const env = { ...process.env, PATH: `${path.dirname(docker)}:${process.env['PATH']}` };
  const prepare = () => execFileSync(path.join(copy, 'prepare'), { env, stdio: 'pipe' });
  prepare();
  const made = readFileSync(path.join(copy, 'secrets/api-key'), 'utf8');
  prepare();
  // A second time makes nothing new.
  expect(readFileSync(path.join(copy, 'secrets/api-key'), 'utf8')).toBe(made);
  compose = JSON.parse(await tool('compose-config', [path.join(copy, 'compose.yaml')])) as Compose;
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const service = (name: string): ComposeService => {
  const found = compose.services[name];
  if (found === undefined) throw new Error(`There is no service ${name}`);
  return found;
};
const secretFile = (name: string): string => compose.secrets[name]?.file ?? '';

describe('the compose file', () => {
  it('has every part', () => {
    expect(Object.keys(compose.services).sort()).toEqual(
      ['grafana', 'inference', 'kafka', 'migrate', 'mlflow', 'postgres', 'prometheus', 'redis'], // prettier-ignore
    );
    for (const [name, { image }] of Object.entries(compose.services)) expect(image, name).toMatch(/:[^:]*\d/);
  });

  it('mounts files that exist, and secrets that `prepare` makes', () => {
    for (const [name, { volumes = [], secrets = [] }] of Object.entries(compose.services)) {
      // A path of the copy is one of the repository.
      for (const { source } of volumes.filter(({ type }) => type === 'bind'))
        expect(existsSync(path.relative(folder, source)), `${name}: ${source}`).toBe(true);
      for (const { source } of secrets) {
        expect(readFileSync(secretFile(source), 'utf8').trim(), source).not.toBe('');
        // Containers read them as users of their own; the folder keeps others out.
        expect(statSync(secretFile(source)).mode & 0o777).toBe(0o644);
      }
    }
    expect(statSync(path.join(copy, 'secrets')).mode & 0o777).toBe(0o700);
  });

  it.each(['inference', 'migrate'])('names only options that exist, and leaves nothing to be mended: %s', (name) => {
    const { environment = {}, secrets = [] } = service(name);
    const here = Object.fromEntries(
      Object.entries(environment).map(([variable, value]) => {
        const mounted = /^\/run\/secrets\/(.+)$/.exec(value)?.[1];
        if (mounted === undefined) return [variable, value];
        expect(secrets.map(({ source }) => source)).toContain(mounted);
        return [variable, secretFile(mounted)];
      }),
    );
    const loaded = loadConfig({ environment: here, cwd: process.cwd() });
    expect(loaded.warnings).toEqual([]);
    const models = { INFERENCE_SERVICE__MODELS__DIRECTORY: 'examples/models' };
    const problems = checkStart(loadConfig({ environment: { ...here, ...models } }), {
      cwd: process.cwd(),
      hasApiKey: true,
    });
    expect(problems).toEqual([]);
    expect(loaded.config.inference_service).toMatchObject({ redis: { host: 'redis' }, auth: { mode: 'required' } });
    const known = [...loaded.sources.values()].filter((source) => source.startsWith('variable '));
    expect(known).toHaveLength(Object.keys(here).length);
  });

  it('waits for what a start needs, and gives the service the time that it takes to end', () => {
    const { depends_on: needs = {}, stop_grace_period: grace } = service('inference');
    expect(needs['migrate']?.condition).toBe('service_completed_successfully');
    for (const [name, { condition }] of Object.entries(needs))
      if (condition === 'service_healthy') expect(service(name).healthcheck, name).toBeDefined();
    const { http } = loadConfig({ environment: { ENVIRONMENT: 'production' } }).config.inference_service;
    expect(parseFloat(grace ?? '')).toBeGreaterThanOrEqual(http.drain_delay_seconds + http.shutdown_grace_seconds + 2);
  });

  it('hardens the service as the chart does', () => {
    expect(service('inference')).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
  });

  it('has Prometheus read the rules, and the service with its key', () => {
    const prometheus = parse(readFileSync('deploy/compose/prometheus.yml', 'utf8')) as {
      rule_files: string[];
      scrape_configs: [{ authorization: { credentials_file: string }; static_configs: [{ targets: string[] }] }];
    };
    const mounted = (service('prometheus').volumes ?? []).map(({ target }) => target);
    for (const file of prometheus.rule_files) expect(mounted).toContain(file);
    const [scrape] = prometheus.scrape_configs;
    expect(scrape.authorization.credentials_file).toBe('/run/secrets/metrics-key');
    expect(scrape.static_configs[0].targets).toEqual(['inference:8000']);
    expect(readFileSync(path.join(folder, 'calls'), 'utf8')).toContain('--label prometheus --scope metrics:read');
  });
});
