import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.js';
import {
  chart,
  configFileOf,
  crdProblems,
  kubernetesProblems,
  leastValues,
  ofKind,
  refusal,
  render,
  templateOf,
} from './support/resources.js';
import { toolAnswer } from './support/tool.js';

const everything = [
  'config.grpc.port=8081',
  'config.redis.host=redis',
  'config.kafka.bootstrap_servers=kafka:9092',
  'secrets.DATABASE_URL.name=database',
  'secrets.DATABASE_URL.key=url',
  'secrets.REDIS_PASSWORD.name=redis',
  'secrets.REDIS_PASSWORD.key=password',
  'migrate.enabled=true',
  'migrate.databaseUrlSecret.name=owner',
  'serviceMonitor.enabled=true',
  'serviceMonitor.apiKeySecret.name=metrics-key',
  'serviceMonitor.tls.serverName=shop',
  'networkPolicy.restrictEgress=true',
  'networkPolicy.egress[0].to[0].podSelector.matchLabels.app=redis',
  'networkPolicy.from[0].namespaceSelector.matchLabels.team=shop',
  'preStopSeconds=3',
  'image.digest=sha256:' + '0'.repeat(64),
  'imagePullSecrets[0].name=login',
];
const s3 = ['models.source=s3', 'models.s3.uri=s3://bucket/models', 'models.s3.credentialsSecretName=aws'];
const gcs = ['models.source=gcs', 'models.gcs.uri=gs://bucket/models', 'models.gcs.credentialsSecret.name=gcp'];
const variants: Readonly<Record<string, readonly string[]>> = {
  'the least': [],
  everything,
  'models from S3': s3,
  'models from GCS': gcs,
  'models copied from a volume': ['models.pvc.copy=true', 'models.pvc.subPath=models'],
  'no autoscaling, TLS in front': ['autoscaling.enabled=false', 'config.tls.mode=terminated_upstream'],
};

const podOf = (resources: Awaited<ReturnType<typeof render>>) => templateOf(resources).spec;

interface Settings {
  readonly http: { readonly drain_delay_seconds: number; readonly shutdown_grace_seconds?: number };
  readonly rate_limit: { readonly replicas: number };
  readonly events: { readonly journal_max_bytes: number };
}
const configOf = (resources: Awaited<ReturnType<typeof render>>) =>
  (parse(configFileOf(resources)) as { inference_service: Settings }).inference_service;

describe('demand 40: the chart', () => {
  it('passes helm lint', () => {
    const flags = leastValues.flatMap((value) => ['--set', value]);
    const { status, text } = toolAnswer('helm', ['lint', '--strict', chart, ...flags]);
    expect(text).toContain('0 chart(s) failed');
    expect(status).toBe(0);
  });

  it.each(Object.entries(variants))('makes what Kubernetes takes: %s', async (_name, values) => {
    const resources = await render(...values);
    expect(resources.size).toBeGreaterThan(5);
    for (const [kind, resource] of resources) {
      if (kind === 'ServiceMonitor') continue;
      for (const version of ['1.31.0', '1.37.0'])
        expect(kubernetesProblems(resource, version), `${kind} ${version}`).toBe('');
    }
  });

  it('tells what Kubernetes does not take', async () => {
    const deployment = ofKind(await render(), 'Deployment');
    const wrong = JSON.stringify(deployment).replace('imagePullPolicy', 'imagePolicy');
    expect(kubernetesProblems(JSON.parse(wrong) as typeof deployment, '1.37.0')).toContain('imagePolicy');
  });

  it('makes a ServiceMonitor as the operator defines it', async () => {
    const monitor = ofKind(await render(...everything), 'ServiceMonitor');
    const definition = 'monitoring.coreos.com_servicemonitors.yaml';
    expect(await crdProblems(monitor, definition)).toEqual([]);
    const wrong = JSON.stringify(monitor).replace('"interval"', '"intervall"');
    expect(await crdProblems(JSON.parse(wrong) as typeof monitor, definition)).toHaveLength(1);
    const [endpoint] = (monitor.spec as { endpoints: object[] }).endpoints;
    expect(endpoint).toMatchObject({ path: '/metrics', scheme: 'https', authorization: { type: 'Bearer' } });
  });

  it.each(Object.entries(variants))(
    'runs as nobody in particular, on a root that is read-only: %s',
    async (_name, values) => {
      const pod = podOf(await render(...values));
      expect(pod.securityContext).toMatchObject({
        runAsNonRoot: true,
        runAsUser: 1000,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(pod.automountServiceAccountToken).toBe(false);
      for (const container of [...pod.containers, ...(pod.initContainers ?? [])]) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
      }
    },
  );

  it.each([
    { values: [], seconds: 35 },
    { values: ['preStopSeconds=4'], seconds: 39 },
    { values: ['config.http.drain_delay_seconds=12', 'config.http.shutdown_grace_seconds=60'], seconds: 77 },
  ])('gives a pod longer to end than it takes: $values', async ({ values, seconds }) => {
    const resources = await render(...values);
    expect(podOf(resources).terminationGracePeriodSeconds).toBe(seconds);
    const { http } = configOf(resources);
    const slowest = http.drain_delay_seconds + (http.shutdown_grace_seconds ?? 25);
    const [container] = podOf(resources).containers;
    expect(seconds - (container.lifecycle?.preStop.sleep.seconds ?? 0)).toBeGreaterThanOrEqual(slowest + 2);
  });

  it('hands secrets over as files, and names none in the ConfigMap', async () => {
    const resources = await render(...everything);
    const [container] = podOf(resources).containers;
    expect(container.env).toContainEqual({
      name: 'DATABASE_URL_FILE',
      value: '/etc/inference-service/secrets/DATABASE_URL',
    });
    const mounted = podOf(resources).volumes.find(({ name }) => name === 'secrets');
    expect(JSON.stringify(mounted)).toContain('"key":"url","path":"DATABASE_URL"');
    expect(JSON.stringify([...resources.values()])).not.toContain('secretKeyRef');
  });

  it('starts new pods when the configuration changes, and only then', async () => {
    const sum = async (...values: string[]) =>
      templateOf(await render(...values)).metadata.annotations['checksum/config'];
    const [before, same, changed] = [await sum(), await sum('service.port=81'), await sum('config.workers=2')];
    expect(same).toBe(before);
    expect(changed).not.toBe(before);
  });
});

describe('the configuration that the chart writes', () => {
  it.each(Object.entries(variants))('is one that the service takes: %s', async (_name, values) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'chart-'));
    const file = path.join(folder, 'config.yaml');
    writeFileSync(file, configFileOf(await render(...values)));
    const { config, warnings } = loadConfig({ file, environment: { ENVIRONMENT: 'production' } });
    expect(warnings).toEqual([]);
    expect(config.inference_service).toMatchObject({ host: '0.0.0.0', data: '/data', auth: { mode: 'required' } });
    rmSync(folder, { recursive: true });
  });

  it('keeps numbers that YAML could write in another way', async () => {
    const { events } = configOf(await render('config.events.journal_max_bytes=2147483648'));
    expect(events.journal_max_bytes).toBe(2_147_483_648);
  });

  it('is by default that of config/production.yaml, with one worker', () => {
    const file = parse(readFileSync('config/production.yaml', 'utf8')) as { inference_service: object };
    const values = parse(readFileSync(`${chart}/values.yaml`, 'utf8')) as { config: object };
    const setByChart = new Set(['host', 'models', 'features']);
    const shared = Object.entries(file.inference_service).filter(([key]) => !setByChart.has(key));
    expect(values.config).toEqual({ ...Object.fromEntries(shared), workers: 1 });
  });

  it('shares a limit among as many pods as there may be', async () => {
    expect(configOf(await render('autoscaling.maxReplicas=7')).rate_limit.replicas).toBe(7);
    expect(configOf(await render('autoscaling.enabled=false', 'replicaCount=3')).rate_limit.replicas).toBe(3);
    expect(configOf(await render('config.rate_limit.replicas=20')).rate_limit.replicas).toBe(20);
  });
});

