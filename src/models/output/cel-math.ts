import type { Environment } from '@marcbachmann/cel-js';

/** Receiver of `math.round(x)` and its like; has no state. */
export class CelMath {}

type NumberList = readonly number[];
type IntList = readonly bigint[];

/** Halves go away from zero, as CEL's math extension has it: 0.5 → 1, -0.5 → -1. */
export function roundHalfAway(x: number): number {
  const whole = Math.trunc(x);
  return Math.abs(x - whole) >= 0.5 ? whole + Math.sign(x) : whole;
}

const ofDouble: Readonly<Record<string, (x: number) => number>> = {
  round: roundHalfAway,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  abs: Math.abs,
  sign: Math.sign,
  sqrt: Math.sqrt,
  exp: Math.exp,
  log: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  tanh: Math.tanh,
};

/** Most arguments of `math.greatest(a, b, …)`; more go in a list. */
const maxArguments = 5;

/** Registers the type `Math` and the variable `math` (https://github.com/google/cel-go/tree/master/ext#math, and more). */
export function registerMath(environment: Environment): void {
  environment.registerType('Math', { ctor: CelMath, fields: {} }).registerVariable('math', 'Math');
  for (const [name, compute] of Object.entries(ofDouble)) {
    environment.registerFunction(`Math.${name}(double): double`, (_: CelMath, x: number) => compute(x));
  }
  environment.registerFunction('Math.abs(int): int', (_: CelMath, x: bigint) => (x < 0n ? -x : x));
  environment.registerFunction('Math.pow(double, double): double', (_: CelMath, x: number, y: number) => x ** y);
  environment.registerFunction('Math.isNaN(double): bool', (_: CelMath, x: number) => Number.isNaN(x));
  environment.registerFunction('Math.isFinite(double): bool', (_: CelMath, x: number) => Number.isFinite(x));
  registerExtremes(environment);
  registerListFunctions(environment);
}

function registerExtremes(environment: Environment): void {
  for (const type of ['double', 'int']) {
    environment.registerFunction(`Math.greatest(list<${type}>): ${type}`, (_: CelMath, list: NumberList) =>
      greatest(list),
    );
    environment.registerFunction(`Math.least(list<${type}>): ${type}`, (_: CelMath, list: NumberList) => least(list));
    for (let count = 1; count <= maxArguments; count++) {
      const types = new Array<string>(count).fill(type).join(', ');
      environment.registerFunction(`Math.greatest(${types}): ${type}`, (_: CelMath, ...list: number[]) =>
        greatest(list),
      );
      environment.registerFunction(`Math.least(${types}): ${type}`, (_: CelMath, ...list: number[]) => least(list));
    }
  }
}

function registerListFunctions(environment: Environment): void {
  environment.registerFunction('Math.sum(list<double>): double', (_: CelMath, list: NumberList) => sum(list));
  environment.registerFunction('Math.sum(list<int>): int', (_: CelMath, list: IntList) =>
    list.reduce((total, x) => total + x, 0n),
  );
  environment.registerFunction(
    'Math.mean(list<double>): double',
    (_: CelMath, list: NumberList) => sum(list) / list.length,
  );
  environment.registerFunction('Math.argmax(list<double>): int', (_: CelMath, list: NumberList) =>
    BigInt(list.indexOf(greatest(list))),
  );
}

function sum(list: NumberList): number {
  return list.reduce((total, x) => total + x, 0);
}

/** NaN wins, so that it is never hidden. @throws RangeError for an empty list. */
export function greatest<T extends number | bigint>(list: readonly T[]): T {
  return extreme(list, (a, b) => a > b);
}

function least<T extends number | bigint>(list: readonly T[]): T {
  return extreme(list, (a, b) => a < b);
}

function extreme<T extends number | bigint>(list: readonly T[], beats: (a: T, b: T) => boolean): T {
  let best = list[0];
  if (best === undefined) throw new RangeError('The list is empty');
  for (let i = 1; i < list.length; i++) {
    const candidate = list[i];
    if (candidate === undefined) continue;
    if (Number.isNaN(candidate)) return candidate;
    if (beats(candidate, best)) best = candidate;
  }
  return best;
}
