import { Ajv } from 'ajv';
import { httpOptions } from '../../src/http/options.js';
import { openApiDocument } from '../../src/http/openapi/document.js';
import { Value } from '@sinclair/typebox/value';

const options = { ...Value.Create(httpOptions), open_inference: true };
const document = openApiDocument({ version: '0', options, mlflowWebhook: true }) as {
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
};
const ajv = new Ajv({ strict: false, validateFormats: false });
ajv.addSchema(document, 'openapi');

/** Whether a value has the form that the OpenAPI document gives to a component. */
export function fits(component: string, value: unknown): boolean {
  const check = ajv.getSchema(`openapi#/components/schemas/${component}`);
  if (check === undefined) throw new Error(`The document has no schema ${component}`);
  return check(value) === true;
}

export const isErrorBody = (value: unknown): boolean => fits('Error', value);
export const isProblemDetails = (value: unknown): boolean => fits('ProblemDetails', value);
