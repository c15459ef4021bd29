import type { ViewRead } from '../features/index.js';
import { ServiceError, type Problem } from '../shared/errors.js';
import type { FeatureScalar } from '../shared/feature-value.js';
import { useDefault, type AssembledRow } from './assembled-row.js';
import type { FeaturePlan, ViewSource } from './feature-plan.js';

interface Filling {
  readonly plan: FeaturePlan;
  readonly source: ViewSource;
  readonly read: ViewRead;
  readonly assembled: AssembledRow;
  readonly problems: Problem[];
}

/**
 * Puts what a view gave into the row by the view's policies: rules 4 to 7 of docs/features.md. Values that the caller gave stay.
 * @throws ServiceError SERVICE_UNAVAILABLE when the store is out of reach and the view says `fail`.
 */
export function fillFromView(filling: Filling): void {
  const { read, source } = filling;
  if (read.state === 'unavailable') {
    if (source.view.onUnavailable === 'fail') throw storeUnavailable(source);
    const because = 'the feature store is unavailable';
    return forEachGap(filling, (index) => fallBack(filling, { index, policy: 'default', because, problem: 'missing' }));
  }
  if (read.state === 'absent') {
    const because = `${source.view.name} has no row for this ${source.view.entity}`;
    const policy = source.view.onMissing;
    return forEachGap(filling, (index) => fallBack(filling, { index, policy, because, problem: 'missing' }));
  }
  if (read.stale && source.view.onStale !== 'serve') {
    const because = `the stored row is older than ${source.view.maxAgeSeconds} s`;
    const policy = source.view.onStale;
    return forEachGap(filling, (index) => fallBack(filling, { index, policy, because, problem: 'stale' }));
  }
  forEachGap(filling, (index, position) => takeStored(filling, read, index, read.values[position] ?? null));
}

function forEachGap({ source, assembled }: Filling, fill: (index: number, position: number) => void): void {
  for (const { index, position } of source.columns) {
    if (assembled.row[index] === undefined) fill(index, position);
  }
}

function takeStored(filling: Filling, read: ViewRead & { state: 'row' }, index: number, value: FeatureScalar): void {
  const { plan, assembled, source } = filling;
  const found = plan.version.checks[index]?.(value, '');
  if (found !== undefined) {
    const because = value === null ? 'the stored value is NULL' : 'the stored value does not fit the model';
    const problem = found[0]?.problem ?? 'wrong_type';
    return fallBack(filling, { index, policy: source.view.onMissing, because, problem });
  }
  assembled.row[index] = value;
  assembled.origins[index] = read.origin;
  assembled.ages[index] = read.ageSeconds;
  assembled.storedValues++;
  if (read.origin === 'cache') assembled.cachedValues++;
  if (read.stale) warnStale(filling, index);
}

function warnStale({ plan, assembled }: Filling, index: number): void {
  const name = plan.version.features[index]?.name ?? '';
  const message = `The stored value of ${name} is older than its view allows and was used`;
  assembled.warnings.push({ code: 'stale_value_served', message, feature: name });
}

/** A feature that its view could not supply: the view's policy, and why in words. */
interface Gap {
  readonly index: number;
  readonly policy: 'fail' | 'default' | 'serve';
  readonly because: string;
  readonly problem: string;
}

function fallBack({ plan, assembled, problems }: Filling, { index, policy, because, problem }: Gap): void {
  if (policy === 'default') return useDefault(plan, assembled, index, because);
  const type = plan.version.features[index]?.type;
  const expected = `a stored ${type} that fits the model (${because})`;
  problems.push({ path: plan.paths[index] ?? '', problem, expected, origin: 'store' });
}

function storeUnavailable(source: ViewSource): ServiceError {
  return new ServiceError('SERVICE_UNAVAILABLE', `The stored features of ${source.view.entity} are out of reach`, {
    details: { view: source.view.name },
    retryAfterSeconds: 1,
  });
}
