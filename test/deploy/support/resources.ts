import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv, type ErrorObject } from 'ajv';
import { parse, parseAllDocuments } from 'yaml';
import { tool, toolAnswer } from './tool.js';

export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: any;
  readonly data?: Readonly<Record<string, string>>;
}

export const chart = 'deploy/helm/inference-service';

/** Values of a whole installation: models on a volume, keys and certificate from Secrets. */
export const leastValues = [
  'tls.secretName=service-tls',
  'apiKeys.secretName=service-keys',
  'models.source=pvc',
  'models.pvc.claimName=models',
];

const flags = (values: readonly string[]): string[] => values.flatMap((value) => ['--set', value]);

/** What `helm template` makes of the chart, by kind. */
export async function render(...values: readonly string[]): Promise<ReadonlyMap<string, Resource>> {
  const text = await tool('helm', ['template', 'shop', chart, ...flags([...leastValues, ...values])]);
  return new Map(resourcesOf(text).map((resource) => [resource.kind, resource]));
}

/** What Helm says to values that it must refuse. */
export function refusal(...values: readonly string[]): string {
  const { status, text } = toolAnswer('helm', ['template', 'shop', chart, ...flags(values)]);
  return status === 0 ? 'accepted' : text;
}

export function resourcesOf(text: string): Resource[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Resource | null)
    .filter((resource) => resource !== null);
}

/** @returns what Kubernetes would not take of a resource of its own kinds; empty where all is well. */
export function kubernetesProblems(resource: Resource, version: string): string {
  const answer = toolAnswer(
    'kubernetes-validate',
    ['--strict', '--quiet', '-k', version, '-'],
    JSON.stringify(resource),
  );
  return answer.status === 0 ? '' : answer.text;
}

/** @returns what does not fit the resource's CustomResourceDefinition, unknown names too; empty where all is well. */
export async function crdProblems(resource: Resource, definitionFile: string): Promise<readonly string[]> {
  const directory = (await tool('crds', [])).trim();
  const definition = parse(readFileSync(path.join(directory, definitionFile), 'utf8'));
  const version = resource.apiVersion.split('/')[1];
  const { schema } = definition.spec.versions.find((one: { name: string }) => one.name === version);
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  const validate = ajv.compile(closed(schema.openAPIV3Schema));
  validate(resource);
  return (validate.errors ?? []).map(problemText);
}

function problemText({ instancePath, message, params }: ErrorObject): string {
  return `${instancePath} ${message ?? ''} ${JSON.stringify(params)}`;
}

/** Kubernetes drops names that a definition does not know; here they are mistakes. */
function closed(schema: any): any {
  if (typeof schema !== 'object' || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map(closed);
  const copy = Object.fromEntries(Object.entries(schema).map(([name, child]) => [name, closed(child)]));
  const open = copy['x-kubernetes-preserve-unknown-fields'] === true || copy['additionalProperties'] !== undefined;
  const isMetadata = Object.keys(copy['properties'] ?? {}).length === 0;
  if (copy['type'] === 'object' && !open && !isMetadata) copy['additionalProperties'] = false;
  if (copy['x-kubernetes-int-or-string'] === true) delete copy['type'];
  return copy;
}
