/** Whether traffic should be sent here. Names, states and counts only: /ready is open to all. */
export interface Readiness {
  readonly status: 'ready' | 'degraded' | 'not_ready';
  /** State of each part by name: `{"cache": "healthy", "models_ready": 2}`. */
  readonly checks: Readonly<Record<string, string | number>>;
}

/** The text of a scrape. */
export interface MetricsText {
  readonly contentType: string;
  readonly body: string;
}
