import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { runProgram } from '../support/program.js';
import { eventually } from '../support/service.js';
import { call, freePort } from './support/call.js';
import { Container } from './support/container.js';
import type { ContainerSpec, PodSpec, Probe, Volume } from './support/kubernetes.js';
import { makeCertificate } from './support/make-certificate.js';
import { Pod, type Cluster } from './support/pod.js';
import { ofKind, render, resourcesOf, templateOf } from './support/resources.js';
import { tool } from './support/tool.js';

const request = (name: string): unknown => JSON.parse(readFileSync(`examples/requests/${name}.json`, 'utf8'));
const mortgage = request('mortgage_denial');
const expected = { prediction: { denial_probability: 0.013585984706878662, risk_score: 1 } };

interface Inspection {
  readonly Config: {
    readonly User: string;
    readonly Entrypoint: readonly string[];
    readonly Cmd: readonly string[];
    readonly Env: readonly string[];
    readonly Volumes: object;
  };
  readonly Healthcheck: { readonly Test: readonly string[] };
}

let image: string;
let keys: { readonly secret: string; readonly entry: string };
let certificate: { readonly cert: string; readonly key: string };
let folder: string;

beforeAll(async () => {
  image = (await tool('image', ['build'])).trim();
  keys = JSON.parse(await runProgram('keys', 'create', '--label', 'shop', '--hash-only', '--json')) as typeof keys;
  certificate = await makeCertificate();
  folder = mkdtempSync(path.join(tmpdir(), 'image-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let started = 0;
async function start(env: Record<string, string>, args?: readonly string[]): Promise<Container> {
  const container = await Container.start({ name: `image-${process.pid}-${started++}`, image, env, args });
  onTestFinished(() => container.remove());
  return container;
}

async function isReady(url: string, container: Container, ca?: string): Promise<void> {
  const ready = async () => (await call(`${url}/ready`, ca === undefined ? {} : { ca })).status === 200;
  try {
    await eventually(ready, 90_000);
  } catch {
    throw new Error(`Not ready:
${container.logs()}`);
  }
}

describe('demand 40: the image', () => {
  it('says how it is to be run', async () => {
    const inspected = JSON.parse(await tool('image', ['podman', 'image', 'inspect', image])) as [Inspection];
    const { Config: config, Healthcheck: healthcheck } = inspected[0];
    expect(config.User).toBe('1000:1000');
    expect(config.Entrypoint).toEqual(['node', '/app/bin/inference']);
    expect(config.Cmd).toEqual(['serve']);
    expect(config.Env).toEqual(expect.arrayContaining(['NODE_ENV=production', 'ENVIRONMENT=production']));
    expect(Object.keys(config.Volumes)).toEqual(['/data']);
    expect(healthcheck.Test).toEqual(['CMD', 'node', '/app/docker/healthcheck.js']);
  });

  it('refuses to start open: it names what production needs, each with what to do', async () => {
    const { status, text } = await Container.run({ name: `image-${process.pid}-open`, image });
    expect(status).not.toBe(0);
    for (const key of ['auth.keys_file', 'tls.cert_file', 'models.directory']) expect(text).toContain(key);
  });

  it('answers on Node 24 as another user than root, with a root that is read-only, and ends on SIGTERM', async () => {
    const port = await freePort();
    const container = await start({ ENVIRONMENT: 'development', INFERENCE_SERVICE__PORT: String(port) });
    await isReady(`http://127.0.0.1:${port}`, container);

    for (const name of ['mortgage_denial', 'mortgage_denial_stored']) {
      const { status, text } = await call(`http://127.0.0.1:${port}/v1/predict`, { body: request(name) });
      expect(status, text).toBe(200);
      expect(JSON.parse(text)).toMatchObject(expected);
    }
    expect(await container.exec('node', '--version')).toMatch(/^v24\./);
    expect(await container.exec('id', '-u')).toBe('1000\n');
    for (const place of ['/app', '/tmp', '/home/node', '/models'])
      await expect(container.exec('touch', `${place}/file`), place).rejects.toThrow(/Read-only|No such file/);
    await container.exec('node', '/app/docker/healthcheck.js');
    expect(await container.stop(30)).toBe(0);
    expect(container.logs()).toContain('"message":"Stopped"');
  });

  it('is healthy only while the service answers', async () => {
    const [port, other] = [await freePort(), await freePort()];
    const container = await start({ ENVIRONMENT: 'development', INFERENCE_SERVICE__PORT: String(port) });
    await isReady(`http://127.0.0.1:${port}`, container);
    await container.exec('node', '/app/docker/healthcheck.js', String(port));
    await expect(container.exec('node', '/app/docker/healthcheck.js', String(other))).rejects.toThrow();
  });

  it('holds what runs, a list of it, and nothing that builds or installs', async () => {
    const container = await start({ ENVIRONMENT: 'development', INFERENCE_SERVICE__PORT: '0' });
    const list = async (where: string) => (await container.exec('ls', '-A', where)).trim().split('\n');
    expect(await list('/app')).toEqual(
      expect.arrayContaining(['bin', 'config', 'dist', 'node_modules', 'package.json', 'proto', 'sbom.cdx.json']),
    );
    const packages = await list('/app/node_modules');
    for (const name of ['typescript', 'vitest', 'eslint']) expect(packages).not.toContain(name);
    expect(await list('/usr/local/bin')).not.toContain('npm');
    expect(await list('/app/node_modules/onnxruntime-node/bin/napi-v6')).toEqual(['linux']);
    expect(await list('/app/node_modules/onnxruntime-node/bin/napi-v6/linux')).toEqual([process.arch]);
    expect(await container.exec('find', '/app/dist', '-name', '*.test.js')).toBe('');

    const bom = JSON.parse(await container.exec('cat', '/app/sbom.cdx.json')) as {
      bomFormat: string;
      components: { name: string; group?: string }[];
    };
    expect(bom.bomFormat).toBe('CycloneDX');
    const listed = new Set(bom.components.map(({ group, name }) => (group === undefined ? name : `${group}/${name}`)));
    const unscoped = packages.filter((name) => !name.startsWith('@') && !name.startsWith('.'));
    expect(unscoped.filter((name) => !listed.has(name))).toEqual([]);
  });
});

/** The chart's pod on this machine. */
async function startPod(cluster: Partial<Cluster>, ...values: string[]) {
  const port = await freePort();
  const resources = await render(`config.port=${port}`, 'config.http.drain_delay_seconds=2', ...values);
  const spec = templateOf(resources).spec;
  const configMap = ofKind(resources, 'ConfigMap');
  const pod = new Pod(spec, {
    image,
    secrets: {
      'service-tls': { 'tls.crt': certificate.cert, 'tls.key': certificate.key },
      'service-keys': { 'keys.yaml': keys.entry },
    },
    configMaps: { [configMap.metadata.name]: configMap.data ?? {} },
    claims: { models: path.resolve('examples/models') },
    ...cluster,
  });
  onTestFinished(() => pod.remove());
  return { pod, port, spec };
}

const probe = (spec: ContainerSpec, { httpGet }: Probe): string =>
  `${(httpGet.scheme ?? 'HTTP').toLowerCase()}://localhost:${spec.ports?.find(({ name }) => name === httpGet.port)?.containerPort}${httpGet.path}`;

describe('the chart, its pod run on the image', () => {
  it('serves over TLS with keys of a Secret and models of a volume, as its probes ask, and ends within its grace', async () => {
    const views = [
      'featureViews.applicant_profile.entity=applicant_id',
      'featureViews.applicant_profile.table=applicant_profile',
      'featureViews.applicant_profile.key=applicant_id',
      'featureViews.applicant_profile.features.consumer_credit_score=integer',
      'featureViews.applicant_profile.features.mortgage_credit_score=integer',
      'featureViews.applicant_profile.features.public_bad_credit_record=boolean',
    ];
    const { pod, port, spec } = await startPod({}, ...views);
    const container = await pod.start();
    const [service] = spec.containers;
    await isReady(`https://localhost:${port}`, container, certificate.cert);
    for (const one of [service.startupProbe, service.livenessProbe, service.readinessProbe]) {
      const answer = await call(probe(service, one as Probe), { ca: certificate.cert });
      expect(answer.status, answer.text).toBe(200);
    }
    const url = `https://localhost:${port}/v1/predict`;
    expect((await call(url, { body: mortgage, ca: certificate.cert })).status).toBe(401);
    const answer = await call(url, { body: mortgage, ca: certificate.cert, key: keys.secret });
    expect(JSON.parse(answer.text)).toMatchObject(expected);

    const stopping = container.stop(spec.terminationGracePeriodSeconds);
    // Not ready at once, and still serving, so that nothing is lost until the cluster has noticed.
    await eventually(
      async () => (await call(`https://localhost:${port}/ready`, { ca: certificate.cert })).status === 503,
    );
    expect((await call(url, { body: mortgage, ca: certificate.cert, key: keys.secret })).status).toBe(200);
    expect(await stopping).toBe(0);
  });

  it('serves what its init container copied, behind a proxy that ends TLS', async () => {
    const { pod, port } = await startPod({}, 'models.pvc.copy=true', 'config.tls.mode=terminated_upstream');
    expect(await pod.runInitContainers()).toEqual([{ status: 0, text: '' }]);
    const container = await pod.start();
    await isReady(`http://127.0.0.1:${port}`, container);
    const url = `http://127.0.0.1:${port}/v1/predict`;
    const answer = await call(url, { body: request('diabetes'), key: keys.secret });
    expect(answer.status, answer.text).toBe(200);
  });
});

describe('the KServe runtime, run on the image', () => {
  it('serves the one model that KServe mounts, under the name of the InferenceService', async () => {
    const port = await freePort();
    const text = readFileSync('deploy/kserve/serving-runtime.yaml', 'utf8')
      .replaceAll('{{.Name}}', 'mortgage-denial')
      .replaceAll('8080', String(port))
      // The port of gRPC is the program's own choice; another test may have taken it.
      .replace('--models=', '--grpc-port=0\n        - --models=');
    const [runtime] = resourcesOf(text);
    const { containers, volumes } = runtime?.spec as { containers: [ContainerSpec]; volumes: Volume[] };
    const mount = { name: 'model', mountPath: '/mnt/models', readOnly: true };
    const spec: PodSpec = {
      securityContext: { runAsUser: 1000, fsGroup: 1000 },
      terminationGracePeriodSeconds: 35,
      containers: [{ ...containers[0], volumeMounts: [...containers[0].volumeMounts, mount] }],
      volumes: [...volumes, { name: 'model', persistentVolumeClaim: { claimName: 'model' } }],
    };
    const model = path.join(folder, 'model');
    cpSync('examples/models/mortgage_denial/1.1.0', model, { recursive: true });
    // A model of its own has no stored features.
    const manifest = readFileSync(path.join(model, 'model.yaml'), 'utf8').replaceAll(/, from: [a-z_.]+/g, '');
    writeFileSync(path.join(model, 'model.yaml'), manifest);
    const secrets = { 'inference-service-keys': { 'keys.yaml': keys.entry } };
    const pod = new Pod(spec, { image, secrets, configMaps: {}, claims: { model } });
    onTestFinished(() => pod.remove());
    const container = await pod.start();
    const url = `http://127.0.0.1:${port}`;
    await isReady(url, container);

    const metadata = await call(`${url}/v2/models/mortgage-denial`, { key: keys.secret });
    const [input] = (JSON.parse(metadata.text) as { inputs: { name: string; datatype: string; shape: number[] }[] })
      .inputs;
    const width = input?.shape[1] ?? 0;
    const tensor = { ...input, shape: [1, width], data: Array.from({ length: width }, () => 0.5) };
    const inferUrl = `${url}/v2/models/mortgage-denial/infer`;
    expect((await call(inferUrl, { body: { inputs: [tensor] } })).status).toBe(401);
    const answer = await call(inferUrl, { body: { inputs: [tensor] }, key: keys.secret });
    expect(answer.status, answer.text).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({ model_name: 'mortgage-denial', outputs: [{}, {}] });
    expect(await container.stop(35)).toBe(0);
  });
});
