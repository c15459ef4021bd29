import { describe, expect, it } from 'vitest';
import { columnsOf, graphOf, shapCases } from '../../../../test/explanation/cases.js';
import { ManualClock } from '../../../shared/clock.js';
import { Deadline } from '../../../shared/deadline.js';
import { ServiceError } from '../../../shared/errors.js';
import type { FeatureRow } from '../../signature.js';
import type { RowOutputs } from '../../tensor-types.js';
import { InterventionalShapley } from '../exact/interventional.js';
import { orderTrees, treeScores } from '../exact/ordered-trees.js';
import type { Explanation } from '../explanation.js';
import { scoredNode } from '../graph/scored-node.js';
import { SamplingExplainer } from './sampling-explainer.js';

const clock = new ManualClock();
const patient = () => new Deadline(clock, 1000);
const features = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => ({ name }));
const output = { kind: 'other' as const, name: () => 'value', read: (outputs: RowOutputs) => [Number(outputs['y'])] };

/** The same numbers every time (a linear congruential generator). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32) / 2 ** 32;
}

type Model = (row: FeatureRow) => number;

function open(model: Model, background: readonly FeatureRow[], seed = 1) {
  let calls = 0;
  const batcher = {
    submit: (rows: readonly FeatureRow[]) => {
      calls++;
      return Promise.resolve(rows.map((row): RowOutputs => ({ y: model(row) })));
    },
  };
  const explainer = SamplingExplainer.open({ features, background, output, batcher, random: seeded(seed) }, patient());
  return { explainer, batcher, calls: () => calls };
}

describe('the estimate', () => {
  it('holds the exact value within two standard errors in 90 % of 200 cases, and adds up', async () => {
    let held = 0;
    let cases = 0;
    for (const name of ['boosting-regression', 'forest-regression']) {
      const one = shapCases.find((found) => found.name === name)!;
      const node = scoredNode(graphOf(one));
      if (typeof node === 'string' || node.kind !== 'trees') throw new Error(name);
      const trees = orderTrees(node.ensemble);
      const background = one.background.slice(0, 20) as FeatureRow[];
      const exact = new InterventionalShapley(
        trees,
        background.map((row) => columnsOf(row as number[])),
      );
      const model: Model = (row) => treeScores(trees, columnsOf(row as number[]))[0]!;
      for (let seed = 1; cases < (name === 'boosting-regression' ? 100 : 200); seed++) {
        const row = one.rows[seed % one.rows.length] as FeatureRow;
        const estimate = (await (await open(model, background, seed).explainer).explain(row, patient())) as Explanation;
        const want = exact.valuesOf(columnsOf(row as number[]), 0);
        for (const { index, contribution, standardError = 0 } of estimate.contributions) {
          cases++;
          if (Math.abs(contribution - want[index]!) <= 2 * standardError + 1e-12) held++;
        }
        const sum = estimate.contributions.reduce(
          (total, { contribution }) => total + contribution,
          estimate.baseValue,
        );
        expect(sum).toBeCloseTo(model(row), 9);
      }
    }
    expect(cases).toBeGreaterThanOrEqual(200);
    expect(held / cases).toBeGreaterThanOrEqual(0.9);
  });

  it('is exact for a sum, at once', async () => {
    const { explainer } = open(
      (row) => row.reduce<number>((sum, value, at) => sum + at * Number(value), 0),
      [[0, 0, 0, 0, 0, 0]],
    );
    const answer = (await (await explainer).explain([1, 1, 1, 1, 1, 1], patient())) as Explanation;
    expect(answer).toMatchObject({ method: 'sampling', output: 'value', scale: 'value', baseValue: 0 });
    expect(answer.contributions.map(({ feature, contribution }) => [feature, contribution])).toEqual([
      ['f', 5],
      ['e', 4],
      ['d', 3],
      ['c', 2],
      ['b', 1],
      ['a', 0],
    ]);
  });

  it('changes an array as a whole', async () => {
    const model: Model = ([x, list]) => Number(x) + (list as number[]).reduce((sum, value) => sum + value, 0);
    const seen: FeatureRow[] = [];
    const batcher = {
      submit: (rows: readonly FeatureRow[]) => {
        seen.push(...rows);
        return Promise.resolve(rows.map((row): RowOutputs => ({ y: model(row) })));
      },
    };
    const background: FeatureRow[] = [[0, [0, 0]]];
    const parts = { features: [{ name: 'x' }, { name: 'list' }], background, output, batcher };
    const explainer = await SamplingExplainer.open(parts, patient());
    const answer = (await explainer.explain([1, [2, 3]], patient())) as Explanation;
    expect(answer.contributions).toMatchObject([
      { feature: 'list', index: 1, contribution: 5, standardError: 0 },
      { feature: 'x', index: 0, contribution: 1, standardError: 0 },
    ]);
    expect(seen).not.toContainEqual([1, [2, 0]]);
    // What is the same in both needs no sample.
    expect(await explainer.explain([1, [[0], [0]]], patient())).toMatchObject({
      contributions: [{ feature: 'x' }, { feature: 'list', contribution: 0 }],
    });
  });

  it('stops when it has cost enough', async () => {
    const random = seeded(3);
    const { explainer, calls } = open(() => random(), [[0, 0, 0, 0, 0, 0]]);
    await (await explainer).explain([1, 1, 1, 1, 1, 1], patient());
    expect(calls()).toBeLessThan(100);
  });
});

describe('time and trouble', () => {
  const background: FeatureRow[] = [[0, 0, 0, 0, 0, 0]];
  const row: FeatureRow = [1, 1, 1, 1, 1, 1];

  it('is dropped when too little time is left', async () => {
    const { explainer } = open(() => 1, background);
    const answer = await (await explainer).explain(row, new Deadline(clock, 1));
    expect(answer).toMatchObject({ code: 'explanation_dropped' });
  });

  it('uses what it has when the time ends under way', async () => {
    const random = seeded(5);
    const { explainer, batcher } = open((x) => Number(x[0]) + random(), background);
    const opened = await explainer;
    const submit = batcher.submit.bind(batcher);
    batcher.submit = (rows) => (clock.advance(20), submit(rows));
    const answer = await opened.explain(row, new Deadline(clock, 90));
    expect(answer).toHaveProperty('method', 'sampling');
  });

  it('is dropped when the model has no room', async () => {
    const { explainer, batcher } = open(() => 1, background);
    const opened = await explainer;
    batcher.submit = () => Promise.reject(new ServiceError('SERVICE_UNAVAILABLE', 'Too many are waiting'));
    expect(await opened.explain(row, patient())).toMatchObject({
      code: 'explanation_dropped',
      message: 'The prediction is given without its explanation: Too many are waiting',
    });
  });
});
