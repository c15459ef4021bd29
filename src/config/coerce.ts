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
    default:
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
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
