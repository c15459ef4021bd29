import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import path from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Canaries, personalRow, personalViews } from '../support/canaries.js';
import { oneModel, oneRequest } from '../support/one-model.js';
import { makeKey, runProgram } from '../support/program.js';
import {
  eventually,
  get,
  launchService,
  post,
  temporaryFolder,
  type Answer,
  type Service,
} from '../support/service.js';

const canaries = new Canaries();
const canary = (place: string): string => canaries.make(place);
const storedKey = canary('StoredKey');

let service: Service;
let key: string;
let token: (claims: object) => Promise<string>;
const issuer = createServer();

beforeAll(async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' };
  issuer.on('request', (_request, reply) => reply.end(JSON.stringify({ keys: [jwk] })));
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
  token = (claims) =>
    new SignJWT({ scope: 'predict:*', ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setIssuer('https://issuer.test/')
      .setAudience('predictions')
      .setSubject('batch-job')
      .setIssuedAt()
      .setExpirationTime('10m')
      .sign(privateKey);

  const data = temporaryFolder('canary');
  const features = path.join(data, 'views.yaml');
  writeFileSync(features, personalViews);
  const row = path.join(data, 'rows.csv');
  writeFileSync(row, personalRow(storedKey));
  const store = ['--features', features, '--data', data];
  await runProgram('features', 'import', row, '--view', 'applicant_profile', ...store);
  ({ secret: key } = await makeKey(data));
  canaries.add(key);
  service = await launchService({
    data,
    args: [...oneModel, '--features', features],
    env: {
      INFERENCE_SERVICE__LOG_LEVEL: 'TRACE',
      INFERENCE_SERVICE__AUTH__MODE: 'required',
      INFERENCE_SERVICE__AUTH__FAILED_ATTEMPTS_PER_MINUTE: '10000',
      INFERENCE_SERVICE__AUTH__JWT__ISSUER: 'https://issuer.test/',
      INFERENCE_SERVICE__AUTH__JWT__AUDIENCE: 'predictions',
      INFERENCE_SERVICE__AUTH__JWT__JWKS_URL: `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/`,
      INFERENCE_SERVICE__EVENTS__PII_KEY: '0123456789abcdef0123456789abcdef',
      // Its password must not be told when the broker is out of reach.
      KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1',
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: '1',
      REDIS_PASSWORD: canary('RedisPassword'),
    },
  });
});
afterAll(async () => {
  await service.stop('SIGKILL');
  issuer.close();
});

/** All replies, heads and bodies. */
const replies: string[] = [];
function heard({ headers, body }: Answer): void {
  replies.push(JSON.stringify([...headers]), JSON.stringify(body));
}
async function send(url: string, body: unknown, headers: Record<string, string>): Promise<Answer> {
  const answer = await post(url, body, headers);
  heard(answer);
  return answer;
}

/** Raw, for what no client library would send. */
function sendRaw(text: string): Promise<void> {
  const { hostname, port } = new URL(service.url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => socket.end(text));
    socket.on('error', () => undefined);
    socket.on('data', () => undefined);
    socket.on('close', () => resolve());
  });
}

