import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv, type ErrorObject } from 'ajv';
import { parse, parseAllDocuments } from 'yaml';
import type { PodSpec, Resource } from './kubernetes.js';
import { tool, toolAnswer } from './tool.js';

export const chart = 'deploy/helm/inference-service';

/** Values of a whole installation: models on a volume, keys and certificate from Secrets. */
export const leastValues = [
  'tls.secretName=service-tls',
  'apiKeys.secretName=service-keys',
  'models.source=pvc',
  'models.pvc.claimName=models',
];

const flags = (values: readonly string[]): string[] => values.flatMap((value) => ['--set', value]);

/** What `helm template` makes of the chart with `leastValues` and these, by kind. */
export async function render(...values: readonly string[]): Promise<ReadonlyMap<string, Resource>> {
  const text = await tool('helm', ['template', 'shop', chart, ...flags([...leastValues, ...values])]);
  return new Map(resourcesOf(text).map((resource) => [resource.kind, resource]));
}

export function ofKind(resources: ReadonlyMap<string, Resource>, kind: string): Resource {
  const found = resources.get(kind);
  if (found === undefined) throw new Error(`The chart made no ${kind}`);
  return found;
}

interface Deployment {
  readonly template: { readonly metadata: { readonly annotations: Record<string, string> }; readonly spec: PodSpec };
}

export const templateOf = (resources: ReadonlyMap<string, Resource>) =>
  (ofKind(resources, 'Deployment').spec as Deployment).template;

export const configFileOf = (resources: ReadonlyMap<string, Resource>): string =>
  ofKind(resources, 'ConfigMap').data?.['config.yaml'] ?? '';

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
  const options = ['--strict', '--quiet', '-k', version, '-'];
  const answer = toolAnswer('kubernetes-validate', options, JSON.stringify(resource));
  return answer.status === 0 ? '' : answer.text;
}

interface Definition {
  readonly spec: {
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: object } }[];
  };
}

/** @returns what does not fit the resource's CustomResourceDefinition, unknown names too; empty where all is well. */
export async function crdProblems(resource: Resource, definitionFile: string): Promise<readonly string[]> {
  const directory = (await tool('crds', [])).trim();
  const definition = parse(readFileSync(path.join(directory, definitionFile), 'utf8')) as Definition;
  const version = definition.spec.versions.find(({ name }) => resource.apiVersion.endsWith(`/${name}`));
  if (version === undefined) return [`/apiVersion ${resource.apiVersion} is not defined`];
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  const validate = ajv.compile(closed(version.schema.openAPIV3Schema) as object);
  validate(resource);
  return (validate.errors ?? []).map(problemText);
}

function problemText({ instancePath, message, params }: ErrorObject): string {
  return `${instancePath} ${message ?? ''} ${JSON.stringify(params)}`;
}

/** Kubernetes drops names that a definition does not know; here they are mistakes. */
function closed(schema: unknown): unknown {
  if (typeof schema !== 'object' || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map(closed);
  const copy: Record<string, unknown> = {};
  for (const [name, child] of Object.entries(schema)) copy[name] = closed(child);
  const open = copy['x-kubernetes-preserve-unknown-fields'] === true || copy['additionalProperties'] !== undefined;
  if (copy['type'] === 'object' && copy['properties'] !== undefined && !open) copy['additionalProperties'] = false;
  if (copy['x-kubernetes-int-or-string'] === true) delete copy['type'];
  return copy;
}
