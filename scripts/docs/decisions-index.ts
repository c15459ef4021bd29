import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../../docs/adr/', import.meta.url);

/** docs/adr/README.md: every record by its heading. @throws Error that names a record without one. */
export function decisionsIndex(): string {
  const names = readdirSync(folder).filter((name) => /^\d{4}-.+\.md$/.test(name));
  const lines = names.sort().map((name) => `- [${headingOf(name)}](${name})`);
  return `# Decisions

<!-- Generated from the records by \`npm run docs\`: do not edit. -->

Short records of decisions that someone will ask about: what was decided, why, and what it costs. A decision is changed by a new
record that names the old one.

${lines.join('\n')}
`;
}

function headingOf(name: string): string {
  const heading = /^# (.+)$/m.exec(readFileSync(new URL(name, folder), 'utf8'))?.[1];
  if (heading === undefined) throw new Error(`docs/adr/${name} has no heading`);
  return heading;
}
