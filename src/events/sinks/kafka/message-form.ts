/** CloudEvents 1.0 over Kafka: the two content modes of its Kafka protocol binding. */
export interface KafkaContent {
  readonly value: Buffer;
  readonly headers: Map<Buffer, Buffer>;
}

export type ContentMode = 'binary' | 'structured';

const dataMember = Buffer.from(',"data":');
const structuredType = Buffer.from('application/cloudevents+json; charset=UTF-8');
const names = new Map<string, Buffer>();

/**
 * The message of an event. `json` is a CloudEvent in JSON whose last member is `data`, all others being scalars: then the first
 * `,"data":` can stand in no string (its quotes would be escaped), and the data need not be parsed.
 * In both modes the header `traceparent` (W3C) is the event's own, for consumers that continue traces.
 * @throws SyntaxError when it is not one.
 */
export function contentOf(json: Buffer, mode: ContentMode): KafkaContent {
  const dataAt = json.indexOf(dataMember);
  if (dataAt === -1) throw new SyntaxError('An event without data');
  const attributes = JSON.parse(`${json.toString('utf8', 0, dataAt)}}`) as Record<string, unknown>;
  const headers = mode === 'binary' ? binaryHeaders(attributes) : new Map([[nameOf('content-type'), structuredType]]);
  const trace = attributes['traceparent'];
  if (typeof trace === 'string') headers.set(nameOf('traceparent'), Buffer.from(trace));
  const value = mode === 'binary' ? json.subarray(dataAt + dataMember.length, json.length - 1) : json;
  return { value, headers };
}

function binaryHeaders(attributes: Readonly<Record<string, unknown>>): Map<Buffer, Buffer> {
  const headers = new Map<Buffer, Buffer>();
  for (const [attribute, value] of Object.entries(attributes)) {
    const name = attribute === 'datacontenttype' ? 'content-type' : `ce_${attribute}`;
    headers.set(nameOf(name), Buffer.from(String(value)));
  }
  return headers;
}

/** Names are those of the CloudEvents attributes that we write, so they are few. */
function nameOf(name: string): Buffer {
  let bytes = names.get(name);
  if (bytes === undefined) names.set(name, (bytes = Buffer.from(name)));
  return bytes;
}
