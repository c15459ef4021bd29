import type { Config } from '../config/schema.js';
import type { ModelDescription } from '../models/index.js';
import type { JsonValue } from '../shared/json.js';
import type { StartFacts } from '../app/operations.js';

/** What `serve` says once it listens: where, which models, and a call that works as pasted. */
export function startText(config: Config, { port, models }: StartFacts): string {
  const service = config.inference_service;
  const url = `${service.tls.mode === 'required' ? 'https' : 'http'}://${reachable(service.host)}:${port}`;
  const lines = ['', `Listening on ${url}`];
  if (service.http.docs) lines.push(`Documentation: ${url}/docs`);
  lines.push(...modelLines(models));
  const example = exampleOf(models);
  if (example !== undefined) lines.push('', 'Try it:', '', `  ${curl(config, url, example)}`);
  return lines.join('\n') + '\n\n';
}

/** An address that this machine can call: a wildcard listens on all, but is none. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

function modelLines(models: readonly ModelDescription[]): string[] {
  if (models.length === 0) return ['No model yet: bin/inference models import FILE.onnx --id ID --version 1'];
  return models.flatMap((model) => {
    const versions = model.versions.map(({ version, state }) =>
      state === 'ready' ? version : `${version} (${state})`,
    );
    const answers = model.default_version === null ? 'none answers' : `${model.default_version} answers`;
    const reasons = model.versions
      .filter(({ state }) => state === 'failed')
      .flatMap(({ version, reasons: why }) => why.map((reason) => `         ${version}: ${reason}`));
    return [`Model ${model.model_id}: ${versions.join(', ')}; ${answers}`, ...reasons];
  });
}

/** The example to show: of a model that looks features up if there is one, else the shortest. */
function exampleOf(models: readonly ModelDescription[]): JsonValue | undefined {
  const answering = models.flatMap((model) =>
    model.versions.filter(({ version, example }) => version === model.default_version && example !== undefined),
  );
  const size = (example: JsonValue | undefined): number => JSON.stringify(example).length;
  const stored = (entities: object | undefined): number => (Object.keys(entities ?? {}).length > 0 ? 0 : 1);
  return [...answering].sort((a, b) => stored(a.entities) - stored(b.entities) || size(a.example) - size(b.example))[0]
    ?.example;
}

function curl(config: Config, url: string, example: JsonValue): string {
  const { auth, tls } = config.inference_service;
  const parts = [`curl -s ${url}/v1/predict -H 'content-type: application/json'`];
  if (auth.mode === 'required') parts.push("-H 'x-api-key: YOUR-KEY'");
  if (tls.mode === 'required' && tls.cert_file !== undefined) parts.push(`--cacert ${shellQuoted(tls.cert_file)}`);
  return [...parts, `-d ${shellQuoted(JSON.stringify(example))}`].join(' ');
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
