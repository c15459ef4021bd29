import { ServiceError, type Problem } from '../../shared/errors.js';
import type { EntityKey } from '../../shared/feature-value.js';
import { isPlainObject, jsonTypeOf, pointerStep } from '../../shared/json.js';
import { aliasPattern, modelIdPattern, nearestName } from '../../shared/names.js';
import { noFeatures, ParsedFeatures, type GivenFeatures } from './given-features.js';
import { refuseHostileObject } from './json-body.js';
import type { BatchRequest, Instance, PredictionOptions, PredictionRequest } from '../types.js';

/** Bounds that the configuration sets on an envelope. */
export interface EnvelopeLimits {
  readonly maxTimeoutMs: number;
  readonly maxBatchInstances: number;
}

export const minTimeoutMs = 100;
const maxEntityKeyLength = 256;
const versionPattern = /^[A-Za-z0-9][A-Za-z0-9.+_-]{0,127}$/;
const requestFields = ['model_id', 'model_version', 'features', 'entities', 'options'];
const batchFields = ['model_id', 'model_version', 'instances', 'options'];
const instanceFields = ['features', 'entities'];
const optionFields = ['timeout_ms', 'include_explanation', 'enable_cache'];
export const noEntities: Readonly<Record<string, EntityKey>> = Object.freeze({});
const defaultOptions: PredictionOptions = Object.freeze({
  timeoutMs: undefined,
  includeExplanation: false,
  enableCache: true,
});

/**
 * Checks the envelope of POST /v1/predict; the features themselves are checked against the model later.
 * @throws ServiceError INVALID_REQUEST that lists every problem.
 */
export function parsePredictionRequest(body: unknown, limits: EnvelopeLimits): PredictionRequest {
  const problems: Problem[] = [];
  const fields = readObject(body, '', problems);
  refuseUnknown(fields, requestFields, '', problems);
  const request = {
    modelId: readModelId(fields, problems),
    modelVersion: readModelVersion(fields, problems),
    ...readInstance(fields, '', problems),
    options: readOptions(fields['options'], limits, problems),
  };
  refuseProblems(problems);
  return request;
}

/**
 * Checks the envelope of POST /v1/predict/batch. An instance that is wrong in itself does not fail the others: it is kept
 * as the error that its own result will carry.
 * @throws ServiceError INVALID_REQUEST that lists every problem of the envelope.
 */
export function parseBatchRequest(body: unknown, limits: EnvelopeLimits): BatchRequest {
  const problems: Problem[] = [];
  const fields = readObject(body, '', problems);
  refuseUnknown(fields, batchFields, '', problems);
  const request = {
    modelId: readModelId(fields, problems),
    modelVersion: readModelVersion(fields, problems),
    instances: readInstances(fields['instances'], limits, problems),
    options: readOptions(fields['options'], limits, problems),
  };
  refuseProblems(problems);
  return request;
}

function readInstances(value: unknown, limits: EnvelopeLimits, problems: Problem[]): (Instance | ServiceError)[] {
  const expected = `an array of 1 to ${limits.maxBatchInstances} instances`;
  if (!Array.isArray(value)) {
    problems.push(wrongType('/instances', expected, value));
    return [];
  }
  if (value.length < 1 || value.length > limits.maxBatchInstances) {
    problems.push({ path: '/instances', problem: 'wrong_length', expected });
    return [];
  }
  return value.map(readBatchInstance);
}

