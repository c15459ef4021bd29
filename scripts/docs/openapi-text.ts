import { loadConfig } from '../../src/config/load.js';
import { openApiDocument } from '../../src/http/index.js';
import { readFileSync } from 'node:fs';

/** docs/openapi.json: what GET /openapi.json answers with the default settings. */
export function openApiText(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const { config } = loadConfig({ environment: {}, file: '/dev/null' });
  return (
    JSON.stringify(
      openApiDocument({ version, options: config.inference_service.http, mlflowWebhook: false }),
      null,
      2,
    ) + '\n'
  );
}
