import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bytesOf, shapCases, type ShapCase } from '../../../test/explanation/cases.js';
import { loadFolder, loadVersion, soon } from '../../../test/support/explained-version.js';
import type { RowPrediction } from '../catalogue.js';
import type { FeatureRow } from '../signature.js';
import { isMissing, type Explanation } from './explanation.js';

const names = ['a', 'b', 'c', 'd', 'e', 'f'];
const manifest = `features:\n${names.map((name) => `  - {name: ${name}, type: number, nullable: true}\n`).join('')}`;
const csvOf = (rows: ShapCase['background']) =>
  [names.join(','), ...rows.map((row) => row.map((cell) => cell ?? '').join(','))].join('\n');

const named = (name: string): ShapCase => {
  const found = shapCases.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no case ${name}`);
  return found;
};

async function explained(one: ShapCase, files: { sidecar?: object; background?: string }, thresholdUs = 1000) {
  const loaded = await loadVersion({ onnx: bytesOf(one), manifest, ...files }, { thresholdUs });
  try {
    const answer = await loaded.serving.explain(one.rows[0] as FeatureRow, soon());
    return { loaded, answer, explanation: given(answer) };
  } finally {
    await loaded.close();
  }
}

function given(answer: unknown): Explanation {
  const explanation = answer as Explanation;
  expect(explanation).toHaveProperty('method');
  return explanation;
}

const total = ({ baseValue, contributions }: Explanation): number =>
  contributions.reduce((sum, { contribution }) => sum + contribution, baseValue);

describe('a version with its files', () => {
  it.each([0, 1e9])('explains trees by covers, as shap does (threshold %d)', async (thresholdUs) => {
    const one = named('xgboost-classes');
    const { loaded, explanation } = await explained(one, { sidecar: one.sidecar }, thresholdUs);
    expect(loaded.explains).toEqual({ method: 'tree_path_dependent' });
    expect(loaded.warnings).toEqual([]);
    expect(explanation).toMatchObject({ method: 'tree_path_dependent', output: '2', scale: 'log_odds' });
    const want = one.path_dependent.values[0]![2]!;
    for (const { index, contribution } of explanation.contributions) expect(contribution).toBeCloseTo(want[index]!, 6);
    const sizes = explanation.contributions.map(({ contribution }) => Math.abs(contribution));
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
  });

  it('explains trees by a background', async () => {
    const one = named('lightgbm-binary');
    const { loaded, explanation } = await explained(one, { background: csvOf(one.background) });
    expect(loaded.explains).toEqual({ method: 'tree_interventional' });
    const want = one.interventional.values[0]!.at(-1)!;
    for (const { index, contribution } of explanation.contributions) expect(contribution).toBeCloseTo(want[index]!, 6);
  });

  it.each(['linear-regression', 'logistic-binary', 'logistic-classes'])('explains %s by both', async (name) => {
    const one = named(name);
    const bySidecar = await explained(one, { sidecar: one.sidecar });
    expect(bySidecar.explanation.method).toBe('linear');
    const byBackground = await explained(one, { background: csvOf(one.background) });
    expect(byBackground.explanation.method).toBe('linear');
    expect(total(bySidecar.explanation)).toBeCloseTo(total(byBackground.explanation), 9);
  });

  it('adds up to the score of the predicted class', async () => {
    const one = named('forest-classes');
    const loaded = await loadVersion({ onnx: bytesOf(one), manifest, sidecar: one.sidecar });
    for (const row of one.rows) {
      const [result] = await loaded.serving.predict([row as FeatureRow], soon());
      const { output, scale, ...rest } = given(await loaded.serving.explain(row as FeatureRow, soon()));
      const { label, probabilities } = (result as RowPrediction).prediction as {
        label: number;
        probabilities: Record<string, number>;
      };
      expect({ output, scale }).toEqual({ output: String(label), scale: 'probability' });
      expect(total({ ...rest, output, scale })).toBeCloseTo(probabilities[output]!, 6);
    }
    await loaded.close();
  });
});

describe('array features', () => {
  const arrays =
    'features:\n  - {name: first, type: number, shape: [2], nullable: true}\n' +
    '  - {name: rest, type: number, shape: [2, 2], nullable: true}\n';
  const lists = (row: readonly (number | null)[]): FeatureRow => [row.slice(0, 2), row.slice(2)];
  const split = (columns: readonly number[]) => {
    const sum = (from: number, to?: number) => columns.slice(from, to).reduce((total, value) => total + value, 0);
    return new Map([
      ['first', sum(0, 2)],
      ['rest', sum(2)],
    ]);
  };

  it.each(['forest-regression', 'linear-regression'])('have one contribution each in %s: the sum', async (name) => {
    const one = named(name);
    const loaded = await loadVersion({ onnx: bytesOf(one), manifest: arrays, sidecar: one.sidecar });
    const { contributions } = given(await loaded.serving.explain(lists(one.rows[0]!), soon()));
    await loaded.close();
    const want = split(one.path_dependent.values[0]!.at(-1)!);
    expect(contributions.map(({ feature }) => feature).toSorted()).toEqual(['first', 'rest']);
    for (const { feature, contribution } of contributions) expect(contribution).toBeCloseTo(want.get(feature)!, 6);
  });

  it('are explained exactly where all columns are one, by sampling too', async () => {
    const loaded = await loadFolder('examples/models/digits/1.0.0');
    const { rows } = (
      JSON.parse(readFileSync('examples/heldout/digits.json', 'utf8')) as {
        versions: Record<string, { rows: { features: { pixels: number[] } }[] }>;
      }
    ).versions['1.0.0']!;
    const row = [rows[0]!.features.pixels];
    const [result] = await loaded.serving.predict([row], soon());
    const explanation = given(await loaded.serving.explain(row, soon()));
    await loaded.close();
    expect(explanation.contributions).toEqual([expect.objectContaining({ feature: 'pixels', standardError: 0 })]);
    const { probabilities } = (result as RowPrediction).prediction as { probabilities: Record<string, number> };
    expect(total(explanation)).toBeCloseTo(probabilities[explanation.output]!, 6);
  });
});

describe('the deadline', () => {
  it.each(['forest-binary', 'boosting-regression'])('drops the explanation of %s, not the prediction', async (name) => {
    const one = named(name);
    const facts: unknown[] = [];
    const observer = {
      explained: ({ outcome }: { outcome: string }) => void facts.push(outcome),
      explanationWaited: () => undefined,
    };
    const loaded = await loadVersion({ onnx: bytesOf(one), manifest, sidecar: one.sidecar }, { observer });
    const row = one.rows[0] as FeatureRow;
    const [prediction] = await loaded.serving.predict([row], soon());
    expect(prediction).toHaveProperty('prediction');
    expect(await loaded.serving.explain(row, soon(0))).toEqual({
      code: 'explanation_dropped',
      message: 'The prediction is given without its explanation: the time allowed does not suffice',
    });
    expect(await loaded.serving.predict([row], soon())).toEqual([prediction]);
    expect(facts).toEqual(['dropped']);
    await loaded.close();
  });
});

describe('files that are of no use', () => {
  const one = named('boosting-binary');
  const background = csvOf(one.background);
  const covers = one.sidecar as { trees: { cover: number[]; threshold: number[] }[] };
  const changed = (change: (trees: typeof covers.trees) => void) => {
    const copy = structuredClone(covers);
    change(copy.trees);
    return copy;
  };
  it.each([
    [
      'a tree less',
      changed((trees) => void trees.pop()),
      /explain.json: does not belong to this model.onnx: holds 7 trees/,
    ],
    ['another node count', changed((trees) => void trees[0]!.cover.push(1)), /tree 0 has 16 nodes, in the graph 15/],
    ['other thresholds', changed((trees) => void (trees[0]!.threshold[0]! += 0.1)), /node 0 of tree 0 compares with/],
    ['covers that do not add up', changed((trees) => void (trees[0]!.cover[0]! *= 2)), /covers below node 0 add up to/],
    ['a tree of no cover', changed((trees) => void trees[0]!.cover.fill(0)), /a cover of 0/],
    ['another form', { version: 1, kind: 'trees' }, /is not as docs\/explain.schema.json says/],
    ['another kind', named('logistic-binary').sidecar, /is for linear models, the graph holds trees/],
    ['no JSON', '{', /is not JSON/],
  ])('serves with %s, and says so', async (_, sidecar, words) => {
    const loaded = await loadVersion({ onnx: bytesOf(one), manifest, sidecar });
    expect(loaded.warnings.join('\n')).toMatch(words);
    expect(loaded.explains).toHaveProperty('reason');
    const [result] = await loaded.serving.predict([one.rows[0] as FeatureRow], soon());
    expect(result).toHaveProperty('prediction');
    const answer = await loaded.serving.explain(one.rows[0] as FeatureRow, soon());
    expect(isMissing(answer) && answer.code).toBe('explanation_unavailable');
    await loaded.close();
  });

  const lines = background.split('\n');
  it.each([
    ['a missing column', background.replaceAll(/,[^,\n]*$/gm, ''), /lacks the columns f/],
    ['a foreign column', background.replace('a,b', 'z,b'), /no features: z/],
    ['a column twice', `a,${background.replaceAll('\n', '\n1,')}`, /has a column twice/],
    ['a row of another width', `${background}\n1,2`, /has 2 cells in line 42, where its header names 6/],
    ['words for numbers', `${background}\n1,2,3,4,5,six`, /line 42: f is not as the model takes it/],
    ['no rows', lines[0]!, /holds no rows/],
    ['too many rows', [lines[0], ...new Array<string>(1001).fill(lines[1]!)].join('\n'), /holds more than 1000 rows/],
    ['an open quote', `${background}\n"1`, /is not CSV/],
  ])('serves with a background of %s, and says so', async (_, file, words) => {
    const loaded = await loadVersion({ onnx: bytesOf(one), manifest, background: file });
    expect(loaded.warnings.join('\n')).toMatch(words);
    expect(loaded.explains).toHaveProperty('reason');
    await loaded.close();
  });

  it('takes the file that is good where the other is not', async () => {
    const { loaded } = await explained(one, { sidecar: changed((trees) => void trees.pop()), background });
    expect(loaded.explains).toEqual({ method: 'tree_interventional' });
    expect(loaded.warnings).toHaveLength(1);
  });

  it('says what to add where there is neither', async () => {
    const loaded = await loadVersion({ onnx: bytesOf(one), manifest });
    expect(loaded.explains).toEqual({
      reason: 'add explain.json (python tools/explain_sidecar.py) or background.csv to its folder',
    });
    expect(loaded.warnings).toEqual([]);
    await loaded.close();
  });
});

