import { settingsByKey } from './settings.js';

const mask = '********';
const longest = 120;

/** A value as it may be printed: secrets masked whole, passwords inside URLs masked, long text cut. */
export function shown(key: string, value: unknown): string {
  if (value === undefined) return 'nothing';
  if (settingsByKey.get(key)?.secret === true) return mask;
  const text = withoutUrlPassword(typeof value === 'string' ? JSON.stringify(value) : JSON.stringify(value));
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

/** The value itself with secrets masked, for JSON output. */
export function masked(key: string, value: unknown): unknown {
  if (value === undefined) return null;
  if (settingsByKey.get(key)?.secret === true) return mask;
  return typeof value === 'string' ? withoutUrlPassword(value) : value;
}

function withoutUrlPassword(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/[^/\s:@]*):[^/\s@]*@/gi, `$1:${mask}@`);
}
