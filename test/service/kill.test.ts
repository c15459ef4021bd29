import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually, post, startService, temporaryFolder } from '../support/service.js';

const body = JSON.parse(readFileSync('examples/requests/mortgage_denial.json', 'utf8')) as Record<string, unknown>;

/** How often the service is killed: a few times at every change, 50 for the long form. */
const rounds = Number(process.env['KILL_ROUNDS'] ?? 4);

interface Delivered {
  readonly id: string;
  readonly data: { readonly request_id: string };
}

function deliveredEvents(data: string): Delivered[] {
  const folder = path.join(data, 'events');
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) =>
    readFileSync(path.join(folder, name), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Delivered),
  );
}

// Demand 10 (embedded): what was answered is not lost when the process is killed.
describe('demand 10: kill -9 under load', () => {
  it(
    'keeps the event of every answered prediction, once by event_id',
    async () => {
      const data = temporaryFolder('killed');
      onTestFinished(() => rmSync(data, { recursive: true, force: true }));
      const answered = new Set<string>();
      for (let round = 0; round < rounds; round++) {
        const service = await startService({ data });
        let next = 0;
        const caller = async () => {
          for (;;) {
            const id = `round-${round}-${next++}`;
            const answer = await post(`${service.url}/v1/predict`, body, { 'x-request-id': id }).catch(() => undefined);
            if (answer === undefined) return;
            expect(answer.status).toBe(200);
            answered.add(id);
          }
        };
        const callers = Array.from({ length: 8 }, caller);
        await eventually(() => next > 200 + (round % 4) * 137, 60_000);
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 50));
        await service.stop('SIGKILL');
        await Promise.all(callers);
      }
      const last = await startService({ data });
      await eventually(() => {
        const delivered = new Set(deliveredEvents(data).map((event) => event.data.request_id));
        return [...answered].every((id) => delivered.has(id));
      }, 60_000);
      const unique = new Map(deliveredEvents(data).map((event) => [event.id, event.data.request_id]));
      const requests = [...unique.values()].filter((id) => answered.has(id));
      expect(requests).toHaveLength(answered.size);
      await last.stop();
    },
    180_000 + rounds * 30_000,
  );
});
