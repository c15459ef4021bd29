import { STATUS_CODES } from 'node:http';

let dateAt = Number.NaN;
let dateText = '';

/** The Date header, made once a second (RFC 9110 section 6.6.1). */
function dateOf(epochMs: number): string {
  const second = Math.floor(epochMs / 1000);
  if (second !== dateAt) {
    dateAt = second;
    dateText = new Date(epochMs).toUTCString();
  }
  return dateText;
}

export interface ReplyFrame {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Seconds that the connection may be idle; undefined: it ends with this reply. */
  readonly keepAliveSeconds: number | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What goes to the socket: of a text that is all ASCII each character is its byte, which saves the search for others. */
export interface ReplyText {
  readonly text: string;
  readonly encoding: 'latin1' | 'utf8';
}

/** A reply as Node's server would write it. */
export function replyText({ status, headers, body, keepAliveSeconds, now }: ReplyFrame): ReplyText {
  const length = Buffer.byteLength(body);
  let lines = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`;
  for (const name in headers) lines += `${name}: ${headers[name]}\r\n`;
  lines += `content-length: ${length}\r\nDate: ${dateOf(now)}\r\n`;
  lines +=
    keepAliveSeconds === undefined
      ? 'connection: close\r\n\r\n'
      : `Connection: keep-alive\r\nKeep-Alive: timeout=${keepAliveSeconds}\r\n\r\n`;
  return { text: lines + body, encoding: length === body.length ? 'latin1' : 'utf8' };
}
