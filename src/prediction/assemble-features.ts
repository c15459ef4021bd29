import type { EntityKeyError, ViewRead } from '../features/index.js';
import { ServiceError, type Problem } from '../shared/errors.js';
import type { FeatureValue } from '../shared/feature-value.js';
import { pointerStep } from '../shared/json.js';
import { unknownName } from './body/envelope.js';
import type { GivenFeatures } from './body/given-features.js';
import type { FeaturePlan, ViewSource } from './feature-plan.js';
import { emptyRow, givenRow, useDefault, type AssembledRow } from './assembled-row.js';
import { fillFromView } from './stored-features.js';
import type { Instance } from './types.js';

/**
 * Takes what the caller gave, falls back to defaults where nothing is to be looked up, and names the views to read: rules
 * 1 to 3 and 8 of docs/features.md.
 * @throws ServiceError FEATURE_VALIDATION_FAILED that lists every problem.
 */
export function startRow(plan: FeaturePlan, instance: Instance): AssembledRow {
  const problems: Problem[] = [];
  const { features } = instance;
  const isRow = plan.placesOf(features.names).areRow && plan.version.fits(features.values);
  const assembled = isRow ? givenRow(plan, features.values as FeatureValue[]) : emptyRow(plan);
  if (!isRow) takeInline(plan, features, assembled, problems);
  refuseUnknownEntities(plan, instance, problems);
  if (!assembled.allInline) assembled.lookups = supplyTheRest(plan, instance, assembled, problems);
  refuseProblems(plan, problems);
  return assembled;
}

/** Fills in what was read for the row's lookups, in their order. @throws ServiceError as the views' policies say. */
export function fillRow(plan: FeaturePlan, assembled: AssembledRow, reads: readonly ViewRead[]): void {
  const problems: Problem[] = [];
  assembled.lookups.forEach((source, i) => {
    const read = reads[i];
    if (read === undefined) throw new Error('The feature service answered fewer views than asked');
    fillFromView({ plan, source, read, assembled, problems });
  });
  refuseProblems(plan, problems);
}

function takeInline(plan: FeaturePlan, features: GivenFeatures, assembled: AssembledRow, problems: Problem[]): void {
  const { featureIndex, checks } = plan.version;
  const { names, values } = features;
  const { positions } = plan.placesOf(names);
  let given = 0;
  for (let at = 0; at < names.length; at++) {
    const index = positions[at] as number;
    if (index < 0) {
      const name = names[at] as string;
      problems.push(unknownName(`/features${pointerStep(name)}`, 'unknown_feature', name, featureIndex.keys()));
      continue;
    }
    const value = values[at];
    const found = checks[index]?.(value, plan.paths[index] ?? '');
    if (found !== undefined) problems.push(...found);
    assembled.row[index] = value as FeatureValue;
    given++;
  }
  assembled.allInline = given === assembled.row.length;
}

function supplyTheRest(
  plan: FeaturePlan,
  instance: Instance,
  assembled: AssembledRow,
  problems: Problem[],
): ViewSource[] {
  const lookups = new Set<ViewSource>();
  plan.version.features.forEach((spec, index) => {
    if (assembled.row[index] !== undefined) return;
    const source = plan.sourceOf[index];
    if (source !== undefined && Object.hasOwn(instance.entities, source.view.entity)) lookups.add(source);
    else if (spec.default !== undefined) {
      useDefault(
        plan,
        assembled,
        index,
        source === undefined ? 'it was not given' : `${source.view.entity} was not given`,
      );
    } else problems.push(missing(plan, index, source));
  });
  return [...lookups];
}

function missing(plan: FeaturePlan, index: number, source: ViewSource | undefined): Problem {
  const spec = plan.version.features[index];
  const expected = source === undefined ? spec?.type : `${spec?.type}, or entities.${source.view.entity} to look it up`;
  return { path: plan.paths[index] ?? '', problem: 'missing', ...(expected !== undefined && { expected }) };
}

function refuseUnknownEntities(plan: FeaturePlan, instance: Instance, problems: Problem[]): void {
  for (const name in instance.entities) {
    if (!plan.entities.has(name)) {
      problems.push(unknownName(`/entities${pointerStep(name)}`, 'unknown_entity', name, plan.entities));
    }
  }
}

/** The caller gave a key that the view's key column cannot hold. */
export function entityKeyProblem(plan: FeaturePlan, error: EntityKeyError): ServiceError {
  const path = `/entities${pointerStep(error.entity)}`;
  return validationError(plan, [{ path, problem: 'wrong_type', expected: error.expected }]);
}

function refuseProblems(plan: FeaturePlan, problems: readonly Problem[]): void {
  if (problems.length > 0) throw validationError(plan, problems);
}

function validationError(plan: FeaturePlan, errors: readonly Problem[]): ServiceError {
  const { modelId, version } = plan.version;
  const where = errors.length === 1 ? `see ${errors[0]?.path}` : `see ${errors.length} places`;
  return new ServiceError(
    'FEATURE_VALIDATION_FAILED',
    `The features do not fit model '${modelId}' ${version}: ${where}`,
    {
      details: { model_id: modelId, model_version: version, errors },
    },
  );
}
