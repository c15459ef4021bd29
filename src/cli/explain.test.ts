import path from 'node:path';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operations } from '../app/offline/operations.js';
import { barChart } from './bar-chart.js';
import { run } from './index.js';
import { Readable, Writable } from 'node:stream';

let data: string;
beforeAll(() => {
  data = mkdtempSync(path.join(tmpdir(), 'explain-'));
});
afterAll(() => rmSync(data, { recursive: true }));

/** Runs the command over the example models, in this process. */
async function explain(args: readonly string[]) {
  const written = { out: '', err: '' };
  const into = (name: keyof typeof written) =>
    new Writable({ write: (chunk: Buffer, _, done) => ((written[name] += chunk.toString()), done()) });
  const io = { stdin: Readable.from([]), stdout: into('out'), stderr: into('err'), cwd: process.cwd() };
  const context = { io, operations: () => Promise.resolve(operations), stop: new AbortController().signal };
  const code = await run(['explain', ...args, '--models', 'examples/models', '--data', data], context);
  return { code, ...written };
}

describe('explain', () => {
  it('draws what each feature adds', async () => {
    const { code, out } = await explain(['examples/requests/diabetes.json', '--model', 'diabetes', '--top', '2']);
    expect(code).toBe(0);
    expect(out).toMatch(/^value: 184\.93 = 150\.36 expected, and by feature \(tree_path_dependent\):$/m);
    expect(out).toMatch(/^log_triglycerides +\+42\.02 +│█{24}$/m);
    expect(out).toMatch(/^bmi +-10\.07 +█+│$/m);
    expect(out).toMatch(/^and 8 smaller ones$/m);
  });

  it('takes the row from the command line, and gives all of it as JSON', async () => {
    const row = {
      bill_length_mm: null,
      bill_depth_mm: 18,
      flipper_length_mm: 180,
      body_mass_g: 3700,
      island: 'Dream',
      sex: null,
    };
    const { code, out } = await explain([JSON.stringify(row), '--model', 'penguins', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ prediction: {}, explanation: { method: 'linear', scale: 'log_odds' } });
  });

  it('says what is wrong with the row', async () => {
    expect(await explain(['{"age": 1}', '--model', 'diabetes'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('/features/bmi: missing') as string,
    });
    expect((await explain(['[1]', '--model', 'diabetes'])).err).toContain('cannot read the row');
    expect((await explain(['{}', '--model', 'diabetes', '--entity', 'x'])).code).toBe(2);
    expect((await explain(['examples/requests/diabetes.json', '--model', 'diabetes', '--top', '0'])).code).toBe(2);
  });
});

describe('the bar chart', () => {
  it('shows doubt, and nothing where there is nothing', () => {
    const origin = 'request' as const;
    expect(barChart([{ feature: 'x', origin, contribution: 0 }])).toContain('│\n');
    expect(barChart([{ feature: 'x', origin, contribution: -2, standard_error: 0.25 }])).toMatch(
      /-2\.000 ± 0\.25 +█{24}│/,
    );
    expect(barChart([])).toBe('');
  });
});
