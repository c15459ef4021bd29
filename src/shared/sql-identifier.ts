/** A name as SQL takes it, whatever it holds (ISO/IEC 9075, delimited identifiers). @throws TypeError for NUL */
export function quoteIdentifier(name: string): string {
  if (name.includes('\0')) throw new TypeError('A name must not contain NUL');
  return `"${name.replaceAll('"', '""')}"`;
}
