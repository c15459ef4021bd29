import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** How far the time of a delivery may be from ours. */
const toleranceSeconds = 300;

/** Why a delivery is not believed. */
export type SignatureFault = 'unsigned' | 'stale' | 'wrong';

/**
 * Checks a delivery of MLflow's webhooks (mlflow/webhooks/delivery.py, after Standard Webhooks): X-MLflow-Signature holds `v1,<base64>` of
 * HMAC-SHA256 over `<delivery id>.<timestamp>.<body>`, the body as it came. Several signatures may stand there, between spaces.
 * undefined: it may be believed.
 */
export function signatureFault(
  secret: string,
  delivery: { readonly headers: IncomingHttpHeaders; readonly body: Buffer; readonly nowMs: number },
): SignatureFault | undefined {
  const { headers, body, nowMs } = delivery;
  const id = headers['x-mlflow-delivery-id'];
  const timestamp = headers['x-mlflow-timestamp'];
  const signatures = headers['x-mlflow-signature'];
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signatures !== 'string') return 'unsigned';
  if (!/^\d{1,12}$/.test(timestamp)) return 'unsigned';
  const expected = createHmac('sha256', secret).update(`${id}.${timestamp}.`).update(body).digest();
  if (!signatures.split(' ').some((signature) => isSame(signature, expected))) return 'wrong';
  return Math.abs(nowMs / 1000 - Number(timestamp)) > toleranceSeconds ? 'stale' : undefined;
}

function isSame(signature: string, expected: Buffer): boolean {
  if (!signature.startsWith('v1,')) return false;
  const given = Buffer.from(signature.slice('v1,'.length), 'base64');
  return given.length === expected.length && timingSafeEqual(given, expected);
}
