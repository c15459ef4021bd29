import { execFile } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, request as httpsRequest } from 'node:https';
import path from 'node:path';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import {
  credentials,
  loadPackageDefinition,
  Metadata,
  status,
  type CallOptions,
  type ChannelCredentials,
  type Client,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { oneModel, oneRequest } from '../support/one-model.js';
import { runProgram } from '../support/program.js';
import { eventually, launchService, temporaryFolder, type Service } from '../support/service.js';

const run = promisify(execFile);
const folder = temporaryFolder('tls');
const cert = path.join(folder, 'tls.crt');
const key = path.join(folder, 'tls.key');
let service: Service;
let secret: string;

async function makePair(name: string): Promise<void> {
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const files = ['-keyout', path.join(folder, `${name}.key`), '-out', path.join(folder, `${name}.crt`)];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30'];
  await run('openssl', ['req', '-x509', ...curve, ...subject, ...files]);
}

function use(certOf: string, keyOf: string): void {
  copyFileSync(path.join(folder, `${certOf}.crt`), cert);
  copyFileSync(path.join(folder, `${keyOf}.key`), key);
}

beforeAll(async () => {
  for (const name of ['first', 'second', 'third']) await makePair(name);
  use('first', 'first');
  // Keys from a mounted file alone, as an orchestrator would hand them over: no command is run against the data folder.
  const scopes = ['predict:*', 'models:read', 'metrics:read'].flatMap((scope) => ['--scope', scope]);
  const declared = await runProgram('keys', 'create', '--label', 'shop', ...scopes, '--hash-only', '--json');
  const { secret: made, entry } = JSON.parse(declared) as { secret: string; entry: string };
  secret = made;
  const keysFile = path.join(folder, 'keys.yaml');
  writeFileSync(keysFile, `${entry.trim()}\n`);
  service = await launchService({
    args: [...oneModel, '--workers', '1', '--host', '127.0.0.1'],
    env: {
      ENVIRONMENT: 'production',
      INFERENCE_SERVICE__TLS__CERT_FILE: cert,
      INFERENCE_SERVICE__TLS__KEY_FILE: key,
      INFERENCE_SERVICE__AUTH__KEYS_FILE: keysFile,
      INFERENCE_SERVICE__HTTP__DRAIN_DELAY_SECONDS: '0',
      INFERENCE_SERVICE__GRPC__PORT: '0',
    },
  });
}, 120_000);
afterAll(() => service.stop('SIGKILL'));

function predict(agent: Agent, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', agent, headers: { 'content-type': 'application/json', ...headers } };
    const request = httpsRequest(`${service.url}/v1/predict`, options, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode ?? 0));
    });
    request.on('error', reject);
    request.end(JSON.stringify(oneRequest));
  });
}

function text(path: string, headers: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(`${service.url}${path}`, { headers, ca: readFileSync(cert) }, (answer) => {
      let body = '';
      answer.on('data', (chunk: Buffer) => (body += chunk.toString()));
      answer.on('end', () => resolve(body));
    });
    request.on('error', reject);
    request.end();
  });
}

/** The name in the certificate that new connections get. */
function served(port = new URL(service.url).port): Promise<string> {
  const target = { port: Number(port), host: '127.0.0.1', ALPNProtocols: ['h2', 'http/1.1'] };
  return new Promise((resolve, reject) => {
    const socket = connect({ ...target, rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.end();
    });
    socket.on('error', reject);
  });
}

async function handshake(version: string, port = new URL(service.url).port): Promise<string> {
  const target = ['-connect', `127.0.0.1:${port}`];
  const client = run('openssl', ['s_client', version, ...target]).catch(
    (error: { stderr: string; stdout: string }) => error,
  );
  const { stdout, stderr } = await client;
  return stdout + stderr;
}

const grpcPort = () => /"port":(\d+)[^\n]*"gRPC listening"/.exec(service.output())?.[1] ?? '';

/** The name of the status of a ModelMetadata call. */
function askByGrpc(keys: Record<string, string>): Promise<string> {
  const { inference } = loadPackageDefinition(loadSync('proto/open-inference.proto')) as unknown as {
    inference: { GRPCInferenceService: new (address: string, how: ChannelCredentials) => MetadataClient };
  };
  const client = new inference.GRPCInferenceService(
    `localhost:${grpcPort()}`,
    credentials.createSsl(readFileSync(cert)),
  );
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(keys)) metadata.set(name, value);
  return new Promise((resolve) => {
    const options = { deadline: Date.now() + 20_000 };
    client.ModelMetadata({ name: 'mortgage_denial' }, metadata, options, (error) => {
      client.close();
      resolve(status[error?.code ?? status.OK]);
    });
  });
}

interface MetadataClient extends Client {
  ModelMetadata(
    message: object,
    metadata: Metadata,
    options: CallOptions,
    done: (error: ServiceError | null) => void,
  ): void;
}

describe('demand 36: TLS', () => {
  it('answers with the key of a mounted file, and refuses without', async () => {
    const agent = new Agent({ ca: readFileSync(cert) });
    expect(await predict(agent, { 'x-api-key': secret })).toBe(200);
    expect(await predict(agent, {})).toBe(401);
  });

  it('holds for gRPC as well, whose calls are counted', async () => {
    expect(await askByGrpc({ 'x-api-key': secret })).toBe('OK');
    expect(await askByGrpc({ authorization: `Bearer ${secret}` })).toBe('OK');
    expect(await askByGrpc({})).toBe('UNAUTHENTICATED');
    const metrics = await text('/metrics', { 'x-api-key': secret });
    expect(metrics).toContain('grpc_requests_total{method="ModelMetadata",code="OK"} 2');
    expect(metrics).toContain('grpc_requests_total{method="ModelMetadata",code="UNAUTHENTICATED"} 1');
  });

  it('refuses TLS 1.2', async () => {
    expect(await handshake('-tls1_2')).toMatch(/alert protocol version|unsupported protocol|no protocols available/);
    expect(await handshake('-tls1_3')).toMatch(/Cipher is TLS_/);
    expect(await handshake('-tls1_2', grpcPort())).toMatch(/alert protocol version|unsupported protocol|no protocols/);
  });

  it('takes a new certificate without dropping connections, and keeps the old one where the new pair does not match', async () => {
    const agent = new Agent({ ca: readFileSync(cert), keepAlive: true, maxSockets: 1 });
    expect(await predict(agent, { 'x-api-key': secret })).toBe(200);
    const connections = Object.values(agent.freeSockets).flat();
    expect(connections).toHaveLength(1);

    use('second', 'second');
    await eventually(async () => (await served()) === 'second', 30_000);
    await eventually(async () => (await served(grpcPort())) === 'second', 30_000);
    use('third', 'second');
    await eventually(() => service.output().includes('The new TLS certificate is not usable'), 30_000);
    expect(await served()).toBe('second');
    use('third', 'third');
    await eventually(async () => (await served()) === 'third', 30_000);

    expect(await predict(agent, { 'x-api-key': secret })).toBe(200);
    expect(Object.values(agent.freeSockets).flat()[0]).toBe(connections[0]);
  });
});
