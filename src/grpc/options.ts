import { Type, type Static } from '@sinclair/typebox';

export const grpcOptions = Type.Object(
  {
    port: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 65_535,
        description: 'Port of the Open Inference Protocol over gRPC; 0 takes a free one. Unset: no gRPC.',
      }),
    ),
  },
  { description: 'gRPC server, at the same host as HTTP.' },
);
export type GrpcOptions = Static<typeof grpcOptions>;
