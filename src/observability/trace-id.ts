/** The trace id of a valid traceparent header (W3C Trace Context): its second field. */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  return traceparent === undefined ? undefined : traceparent.slice(3, 35);
}
