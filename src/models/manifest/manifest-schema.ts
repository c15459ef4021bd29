import { Type, type Static } from '@sinclair/typebox';
import { featureTypes, type FeatureType } from '../../shared/feature-value.js';

const closed = { additionalProperties: false } as const;
const nameLength = { minLength: 1, maxLength: 128 } as const;

const scalar = Type.Union([Type.String(), Type.Number()]);

const feature = Type.Object(
  {
    name: Type.String({
      ...nameLength,
      description: 'Name of the feature in requests: any text up to 128 characters.',
    }),
    type: Type.Unsafe<FeatureType>({
      type: 'string',
      enum: [...featureTypes],
      description: 'Type of the value. Nothing is coerced: an integer refuses 3.5, a number refuses "3".',
    }),
    description: Type.Optional(Type.String({ description: 'What it means, in which unit.' })),
    shape: Type.Optional(
      Type.Array(Type.Integer({ minimum: 1 }), {
        minItems: 1,
        maxItems: 8,
        description: 'Dimensions of an array feature, such as [64] or [1, 28, 28]. Without it the value is a scalar.',
      }),
    ),
    min: Type.Optional(Type.Number({ description: 'Smallest value allowed; for arrays, of every element.' })),
    max: Type.Optional(Type.Number({ description: 'Largest value allowed; for arrays, of every element.' })),
    enum: Type.Optional(Type.Array(scalar, { minItems: 1, description: 'The values allowed.' })),
    nullable: Type.Optional(
      Type.Boolean({ description: 'null is allowed: the model sees NaN for a number, the empty string for a string.' }),
    ),
    default: Type.Optional(Type.Unknown({ description: 'Taken, with a warning, when there is no value.' })),
    from: Type.Optional(
      Type.String({
        pattern: '^[^.]+\\..+$',
        description: 'Stored feature that supplies it when the caller does not: <feature view>.<feature>.',
      }),
    ),
    pii: Type.Optional(Type.Boolean({ description: 'Personal data: never left readable in events.' })),
  },
  closed,
);

const example = Type.Object(
  {
    features: Type.Record(Type.String(), Type.Unknown(), { description: 'Values of the features by name.' }),
    prediction: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), { description: 'What the training library answered.' }),
    ),
    confidence: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: 'The confidence expected.' })),
    tolerance: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1,
        description: 'Largest |got - want| / max(1, |want|) allowed; 0.000001 when left out.',
      }),
    ),
  },
  closed,
);

/** model.yaml. Its JSON Schema is docs/model.schema.json. */
export const manifestSchema = Type.Object(
  {
    description: Type.Optional(Type.String({ description: 'What the model predicts.' })),
    runtime: Type.Optional(
      Type.Unsafe<'onnx' | 'open-inference' | 'mlflow'>({
        type: 'string',
        enum: ['onnx', 'open-inference', 'mlflow'],
        description: 'How the version computes; onnx when left out.',
      }),
    ),
    url: Type.Optional(
      Type.String({
        pattern: '^https?://',
        description: 'Model server of a remote runtime: http(s)://host:port. Left out: model_server.url.',
      }),
    ),
    remote_model: Type.Optional(
      Type.String({ minLength: 1, maxLength: 256, description: "The model's name there; its model_id when left out." }),
    ),
    remote_version: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 128,
        description: "The version there; the server's choice when left out.",
      }),
    ),
    features: Type.Optional(
      Type.Array(feature, { minItems: 1, maxItems: 10_000, description: 'What the model is given.' }),
    ),
    inputs: Type.Optional(
      Type.Record(
        Type.String(),
        Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1 })], {
          description: "one feature's name, or a list of names: the columns of the tensor, in order",
        }),
        { description: "How features become tensors: the graph's input name to one feature or a list of columns." },
      ),
    ),
    classes: Type.Optional(
      Type.Array(scalar, { minItems: 1, description: "Class labels, in the order of the graph's." }),
    ),
    prediction: Type.Optional(
      Type.Record(Type.String(), Type.String(), {
        minProperties: 1,
        description: 'Each field of the prediction as a CEL expression over the outputs of one row.',
      }),
    ),
    confidence: Type.Optional(Type.String({ description: 'CEL expression of the confidence, 0 to 1.' })),
    examples: Type.Optional(
      Type.Array(example, {
        maxItems: 1000,
        description: 'Golden rows: those with a prediction are scored before the version may answer.',
      }),
    ),
  },
  {
    ...closed,
    title: 'model.yaml',
    description: 'Manifest of a model version. What is left out is read from the graph.',
  },
);

/** model.yaml as written, its form checked. */
export type Manifest = Static<typeof manifestSchema>;
export type ManifestFeature = NonNullable<Manifest['features']>[number];
export type ManifestExample = NonNullable<Manifest['examples']>[number];
