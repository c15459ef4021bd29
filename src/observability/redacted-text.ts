/** What stands in the place of something that must not be read. */
export const redacted = '[redacted]';

/** Longer texts are cut, once they are free of secrets: no line grows with what a caller sends. */
const longestText = 8192;

interface Pattern {
  readonly find: RegExp;
  readonly replace: (match: string, ...groups: string[]) => string;
}

/**
 * Every pattern begins with something literal or is bounded, and none can match the same characters in two ways: the time is linear in
 * the text, whatever it holds.
 */
const patterns: readonly Pattern[] = [
  // Own API keys, whole or cut.
  { find: /isk_[a-z]{1,8}_[0-9A-Za-z]{4,}/g, replace: () => redacted },
  // JSON Web Tokens: base64url of {" begins with eyJ (RFC 7519).
  { find: /eyJ[\w.-]{8,}/g, replace: () => redacted },
  // User and password of a URL (RFC 3986 section 3.2.1).
  { find: /:\/\/[^\s/?#"']{1,512}@/g, replace: () => `://${redacted}@` },
  { find: /\b(bearer|basic)( {1,8}|%20|\+)[^\s"',;]{8,}/gi, replace: (_match, scheme, gap) => scheme + gap + redacted },
  // name=value and "name": "value", as in query strings, connection strings, headers and quoted JSON.
  {
    find: /(pass(?:word|wd|phrase)|pwd|secret|token|authorization|api[-_]?key|cookie|credentials?|private[-_]?key)([\w-]{0,32}\\?["']?\s{0,3}[=:]\s{0,3}\\?["']?)([^\s"'&,;}\]\\]+)/gi,
    replace: (_match, name, between) => name + between + redacted,
  },
  // Card numbers (ISO/IEC 7812) whose check digit is right.
  {
    find: /(?<![\w.])[2-6](?:[ -]?\d){12,18}(?!\w)/g,
    replace: (match) => (hasLuhnDigit(match) ? redacted : match),
  },
  // Bank accounts (ISO 13616) whose check digits are right.
  {
    find: /(?<![0-9A-Za-z])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3}(?![0-9A-Za-z]))?/gi,
    replace: redactAccount,
  },
];

/**
 * The text without what looks like a secret or personal data: API keys, tokens, passwords in URLs and settings, e-mail addresses, card and
 * account numbers. A second net below the rule that no fact holds any.
 */
export function redactText(text: string): string {
  let clean = redactAddresses(text);
  for (const { find, replace } of patterns) clean = clean.replace(find, replace);
  if (clean.length <= longestText) return clean;
  return `${clean.slice(0, longestText)}… (${clean.length - longestText} characters more)`;
}

const addressSign = /@|%40/g;
const partOfLocal = /[^\s"'<>()[\]{},;:/\\?&=@]/;
const longestLocal = 64;
const domain = /[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}/y;

/** E-mail addresses (RFC 5321 section 4.1.2), from each @ outwards: a pattern that begins with the local part would try every word. */
function redactAddresses(text: string): string {
  if (!text.includes('@') && !text.includes('%40')) return text;
  let clean = '';
  let done = 0;
  let signEnd = 0;
  for (const { index, 0: sign } of text.matchAll(addressSign)) {
    const start = localStart(text, index, signEnd);
    signEnd = domain.lastIndex = index + sign.length;
    if (start === index || !domain.test(text)) continue;
    clean += text.slice(done, start) + redacted;
    done = domain.lastIndex;
  }
  return clean + text.slice(done);
}

function localStart(text: string, end: number, least: number): number {
  let start = end;
  const limit = Math.max(least, end - longestLocal);
  while (start > limit && partOfLocal.test(text.charAt(start - 1))) start--;
  return start;
}

function hasLuhnDigit(text: string): boolean {
  let sum = 0;
  let double = false;
  for (let index = text.length - 1; index >= 0; index--) {
    const digit = text.charCodeAt(index) - 48;
    if (digit < 0 || digit > 9) continue;
    const value = double ? digit * 2 : digit;
    sum += value > 9 ? value - 9 : value;
    double = !double;
  }
  return sum % 10 === 0;
}

/** Words in capitals behind an account look like more of it: the longest run of its groups that is right counts. */
function redactAccount(match: string): string {
  const groups = match.split(' ');
  for (let count = groups.length; count > 0; count--) {
    if (!hasIbanDigits(groups.slice(0, count).join(''))) continue;
    return [redacted, ...groups.slice(count)].join(' ');
  }
  return match;
}

/** ISO 7064 MOD 97-10, the first four characters moved to the end, letters as 10 to 35. */
function hasIbanDigits(account: string): boolean {
  if (account.length < 15) return false;
  let rest = 0;
  for (const character of account.slice(4) + account.slice(0, 4)) {
    const value = Number.parseInt(character, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}
