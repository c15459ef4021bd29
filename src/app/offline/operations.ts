import type { Operations } from '../operations.js';
import { declareKey } from '../../access/keys/key-administration.js';
import { createService } from '../service.js';
import { databaseOperations } from './database.js';
import { eventOperations } from './events.js';
import { featureOperations } from './features.js';
import { hasApiKey, openKeys } from './keys.js';
import { modelOperations } from './models.js';
import { openPredictor } from './predictor.js';

/** What the commands ask of the program. */
export const operations: Operations = {
  createService,
  hasApiKey,
  models: modelOperations,
  openPredictor,
  features: featureOperations,
  events: eventOperations,
  database: databaseOperations,
  openKeys,
  declareKey,
};
