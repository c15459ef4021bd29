/**
 * Measures explanations beside the Python package `shap`, on one row at a time, always another one: 100 trees of depth 6, 30 features,
 * path-dependent. Both sides take turns, and each ratio is of one turn. Not part of `run.ts`, as it needs Python with shap:
 *
 *     pip install -r bench/model/requirements.txt lightgbm==4.7.0 shap==0.51.0
 *     npx tsx bench/explain.ts --python /path/to/python [--rounds 7] [--rows 200] [--only sklearn_boosting,…]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { loadFolder, soon } from '../test/support/explained-version.js';
import { median, spread } from './measure/statistics.js';
import { benchFolder } from './measure/workload.js';

const { values: options } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    rounds: { type: 'string', default: '7' },
    rows: { type: 'string', default: '200' },
    only: { type: 'string' },
  },
});
const features = 30;
/** Explained before anything is timed, as a service has when it is measured. */
const warmupRows = 1000;
const tolerance = 1e-6;

type Model = Awaited<ReturnType<typeof openModel>>;

/** The other side: answers `MODEL COUNT` with microseconds a row. */
function startShap(folder: string) {
  const child = spawn(options.python, [path.join(benchFolder, 'explanation/shap_side.py'), folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { value, done } = (await lines.next()) as { value: string; done?: boolean };
    if (done === true) throw new Error('the Python side ended');
    return value;
  };
  return {
    ready: async () => (await next()).split(' ').slice(1),
    async microseconds(model: string, rows: number): Promise<number> {
      child.stdin.write(`${model} ${rows}\n`);
      return Number(await next());
    },
    stop: () => void child.stdin.end(),
  };
}

function readRows(folder: string): number[][] {
  const bytes = readFileSync(path.join(folder, 'rows.f64'));
  const numbers = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
  return Array.from({ length: numbers.length / features }, (_, at) => [
    ...numbers.subarray(at * features, (at + 1) * features),
  ]);
}

/** Loads a version as the service does, and explains as it does: columns, score, values, sorted by feature. */
async function openModel(folder: string, rows: readonly number[][]) {
  const version = await loadFolder(folder, { thresholdUs: Infinity });
  const { serving, explains } = version;
  if (!('method' in explains) || explains.method !== 'tree_path_dependent') throw new Error(JSON.stringify(explains));
  const deadline = soon(3_600_000);
  let at = 0;
  const explain = async (row: readonly number[]) => {
    const answer = await serving.explain([...row], deadline);
    if ('code' in answer) throw new Error(answer.message);
    return answer;
  };
  return {
    explain,
    close: () => version.close(),
    async microseconds(count: number): Promise<number> {
      const times: number[] = [];
      for (let left = count; left > 0; left--) {
        const row = rows[at++ % rows.length] ?? [];
        const begun = performance.now();
        await explain(row);
        times.push((performance.now() - begun) * 1000);
      }
      return median(times);
    },
  };
}

/** shap's values of a classifier of two classes may be of the second class alone. */
async function check(model: Model, rows: readonly number[][], wanted: number[][]): Promise<void> {
  for (const [at, values] of wanted.entries()) {
    const { contributions } = await model.explain(rows[at] ?? []);
    const largest = Math.max(...values.map(Math.abs));
    for (const { index, contribution } of contributions) {
      const off = Math.abs(contribution - (values[index] ?? NaN)) / largest;
      if (!(off <= tolerance)) console.log(`  row ${at}, f${index}: ${contribution}, shap says ${values[index]}`);
    }
  }
}

async function main(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'bench-explain-'));
  const shap = startShap(folder);
  try {
    const names = await shap.ready();
    const rows = readRows(folder);
    const wanted = JSON.parse(readFileSync(path.join(folder, 'values.json'), 'utf8')) as Record<string, number[][]>;
    for (const name of names) {
      if (options.only !== undefined && !options.only.split(',').includes(name)) continue;
      const model = await openModel(path.join(folder, name), rows);
      await check(model, rows, wanted[name] ?? []);
      await model.microseconds(warmupRows);
      await shap.microseconds(name, 50);
      const [ours, theirs]: [number[], number[]] = [[], []];
      for (let round = 0; round < Number(options.rounds); round++) {
        theirs.push(await shap.microseconds(name, Number(options.rows)));
        ours.push(await model.microseconds(Number(options.rows)));
      }
      await model.close();
      const ratio = spread(theirs.map((time, at) => time / (ours[at] ?? NaN)));
      const shown = [ratio.median, ratio.min, ratio.max].map((value) => value.toFixed(1));
      console.log(
        `${name}: ${shown[0]} (${shown[1]} to ${shown[2]}) times; shap ${median(theirs).toFixed(0)} µs, ours ${median(ours).toFixed(0)} µs`,
      );
    }
  } finally {
    shap.stop();
    rmSync(folder, { recursive: true });
  }
}

await main();
