import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isMap, isScalar, parseDocument, Scalar, type Document } from 'yaml';
import { aliasPattern, modelIdPattern, nearestName } from '../../shared/names.js';
import { aliasesFile, readAliases } from '../registry/aliases-file.js';
import { errorCode } from '../registry/version-folder.js';
import { isVersionName } from '../registry/version-name.js';
import { problemText } from '../version-problem.js';
import { ImportRefused } from './import-model.js';
import { readdir } from 'node:fs/promises';

export interface VersionPlace {
  readonly modelsDirectory: string;
  readonly modelId: string;
  readonly version: string;
}

/** Folder below the models folder where retired versions are kept. */
export const retiredFolder = '.retired';

/**
 * Points an alias at a version, keeping the comments of aliases.yaml. The file is replaced in one step.
 * @returns the version that the alias meant before, if any
 * @throws ImportRefused when the version does not exist or aliases.yaml cannot be trusted
 */
export async function promoteVersion(place: VersionPlace, alias: string): Promise<{ readonly previous?: string }> {
  if (!aliasPattern.test(alias)) throw new ImportRefused(`${JSON.stringify(alias)} is no alias`);
  await requireVersion(place);
  const { document, aliases } = await openAliases(place);
  const previous = aliases.get(alias);
  document.set(alias, versionScalar(place.version));
  await replaceAliases(place, String(document));
  return previous === undefined ? {} : { previous };
}

/**
 * Takes a version out of service: moves its folder to `<models>/.retired/<model_id>/`.
 * @returns where it is now, and the aliases that were taken away
 * @throws ImportRefused when an alias means it, unless `force`: then those aliases are taken away
 */
export async function retireVersion(
  place: VersionPlace,
  { force = false, now }: { readonly force?: boolean; readonly now: number },
): Promise<{ readonly folder: string; readonly aliases: readonly string[] }> {
  const from = await requireVersion(place);
  const { document, aliases } = await openAliases(place);
  const named = [...aliases].filter(([, version]) => version === place.version).map(([alias]) => alias);
  if (named.length > 0 && !force) {
    throw new ImportRefused(
      `alias ${named.join(', ')} means version ${place.version}: promote another version first, or use --force`,
    );
  }
  if (named.length > 0) {
    for (const alias of named) document.delete(alias);
    await replaceAliases(place, String(document));
  }
  const stamp = new Date(now).toISOString().replaceAll(':', '-');
  const folder = join(place.modelsDirectory, retiredFolder, place.modelId, `${place.version}-${stamp}`);
  await mkdir(dirname(folder), { recursive: true });
  await rename(from, folder);
  return { folder, aliases: named };
}

async function requireVersion({ modelsDirectory, modelId, version }: VersionPlace): Promise<string> {
  if (!modelIdPattern.test(modelId)) throw new ImportRefused(`${JSON.stringify(modelId)} is no model id`);
  if (!isVersionName(version)) throw new ImportRefused(`${JSON.stringify(version)} is no version`);
  const folder = join(modelsDirectory, modelId, version);
  const there = await stat(folder).then(
    (facts) => facts.isDirectory(),
    () => false,
  );
  if (there) return folder;
  const versions = await readdir(dirname(folder)).then(
    (names) => names.filter(isVersionName),
    () => undefined,
  );
  if (versions === undefined) throw new ImportRefused(`there is no model ${modelId}`);
  const near = nearestName(version, versions);
  throw new ImportRefused(
    `model ${modelId} has no version ${version}${near === undefined ? '' : `; did you mean ${near}?`}`,
  );
}

async function openAliases(place: VersionPlace): Promise<{ document: Document; aliases: ReadonlyMap<string, string> }> {
  const text = await readText(aliasesPath(place));
  const { aliases, problems } = readAliases(text);
  if (aliases === undefined) throw new ImportRefused(problems.map(problemText).join('; '));
  const document = parseDocument(text, { version: '1.2', keepSourceTokens: true });
  if (!isMap(document.contents)) document.contents = document.createNode({}) as never;
  else keepVersionsAsWritten(document);
  return { document, aliases };
}

/** 1.10 must be written back as 1.10, not as the number 1.1. */
function keepVersionsAsWritten(document: Document): void {
  if (!isMap(document.contents)) return;
  for (const pair of document.contents.items) {
    const { value } = pair;
    if (isScalar(value) && typeof value.value === 'number' && value.source !== undefined) {
      const kept = versionScalar(value.source);
      kept.comment = value.comment ?? null;
      pair.value = kept;
    }
  }
}

/** An integer stands plain; what YAML would read as another number is quoted. */
function versionScalar(version: string): Scalar {
  const scalar = new Scalar<unknown>(/^[1-9]\d*$/.test(version) ? Number(version) : version);
  return scalar;
}

function aliasesPath({ modelsDirectory, modelId }: VersionPlace): string {
  return join(modelsDirectory, modelId, aliasesFile);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return '';
    throw error;
  }
}

async function replaceAliases(place: VersionPlace, text: string): Promise<void> {
  const path = aliasesPath(place);
  const draft = join(dirname(path), `.${aliasesFile}.${process.pid}`);
  try {
    await writeFile(draft, text);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
