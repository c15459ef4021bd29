import path from 'node:path';

/** Where everything lives below `--data`, the only folder that the running service writes to. */
export function dataPaths(data: string) {
  const root = path.resolve(data);
  return {
    root,
    features: path.join(root, 'features.db'),
    keys: path.join(root, 'keys.db'),
    /** Edited graphs whose weights lie in files of their own. */
    scratch: path.join(root, 'scratch'),
    /** Copies of the versions of an MLflow registry. */
    mlflow: path.join(root, 'mlflow'),
  };
}
