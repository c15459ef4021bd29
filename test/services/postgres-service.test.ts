import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { differences } from '../support/closeness.js';
import { startPostgres, urlOf, type TestPostgres } from '../support/postgres.js';
import { eventually, get, launchService, post, temporaryFolder, type Service } from '../support/service.js';

/** One model: what others need to load is not the subject. */
const models = temporaryFolder('models');
cpSync('examples/models/mortgage_denial', path.join(models, 'mortgage_denial'), { recursive: true });
const examples = ['--models', models, '--features', 'examples/features.yaml'];
const csv = 'examples/features/applicant_profile.csv';

let postgres: TestPostgres;
let service: Service;
const env = (rest: Record<string, string> = {}) => ({ DATABASE_URL: postgres.url, ...rest });

function inference(line: string, rest: Record<string, string> = {}, input?: string) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['bin/inference', ...line.split(' ')], {
    env: { ...process.env, ...env(rest) },
    encoding: 'utf8',
    timeout: 120_000,
    ...(input === undefined ? {} : { input }),
  });
  return { code: status, stdout, stderr };
}

beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.execute('DROP SCHEMA inference CASCADE');
});
afterAll(async () => {
  await service?.stop('SIGKILL');
  await postgres.remove();
  rmSync(models, { recursive: true });
});

interface HeldOut {
  readonly model_id: string;
  readonly versions: Record<string, { tolerance: number; stored_rows?: StoredRow[] }>;
}
interface StoredRow {
  readonly features: Record<string, unknown>;
  readonly entities: Record<string, string>;
  readonly prediction: Record<string, unknown>;
}
const heldOut = JSON.parse(readFileSync('examples/heldout/mortgage_denial.json', 'utf8')) as HeldOut;

describe('a database', () => {
  it('stops the start until it has the schema, with the command that makes it', async () => {
    await expect(launchService({ env: env(), args: examples })).rejects.toThrow('run: bin/inference database migrate');
    expect(inference('database status')).toMatchObject({ code: 1, stdout: 'schema inference is at version 0 of 2\n' });
    expect(inference('database migrate').stdout).toBe(
      'made feature data versions, api keys; schema inference is at version 2 of 2\n',
    );
    expect(inference('database migrate').stdout).toBe('nothing to do; schema inference is at version 2 of 2\n');
    const status = inference('database status --json');
    expect([status.code, JSON.parse(status.stdout)]).toEqual([
      0,
      { schema: 'inference', version: 2, latest: 2, pending: [] },
    ]);
  });

  it.each([
    ['password', (url: string) => url.replace('app-secret', 'canary-secret'), 'refused the password of user app'],
    ['database', (url: string) => url.replace(/app$/, 'nowhere'), 'has no database nowhere'],
    ['encryption', (url: string) => `${url}?sslmode=require`, 'does not support SSL'],
    ['URL', (url: string) => url.replace(/app$/, ''), 'must be postgres://USER'],
  ])('of the wrong %s stops the start in words', async (_, wrong, words) => {
    const start = launchService({ env: env({ DATABASE_URL: wrong(postgres.url) }), args: examples });
    const error: unknown = await start.catch((thrown: unknown) => thrown);
    expect((error as Error).message).toContain(words);
    expect((error as Error).message).not.toMatch(/canary|app-secret/);
  });

  it('is needed for its own commands', () => {
    expect(inference('database status', { DATABASE_URL: '' })).toMatchObject({ code: 1 });
    expect(inference('database status', { DATABASE_URL: '' }).stderr).toContain('export DATABASE_URL=postgres://');
  });

  it('is filled by the command, and says what does not fit before', () => {
    expect(inference('features verify --features examples/features.yaml').stdout).toContain('does not exist');
    const imported = inference(`features import ${csv} --view applicant_profile --features examples/features.yaml`);
    expect(imported.stdout).toMatch(/^\d+ rows imported into applicant_profile\n$/);
    expect(inference('features verify --features examples/features.yaml')).toMatchObject({ code: 0 });
    const key = readFileSync(csv, 'utf8').split('\n')[1]?.split(',')[0];
    expect(inference(`features get applicant_profile ${key} --features examples/features.yaml`).stdout).toContain(
      'updated at',
    );
  });
});

