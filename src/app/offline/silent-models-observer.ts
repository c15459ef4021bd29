import type { MlflowObserver, ModelServerObserver } from '../../models/index.js';
import type { ModelsObserver } from '../../models/observer.js';

const nothing = (): void => undefined;

/** A command tells by its answer what a service tells by its log. */
export const silentModelsObserver: ModelsObserver = {
  folderIgnored: nothing,
  registryProblem: nothing,
  versionStateChanged: nothing,
  aliasMoved: nothing,
  goldenRowFailed: nothing,
  changedInPlace: nothing,
  versionWarning: nothing,
  drainTimedOut: nothing,
  workerStarted: nothing,
  workerCrashed: nothing,
  compiledChecked: nothing,
  compiledCheckFailed: nothing,
  compiledDropped: nothing,
  batchRun: nothing,
  rowsDropped: nothing,
  batchSplit: nothing,
  explained: nothing,
  explanationWaited: nothing,
};

export const silentModelServerObserver: ModelServerObserver = {
  serverCalled: nothing,
  breakerChanged: nothing,
  signatureChanged: nothing,
};

export const silentMlflowObserver: MlflowObserver = {
  registryAsked: nothing,
  productionChosen: nothing,
  versionFetched: nothing,
  fetchFailed: nothing,
  copyDropped: nothing,
};
