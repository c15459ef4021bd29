let lastMs = Number.NaN;
let lastText = '';

/** ISO 8601 in UTC with milliseconds (RFC 3339). Made once a millisecond: making it costs as much as a small model's run. */
export function isoTimestamp(epochMs: number): string {
  if (epochMs !== lastMs) {
    lastText = new Date(epochMs).toISOString();
    lastMs = epochMs;
  }
  return lastText;
}
