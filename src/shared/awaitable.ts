/** A value that is there already, or comes later. On the hot path a promise a step costs more than a small model's run. */
export type Awaitable<Value> = Value | Promise<Value>;
