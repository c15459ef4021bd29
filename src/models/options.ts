import { Type, type Static } from '@sinclair/typebox';

export const modelsOptions = Type.Object(
  {
    directory: Type.String({
      default: 'models',
      description: 'Folder registry: <model_id>/<version>/model.onnx and model.yaml.',
    }),
    model_id: Type.Optional(
      Type.String({
        description: 'Name of the model where the folder itself holds model.onnx; else the name of the folder.',
      }),
    ),
    poll_interval_ms: Type.Integer({
      default: 1000,
      minimum: 50,
      maximum: 2000,
      description: 'How often the folder is looked at. A version is loaded when two looks saw the same files.',
    }),
    drain_timeout_seconds: Type.Number({
      default: 30,
      minimum: 0,
      maximum: 600,
      description: 'How long a replaced version may finish its calls before it is dropped.',
    }),
    worker_threshold_us: Type.Integer({
      default: 200,
      minimum: 10,
      description: 'A version whose run of one row costs more than this (measured at load) runs in a worker thread.',
    }),
    batch_time_us: Type.Integer({
      default: 1000,
      minimum: 100,
      description: 'Largest time that one run over many rows may take on the event loop.',
    }),
    allow_control: Type.Boolean({
      default: false,
      description:
        'Models may be loaded and unloaded by request (/v2/repository/models/<name>/load and /unload, and the same over gRPC), by keys with the scope admin.',
    }),
    max_resident: Type.Integer({
      default: 64,
      minimum: 1,
      maximum: 10_000,
      description: 'Versions in memory at once, over all models; further ones fail with the reason.',
    }),
  },
  { description: 'Model registry and runtimes.' },
);
export type ModelsOptions = Static<typeof modelsOptions>;
