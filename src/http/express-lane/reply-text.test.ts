import { describe, expect, it } from 'vitest';
import { replyText, type ReplyFrame } from './reply-text.js';

const now = Date.parse('2026-01-15T10:30:00.900Z');
const frame = {
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: '{"a":"é"}',
  keepAliveSeconds: 72,
  now,
};

const textOf = (reply: ReplyFrame) => replyText(reply).text;

describe('a reply as text', () => {
  it('has its headers, its length in bytes, the date and how long the connection stays', () => {
    expect(textOf(frame)).toBe(
      'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\nDate: Thu, 15 Jan 2026 10:30:00 GMT\r\n' +
        'Connection: keep-alive\r\nKeep-Alive: timeout=72\r\n\r\n{"a":"é"}',
    );
  });

  it('says so where it is the last', () => {
    const text = textOf({ ...frame, keepAliveSeconds: undefined });
    expect(text).toContain('\r\nconnection: close\r\n\r\n{');
    expect(text).not.toMatch(/keep-alive/i);
  });

  it('names every status', () => {
    expect(textOf({ ...frame, status: 503 })).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\n/);
    expect(textOf({ ...frame, status: 599 })).toMatch(/^HTTP\/1\.1 599 Unknown\r\n/);
  });

  it('has the date of its own second, also after another', () => {
    const dates = [now, now + 50, now + 100, now - 1000].map(
      (at) => /Date: .*?(\d\d) GMT/.exec(textOf({ ...frame, now: at }))?.[1],
    );
    expect(dates).toEqual(['00', '00', '01', '59']);
  });

  it('has an empty body', () => {
    expect(textOf({ ...frame, body: '' })).toContain('content-length: 0\r\n');
  });

  it('is written byte for character where it is all ASCII', () => {
    expect(replyText({ ...frame, body: '{"a":"e"}' }).encoding).toBe('latin1');
    expect(replyText(frame).encoding).toBe('utf8');
  });
});
