import { configSchema } from '../../src/config/schema.js';
import { settings, type OptionSchema } from '../../src/config/settings.js';
import { featureViewsSchema } from '../../src/features/index.js';

type Schema = Readonly<Record<string, unknown>>;

const prefix = 'inference_service.';

/** Keys that the chart sets itself, from values of its own: what `config` said of them would not hold. */
const setByChart = new Set([
  'host',
  'data',
  'models.directory',
  'features.file',
  'features.seed_directory',
  'auth.keys_file',
  'tls.cert_file',
  'tls.key_file',
]);

const secrets = settings.filter(({ secret }) => secret);
const secretKeys = new Set(secrets.map(({ key }) => key.slice(prefix.length)));

const text = { type: 'string' };
const flag = { type: 'boolean' };
const count = { type: 'integer', minimum: 0 };
const some = { type: 'integer', minimum: 1 };
const port = { type: 'integer', minimum: 1, maximum: 65_535 };
const percent = { type: 'integer', minimum: 1, maximum: 100 };
const quantity = { type: 'string', pattern: '^[0-9]+(\\.[0-9]+)?([KMGTPE]i?|k|m)?$' };
const duration = { type: 'string', pattern: '^([0-9]+(ms|[smhdwy]))+$' };
const list = { type: 'array' };
const objects = { type: 'array', items: { type: 'object' } };
/** What Kubernetes checks itself. */
const open = { type: 'object' };
const texts = { type: 'object', additionalProperties: text };
const entry = closed({ name: text, key: text });

function closed(properties: Schema): Schema {
  return { type: 'object', additionalProperties: false, properties };
}

/** The section `path` of the configuration, without what may not be set here; a name that does not exist is refused. */
function configSection(schema: OptionSchema, path: string): Schema {
  const properties = Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const key = path === '' ? name : `${path}.${name}`;
    if (setByChart.has(key) || secretKeys.has(key)) return [];
    return [[name, child.properties === undefined ? leaf(child) : configSection(child, key)] as const];
  });
  return { ...closed(Object.fromEntries(properties)), description: schema.description };
}

function leaf({ default: _default, ...schema }: OptionSchema): Schema {
  return { ...schema };
}

/** A secret may be named by either of its variables. */
function secretVariables(): Schema {
  const names = secrets.flatMap(({ variable, namedVariable }) => [variable, namedVariable]);
  const required = { ...entry, required: ['name', 'key'] };
  return closed(Object.fromEntries(names.filter((name) => name !== undefined).map((name) => [name, required])));
}

const config = configSection(configSchema.properties.inference_service as OptionSchema, '');

const values: Schema = {
  image: closed({
    repository: { type: 'string', minLength: 1 },
    tag: text,
    digest: { type: 'string', pattern: '^(sha256:[0-9a-f]{64})?$' },
    pullPolicy: { enum: ['Always', 'IfNotPresent', 'Never'] },
  }),
  imagePullSecrets: objects,
  replicaCount: count,
  autoscaling: closed({
    enabled: flag,
    minReplicas: some,
    maxReplicas: some,
    targetCPUUtilizationPercentage: percent,
  }),
  environment: configSchema.properties.environment,
  config: { ...config, required: ['port', 'auth', 'rate_limit', 'tls'] },
  secrets: secretVariables(),
  apiKeys: closed({ secretName: text, key: text }),
  tls: closed({ secretName: text }),
  featureViews: featureViewsSchema,
  models: closed({
    source: { enum: ['none', 'pvc', 's3', 'gcs'] },
    pvc: closed({ claimName: text, subPath: text, copy: flag }),
    s3: closed({
      uri: { type: 'string', pattern: '^(s3://.+)?$' },
      region: text,
      endpointUrl: { type: 'string', pattern: '^(https?://.+)?$' },
      credentialsSecretName: text,
      image: text,
    }),
    gcs: closed({ uri: { type: 'string', pattern: '^(gs://.+)?$' }, credentialsSecret: entry, image: text }),
    sizeLimit: quantity,
  }),
  migrate: closed({ enabled: flag, databaseUrlSecret: entry }),
  data: closed({ sizeLimit: quantity }),
  service: closed({
    type: { enum: ['ClusterIP', 'NodePort', 'LoadBalancer'] },
    port,
    grpcPort: port,
    annotations: texts,
  }),
  serviceAccount: closed({ create: flag, name: text, annotations: texts }),
  resources: open,
  preStopSeconds: count,
  podDisruptionBudget: closed({ enabled: flag, maxUnavailable: { type: ['integer', 'string'] } }),
  networkPolicy: closed({ enabled: flag, from: objects, restrictEgress: flag, egress: objects }),
  serviceMonitor: closed({
    enabled: flag,
    interval: duration,
    labels: texts,
    apiKeySecret: entry,
    tls: open,
  }),
  podAnnotations: texts,
  podLabels: texts,
  nodeSelector: texts,
  tolerations: list,
  affinity: open,
  topologySpreadConstraints: list,
  priorityClassName: text,
  extraEnv: objects,
  extraVolumes: objects,
  extraVolumeMounts: objects,
  global: open,
};

/** The source that is chosen names its place. */
const sourceNamed = (
  [
    ['pvc', 'claimName'],
    ['s3', 'uri'],
    ['gcs', 'uri'],
  ] as const
).map(([source, key]) => ({
  if: { properties: { models: { properties: { source: { const: source } } } } },
  then: { properties: { models: { properties: { [source]: { properties: { [key]: { minLength: 1 } } } } } } },
}));

/** values.schema.json of the Helm chart: its own values, and the configuration's schema for `config`. */
export function chartValuesSchema(): string {
  const schema = { $schema: 'http://json-schema.org/draft-07/schema#', ...closed(values), allOf: sourceNamed };
  // Helm's regular expressions are Go's, which know \x1f and not \u001f.
  return JSON.stringify(schema, null, 2).replaceAll('\\\\u00', '\\\\x') + '\n';
}
