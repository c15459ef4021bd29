import type { ModelControl } from '../../src/models/index.js';
import { ServiceError } from '../../src/shared/errors.js';

/** Notes what it is asked. It knows no model `none`, and `resting` is unloaded. */
export class FakeControl implements ModelControl {
  readonly asked: string[] = [];

  load(modelId: string): Promise<void> {
    this.asked.push(`load ${modelId}`);
    if (modelId === 'none') return Promise.reject(new ServiceError('MODEL_NOT_FOUND', 'Model not found'));
    return Promise.resolve();
  }

  unload(modelId: string): Promise<void> {
    this.asked.push(`unload ${modelId}`);
    return Promise.resolve();
  }

  unloaded(): Promise<readonly string[]> {
    return Promise.resolve(['resting']);
  }
}
