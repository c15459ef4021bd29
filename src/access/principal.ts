/** `predict:*`, `predict:<model_id>`, `models:read`, `metrics:read`, `admin` (which includes all others). */
export type Scope = string;

/** Who calls. */
export interface Principal {
  /** Stable, not secret: the key's id, the token's subject, or the address of an anonymous caller. Limits are counted by it. */
  readonly id: string;
  /** For events and logs: the key's label or the token's subject; null when anonymous. */
  readonly clientId: string | null;
  readonly scopes: readonly Scope[];
  /** Own limit of requests a minute; null is unlimited; absent is the default. */
  readonly requestsPerMinute?: number | null;
}

export const anonymousScopes: readonly Scope[] = ['predict:*', 'models:read', 'metrics:read'];

export function allows({ scopes }: Principal, scope: Scope): boolean {
  return scopes.includes(scope) || scopes.includes('admin');
}

/** Whether it may have predictions of this model. The scope of one model is looked for last: its text is put together for it. */
export function mayPredict(principal: Principal, modelId: string): boolean {
  return allows(principal, 'predict:*') || allows(principal, predictScope(modelId));
}

/** The scope for one model. */
export function predictScope(modelId: string): Scope {
  return `predict:${modelId}`;
}
