import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import path from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { oneModel, oneRequest } from '../support/one-model.js';
import { makeKey, runProgram } from '../support/program.js';
import { eventually, get, launchService, post, temporaryFolder, type Service } from '../support/service.js';

/** Every canary is a text of its own, so that a leak says where it came in. */
const canaries = new Set<string>();
function canary(place: string): string {
  const text = `Canary${place}${Math.random().toString(36).slice(2, 12)}`;
  canaries.add(text);
  return text;
}

const views = `applicant_profile:
  entity: applicant_id
  table: applicant_profile
  key: applicant_id
  timestamp: updated_at
  on_missing: fail
  pii: true
  features: {consumer_credit_score: integer, mortgage_credit_score: integer, public_bad_credit_record: boolean}
`;

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
  writeFileSync(features, views);
  const row = path.join(data, 'rows.csv');
  const columns = 'applicant_id,consumer_credit_score,mortgage_credit_score,public_bad_credit_record,updated_at';
  writeFileSync(row, `${columns}\n${canary('StoredKey')},5,2,false,1998-12-31T00:00:00Z\n`);
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

function expectNone(where: string, text: string): void {
  expect(text.length, where).toBeGreaterThan(100);
  for (const text_ of canaries) expect(text.includes(text_), `${text_} in ${where}`).toBe(false);
}

describe('demand 4: no canary in any output', () => {
  it('on the happy path', async () => {
    const url = `${service.url}/v1/predict`;
    const { features } = oneRequest as { features: Record<string, unknown> };
    const { consumer_credit_score: _a, mortgage_credit_score: _b, public_bad_credit_record: _c, ...inline } = features;
    const [stored] = canaries;
    const byEntity = { ...oneRequest, features: inline, entities: { applicant_id: stored } };
    const headers = {
      'x-note': canary('Header'),
      'user-agent': canary('UserAgent'),
      cookie: `session=${canary('Cookie')}`,
    };
    expect((await post(url, byEntity, { ...headers, 'x-api-key': key })).status).toBe(200);
    const bearer = `Bearer ${await token({ note: canary('Claim'), email: `${canary('Mail')}@example.org` })}`;
    canaries.add(bearer.slice(7));
    expect((await post(url, oneRequest, { ...headers, authorization: bearer })).status).toBe(200);
    await get(`${service.url}/v1/models?access_token=${canary('Query')}`, { 'x-api-key': key });
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
    for (const body of bodies) expect((await post(url, body, known)).status).toBeGreaterThanOrEqual(400);
    await post(`${url}/batch`, { model_id: 'mortgage_denial', instances: bodies.slice(1) }, known);
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
    for (const each of headers) await post(url, oneRequest, each);
    for (const each of ['Path', 'Nul%00', '..%2f'])
      for (const where of ['/', '/v1/models/', '/v1/models/mortgage_denial/versions/'])
        await get(`${service.url}${where}${each}${canary(`Path`)}?key=${canary('PathQuery')}`, known);
    const host = 'host: x\r\n';
    await sendRaw(`GET /${canary('RawPath')}\x01 HTTP/1.1\r\n${host}\r\n`);
    await sendRaw(`${canary('Method')} / HTTP/1.1\r\n${host}\r\n`);
    await sendRaw(`GET / HTTP/1.1\r\n${host}x: ${canary('RawHeader')}\0\r\n\r\n`);
    await sendRaw(
      `POST /v1/predict HTTP/1.1\r\n${host}content-length: 9\r\ntransfer-encoding: chunked\r\n\r\n${canary('Smuggled')}`,
    );
  });

  it('in log, metrics, journal and event files', async () => {
    // The last request's line is written once the log is flushed.
    await get(`${service.url}/last`);
    await eventually(() => service.output().includes('"route":"unmatched"'), 20_000);
    const metrics = await get(`${service.url}/metrics`, { accept: 'application/openmetrics-text' });
    expectNone('the log', service.output());
    expectNone('the metrics', String(metrics.body['text']));
    // What names a model or a version that is not there is kept in the event: it is how such calls are found.
    for (const text of canaries) if (text.startsWith('CanaryVersion')) canaries.delete(text);
    expectNone('the journal', textOf(path.join(service.data, 'journal')));
    const { 0: stored = '' } = [...canaries];
    expect(stored).toMatch(/^CanaryStoredKey/);
  });

  it('and no secret at rest in the data folder (demand 28)', () => {
    expect(textOf(service.data).includes(key)).toBe(false);
  });
});
