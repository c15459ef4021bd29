import { errorStatus } from '../../src/http/error-status.js';
import { errorCodes, type ErrorCode } from '../../src/shared/errors.js';

/** docs/errors.md: the closed table of codes. */
export function errorsMarkdown(): string {
  const rows = (Object.keys(errorCodes) as ErrorCode[]).map((code) => {
    const { description, retriable } = errorCodes[code];
    return `| \`${code}\` | ${errorStatus[code]} | ${description} | ${retriable ? 'Yes' : 'No'} |`;
  });
  return `# Error codes

<!-- Generated from src/shared/errors.ts and src/http/error-status.ts by \`npm run docs\`: do not edit. -->

Every error of every path has one body: \`{error_code, message, request_id, timestamp, details}\`. With
\`Accept: application/problem+json\` the same facts come as RFC 9457. \`details.errors[]\` lists every problem of a request at once, each
with \`path\` (JSON Pointer into the body), \`problem\`, and where they help \`expected\`, \`received_type\` and \`did_you_mean\`. Retriable
answers carry \`Retry-After\` (seconds) where a time is known.

| Code | HTTP status | Description | Retriable |
|------|-------------|-------------|-----------|
${rows.join('\n')}
`;
}
