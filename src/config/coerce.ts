import type { OptionSchema } from './settings.js';

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** A variable or flag is text: turns it into what the schema wants. Text that does not fit stays as it is, for the check to name. */
export function coerce(schema: OptionSchema, text: string): unknown {
  if (schema.enum !== undefined) {
    return schema.enum.find((one) => String(one).toLowerCase() === text.toLowerCase()) ?? text;
  }
  switch (schema.type) {
    case 'integer':
    case 'number':
      return decimal.test(text.trim()) ? Number(text) : text;
    case 'boolean':
      return { true: true, false: false }[text.trim().toLowerCase()] ?? text;
    case 'array':
      return list(text);
    case 'object':
      return map(text);
    default:
      return text;
  }
}

/** `a=1, b=2` or a JSON object. */
function map(text: string): unknown {
  if (text.trimStart().startsWith('{')) return jsonOr(text);
  const pairs = list(text);
  if (!Array.isArray(pairs) || !pairs.every((pair) => String(pair).includes('='))) return text;
  return Object.fromEntries(
    pairs
      .map(String)
      .map((pair) => [pair.slice(0, pair.indexOf('=')).trim(), pair.slice(pair.indexOf('=') + 1).trim()]),
  );
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Left as it is, for the check to name.
    return text;
  }
}

/** `a, b` or a JSON array. */
function list(text: string): unknown {
  if (!text.trimStart().startsWith('[')) {
    return text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  }
  return jsonOr(text);
}
