import { describe, expect, it } from 'vitest';
import { replyText } from './reply-text.js';

const now = Date.parse('2026-01-15T10:30:00.900Z');
const frame = {
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: '{"a":"é"}',
  keepAliveSeconds: 72,
  now,
};

describe('a reply as text', () => {
  it('has its headers, its length in bytes, the date and how long the connection stays', () => {
    expect(replyText(frame)).toBe(
      'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\nDate: Thu, 15 Jan 2026 10:30:00 GMT\r\n' +
        'Connection: keep-alive\r\nKeep-Alive: timeout=72\r\n\r\n{"a":"é"}',
    );
  });

  it('says so where it is the last', () => {
    const text = replyText({ ...frame, keepAliveSeconds: undefined });
    expect(text).toContain('\r\nconnection: close\r\n\r\n{');
    expect(text).not.toMatch(/keep-alive/i);
  });

  it('names every status', () => {
    expect(replyText({ ...frame, status: 503 })).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\n/);
    expect(replyText({ ...frame, status: 599 })).toMatch(/^HTTP\/1\.1 599 Unknown\r\n/);
  });

  it('has the date of its own second, also after another', () => {
    const dates = [now, now + 50, now + 100, now - 1000].map(
      (at) => /Date: .*?(\d\d) GMT/.exec(replyText({ ...frame, now: at }))?.[1],
    );
    expect(dates).toEqual(['00', '00', '01', '59']);
  });

  it('has an empty body', () => {
    expect(replyText({ ...frame, body: '' })).toContain('content-length: 0\r\n');
  });
});
