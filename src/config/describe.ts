import { namedVariables } from './schema.js';
import { expectation, sections, settings, settingsByKey, type Setting } from './settings.js';

const prefix = 'inference_service.';

/** docs/configuration.md, from the schema. */
export function configurationMarkdown(): string {
  return [introduction(), variableTable(), ...groups().map(groupMarkdown)].join('\n\n') + '\n';
}

/** .env.example, from the schema: every variable, commented out, with its default. */
export function environmentExample(): string {
  const head = `# Every setting as an environment variable. Generated from the schema: npm run docs.
# A variable may end in _FILE to name a file that holds the value (secrets).
# To use it: cp .env.example .env, edit, then: set -a; . ./.env; set +a`;
  const named = Object.entries(namedVariables).map(([name, key]) => example(name, settingsByKey.get(key)));
  const all = groups()
    .filter(({ settings: group }) => group.every(({ path }) => path.length > 1))
    .map(({ settings: group }) => group.map((one) => example(one.variable, one)).join('\n'));
  return [head, named.join('\n'), ...all].join('\n\n') + '\n';
}

function example(name: string, setting: Setting | undefined): string {
  return `# ${setting?.schema.description ?? ''}\n#${name}=${exampleOf(setting)}`;
}

function introduction(): string {
  return `# Configuration

<!-- Generated from src/config/schema.ts by \`npm run docs\`: do not edit. -->

A value is taken from the last of these that names it:

1. the default below;
2. \`config/<ENVIRONMENT>.yaml\` (\`development\` without ENVIRONMENT) of the current folder, else of the program's own; or the file
   given with \`--config\`;
3. the variables that the table below names;
4. the variable \`INFERENCE_SERVICE__<SECTION>__<KEY>\` of any key, for example \`INFERENCE_SERVICE__CACHE__TTL_SECONDS=60\`;
5. flags: \`--host\`, \`--port\`, \`--workers\`, \`--models\`, \`--features\`, \`--data\`, \`--log-level\`.

A variable whose name has \`_FILE\` added names a file that holds the value: the way to hand over secrets. Lists are written
\`a,b\` or as a JSON array. An empty variable counts as unset. Relative paths start from the folder that the command is run in.

\`bin/inference config show\` prints every value and where it came from; \`bin/inference config check\` says what is wrong. A wrong
configuration stops the start, and every mistake is listed at once.`;
}

function variableTable(): string {
  const rows = Object.entries(namedVariables).map(
    ([name, key]) => `| \`${name}\` | \`${key}\` | ${settingsByKey.get(key)?.schema.description ?? ''} |`,
  );
  return ['## Environment variables', '', '| variable | key | |', '|---|---|---|', ...rows].join('\n');
}

interface Group {
  readonly key: string;
  readonly description: string;
  readonly settings: readonly Setting[];
}

function groups(): Group[] {
  const top = settings.filter((one) => one.path.length === 1);
  const all = sections.map(({ key, description }) => ({
    key,
    description,
    settings: settings.filter((one) => parentOf(one) === key),
  }));
  const process = { key: 'the process', description: '', settings: top };
  return [process, ...all].filter((group) => group.settings.length > 0);
}

function parentOf({ path }: Setting): string {
  return path.slice(0, -1).join('.');
}

function groupMarkdown({ key, description, settings: group }: Group): string {
  const rows = group.map((one) => {
    const unset = one.schema.default === undefined ? '' : `\`${JSON.stringify(one.schema.default)}\``;
    const secret = one.secret ? ' Secret: never shown.' : '';
    return `| \`${one.path.at(-1)}\` | ${cell(expectation(one.schema))} | ${unset} | ${cell(one.schema.description ?? '')}${secret} |`;
  });
  const title = key.startsWith(prefix) ? key.slice(prefix.length) : key;
  const lines = [`## ${title}`, '', '| key | value | default | |', '|---|---|---|---|', ...rows];
  if (description !== '') lines.splice(2, 0, description, '');
  return lines.join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

function exampleOf(setting: Setting | undefined): string {
  const value = setting?.schema.default;
  if (value === undefined) return '';
  return Array.isArray(value) ? value.join(',') : typeof value === 'string' ? value : JSON.stringify(value);
}
