export const jsonContentType = 'application/json; charset=utf-8';

/** What a reply says; everything else about it is the same for all replies. */
export interface ReplyContent {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Buffer;
  /** Where it is not `no-store`. */
  readonly cacheControl?: string;
  /** Where it is not the strict one of an API. */
  readonly contentSecurityPolicy?: string;
}

export function jsonReply(value: unknown, status = 200): ReplyContent {
  return { status, contentType: jsonContentType, body: JSON.stringify(value) };
}