describe('demand 17: the service over PostgreSQL', () => {
  beforeAll(async () => {
    service = await launchService({ env: env(), args: examples });
  });

  it.each(Object.entries(heldOut.versions).filter(([, { stored_rows }]) => stored_rows !== undefined))(
    'answers the held-out rows of version %s from the store and from the cache',
    async (version, { tolerance, stored_rows }) => {
      for (const { features, entities, prediction } of stored_rows ?? []) {
        const body = { model_id: heldOut.model_id, model_version: version, features, entities };
        const fresh = await post(`${service.url}/v1/predict`, { ...body, options: { enable_cache: false } });
        const cached = await post(`${service.url}/v1/predict`, body);
        expect([fresh.status, fresh.body['cached'], cached.body['cached']]).toEqual([200, false, true]);
        expect(differences(fresh.body['prediction'], prediction, tolerance)).toEqual([]);
        expect(differences(cached.body['prediction'], prediction, tolerance)).toEqual([]);
      }
    },
  );

  const stored = () => {
    const version = Object.values(heldOut.versions).find(({ stored_rows }) => stored_rows !== undefined);
    const { features, entities } = version!.stored_rows![0]!;
    return { model_id: heldOut.model_id, features, entities };
  };

  it('notices an import while it runs', async () => {
    const before = await post(`${service.url}/v1/predict`, stored());
    const [header, ...lines] = readFileSync(csv, 'utf8').trim().split('\n');
    const column = header!.split(',').indexOf('consumer_credit_score');
    const other = lines.map((line) =>
      line
        .split(',')
        .map((cell, at) => (at === column ? String(7 - Number(cell)) : cell))
        .join(','),
    );
    const file = path.join(service.data, 'other.csv');
    writeFileSync(file, [header, ...other, ''].join('\n'));
    inference(`features import ${file} --view applicant_profile --features examples/features.yaml`);
    await eventually(async () => {
      const { body } = await post(`${service.url}/v1/predict`, stored());
      return JSON.stringify(body['prediction']) !== JSON.stringify(before.body['prediction']);
    });
    inference(`features import ${csv} --view applicant_profile --features examples/features.yaml`);
    await eventually(async () => {
      const { body } = await post(`${service.url}/v1/predict`, stored());
      return JSON.stringify(body['prediction']) === JSON.stringify(before.body['prediction']);
    });
  });

  it('refuses stored values of another type, never showing them', async () => {
    await postgres.execute("ALTER TABLE applicant_profile ALTER consumer_credit_score TYPE text USING 'canary'");
    const wrong = await post(`${service.url}/v1/predict`, { ...stored(), options: { enable_cache: false } });
    expect([wrong.status, wrong.body['error_code']]).toEqual([400, 'FEATURE_VALIDATION_FAILED']);
    expect(JSON.stringify(wrong.body)).toContain('"origin":"store"');
    expect(JSON.stringify(wrong.body) + service.output()).not.toContain('canary');
    await postgres.execute('DROP TABLE applicant_profile');
    inference(`features import ${csv} --view applicant_profile --features examples/features.yaml`);
  });

  it('says what it lacks in /ready while the server is down, answers 503, and recovers', async () => {
    const body = { ...stored(), options: { enable_cache: false } };
    await postgres.server.stop();
    try {
      const failed = await post(`${service.url}/v1/predict`, body);
      expect([failed.status, failed.body['error_code']]).toEqual([503, 'SERVICE_UNAVAILABLE']);
      await eventually(async () => {
        const { status, body: ready } = await get(`${service.url}/ready`);
        return status === 200 && (ready['checks'] as Record<string, unknown>)['feature_store'] === 'unhealthy';
      });
    } finally {
      await postgres.server.start();
    }
    await eventually(async () => (await post(`${service.url}/v1/predict`, body)).status === 200, 20_000);
  });

  it('stops with exit code 0', async () => {
    expect(await service.stop()).toBe(0);
    expect(service.output()).not.toContain('app-secret');
  });
});

