/**
 * Writes the documents that follow from the code (`npm run docs`). With `--check` it writes nothing, and exits 1 naming every one that
 * is not as it would be written.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chartValuesSchema } from './docs/chart-values-schema.js';
import { cliMarkdown } from './docs/cli-markdown.js';
import { decisionsIndex } from './docs/decisions-index.js';
import { errorsMarkdown } from './docs/errors-markdown.js';
import { metricsMarkdown } from './docs/metrics-markdown.js';
import { openApiText } from './docs/openapi-text.js';
import { schemaText } from './docs/schema-text.js';
import { configurationMarkdown, environmentExample } from '../src/config/describe.js';
import { eventSchema } from '../src/events/index.js';
import { featureViewsSchema } from '../src/features/index.js';
import { explainFileSchema } from '../src/models/explanation/files/explain-file-schema.js';
import { manifestSchema } from '../src/models/manifest/manifest-schema.js';

const root = fileURLToPath(new URL('../', import.meta.url));

const documents: Readonly<Record<string, () => string | Promise<string>>> = {
  '.env.example': environmentExample,
  'docs/configuration.md': configurationMarkdown,
  'docs/errors.md': errorsMarkdown,
  'docs/metrics.md': metricsMarkdown,
  'docs/cli.md': cliMarkdown,
  'docs/adr/README.md': decisionsIndex,
  'docs/openapi.json': openApiText,
  'docs/model.schema.json': () => schemaText(manifestSchema, 'model.yaml: one version of a model'),
  'docs/explain.schema.json': () => schemaText(explainFileSchema, 'explain.json: what exact explanations need'),
  'docs/features.schema.json': () => schemaText(featureViewsSchema, 'features.yaml: feature views'),
  'deploy/helm/inference-service/values.schema.json': chartValuesSchema,
  'docs/event.schema.json': () => schemaText(eventSchema, 'The event of one prediction'),
};

const stale: string[] = [];
for (const [name, write] of Object.entries(documents)) {
  const file = path.join(root, name);
  const text = await write();
  if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
  stale.push(name);
  if (process.argv.includes('--check')) continue;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  console.log(`wrote ${name}`);
}
if (process.argv.includes('--check') && stale.length > 0) {
  console.error(`Stale: ${stale.join(', ')}. Run: npm run docs`);
  process.exitCode = 1;
}
