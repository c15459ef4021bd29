import type { IncomingMessage } from 'node:http';

/** How long a refusal waits for a body that nobody will use. */
const limitMs = 250;

/**
 * Calls `send` once what is left of a request's body has been read and thrown away, or time is up. A connection that is closed over
 * unread data is reset by the kernel, and the client loses the reply that tells it why (RFC 9112 section 9.6).
 */
export function afterUnreadBody(request: IncomingMessage, send: () => void): void {
  if (request.complete || request.destroyed) return send();
  let sent = false;
  const once = (): void => {
    clearTimeout(timer);
    if (!sent) send();
    sent = true;
  };
  const timer = setTimeout(once, limitMs);
  request.once('end', once).once('close', once).resume();
}
