import { readFileSync } from 'node:fs';

/** A folder with one small model, for services of which a test starts several. */
export const oneModel = [
  '--models',
  'examples/models/mortgage_denial/1.1.0',
  '--model-id',
  'mortgage_denial',
  '--features',
  'examples/features.yaml',
];

/** A request that it answers. */
export const oneRequest = JSON.parse(readFileSync('examples/requests/mortgage_denial.json', 'utf8')) as Record<
  string,
  unknown
>;