/** All files below a folder, as one text. */
function textOf(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

describe('demand 4: no canary in any output', () => {
  it('on the happy path', async () => {
    const url = `${service.url}/v1/predict`;
    const { features } = oneRequest as { features: Record<string, unknown> };
    const { consumer_credit_score: _a, mortgage_credit_score: _b, public_bad_credit_record: _c, ...inline } = features;
    const byEntity = { ...oneRequest, features: inline, entities: { applicant_id: storedKey } };
    const headers = {
      'x-note': canary('Header'),
      'user-agent': canary('UserAgent'),
      cookie: `session=${canary('Cookie')}`,
    };
    expect((await send(url, byEntity, { ...headers, 'x-api-key': key })).status).toBe(200);
    const bearer = `Bearer ${await token({ note: canary('Claim'), email: `${canary('Mail')}@example.org` })}`;
    canaries.add(bearer.slice(7));
    expect((await send(url, oneRequest, { ...headers, authorization: bearer })).status).toBe(200);
    heard(await get(`${service.url}/v1/models?access_token=${canary('Query')}`, { 'x-api-key': key }));
  });

  it('on failing paths', async () => {
    const url = `${service.url}/v1/predict`;
    const known = { 'x-api-key': key };
    const { features } = oneRequest as { features: Record<string, unknown> };
    const bodies = [
      `{"model_id": "${canary('BrokenJson')}`,
      { ...oneRequest, [canary('FieldName')]: 1 },
      { ...oneRequest, options: { timeout_ms: canary('Option') } },
      { ...oneRequest, features: { ...features, debt_to_income: canary('FeatureValue') } },
      { ...oneRequest, features: { ...features, [canary('FeatureName')]: 1 } },
      { ...oneRequest, model_version: canary('Version') },
      { ...oneRequest, features: {}, entities: { applicant_id: canary('EntityKey') } },
      { ...oneRequest, entities: { [canary('EntityName')]: 'x' } },
      { ...oneRequest, features: canary('NoObject') },
    ];
    for (const body of bodies) expect((await send(url, body, known)).status).toBeGreaterThanOrEqual(400);
    await send(`${url}/batch`, { model_id: 'mortgage_denial', instances: bodies.slice(1) }, known);
    const headers = [
      { 'x-api-key': canary('WrongKey') },
      { 'x-api-key': `isk_live_${canary('WrongKey')}` },
      { authorization: `Bearer ${canary('WrongBearer')}` },
      { authorization: `Basic ${canary('WrongBasic')}` },
      { authorization: `Bearer ${await token({ scope: canary('Scope') })}` },
      { ...known, 'x-request-id': `no id: ${canary('RequestId')}` },
      { ...known, traceparent: canary('Traceparent') },
      { ...known, 'x-request-timeout-ms': canary('Timeout') },
      { ...known, 'content-type': `text/${canary('ContentType')}` },
      { ...known, 'content-encoding': canary('Encoding') },
      { ...known, 'x-forwarded-for': canary('Forwarded') },
    ];
    for (const each of headers) await send(url, oneRequest, each);
    for (const each of ['Path', 'Nul%00', '..%2f'])
      for (const where of ['/', '/v1/models/', '/v1/models/mortgage_denial/versions/'])
        heard(await get(`${service.url}${where}${each}${canary(`Path`)}?key=${canary('QueryOfPath')}`, known));
    const host = 'host: x\r\n';
    await sendRaw(`GET /${canary('RawPath')}\x01 HTTP/1.1\r\n${host}\r\n`);
    await sendRaw(`${canary('Method')} / HTTP/1.1\r\n${host}\r\n`);
    await sendRaw(`GET / HTTP/1.1\r\n${host}x: ${canary('RawHeader')}\0\r\n\r\n`);
    await sendRaw(
      `POST /v1/predict HTTP/1.1\r\n${host}content-length: 9\r\ntransfer-encoding: chunked\r\n\r\n${canary('Smuggled')}`,
    );
  });

  it('in replies', () => {
    // The caller is told the name that is wrong (that of a model from the path, too), never a value and no credential.
    canaries.expectNone('the replies', replies.join('\n'), 'FieldName', 'FeatureName', 'EntityName', 'Version', 'Path');
  });

  it('in log, metrics, journal and event files', async () => {
    // The last request's line is written once the log is flushed.
    await get(`${service.url}/last`);
    await eventually(() => service.output().includes('"route":"unmatched"'), 20_000);
    const metrics = await get(`${service.url}/metrics`, { accept: 'application/openmetrics-text' });
    canaries.expectNone('the log', service.output());
    canaries.expectNone('the metrics', String(metrics.body['text']));
    // What names a model or a version that is not there is kept in the event: it is how such calls are found.
    canaries.expectNone('the journal', textOf(path.join(service.data, 'journal')), 'Version');
  });

  it('and no secret at rest in the data folder (demand 28)', () => {
    expect(textOf(service.data).includes(key)).toBe(false);
  });
});
