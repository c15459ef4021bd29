import { Type, type Static } from '@sinclair/typebox';

export const tracingOptions = Type.Object(
  {
    otlp_endpoint: Type.Optional(
      Type.String({
        pattern: '^https?://',
        description: 'OTLP/HTTP endpoint for traces (http://collector:4318); without it no span is recorded.',
      }),
    ),
    sample_ratio: Type.Number({
      default: 0.01,
      minimum: 0,
      maximum: 1,
      description: 'Share of new traces that is recorded; a caller that sends traceparent decides for its own.',
    }),
  },
  { description: 'Traces.' },
);
export type TracingOptions = Static<typeof tracingOptions>;
