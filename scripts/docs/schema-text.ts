/** A JSON Schema as a file that editors read, for completion and checks. */
export function schemaText(schema: object, title: string): string {
  return JSON.stringify({ $schema: 'https://json-schema.org/draft/2020-12/schema', title, ...schema }, null, 2) + '\n';
}
