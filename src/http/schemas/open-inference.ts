import { Type } from '@sinclair/typebox';
import { enumeration, mapOf, ref, requestId, timestamp } from './schema-parts.js';

const datatype = enumeration(
  'BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16 FP32 FP64 BYTES'.split(' '),
  'Type of the elements.',
);
const shape = Type.Array(Type.Integer({ minimum: 0 }), { example: [1, 4] });
const parameters = mapOf(undefined, { description: 'Of the protocol and its extensions; others are ignored.' });
const data = Type.Array(Type.Unsafe({}), {
  description:
    'Flat in row-major order, or nested to the shape. Absent where the tensor is in binary form behind the JSON.',
});
const tensor = {
  name: Type.String({ example: 'float_input' }),
  shape,
  datatype,
  parameters: Type.Optional(parameters),
  data: Type.Optional(data),
};

/** The forms of the Open Inference Protocol, V2 over REST, as far as they are used here. What is unknown in a request is ignored. */
export const openInferenceSchemas = {
  OpenInferenceServer: Type.Object({
    name: Type.String(),
    version: Type.String(),
    extensions: Type.Array(Type.String(), { example: ['binary_tensor_data'] }),
  }),
  OpenInferenceLive: Type.Object({ live: Type.Boolean() }),
  OpenInferenceReady: Type.Object({ ready: Type.Boolean() }),
  OpenInferenceModelReady: Type.Object({ name: Type.String(), ready: Type.Boolean() }),
  OpenInferenceModel: Type.Object({
    name: Type.String(),
    versions: Type.Array(Type.String()),
    platform: Type.String({ example: 'onnx_onnxv1' }),
    inputs: Type.Array(ref('OpenInferenceTensor')),
    outputs: Type.Array(ref('OpenInferenceTensor')),
    properties: mapOf(Type.String(), { description: 'More than the protocol asks for: kind, classes.' }),
  }),
  OpenInferenceTensor: Type.Object({
    name: Type.String(),
    datatype,
    shape: Type.Array(Type.Integer({ minimum: -1, description: '-1: it varies.' })),
  }),
  OpenInferenceRequest: Type.Object({
    id: Type.Optional(Type.String({ description: 'Comes back with the reply.' })),
    parameters: Type.Optional(parameters),
    inputs: Type.Array(Type.Object(tensor)),
    outputs: Type.Optional(
      Type.Array(Type.Object({ name: Type.String(), parameters: Type.Optional(parameters) }), {
        description: 'Those that are wanted; all without it.',
      }),
    ),
  }),
  OpenInferenceReply: Type.Object({
    model_name: Type.String(),
    model_version: Type.String(),
    id: Type.Optional(Type.String()),
    outputs: Type.Array(Type.Object(tensor)),
  }),
  OpenInferenceIndexRequest: Type.Object({
    ready: Type.Optional(Type.Boolean({ description: 'Only what is ready.' })),
  }),
  OpenInferenceIndex: Type.Array(
    Type.Object({
      name: Type.String(),
      version: Type.String(),
      state: enumeration(['READY', 'UNAVAILABLE']),
      reason: Type.String(),
    }),
  ),
  OpenInferenceControlRequest: Type.Object({ parameters: Type.Optional(parameters) }),
  OpenInferenceDone: Type.Object({}),
  OpenInferenceError: Type.Object({
    error: Type.String({ description: 'What is wrong, as the protocol wants it.' }),
    error_code: ref('ErrorCode'),
    message: Type.String(),
    request_id: requestId,
    timestamp,
    details: mapOf(undefined),
  }),
};
