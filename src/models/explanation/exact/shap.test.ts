import { describe, expect, it } from 'vitest';
import { columnsOf, graphOf, shapCases, type ShapCase, type ShapValues } from '../../../../test/explanation/cases.js';
import { coversOf, meansFor } from '../files/explain-file.js';
import type { ExplainFile } from '../files/explain-file-schema.js';
import { scoredNode, type ScoredNode } from '../graph/scored-node.js';
import { InterventionalShapley } from './interventional.js';
import { LinearShapley, meansOf } from './linear.js';
import { orderTrees } from './ordered-trees.js';
import { PathDependentShapley } from './path-dependent.js';
import type { ExactShapley } from './shapley-values.js';

function scored(one: ShapCase): ScoredNode {
  const found = scoredNode(graphOf(one));
  if (typeof found === 'string') throw new Error(found);
  return found;
}

function withSidecar(one: ShapCase): ExactShapley {
  const found = scored(one);
  const sidecar = one.sidecar as ExplainFile;
  if (found.kind === 'trees' && sidecar.kind === 'trees') {
    const trees = orderTrees(found.ensemble);
    const covers = coversOf(found.ensemble, sidecar.trees);
    return new PathDependentShapley(
      trees,
      Float64Array.from(trees.origin, (node) => covers[node]!),
    );
  }
  if (found.kind === 'linear' && sidecar.kind === 'linear') {
    return new LinearShapley(found.linear, meansFor(found.linear, sidecar, Float64Array.from(sidecar.coefficients)));
  }
  throw new Error('another kind');
}

function withBackground(one: ShapCase): ExactShapley {
  const found = scored(one);
  const background = one.background.map(columnsOf);
  if (found.kind === 'trees') return new InterventionalShapley(orderTrees(found.ensemble), background);
  return new LinearShapley(found.linear, meansOf(background, found.linear.columns));
}

/** shap gives one set of values a class, but a single one (of the second class) for boosted trees and linear models of two. */
function pairsOf(one: ShapCase, shap: ShapValues): readonly { target: number; output: number }[] {
  const { positive } = scored(one).meaning;
  if (positive !== undefined) return [{ target: positive, output: shap.base.length - 1 }];
  return shap.base.map((_, at) => ({ target: at, output: at }));
}

function compare(one: ShapCase, ours: ExactShapley, shap: ShapValues): void {
  for (const { target, output } of pairsOf(one, shap)) {
    const largest = Math.max(...shap.values.flatMap((row) => row[output]!.map(Math.abs)));
    expect(Math.abs(ours.baseOf(target) - shap.base[output]!)).toBeLessThanOrEqual(
      1e-6 * Math.max(1, Math.abs(shap.base[output]!)),
    );
    one.rows.forEach((row, at) => {
      const values = ours.valuesOf(columnsOf(row), target);
      shap.values[at]![output]!.forEach((want, column) => {
        expect(
          Math.abs(values[column]! - want),
          `row ${at} column ${column}: ${values[column]} for ${want}`,
        ).toBeLessThanOrEqual(1e-6 * largest);
      });
    });
  }
}

describe('values of the Python package shap', () => {
  it.each(shapCases.map((one) => [one.name, one] as const))('%s with a sidecar', (_, one) => {
    compare(one, withSidecar(one), one.path_dependent);
  });

  it.each(shapCases.map((one) => [one.name, one] as const))('%s with a background', (_, one) => {
    compare(one, withBackground(one), one.interventional);
  });
});
