import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { get, launchService, post, type Service } from '../support/service.js';

const good = JSON.parse(readFileSync('examples/requests/diabetes.json', 'utf8')) as object;

let service: Service;
beforeAll(async () => {
  service = await launchService({ env: { INFERENCE_SERVICE__EVENTS__DURABILITY: 'journal' } });
});
afterAll(() => service.stop('SIGKILL'));

/** Sum of a metric over the series that have all these labels. */
function total(text: string, name: string, labels: Record<string, string> = {}): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

// Demand 32: the counters of a running service add up at all times.
describe('demand 32: accounts', () => {
  it('offered = delivered + journaled + dropped + in memory, and requests = the sum of their outcomes', async () => {
    const asked = { success: 0, error: 0 };
    const ask = async (body: object, outcome: 'success' | 'error') => {
      await post(`${service.url}/v1/predict`, body);
      asked[outcome]++;
    };
    for (let round = 0; round < 5; round++) {
      await Promise.all(Array.from({ length: 20 }, () => ask(good, 'success')));
      await ask({ model_id: 'diabetes', features: { age: 'old' } }, 'error');
      await ask({ model_id: 'nope' }, 'error');
      await ask({ modelid: 'diabetes' }, 'error');
      const { text } = (await get(`${service.url}/metrics`)).body as { text: string };
      const events = (what: string) => total(text, `inference_events_${what}`);
      const held = events('delivered_total') + events('journaled') + events('dropped_total') + events('in_memory');
      expect(events('offered_total')).toBe(held);
      expect(events('offered_total')).toBe(asked.success + asked.error);
      expect(events('dropped_total')).toBe(0);
      for (const status of ['success', 'error'] as const) {
        expect(total(text, 'inference_requests_total', { status })).toBe(asked[status]);
        expect(total(text, 'inference_predictions_total', { status })).toBe(asked[status]);
      }
      expect(total(text, 'inference_errors_total')).toBe(asked.error);
      expect(text).not.toMatch(/^inference_\S+ -/m);
    }
  });
});
