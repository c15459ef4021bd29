import type { BatchReply, PredictionReply } from '../prediction/index.js';

/** The JSON text of a prediction's reply: one function, as it stands on the hot path. */
export function predictionReplyJson(reply: PredictionReply | BatchReply): string {
  return JSON.stringify(reply);
}
