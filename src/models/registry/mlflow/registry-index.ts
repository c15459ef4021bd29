import { aliasPattern } from '../../../shared/names.js';
import { productionAlias } from '../../lifecycle/version-policy.js';
import type { VersionProblem } from '../../version-problem.js';
import { compareVersions } from '../version-name.js';
import type { MlflowVersion, RegisteredModel } from './registered-models.js';

/** A registered model as it is served here. */
export interface IndexedModel {
  readonly modelId: string;
  /** Its name in MLflow. */
  readonly name: string;
  /** Those that are served, lowest first. */
  readonly versions: readonly MlflowVersion[];
  readonly aliases: readonly (readonly [alias: string, version: string])[];
  /** What made a version `production`: an alias or a stage; undefined where none is. */
  readonly productionBy: string | undefined;
  readonly problems: readonly VersionProblem[];
}

/** Stages, which MLflow has given up for aliases, and the aliases that they stand for. */
const stageAliases: ReadonlyMap<string, string> = new Map([
  ['Production', productionAlias],
  ['Staging', 'staging'],
]);

/** Versions that an alias or a stage names, whatever their number. */
export function namedVersions({ aliases, latest }: RegisteredModel): ReadonlySet<string> {
  const staged = latest.filter(({ stage }) => stageAliases.has(stage)).map(({ version }) => version);
  return new Set([...aliases.values(), ...staged]);
}

/**
 * Puts aliases and stages together. `production` is, in this order: the alias of that name, the alias `productionName`
 * (mlflow.production_alias), the stage Production.
 */
export function indexModel(
  modelId: string,
  model: RegisteredModel,
  versions: readonly MlflowVersion[],
  productionName: string,
): IndexedModel {
  const { name } = model;
  const aliases = new Map([...model.aliases].filter(([alias]) => aliasPattern.test(alias)));
  let productionBy = aliases.has(productionAlias) ? `alias ${productionAlias}` : undefined;
  const promoted = model.aliases.get(productionName);
  if (productionBy === undefined && promoted !== undefined) {
    aliases.set(productionAlias, promoted);
    productionBy = `alias ${productionName}`;
  }
  for (const [stage, alias] of stageAliases) {
    const head = model.latest.find((version) => version.stage === stage);
    if (head === undefined || aliases.has(alias)) continue;
    aliases.set(alias, head.version);
    if (alias === productionAlias) productionBy = `stage ${stage}`;
  }
  const sorted = [...versions].sort((a, b) => compareVersions(a.version, b.version));
  return { modelId, name, versions: sorted, aliases: [...aliases], productionBy, problems: aliasProblems(model) };
}

function aliasProblems({ aliases }: RegisteredModel): VersionProblem[] {
  const unusable = [...aliases.keys()].filter((alias) => !aliasPattern.test(alias));
  return unusable.map((alias) => ({
    file: 'aliases',
    message: `${JSON.stringify(alias)} cannot be asked for here: lower-case letters, digits, _ and -, a letter first`,
    severity: 'warning',
  }));
}
