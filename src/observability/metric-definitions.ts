/** Every metric that the service exposes; docs/metrics.md is generated from this list. */
export interface MetricDefinition {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  readonly buckets?: readonly number[];
  /** How the values of several workers become one; counters and histograms are always summed. */
  readonly aggregator?: 'sum' | 'max' | 'first';
}

const latencyBuckets = [
  0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];
const stageBuckets = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5];
const ageBuckets = [1, 10, 60, 300, 1800, 3600, 21_600, 86_400, 604_800, 2_592_000, 31_536_000];
const rowBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000];

type Kind<T extends MetricDefinition['type']> = MetricDefinition & { readonly type: T };

const counter = (name: string, help: string, labels: readonly string[] = []): Kind<'counter'> => ({
  name,
  type: 'counter',
  help,
  labels,
});
const gauge = (
  name: string,
  help: string,
  labels: readonly string[] = [],
  aggregator: 'sum' | 'max' | 'first' = 'sum',
): Kind<'gauge'> => ({ name, type: 'gauge', help, labels, aggregator });
const histogram = (
  name: string,
  help: string,
  labels: readonly string[],
  buckets: readonly number[],
): Kind<'histogram'> => ({ name, type: 'histogram', help, labels, buckets });

/** Label `model_id` holds ids of the catalogue only, `_unresolved` where a request named none that there is. */
export const metricDefinitions = {
  requests: counter('inference_requests_total', 'Prediction requests over HTTP.', ['model_id', 'status', 'cache_hit']),
  latency: histogram(
    'inference_latency_seconds',
    'Time from the arrival of a prediction request to its reply.',
    ['model_id'],
    latencyBuckets,
  ),
  predictions: counter('inference_predictions_total', 'Predictions: a batch counts each of its rows.', [
    'model_id',
    'status',
  ]),
  errors: counter('inference_errors_total', 'Errors answered, by code.', ['error_code']),
  stages: histogram('inference_stage_seconds', 'Time of each stage of a prediction request.', ['stage'], stageBuckets),
  featureValues: counter('inference_feature_values_total', 'Feature values used, by where they came from.', [
    'model_id',
    'origin',
  ]),
  featureAge: histogram(
    'inference_feature_age_seconds',
    'Age of the stored feature values that were used.',
    ['model_id'],
    ageBuckets,
  ),
  warnings: counter('inference_warnings_total', 'Warnings given with predictions.', ['model_id']),
  httpRequests: counter('http_requests_total', 'HTTP requests, by route of the API.', ['route', 'method', 'status']),
  grpcRequests: counter('grpc_requests_total', 'gRPC calls, by method and name of the status.', ['method', 'code']),
  grpcSeconds: histogram('grpc_request_seconds', 'Time of gRPC calls.', ['method'], stageBuckets),
  httpProtocolErrors: counter('http_protocol_errors_total', 'Requests that the HTTP parser refused.', ['reason']),
  connectionsRefused: counter('http_connections_refused_total', 'Connections beyond http.max_connections.'),
  modelState: gauge(
    'inference_model_state',
    '1 for the state that a version is in.',
    ['model_id', 'version', 'state'],
    'max',
  ),
  modelLoad: histogram(
    'inference_model_load_seconds',
    'Time from discovery of a version to ready.',
    ['model_id'],
    latencyBuckets,
  ),
  modelLoadFailures: counter('inference_model_load_failures_total', 'Versions that could not be made ready.', [
    'model_id',
  ]),
  modelInfo: gauge(
    'inference_model_executor_info',
    'How a ready version computes.',
    ['model_id', 'version', 'runtime', 'executor'],
    'max',
  ),
  modelRunCost: gauge(
    'inference_model_run_cost_seconds',
    'Cost of one run of one row, measured at load.',
    ['model_id', 'version'],
    'max',
  ),
  batchRows: histogram('inference_batch_rows', 'Rows in one run of a model.', ['model_id'], rowBuckets),
  runSeconds: histogram('inference_run_seconds', 'Time of one run of a model.', ['model_id'], stageBuckets),
  rowsDropped: counter('inference_rows_dropped_total', 'Rows given up before they were run, by reason.', [
    'model_id',
    'reason',
  ]),
  batchSplits: counter('inference_batch_splits_total', 'Runs that failed and were tried again row by row.', [
    'model_id',
  ]),
  workerCrashes: counter('inference_model_worker_crashes_total', 'Worker threads of models that crashed.', [
    'model_id',
  ]),
  explanations: counter('inference_explanations_total', 'Explanations asked for, by how they came out.', [
    'model_id',
    'method',
    'outcome',
  ]),
  explanationSeconds: histogram(
    'inference_explanation_seconds',
    'Time of one explanation that was given.',
    ['model_id', 'method'],
    stageBuckets,
  ),
  explanationWait: histogram(
    'inference_explanation_wait_seconds',
    "Time that an explanation waited for others in its version's thread.",
    ['model_id'],
    stageBuckets,
  ),
  compiledChecks: counter(
    'inference_compiled_checks_total',
    'Rows answered by the compiled form of a model that onnxruntime computed again: agreed, differed, or unanswered.',
    ['model_id', 'result'],
  ),
  modelServerCalls: counter(
    'inference_model_server_calls_total',
    'Calls to remote model servers by how they ended; `refused`: the breaker was open and nothing was sent.',
    ['model_id', 'result'],
  ),
  mlflowLooks: counter(
    'inference_mlflow_looks_total',
    'Times that the MLflow registry was asked what it holds: answered or failed.',
    ['result'],
  ),
  mlflowUnreachable: gauge(
    'inference_mlflow_unreachable',
    '1 while the MLflow registry does not answer: what was known last is served.',
    [],
    'max',
  ),
  mlflowFetches: counter(
    'inference_mlflow_fetches_total',
    'Versions fetched from MLflow, by how it ended: fetched or failed.',
    ['model_id', 'result'],
  ),
  mlflowFetchedBytes: counter('inference_mlflow_fetched_bytes_total', 'Bytes of versions fetched from MLflow.', [
    'model_id',
  ]),
  breakerState: gauge(
    'inference_model_server_breaker_state',
    'Breaker of a model on a remote server: 0 closed, 1 half open, 2 open.',
    ['model_id', 'server'],
    'max',
  ),
  cacheReads: counter('inference_feature_cache_reads_total', 'Rows asked of the feature cache.', ['result']),
  cacheTrouble: counter('inference_feature_cache_trouble_total', 'Cache entries or calls that were no use.', [
    'reason',
  ]),
  cacheEvictions: counter('inference_feature_cache_evictions_total', 'Cached rows dropped to make room.'),
  cacheShared: counter(
    'inference_feature_reads_shared_total',
    'Rows for which a request waited for the read of another request.',
  ),
  staleReads: counter('inference_feature_stale_reads_total', 'Rows read that were older than their view allows.', [
    'view',
  ]),
  cacheBytes: gauge('inference_feature_cache_bytes', 'Bytes of cached rows in memory.'),
  cacheEntries: gauge('inference_feature_cache_entries', 'Cached rows in memory.'),
  storeReads: histogram(
    'inference_feature_store_read_seconds',
    'Time of one read of the feature store.',
    [],
    stageBuckets,
  ),
  storeFailures: counter('inference_feature_store_failures_total', 'Reads of the feature store that failed.', [
    'reason',
  ]),
  databaseConnectionsLost: counter(
    'inference_database_connections_lost_total',
    'Connections to PostgreSQL that broke while they were idle.',
  ),
  databaseCancelled: counter(
    'inference_database_statements_cancelled_total',
    'Statements given up before their end: whether PostgreSQL was asked to cancel them, or could not be.',
    ['result'],
  ),
  eventsOffered: counter('inference_events_offered_total', 'Events of predictions.'),
  eventsDelivered: counter(
    'inference_events_delivered_total',
    'Events that Kafka has taken, or that are in the event file.',
  ),
  eventsDropped: counter('inference_events_dropped_total', 'Events that were lost.'),
  eventDelivery: histogram(
    'inference_event_delivery_seconds',
    'Time of one delivery of a batch of events to Kafka, or of one write to the event file.',
    [],
    stageBuckets,
  ),
  eventsLost: counter('inference_events_lost_total', 'Events that were lost, by reason.', ['reason']),
  eventsJournaled: gauge('inference_events_journaled', 'Events on disk that wait for delivery to Kafka.'),
  eventsInMemory: gauge('inference_events_in_memory', 'Events in memory only.'),
  eventDeliveryFailures: counter('inference_event_delivery_failures_total', 'Batches that the sink refused.'),
  eventSinkRenewals: counter(
    'inference_event_sink_renewals_total',
    'Clients of the event sink that broke or hung, and were made anew.',
  ),
  journalTrouble: counter(
    'inference_journal_trouble_total',
    'Times that the journal, or without Kafka the event file, could not be used.',
    ['reason'],
  ),
  authentications: counter('inference_authentications_total', 'Callers let in.', ['kind']),
  jwksFetches: counter('inference_jwks_fetches_total', "Fetches of the token issuer's keys.", ['result']),
  limiterOverflow: counter(
    'inference_rate_limit_overflow_total',
    'Decisions on callers that shared a window because the table was full.',
  ),
  shedding: gauge('inference_shedding', '1 while admission refuses what cannot be answered in time.', [], 'max'),
  authFailures: counter('inference_auth_failures_total', 'Credentials refused.', ['reason']),
  rateLimited: counter('inference_rate_limited_total', 'Requests refused by the rate limit.'),
  limiterDegraded: counter(
    'inference_rate_limit_degraded_total',
    'Decisions taken locally because the shared window was out of reach.',
  ),
  redisUnreachable: gauge(
    'inference_redis_unreachable',
    '1 while a process cannot use Redis: the store answers, and limits are held by shares.',
    [],
    'max',
  ),
  redisRefusals: counter('inference_redis_refusals_total', 'Kinds of commands that Redis refused, by connection.'),
  workerDeaths: counter('inference_worker_deaths_total', 'Worker processes that died and were replaced.'),
  crashes: counter(
    'inference_crashes_total',
    'Errors that nobody caught; the process drains and ends after the first.',
    ['kind'],
  ),
  shed: counter('inference_shed_total', 'Requests refused by admission.', ['reason']),
  inFlight: gauge('inference_in_flight', 'Prediction requests being answered.'),
  loopDelay: gauge('inference_event_loop_delay_seconds', 'Largest delay of the event loop of late.', [], 'max'),
  spansExported: counter('inference_spans_exported_total', 'Spans that the trace collector has taken.'),
  spansDropped: counter('inference_spans_dropped_total', 'Spans that were lost, by reason.', ['reason']),
  logDropped: counter('inference_log_lines_dropped_total', 'Log lines dropped because their reader was too slow.'),
} as const satisfies Record<string, MetricDefinition>;

export type MetricKey = keyof typeof metricDefinitions;
