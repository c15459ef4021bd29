import { headerParameters, rateLimitHeaders, replyHeaders } from './headers.js';

const tag = 'open inference protocol';
export const openInferenceTag = {
  name: tag,
  description: 'The same models by tensors, for clients of KServe and Triton.',
};

const schema = (name: string) => ({ $ref: `#/components/schemas/OpenInference${name}` });
const json = (name: string) => ({ 'application/json': { schema: schema(name) } });
const binary = { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } };
const secured = [{ apiKey: [] }, { bearer: [] }, {}];
const pathParameter = (name: string, example: string) => ({
  ...{ name, in: 'path', required: true, schema: { type: 'string', minLength: 1 }, example },
});
const model = pathParameter('model_id', 'mortgage_denial');
const version = pathParameter('version', '1.1.0');
const headerLength = {
  name: 'Inference-Header-Content-Length',
  in: 'header',
  description:
    'Bytes of the JSON part, where tensors follow it in binary form; 0: the body is the one input, for one row.',
  schema: { type: 'integer', minimum: 0 },
};

const errors = { default: { description: 'An error.', headers: replyHeaders, content: json('Error') } };
const ok = (content: object, headers: object = replyHeaders) => ({
  200: { description: 'Answered.', headers, content },
});

interface Form {
  readonly operationId: string;
  readonly summary: string;
  readonly reply: string;
  readonly path?: readonly object[];
}

const health = ({ operationId, summary, reply }: Form, more: object = {}) => ({
  get: {
    ...{ operationId, summary, tags: [tag], security: [], parameters: headerParameters(['requestId', 'traceparent']) },
    responses: { ...ok(json(reply)), ...more, ...errors },
  },
});

const known = ({ operationId, summary, path = [] }: Form) => ({
  ...{ operationId, summary, tags: [tag], security: secured },
  parameters: [...path, ...headerParameters(['requestId', 'traceparent'])],
});

const asked = (form: Form, more: object = {}) => ({
  get: {
    ...known(form),
    responses: { ...ok(json(form.reply), { ...replyHeaders, ...rateLimitHeaders }), ...more, ...errors },
  },
});

const told = (form: Form & { readonly body: string }) => ({
  post: {
    ...known(form),
    requestBody: { required: false, content: json(form.body) },
    responses: { ...ok(json(form.reply), { ...replyHeaders, ...rateLimitHeaders }), ...errors },
  },
});

const infer = (operationId: string, path: readonly object[]) => ({
  post: {
    ...known({ operationId, summary: 'Outputs for input tensors', reply: 'Reply' }),
    parameters: [...path, headerLength, ...headerParameters(['requestId', 'traceparent', 'timeout'])],
    requestBody: { required: true, content: { ...json('Request'), ...binary } },
    responses: { ...ok({ ...json('Reply'), ...binary }, { ...replyHeaders, ...rateLimitHeaders }), ...errors },
  },
});

const unready = (name: string) => ({ 503: { description: 'Not ready.', headers: replyHeaders, content: json(name) } });

const ofModel = (suffix: string, path: readonly object[], at: string) => ({
  [at]: asked({ operationId: `openInferenceModel${suffix}`, summary: 'Inputs and outputs', reply: 'Model', path }),
  [`${at}/ready`]: asked(
    { operationId: `openInferenceModelReady${suffix}`, summary: 'Whether it answers', reply: 'ModelReady', path },
    unready('ModelReady'),
  ),
  [`${at}/infer`]: infer(`openInferenceInfer${suffix}`, path),
});

/** Where http.open_inference is on. */
export const openInferencePaths = {
  '/v2': health({ operationId: 'openInferenceServer', summary: 'The server and its extensions', reply: 'Server' }),
  '/v2/health/live': health({ operationId: 'openInferenceLive', summary: 'Liveness', reply: 'Live' }),
  '/v2/health/ready': health(
    { operationId: 'openInferenceReady', summary: 'Readiness', reply: 'Ready' },
    unready('Ready'),
  ),
  ...ofModel('', [model], '/v2/models/{model_id}'),
  ...ofModel('Version', [model, version], '/v2/models/{model_id}/versions/{version}'),
  '/v2/repository/index': told({
    ...{ operationId: 'openInferenceIndex', summary: 'What there is', body: 'IndexRequest', reply: 'Index' },
  }),
  '/v2/repository/models/{model_id}/load': told({
    ...{ operationId: 'openInferenceLoad', summary: 'Load a model: needs models.allow_control and the scope admin' },
    ...{ path: [model], body: 'ControlRequest', reply: 'Done' },
  }),
  '/v2/repository/models/{model_id}/unload': told({
    ...{
      operationId: 'openInferenceUnload',
      summary: 'Unload a model: needs models.allow_control and the scope admin',
    },
    ...{ path: [model], body: 'ControlRequest', reply: 'Done' },
  }),
};
