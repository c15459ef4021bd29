import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { oneModel, oneRequest } from '../support/one-model.js';
import { startServer, type TestServer } from '../support/servers.js';
import { eventually, get, launchService, post, type Service } from '../support/service.js';

let service: Service;
beforeAll(async () => {
  service = await launchService({ args: oneModel, env: { INFERENCE_SERVICE__HTTP__MAX_QUEUE_MS: '10000' } });
});
afterAll(async () => {
  await service.stop('SIGKILL');
  rmSync(service.data, { recursive: true });
});

const scrape = async (accept?: string): Promise<string> =>
  String((await get(`${service.url}/metrics`, accept === undefined ? {} : { accept })).body['text']);
const seriesOf = (text: string): Set<string> =>
  new Set(text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.slice(0, line.lastIndexOf(' ')))); // prettier-ignore

describe('demand 37: /metrics', () => {
  it(
    'has as many series after thousands of requests with random models, paths, keys and methods',
    { timeout: 300_000 },
    async () => {
      const requests = Number(process.env['SERIES_REQUESTS'] ?? 2000);
      const random = () => Math.random().toString(36).slice(2);
      const calls = [
        () => post(`${service.url}/v1/predict`, { ...oneRequest, model_id: random() }),
        () => post(`${service.url}/v1/predict`, { ...oneRequest, model_version: random() }, { 'x-api-key': random() }),
        () => get(`${service.url}/${random()}/${random()}?${random()}`),
        () => get(`${service.url}/v1/models/${random()}`, { traceparent: random() }),
        () => get(`${service.url}/v1/models/mortgage_denial/versions/${random()}`),
        () => post(`${service.url}/v1/predict`, { ...oneRequest, [random()]: 1 }),
        () => post(`${service.url}/v1/predict`, oneRequest),
      ];
      const round = async (count: number) => {
        for (let i = 0; i < count; i += calls.length) await Promise.all(calls.map((call) => call()));
      };
      await round(70);
      await scrape();
      const before = seriesOf(await scrape());
      await round(requests);
      expect(
        [...seriesOf(await scrape())].filter((series) => !before.has(series) && !series.startsWith('nodejs_')),
      ).toEqual([]);
    },
  );

  it('is clean for promtool', async () => {
    const checked = spawnSync('test/services/prometheus', ['check'], {
      input: await scrape(),
      encoding: 'utf8',
      timeout: 600_000,
    });
    expect(checked.stdout + checked.stderr).toBe('');
    expect(checked.status).toBe(0);
  });

  it('has exemplars where OpenMetrics is asked for', async () => {
    const trace = 'a'.repeat(32);
    await post(`${service.url}/v1/predict`, oneRequest, { traceparent: `00-${trace}-00f067aa0ba902b7-01` });
    const text = await scrape('application/openmetrics-text; version=1.0.0');
    expect(text).toContain(`# {trace_id="${trace}"}`);
    expect(text.endsWith('# EOF\n')).toBe(true);
  });

  it('is read by Prometheus, which knows every alert and has no complaint', async () => {
    const target = new URL(service.url).host;
    const server: TestServer = await startServer('prometheus', { PROM_TARGET: target });
    try {
      const base = `http://127.0.0.1:${server.port}/api/v1`;
      await eventually(async () => {
        const { body } = await get(`${base}/query?query=inference_requests_total`);
        return JSON.stringify(body).includes('mortgage_denial');
      }, 60_000);
      const { body } = await get(`${base}/targets`);
      expect(JSON.stringify(body)).toContain('"lastError":""');
    } finally {
      await server.remove();
    }
    const rules = spawnSync('promtool', ['check', 'rules', 'deploy/prometheus/rules.yaml'], { encoding: 'utf8' });
    expect(rules.stdout).toMatch(/SUCCESS: \d+ rules found/);
  });
});
