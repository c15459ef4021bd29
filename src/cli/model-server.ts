import { Command } from 'commander';
import { withConfig, type Context } from './context.js';
import { serve } from './serve.js';

/** What a model server listens on where nothing else is said: the ports of the Open Inference Protocol's other servers are near. */
const defaults = {
  'inference_service.port': '8001',
  'inference_service.grpc.port': '8081',
  'inference_service.http.open_inference': 'true',
} as const;

export function modelServerCommand(context: Context): Command {
  const command = new Command('model-server').description(
    'serve models by the Open Inference Protocol (V2), over REST and gRPC, until stopped',
  );
  withConfig(command, ['host', 'port', 'grpcPort', 'workers', 'models', 'modelId', 'features', 'data', 'logLevel']);
  command.addHelpText('after', '\nExample: bin/inference model-server --models ./models --port 8001 --grpc-port 8081');
  return command.action(async () => serve(command, context, defaults));
}
