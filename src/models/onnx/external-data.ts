import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { OnnxExternalData } from './graph.js';

/**
 * Says in words which files that a model refers to may not or cannot be read: outside of the version's folder (by an absolute
 * path, by `..` or through a link), or missing.
 */
export async function externalDataProblems(
  references: readonly OnnxExternalData[],
  folder: string,
): Promise<readonly string[]> {
  const problems: string[] = [];
  const root = await realpath(folder);
  const seen = new Set<string>();
  for (const { tensor, location } of references) {
    if (seen.has(location)) continue;
    seen.add(location);
    const problem = await locationProblem(location, root);
    if (problem !== undefined) problems.push(`the data of tensor '${tensor}' are in '${location}', ${problem}`);
  }
  return problems;
}

async function locationProblem(location: string, root: string): Promise<string | undefined> {
  if (location === '' || location.includes('\0')) return 'which is no file name';
  const outside = 'which is outside of the version’s folder: put the file beside model.onnx and name it without a path';
  const file = path.resolve(root, location);
  if (path.isAbsolute(location) || !isWithin(file, root)) return outside;
  let target: string;
  try {
    target = await realpath(file);
    if (!(await stat(target)).isFile()) return 'which is not a file';
  } catch {
    return 'which cannot be read: copy it into the version’s folder together with model.onnx';
  }
  return isWithin(target, root) ? undefined : 'which is a link that leaves the version’s folder: copy the file itself';
}

function isWithin(file: string, root: string): boolean {
  const relative = path.relative(root, file);
  return relative !== '' && relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}
