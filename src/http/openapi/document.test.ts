import { readFileSync } from 'node:fs';
import { Value } from '@sinclair/typebox/value';
import { describe, expect, it } from 'vitest';
import { createEdge } from '../../../test/support/edge.js';
import { errorCodes } from '../../shared/errors.js';
import { fits } from '../../../test/support/openapi-fit.js';
import { errorStatus } from '../error-status.js';
import { httpOptions } from '../options.js';
import { batchExample, predictionExamples } from '../schemas/examples.js';
import { openApiDocument } from './document.js';

interface Operation {
  readonly operationId: string;
  readonly responses: Record<string, { readonly $ref?: string }>;
}
interface OpenApi {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: Record<string, Record<string, unknown>>;
}

/** Every object in the document, with where it stands. */
function* objectsOf(value: unknown, path = '#'): Generator<[string, Record<string, unknown>]> {
  if (typeof value !== 'object' || value === null) return;
  yield [path, value as Record<string, unknown>];
  for (const [key, inner] of Object.entries(value)) {
    if (key !== 'example' && key !== 'examples') yield* objectsOf(inner, `${path}/${key}`);
  }
}

/** With all that settings may add, and with nothing of it. */
const documents = [false, true].map((open_inference) => {
  const options = { ...Value.Create(httpOptions), open_inference };
  return [
    open_inference,
    openApiDocument({ version: '1.2.3', options, mlflowWebhook: open_inference }) as OpenApi,
  ] as const;
});

describe.each(documents)('the OpenAPI document, /v2 and webhook %s', (open_inference, document) => {
  it('is of version 3.0.3 and has nothing that 3.0 does not know', () => {
    expect(document.openapi).toBe('3.0.3');
    for (const [path, object] of objectsOf(document)) {
      expect(Object.keys(object), path).not.toEqual(
        expect.arrayContaining([expect.stringMatching(/^(const|patternProperties|\$defs)$/)]),
      );
      expect(object['type'], path).not.toBe('null');
      expect(Array.isArray(object['type']), path).toBe(false);
    }
  });

  it('refers only to what it has', () => {
    for (const [path, { $ref }] of objectsOf(document)) {
      if (typeof $ref !== 'string') continue;
      const target = $ref
        .slice(2)
        .split('/')
        .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document);
      expect(target, `${path} → ${$ref}`).toBeDefined();
    }
  });

  it('describes the routes that the server has, and no others', async () => {
    const mlflowWebhook = { secret: 'a secret', refresh: () => undefined };
    const server = await createEdge({ options: { open_inference }, ...(open_inference && { mlflowWebhook }) });
    for (const path of Object.keys(document.paths)) {
      for (const method of Object.keys(document.paths[path] ?? {})) {
        const url = path.replace('{model_id}', 'm').replace('{version}', 'v');
        expect(server.app.findRoute({ method: method.toUpperCase(), url }), path).not.toBeNull();
      }
    }
    const printed = server.app.printRoutes({ commonPrefix: false });
    expect(printed.match(/\(.*(GET|POST)/g)).toHaveLength(
      Object.keys(document.paths).length + 9 + (open_inference ? 1 : 0),
    );
    await server.close(0);
  });

  it('declares every status of the error table for predictions', () => {
    const declared = Object.keys(document.paths['/v1/predict']?.['post']?.responses ?? {});
    expect(declared).toEqual(expect.arrayContaining(['200', ...Object.values(errorStatus).map(String)]));
    expect(document.components['schemas']?.['ErrorCode']).toMatchObject({ enum: Object.keys(errorCodes) });
  });

  it('takes the bounds of the settings', () => {
    const options = { ...Value.Create(httpOptions), max_batch_instances: 7, max_timeout_ms: 1234 };
    const text = JSON.stringify(openApiDocument({ version: '0', options, mlflowWebhook: false }));
    expect(text).toContain('"maxItems":7');
    expect(text).toContain('"maximum":1234');
  });

  it('gives examples that fit, the same as in the repository', () => {
    const stored = (name: string): unknown =>
      JSON.parse(readFileSync(new URL(`../../../examples/requests/${name}.json`, import.meta.url), 'utf8'));
    expect(predictionExamples.features.value).toEqual(stored('mortgage_denial'));
    expect(predictionExamples.entities.value).toEqual(stored('mortgage_denial_stored'));
    for (const { value } of Object.values(predictionExamples)) expect(fits('PredictionRequest', value)).toBe(true);
    expect(fits('BatchRequest', batchExample)).toBe(true);
  });

  it('knows strict requests from loose ones', () => {
    expect(fits('PredictionRequest', { model_id: 'm', entities: { a: 'x', b: 7 } })).toBe(true);
    expect(fits('PredictionRequest', { model_id: 'm', extra: 1 })).toBe(false);
    expect(fits('PredictionRequest', { model_id: 'm', features: { a: null, b: [[1, null], ['x']] } })).toBe(true);
    expect(fits('PredictionRequest', { model_id: 'm', features: { a: {} } })).toBe(false);
    expect(fits('PredictionRequest', { model_id: 'm', entities: { a: null } })).toBe(false);
    expect(fits('PredictionRequest', { model_id: 'm', options: { timeout_ms: 99 } })).toBe(false);
  });
});