describe('the example models', () => {
  it.each([
    ['mortgage_denial', '1.0.0', 'linear', 'denied'],
    ['mortgage_denial', '1.1.0', 'tree_path_dependent', 'denied'],
    ['diabetes', '1', 'tree_path_dependent', 'value'],
    ['penguins', '1.0.0', 'linear', 'Gentoo'],
    ['digits', '1.0.0', 'sampling', '2'],
  ])('%s %s: %s', async (model, version, method, output) => {
    const loaded = await loadFolder(`examples/models/${model}/${version}`);
    expect(loaded.warnings).toEqual([]);
    const { versions } = JSON.parse(readFileSync(`examples/heldout/${model}.json`, 'utf8')) as {
      versions: Record<string, { rows: { features: Record<string, FeatureRow[number]> }[] }>;
    };
    const rows = versions[version]!.rows.map(({ features }) =>
      loaded.serving.features.map(({ name }) => features[name]!),
    );
    const outputs: string[] = [];
    for (const row of rows.slice(0, method === 'sampling' ? 6 : 40)) {
      const explanation = given(await loaded.serving.explain(row, soon()));
      expect(explanation.method).toBe(method);
      outputs.push(explanation.output);
    }
    expect(outputs).toContain(output);
    await loaded.close();
  });
});
