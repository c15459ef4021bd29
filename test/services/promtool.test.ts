import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { post, startService } from '../support/service.js';

const install = path.resolve('test/services/prometheus');

beforeAll(() => {
  execFileSync(install, ['install'], { timeout: 600_000 });
});

/** What promtool has to say against a page of metrics. */
function complaints(page: string, command: readonly string[]): string {
  try {
    execFileSync('promtool', command, { input: page, stdio: 'pipe' });
    return '';
  } catch (error) {
    const { stdout, stderr } = error as { stdout: Buffer; stderr: Buffer };
    return `${stdout.toString()}${stderr.toString()}`;
  }
}

// Demand 37: the metrics of a live service are clean, in both formats, and the series do not grow with what callers send.
describe('demand 37: metrics', () => {
  it('are clean for promtool, and keep their number of series', async () => {
    const service = await startService();
    const good = readFileSync('examples/requests/mortgage_denial_stored.json', 'utf8');
    await post(`${service.url}/v1/predict`, good);
    const scrape = async (accept: string) => (await fetch(`${service.url}/metrics`, { headers: { accept } })).text();
    const send = async (round: number) => {
      await post(`${service.url}/v1/predict`, { model_id: `random-${round}` }, { 'x-api-key': `key-${round}` });
      await fetch(`${service.url}/random/${round}`, { method: round % 2 === 0 ? 'GET' : 'PUT' });
      await fetch(`${service.url}/v1/models/${round}`);
    };
    for (let round = 0; round < 4; round++) await send(round);
    const seriesIn = (text: string) => text.split('\n').filter((line) => /^(inference|http)_/.test(line)).length;
    // The first scrape is a request too.
    await scrape('text/plain');
    const before = seriesIn(await scrape('text/plain'));
    for (let round = 4; round < 300; round++) await send(round);
    const page = await scrape('text/plain');
    expect(seriesIn(page)).toBe(before);
    expect(complaints(page, ['check', 'metrics'])).toBe('');
    expect((await scrape('application/openmetrics-text')).endsWith('# EOF\n')).toBe(true);
  });

  it('and alert rules too', () => {
    expect(complaints('', ['check', 'rules', 'deploy/prometheus/rules.yaml'])).toBe('');
  });
});
