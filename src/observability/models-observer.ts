import type { ModelsObserver, VersionName } from '../models/index.js';
import { messageOf } from '../shared/errors.js';
import type { Logger } from './logger.js';
import { remembered } from './instruments/remembered.js';
import type { Instruments } from './metrics.js';

/** Counts and logs the facts of models: where they come from, their life, and their runs. */
export function modelsObserver(instruments: Instruments, logger: Logger): ModelsObserver {
  return {
    ...registryFacts(logger),
    ...lifecycleFacts(instruments, logger),
    ...runFacts(instruments, logger),
    ...compiledFacts(instruments, logger),
    ...explanationFacts(instruments),
  };
}

const nameOf = ({ modelId, version }: VersionName) => ({ model_id: modelId, model_version: version });

function registryFacts(logger: Logger): Pick<ModelsObserver, 'folderIgnored' | 'registryProblem'> {
  return {
    folderIgnored: (facts) => logger.info(facts, 'A folder of the registry is ignored'),
    registryProblem: ({ modelId, problem }) =>
      logger.warn({ model_id: modelId, problem }, 'Something is wrong in the registry'),
  };
}

function lifecycleFacts(
  instruments: Instruments,
  logger: Logger,
): Pick<
  ModelsObserver,
  'versionStateChanged' | 'aliasMoved' | 'goldenRowFailed' | 'changedInPlace' | 'versionWarning' | 'drainTimedOut'
> {
  return {
    versionStateChanged: (facts) => stateChanged(instruments, logger, facts),
    aliasMoved: ({ modelId, ...facts }) => logger.info({ model_id: modelId, ...facts }, 'An alias has moved'),
    goldenRowFailed: ({ index, message, ...name }) =>
      logger.error({ ...nameOf(name), index, reason: message }, 'A golden row failed'),
    changedInPlace: (name) =>
      logger.warn(nameOf(name), 'The files of a loaded version have changed; it stays as it was loaded'),
    versionWarning: ({ message, ...name }) =>
      logger.warn({ ...nameOf(name), reason: message }, 'Something is odd about a version'),
    drainTimedOut: ({ leases, ...name }) =>
      logger.warn({ ...nameOf(name), calls: leases }, 'A retired version still had calls when its time was over'),
  };
}

function explanationFacts({
  explanations,
  explanationSeconds,
  explanationWait,
}: Instruments): Pick<ModelsObserver, 'explained' | 'explanationWaited'> {
  return {
    explained: ({ modelId: model_id, method, outcome, microseconds }) => {
      explanations.inc({ model_id, method: method ?? 'none', outcome });
      if (outcome === 'given') explanationSeconds.observe({ model_id, method: method ?? 'none' }, microseconds / 1e6);
    },
    explanationWaited: ({ modelId: model_id, waitedUs }) => explanationWait.observe({ model_id }, waitedUs / 1e6),
  };
}

type StateChange = Parameters<ModelsObserver['versionStateChanged']>[0];

function stateChanged(
  { modelState, modelLoad, modelLoadFailures }: Instruments,
  logger: Logger,
  change: StateChange,
): void {
  const { modelId: model_id, version, from, to, reason, milliseconds } = change;
  if (from !== null) modelState.remove({ model_id, version, state: from });
  if (to !== 'gone') modelState.set({ model_id, version, state: to }, 1);
  if (from === 'loading' || from === 'warming') modelLoad.observe({ model_id }, milliseconds / 1000);
  const facts = { ...nameOf(change), from, to, reason };
  if (to === 'failed') {
    modelLoadFailures.inc({ model_id });
    logger.error(facts, 'A version cannot be served');
  } else if (to === 'ready' || to === 'gone') logger.info(facts, `Version is ${to}`);
  else logger.debug(facts, `Version is ${to}`);
}

function runFacts(
  { batchRows, runSeconds, rowsDropped, batchSplits, workerCrashes }: Instruments,
  logger: Logger,
): Pick<ModelsObserver, 'batchRun' | 'rowsDropped' | 'batchSplit' | 'workerStarted' | 'workerCrashed'> {
  const cellsOf = remembered((model_id) => ({
    rows: batchRows.of({ model_id }),
    seconds: runSeconds.of({ model_id }),
  }));
  return {
    batchRun: ({ modelId, rows, microseconds }) => {
      const cells = cellsOf(modelId);
      cells.rows.observe(rows);
      cells.seconds.observe(microseconds / 1e6);
    },
    rowsDropped: ({ modelId, rows, reason }) => rowsDropped.inc({ model_id: modelId, reason }, rows),
    batchSplit: ({ rows, error, ...name }) => {
      batchSplits.inc({ model_id: name.modelId });
      logger.warn(
        { ...nameOf(name), rows, cause: messageOf(error) },
        'A run of several rows failed; each is tried alone',
      );
    },
    workerStarted: ({ restarts, milliseconds, ...name }) =>
      logger.info({ ...nameOf(name), restarts, milliseconds }, 'A model runs in a worker thread'),
    workerCrashed: ({ reason, pending, retryInMs, ...name }) => {
      workerCrashes.inc({ model_id: name.modelId });
      logger.error(
        { ...nameOf(name), reason, pending, retry_in_ms: retryInMs },
        'The worker thread of a model crashed',
      );
    },
  };
}

function compiledFacts(
  { compiledChecks }: Instruments,
  logger: Logger,
): Pick<ModelsObserver, 'compiledChecked' | 'compiledCheckFailed' | 'compiledDropped'> {
  const count = (model_id: string, result: string) => compiledChecks.inc({ model_id, result });
  return {
    compiledChecked: ({ modelId, agreed }) => count(modelId, agreed ? 'agreed' : 'differed'),
    compiledCheckFailed: ({ reason, ...name }) => {
      count(name.modelId, 'unanswered');
      logger.warn({ ...nameOf(name), reason }, 'onnxruntime did not answer a check of the compiled model');
    },
    compiledDropped: ({ reason, ...name }) =>
      logger.error({ ...nameOf(name), reason }, 'The compiled model is dropped for onnxruntime'),
  };
}