describe('demand 28: keys in the database', () => {
  it('work for several instances, and a revoked one is refused by all of them', async () => {
    const auth = { INFERENCE_SERVICE__AUTH__MODE: 'required' };
    await expect(launchService({ env: env(auth), args: examples })).rejects.toThrow('make a key');
    const key = JSON.parse(inference('keys create --label shop --scope predict:* --json').stdout) as {
      id: string;
      secret: string;
    };
    const instances = await Promise.all([1, 2].map(() => launchService({ env: env(auth), args: examples })));
    const body = JSON.parse(readFileSync('examples/requests/mortgage_denial.json', 'utf8')) as unknown;
    const statuses = (secret: string) =>
      Promise.all(
        instances.map(async ({ url }) => (await post(`${url}/v1/predict`, body, { 'x-api-key': secret })).status),
      );
    try {
      expect(await statuses(key.secret)).toEqual([200, 200]);
      const second = JSON.parse(inference(`keys rotate ${key.id} --overlap 3600 --json`).stdout) as {
        id: string;
        secret: string;
      };
      await eventually(async () => (await statuses(second.secret)).every((status) => status === 200));
      expect(await statuses(key.secret)).toEqual([200, 200]);
      inference(`keys revoke ${second.id}`);
      await eventually(
        async () => (await statuses(second.secret)).every((status) => [401, 429].includes(status)),
        30_000,
      );
      const dump = await postgres.execute('SELECT row_to_json(k)::text FROM inference.api_keys k');
      expect(dump.flat().join()).not.toContain(key.secret.slice(-20));
    } finally {
      for (const instance of instances) await instance.stop('SIGKILL');
    }
  });
});

describe('TLS', () => {
  let encrypted: TestPostgres;
  let authority: string;
  beforeAll(async () => {
    encrypted = await startPostgres({ PG_TLS: '1' });
    authority = path.join(encrypted.server.directory, 'tls', 'ca.pem');
  });
  afterAll(() => encrypted.remove());

  const status = (url: string, rest: Record<string, string>) =>
    inference('database status', { DATABASE_URL: url, ...rest });

  it.each([
    ['disable', {}, 1, 'no pg_hba.conf entry'],
    ['require', {}, 0, ''],
    ['verify-full', {}, 1, 'a certificate that is not trusted'],
    ['verify-full', { ca: true }, 0, ''],
    ['require', { ca: true }, 0, ''],
    ['require', { otherCa: true }, 1, 'a certificate that is not trusted'],
  ] as [string, { ca?: boolean; otherCa?: boolean }, number, string][])(
    '%s %j: exit code %d',
    (mode, { ca, otherCa }, code, words) => {
      const rest: Record<string, string> = { INFERENCE_SERVICE__DATABASE__SSL__MODE: mode };
      if (ca === true) rest['INFERENCE_SERVICE__DATABASE__SSL__CA_FILE'] = authority;
      if (otherCa === true) rest['INFERENCE_SERVICE__DATABASE__SSL__CA_FILE'] = otherAuthority();
      const got = status(encrypted.url, rest);
      expect([got.code, got.stderr]).toEqual([code, expect.stringContaining(words)]);
    },
  );

  it('compares the name, as an address too, and follows the URL', () => {
    const ca = { INFERENCE_SERVICE__DATABASE__SSL__CA_FILE: authority };
    const url = `${urlOf(encrypted.server.port)}?sslmode=verify-full`;
    expect(status(url, ca).code).toBe(0);
    expect(status(url.replace('127.0.0.1', 'localhost'), ca).code).toBe(0);
    expect(status(url.replace('127.0.0.1', '127.0.0.2'), ca).code).toBe(1);
  });

  it('cancels over an encrypted connection', async () => {
    const database = await encrypted.open({ queryTimeoutMs: 200 });
    await expect(database.reads.query({ text: 'SELECT pg_sleep(20)' })).rejects.toThrow('did not answer within 200 ms');
    const atWork =
      "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(20)%' AND state = 'active' AND pid <> pg_backend_pid()";
    await eventually(async () => (await encrypted.execute(atWork))[0]?.[0] === '0');
    await database.close();
  });

  function otherAuthority(): string {
    const folder = path.join(encrypted.server.directory, 'other');
    const made = spawnSync('openssl', [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=other-ca'],
      ...['-keyout', `${folder}.key`, '-out', `${folder}.pem`],
    ]);
    expect(made.status).toBe(0);
    return `${folder}.pem`;
  }
});
