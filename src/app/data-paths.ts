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
    /** Marks of models that were unloaded by request. */
    unloaded: path.join(root, 'unloaded'),
    /** Copies of the versions of an MLflow registry. */
    mlflow: path.join(root, 'mlflow'),
  };
}
