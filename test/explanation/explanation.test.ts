import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BatchReply, PredictionReply } from '../../src/prediction/index.js';
import { launchService, type Service } from '../support/service.js';

const body = (name: string) => JSON.parse(readFileSync(`examples/requests/${name}.json`, 'utf8')) as object;

let service: Service;
beforeAll(async () => {
  service = await launchService();
});
afterAll(async () => {
  await service.stop();
});

async function post<Reply>(path: string, request: object): Promise<Reply> {
  const headers = { 'content-type': 'application/json' };
  const reply = await fetch(service.url + path, { method: 'POST', headers, body: JSON.stringify(request) });
  expect(reply.status).toBe(200);
  return (await reply.json()) as Reply;
}

const options = { include_explanation: true };
const explained = (name: string, more: object = {}) =>
  post<PredictionReply>('/v1/predict', { ...body(name), options: { ...options, ...more } });

/** The score that the explanation adds up to. */
function total({ explanation }: Pick<PredictionReply, 'explanation'>): number {
  if (explanation === undefined) throw new Error('no explanation');
  return explanation.contributions.reduce((sum, { contribution }) => sum + contribution, explanation.base_value);
}

describe('explanations over HTTP', () => {
  it('are those of the stored and given features, and change nothing in the prediction', async () => {
    const plain = await post<PredictionReply>('/v1/predict', body('mortgage_denial_stored'));
    const reply = await explained('mortgage_denial_stored');
    expect(reply.prediction).toEqual(plain.prediction);
    expect(plain).not.toHaveProperty('explanation');
    expect(reply.explanation).toMatchObject({ method: 'tree_path_dependent', output: 'denied', scale: 'log_odds' });
    const origins = new Map(reply.explanation?.contributions.map(({ feature, origin }) => [feature, origin]));
    expect(origins.size).toBe(11);
    expect(['store', 'cache']).toContain(origins.get('consumer_credit_score'));
    expect(origins.get('debt_to_income')).toBe('request');
    expect(1 / (1 + Math.exp(-total(reply)))).toBeCloseTo(reply.prediction['denial_probability'] as number, 6);
  });

  it('add up to the value of a regression', async () => {
    const reply = await explained('diabetes');
    const value = reply.prediction['value'] as number;
    expect(Math.abs(total(reply) - value) / Math.abs(value)).toBeLessThan(1e-6);
  });

  it('are estimates with standard errors for a neural network', async () => {
    const reply = await explained('digits');
    expect(reply.explanation).toMatchObject({ method: 'sampling', scale: 'probability' });
    const pixels = { feature: 'pixels', origin: 'request', standard_error: 0 };
    expect(reply.explanation?.contributions).toMatchObject([pixels]);
    expect(total(reply)).toBeCloseTo(reply.confidence ?? 0, 6);
  });

  it('come with each row of a batch', async () => {
    const { results } = await post<BatchReply>('/v1/predict/batch', { ...body('mortgage_denial_batch'), options });
    for (const result of results) expect(result).toHaveProperty('explanation.output', 'denied');
  });

  it('are told of in the catalogue and counted', async () => {
    const model = await (await fetch(`${service.url}/v1/models/digits/versions/1.0.0`)).json();
    expect(model).toMatchObject({ explains: { method: 'sampling' } });
    const metrics = await (await fetch(`${service.url}/metrics`)).text();
    expect(metrics).toMatch(/inference_explanations_total\{.*method="sampling".*outcome="given".*\} [1-9]/);
    expect(metrics).toMatch(/inference_explanation_seconds_count\{.*method="tree_path_dependent".*\} [1-9]/);
  });
});