function readBatchInstance(value: unknown): Instance | ServiceError {
  const problems: Problem[] = [];
  try {
    const fields = readObject(value, '', problems);
    refuseUnknown(fields, instanceFields, '', problems);
    const instance = readInstance(fields, '', problems);
    refuseProblems(problems);
    return instance;
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
}

function readInstance(fields: Record<string, unknown>, path: string, problems: Problem[]): Instance {
  return {
    features: readFeatures(fields['features'], path, problems),
    entities: readEntities(fields['entities'], path, problems),
  };
}

function readObject(value: unknown, path: string, problems: Problem[]): Record<string, unknown> {
  if (isPlainObject(value)) {
    if (Object.hasOwn(value, '__proto__')) refuseHostileObject(value, 1);
    return value;
  }
  problems.push(wrongType(path, 'an object', value));
  refuseProblems(problems);
  return {};
}

function refuseUnknown(fields: object, known: readonly string[], path: string, problems: Problem[]): void {
  for (const name in fields) {
    if (!known.includes(name)) problems.push(unknownName(`${path}${pointerStep(name)}`, 'unknown_field', name, known));
  }
}

function readModelId(fields: Record<string, unknown>, problems: Problem[]): string {
  const value = fields['model_id'];
  if (typeof value === 'string' && modelIdPattern.test(value)) return value;
  const expected = 'the name of a model: 1 to 128 letters, digits, dots, dashes, underscores';
  if (value === undefined) problems.push({ path: '/model_id', problem: 'missing', expected });
  else if (typeof value !== 'string') problems.push(wrongType('/model_id', expected, value));
  else problems.push({ path: '/model_id', problem: 'wrong_form', expected });
  return '';
}

function readModelVersion(fields: Record<string, unknown>, problems: Problem[]): string | undefined {
  const value = fields['model_version'];
  if (value === undefined) return undefined;
  const expected = 'a version ("1.1.0", "3") or an alias ("@production")';
  if (typeof value !== 'string') {
    problems.push(wrongType('/model_version', expected, value));
    return undefined;
  }
  const wellFormed = value.startsWith('@') ? aliasPattern.test(value.slice(1)) : versionPattern.test(value);
  if (!wellFormed) problems.push({ path: '/model_version', problem: 'wrong_form', expected });
  return value;
}

function readFeatures(value: unknown, path: string, problems: Problem[]): GivenFeatures {
  if (value === undefined) return noFeatures;
  if (!isPlainObject(value)) {
    problems.push(wrongType(`${path}/features`, 'an object of features by name', value));
    return noFeatures;
  }
  refuseHostileObject(value, 2);
  return new ParsedFeatures(value);
}

function readEntities(value: unknown, path: string, problems: Problem[]): Readonly<Record<string, EntityKey>> {
  if (value === undefined) return noEntities;
  if (!isPlainObject(value)) {
    problems.push(wrongType(`${path}/entities`, 'an object of entity keys by entity', value));
    return noEntities;
  }
  refuseHostileObject(value, 2);
  for (const name in value) {
    if (!isEntityKey(value[name])) {
      problems.push(
        wrongType(
          `${path}/entities${pointerStep(name)}`,
          'a string of 1 to 256 characters, or a safe integer',
          value[name],
        ),
      );
    }
  }
  return value as Record<string, EntityKey>;
}

function isEntityKey(value: unknown): value is EntityKey {
  if (typeof value === 'number') return Number.isSafeInteger(value);
  return typeof value === 'string' && value.length > 0 && value.length <= maxEntityKeyLength && !value.includes('\0');
}

function readOptions(value: unknown, limits: EnvelopeLimits, problems: Problem[]): PredictionOptions {
  if (value === undefined) return defaultOptions;
  if (!isPlainObject(value)) {
    problems.push(wrongType('/options', 'an object', value));
    return defaultOptions;
  }
  refuseHostileObject(value, 2);
  refuseUnknown(value, optionFields, '/options', problems);
  return {
    timeoutMs: readTimeout(value['timeout_ms'], limits, problems),
    includeExplanation: readFlag(value, 'include_explanation', false, problems),
    enableCache: readFlag(value, 'enable_cache', true, problems),
  };
}

function readTimeout(value: unknown, limits: EnvelopeLimits, problems: Problem[]): number | undefined {
  if (value === undefined) return undefined;
  const expected = `an integer from ${minTimeoutMs} to ${limits.maxTimeoutMs}`;
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    problems.push(wrongType('/options/timeout_ms', expected, value));
    return undefined;
  }
  if (value < minTimeoutMs || value > limits.maxTimeoutMs) {
    problems.push({ path: '/options/timeout_ms', problem: 'out_of_range', expected });
  }
  return value;
}

function readFlag(options: Record<string, unknown>, name: string, otherwise: boolean, problems: Problem[]): boolean {
  const value = options[name];
  if (value === undefined) return otherwise;
  if (typeof value === 'boolean') return value;
  problems.push(wrongType(`/options/${name}`, 'true or false', value));
  return otherwise;
}

/** A problem with a name that is not known, and the known one that was probably meant. */
export function unknownName(path: string, problem: string, name: string, known: Iterable<string>): Problem {
  const meant = nearestName(name, known);
  return meant === undefined ? { path, problem } : { path, problem, did_you_mean: meant };
}

function wrongType(path: string, expected: string, value: unknown): Problem {
  if (value === undefined) return { path, problem: 'missing', expected };
  return { path, problem: 'wrong_type', expected, received_type: jsonTypeOf(value) };
}

function refuseProblems(problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  const where = problems.length === 1 ? problems[0]?.path || 'the body' : `${problems.length} places`;
  throw new ServiceError('INVALID_REQUEST', `The request is not valid: see ${where}`, {
    details: { errors: problems },
  });
}