describe('the pages', () => {
  const pages = ['deploy-helm', 'deploy-models-s3', 'deploy-models-gcs', 'deploy-models-pvc'];

  it.each(pages)('docs/%s.md shows values that the chart takes', (page) => {
    const [values] = /(?<=```yaml\n)[^]*?(?=```)/.exec(readFileSync(`docs/${page}.md`, 'utf8')) ?? [''];
    const folder = mkdtempSync(path.join(tmpdir(), 'values-'));
    writeFileSync(path.join(folder, 'values.yaml'), values);
    const flags = leastValues
      .filter((value) => !value.startsWith('models.source'))
      .flatMap((value) => ['--set', value]);
    const { status, text } = toolAnswer('helm', ['template', 'shop', chart, ...flags, '-f', `${folder}/values.yaml`]);
    rmSync(folder, { recursive: true });
    expect(status, text).toBe(0);
    expect(text).toContain('kind: Deployment');
  });
});

describe('values that cannot be meant', () => {
  it.each([
    ['config.cache.ttl_second=5', "'ttl_second' not allowed"],
    ['config.cache.ttl_seconds=0', 'ttl_seconds'],
    ['config.log_level=LOUD', 'log_level'],
    ['config.workers=many', 'workers'],
    ['config.host=127.0.0.1', "'host' not allowed"],
    ['config.redis.password=hunter2', "'password' not allowed"],
    ['secrets.REDIS_PASWORD.name=redis', "'REDIS_PASWORD' not allowed"],
    ['secrets.REDIS_PASSWORD.name=redis', "missing property 'key'"],
    ['image.tga=1', "'tga' not allowed"],
    ['image.digest=sha256:abc', 'digest'],
    ['models.source=ftp', 'source'],
    ['models.source=s3', 'uri'],
    ['models.pvc.claimName=', 'claimName'],
    ['models.gcs.uri=s3://bucket', 'uri'],
    ['data.sizeLimit=much', 'sizeLimit'],
    ['featureViews.applicants.entity=applicant_id', 'missing properties'],
    ['replicas=3', "'replicas' not allowed"],
  ])('%s', (value, words) => {
    const answer = refusal(...leastValues, value);
    expect(answer).toContain("values don't meet the specifications of the schema");
    expect(answer).toContain(words);
  });

  it.each(['DATABASE_URL', 'INFERENCE_SERVICE__DATABASE__URL'])('tables are made where %s says', async (variable) => {
    const secret = [`secrets.${variable}.name=database`, `secrets.${variable}.key=url`];
    const [migrate] = podOf(await render('migrate.enabled=true', ...secret)).initContainers ?? [];
    expect(migrate).toMatchObject({ name: 'migrate' });
    expect(migrate?.env?.map(({ name }) => name)).toContain(`${variable}_FILE`);
  });

  it.each([
    ['tls.secretName=', 'tls.secretName'],
    ['apiKeys.secretName=', 'apiKeys.secretName'],
    ['models.source=none', 'models.source'],
    ['serviceMonitor.enabled=true', 'serviceMonitor.apiKeySecret'],
    ['migrate.enabled=true', 'secrets.DATABASE_URL'],
  ])('what would not serve is refused with the value to set: %s', (value, words) => {
    expect(refusal(...leastValues, value)).toContain(words);
  });
});
