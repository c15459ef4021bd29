import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually, launchService, post, temporaryFolder } from '../support/service.js';

const body = JSON.parse(readFileSync('examples/requests/mortgage_denial.json', 'utf8')) as Record<string, unknown>;

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
  it('keeps the event of every answered prediction, once by event_id', async () => {
    const data = temporaryFolder('killed');
    const answered = new Set<string>();
    for (let round = 0; round < 4; round++) {
      const service = await launchService({ data });
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
      await eventually(() => next > 200 + round * 137);
      await service.stop('SIGKILL');
      await Promise.all(callers);
    }
    const last = await launchService({ data });
    await eventually(() => {
      const delivered = new Set(deliveredEvents(data).map((event) => event.data.request_id));
      return [...answered].every((id) => delivered.has(id));
    });
    const unique = new Map(deliveredEvents(data).map((event) => [event.id, event.data.request_id]));
    const requests = [...unique.values()].filter((id) => answered.has(id));
    expect(requests).toHaveLength(answered.size);
    await last.stop();
    rmSync(data, { recursive: true });
  });
});
