import { Type, type Static } from '@sinclair/typebox';

const strict = { additionalProperties: false };

const tree = Type.Object(
  {
    cover: Type.Array(Type.Number({ minimum: 0 }), {
      minItems: 1,
      description:
        'How many training rows, by weight, came to each node; in the order of the nodes of this tree in the ONNX file.',
    }),
    threshold: Type.Array(Type.Number(), {
      description: 'What each node compares with, 0 for leaves: they must be those of the graph.',
    }),
  },
  strict,
);
const head = {
  version: Type.Literal(1),
  library: Type.Optional(Type.String({ maxLength: 128, description: 'Where the model was trained. For people.' })),
};

/** explain.json: what exact explanations need and an ONNX file does not hold. */
export const explainFileSchema = Type.Union([
  Type.Object(
    {
      ...head,
      kind: Type.Literal('trees'),
      trees: Type.Array(tree, { minItems: 1, description: 'In the order of the trees in the ONNX file.' }),
    },
    strict,
  ),
  Type.Object(
    {
      ...head,
      kind: Type.Literal('linear'),
      means: Type.Array(Type.Number(), {
        minItems: 1,
        description: 'Mean of each column that the linear model sees (after imputing, scaling, one-hot).',
      }),
      coefficients: Type.Array(Type.Number(), { description: 'As in the graph: they must be the same.' }),
    },
    strict,
  ),
]);

export type ExplainFile = Static<typeof explainFileSchema>;
export type TreeCovers = Extract<ExplainFile, { kind: 'trees' }>['trees'];
