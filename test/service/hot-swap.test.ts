import { cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, get, launchService, post, temporaryFolder, type Service } from '../support/service.js';

const body = JSON.parse(readFileSync('examples/requests/mortgage_denial.json', 'utf8')) as Record<string, unknown>;

let service: Service;
let models: string;

beforeAll(async () => {
  models = temporaryFolder('models');
  cpSync('examples/models/mortgage_denial', path.join(models, 'mortgage_denial'), { recursive: true });
  service = await launchService({ args: ['--models', models] });
});
afterAll(async () => {
  await service.stop('SIGKILL');
  rmSync(models, { recursive: true, force: true });
});

/** Keeps asking until told to stop; every answer is kept. */
function load() {
  const answers: { status: number; version: unknown }[] = [];
  let asking = true;
  const caller = async () => {
    while (asking) {
      const answer = await post(`${service.url}/v1/predict`, body);
      answers.push({ status: answer.status, version: answer.body['model_version'] });
    }
  };
  const callers = [caller(), caller(), caller(), caller()];
  return {
    answers,
    async stop() {
      asking = false;
      await Promise.all(callers);
    },
  };
}

const folderOf = (version: string) => path.join(models, 'mortgage_denial', version);
const versionUrl = (version: string) => `${service.url}/v1/models/mortgage_denial/versions/${version}`;
const promote = (version: string) =>
  writeFileSync(path.join(models, 'mortgage_denial', 'aliases.yaml'), `production: ${version}\n`);

// Demand 18: a new version under load.
describe('demand 18: versions change under load', () => {
  it('answers by a new version once it is promoted, and no request fails', async () => {
    const running = load();
    cpSync(folderOf('1.0.0'), folderOf('1.2.0'), { recursive: true });
    await eventually(async () => (await get(versionUrl('1.2.0'))).body['state'] === 'ready');
    promote('1.2.0');
    await eventually(() => running.answers.at(-1)?.version === '1.2.0');
    promote('1.1.0');
    await eventually(() => running.answers.at(-1)?.version === '1.1.0');
    await running.stop();
    expect(running.answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect(new Set(running.answers.map(({ version }) => version))).toEqual(new Set(['1.1.0', '1.2.0']));
  });

  it('lets calls to a version that is taken away end', async () => {
    promote('1.2.0');
    await eventually(async () => (await post(`${service.url}/v1/predict`, body)).body['model_version'] === '1.2.0');
    promote('1.1.0');
    const running = load();
    rmSync(folderOf('1.2.0'), { recursive: true });
    await eventually(async () => (await get(versionUrl('1.2.0'))).status === 404);
    await running.stop();
    expect(running.answers.filter(({ status }) => status !== 200)).toEqual([]);
  });
});

// Demand 19: a broken version changes nothing, and is told of in the log, /ready, /v1/models and models check.
describe('demand 19: a broken version', () => {
  it.each([
    ['truncated', (folder: string) => truncateSync(path.join(folder, 'model.onnx'), 2000), /truncated|cut|ends/i],
    ['no ONNX', (folder: string) => writeFileSync(path.join(folder, 'model.onnx'), 'hello'), /ONNX/],
    [
      'a misspelt manifest',
      (folder: string) => {
        const file = path.join(folder, 'model.yaml');
        writeFileSync(file, readFileSync(file, 'utf8').replace('prediction:', 'predicton:'));
      },
      /predicton.*prediction/s,
    ],
    [
      'a golden row that fails',
      (folder: string) => {
        const file = path.join(folder, 'model.yaml');
        writeFileSync(file, readFileSync(file, 'utf8').replace(/risk_score: \d+\}/, 'risk_score: 55}'));
      },
      /golden|example/i,
    ],
  ])('%s', async (name, breakIt, words) => {
    const version = `2.0.${name.length}`;
    const before = (await post(`${service.url}/v1/predict`, body)).body['prediction'];
    const staged = temporaryFolder('staged');
    cpSync(folderOf('1.1.0'), staged, { recursive: true });
    breakIt(staged);
    mkdirSync(folderOf(version));
    cpSync(staged, folderOf(version), { recursive: true });
    await eventually(async () => (await get(versionUrl(version))).body['state'] === 'failed');
    expect(JSON.stringify((await get(versionUrl(version))).body['reasons'])).toMatch(words);
    const ready = await get(`${service.url}/ready`);
    expect([ready.status, ready.body['status']]).toEqual([200, 'degraded']);
    await eventually(() => service.output().includes(`"model_version":"${version}"`));
    const explicit = await post(`${service.url}/v1/predict`, { ...body, model_version: version });
    expect([explicit.status, explicit.body['error_code']]).toEqual([503, 'SERVICE_UNAVAILABLE']);
    expect((await post(`${service.url}/v1/predict`, body)).body['prediction']).toEqual(before);
    rmSync(folderOf(version), { recursive: true });
    rmSync(staged, { recursive: true });
  });
});
