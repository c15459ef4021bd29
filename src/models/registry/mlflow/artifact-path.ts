import { MlflowFault } from './mlflow-client.js';

const longestPath = 512;

/**
 * A path within a version as a registry lists it, `/` between its parts.
 * @throws MlflowFault for one that could leave the folder it is written to, or cannot be written
 */
export function safePath(path: string): string {
  const parts = path.split('/');
  const odd = parts.some((part) => part === '' || part === '.' || part === '..' || part.length > 200);
  if (odd || path.length > longestPath || /[\\:\p{Cc}]/u.test(path)) {
    throw new MlflowFault(`lists a file whose path is not safe: ${JSON.stringify(path.slice(0, 80))}`);
  }
  return path;
}

/** Each part escaped, for a URL. */
export function urlPath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
