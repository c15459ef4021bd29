import type { Problem } from '../shared/errors.js';
import { jsonTypeOf, pointerStep } from '../shared/json.js';
import type { FeatureCheck } from './catalogue.js';
import type { FeatureSpec } from './signature.js';

/** Longest text that a string feature takes, in UTF-16 units. */
export const maxStringLength = 65_536;
/** Most problems that one array feature reports. */
const maxProblems = 20;

/** Narrowest range of the tensors that a feature feeds: int8 takes -128 to 127, float32 no more than 3.4e38. */
export interface EncodableRange {
  readonly min: number;
  readonly max: number;
}

type Fault = Omit<Problem, 'path'>;
type ScalarCheck = (value: unknown) => Fault | undefined;

/**
 * Compiles a check for each feature, in the order of `specs`. Nothing is coerced: an integer refuses 3.5 and what lies beyond
 * 2^53; a number refuses "3", true and the infinity that 1e400 parses to. Array features take flat or nested arrays.
 */
export function compileFeatureCheck(
  specs: readonly FeatureSpec[],
  ranges: readonly (EncodableRange | undefined)[] = [],
): FeatureCheck[] {
  return specs.map((spec, index) => {
    const element = elementCheck(spec, ranges[index]);
    return spec.shape === undefined ? scalarFeature(element) : arrayFeature(spec, spec.shape, element);
  });
}

function scalarFeature(check: ScalarCheck): FeatureCheck {
  return (value, path) => {
    const fault = check(value);
    return fault === undefined ? undefined : [{ path, ...fault }];
  };
}

function elementCheck(spec: FeatureSpec, range: EncodableRange | undefined): ScalarCheck {
  const typed = typedCheck(spec, range);
  const expected = expectedText(spec);
  return (value) => {
    if (value !== null) return typed(value);
    return spec.nullable ? undefined : { problem: 'not_nullable', expected, received_type: 'null' };
  };
}

function typedCheck(spec: FeatureSpec, range: EncodableRange | undefined): ScalarCheck {
  if (spec.type === 'boolean') return booleanCheck;
  return spec.type === 'string' ? stringCheck(spec) : numberCheck(spec, range);
}

function booleanCheck(value: unknown): Fault | undefined {
  return typeof value === 'boolean' ? undefined : wrongType('boolean', value);
}

function stringCheck(spec: FeatureSpec): ScalarCheck {
  const allowed = spec.enum === undefined ? undefined : new Set<unknown>(spec.enum);
  const expected = expectedText(spec);
  return (value) => {
    if (typeof value !== 'string') return wrongType(expected, value);
    if (value.length > maxStringLength) {
      return { problem: 'too_long', expected: `at most ${maxStringLength} characters`, received_type: 'string' };
    }
    if (value.includes('\0')) return wrongType('string without NUL', value);
    return allowed === undefined || allowed.has(value) ? undefined : notInEnum(expected, value);
  };
}

function numberCheck(spec: FeatureSpec, range: EncodableRange | undefined): ScalarCheck {
  const { min, max } = numberBounds(spec, range);
  const allowed = spec.enum === undefined ? undefined : new Set<unknown>(spec.enum);
  const expected = expectedText(spec);
  const whole = spec.type === 'integer';
  return (value) => {
    if (typeof value !== 'number') return wrongType(expected, value);
    if (!Number.isFinite(value))
      return { problem: 'not_finite', expected: `finite ${spec.type}`, received_type: 'number' };
    if (whole && !Number.isSafeInteger(value)) return notAnInteger(expected, value);
    if (value < min || value > max) return outOfRange(spec.type, min, max, value);
    return allowed === undefined || allowed.has(value) ? undefined : notInEnum(expected, value);
  };
}

/** The narrower of what is declared and what can be encoded; infinite where neither says anything. */
export function numberBounds(spec: FeatureSpec, range: EncodableRange | undefined): EncodableRange {
  return {
    min: Math.max(spec.min ?? -Infinity, range?.min ?? -Infinity),
    max: Math.min(spec.max ?? Infinity, range?.max ?? Infinity),
  };
}

function wrongType(expected: string, value: unknown): Fault {
  return { problem: 'wrong_type', expected, received_type: jsonTypeOf(value) };
}

function notAnInteger(expected: string, value: number): Fault {
  if (!Number.isInteger(value)) return wrongType(expected, value);
  return { problem: 'unsafe_integer', expected: 'integer between -2^53 + 1 and 2^53 - 1', received_type: 'integer' };
}

function outOfRange(type: string, min: number, max: number, value: number): Fault {
  const bounds =
    min === -Infinity ? `of at most ${max}` : max === Infinity ? `of at least ${min}` : `between ${min} and ${max}`;
  return { problem: 'out_of_range', expected: `${type} ${bounds}`, received_type: jsonTypeOf(value) };
}

function notInEnum(expected: string, value: unknown): Fault {
  return { problem: 'not_in_enum', expected, received_type: jsonTypeOf(value) };
}

/** `integer`, `string, one of: north, south`. */
function expectedText(spec: FeatureSpec): string {
  const type = spec.nullable ? `${spec.type} or null` : spec.type;
  if (spec.enum === undefined) return type;
  const shown = spec.enum.slice(0, 20).join(', ');
  return `${type}, one of: ${shown}${spec.enum.length > 20 ? ', …' : ''}`;
}

function arrayFeature(spec: FeatureSpec, shape: readonly number[], check: ScalarCheck): FeatureCheck {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  const expected = `array of ${spec.type}, shape [${shape.join(', ')}]`;
  return (value, path) => {
    if (!Array.isArray(value)) {
      const problem = value === null ? 'not_nullable' : 'wrong_type';
      return [{ path, problem, expected, received_type: jsonTypeOf(value) }];
    }
    const flat = value.length === size && !Array.isArray(value[0]);
    const walk: ArrayWalk = { shape: flat ? [size] : shape, expected, check, problems: [] };
    walkArray(walk, value, path, 0);
    return walk.problems.length === 0 ? undefined : walk.problems;
  };
}

interface ArrayWalk {
  readonly shape: readonly number[];
  readonly expected: string;
  readonly check: ScalarCheck;
  readonly problems: Problem[];
}

/** Never goes deeper than the shape, so a deep array costs nothing. */
function walkArray(walk: ArrayWalk, values: readonly unknown[], path: string, depth: number): void {
  if (values.length !== walk.shape[depth]) {
    walk.problems.push({
      path,
      problem: 'wrong_shape',
      expected: walk.expected,
      received_type: `array of ${values.length}`,
    });
    return;
  }
  const innermost = depth === walk.shape.length - 1;
  for (let i = 0; i < values.length && walk.problems.length < maxProblems; i++) {
    const value = values[i];
    if (innermost) checkElement(walk, value, path, i);
    else if (Array.isArray(value)) walkArray(walk, value, path + pointerStep(i), depth + 1);
    else {
      const received = jsonTypeOf(value);
      walk.problems.push({
        path: path + pointerStep(i),
        problem: 'wrong_shape',
        expected: walk.expected,
        received_type: received,
      });
    }
  }
}

function checkElement(walk: ArrayWalk, value: unknown, path: string, index: number): void {
  const fault = walk.check(value);
  if (fault === undefined) return;
  const shaped = Array.isArray(value) ? { ...fault, problem: 'wrong_shape', expected: walk.expected } : fault;
  walk.problems.push({ path: path + pointerStep(index), ...shaped });
}
