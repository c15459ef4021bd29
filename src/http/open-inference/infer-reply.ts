import { datatypeOf, toBinary, toJsonList } from '../../models/index.js';
import type { TensorReply } from '../../prediction/index.js';
import { jsonContentType, type ReplyContent } from '../reply-content.js';
import type { InferBody } from './infer-body.js';

/** A reply whose outputs are all in its JSON, or partly in binary form behind it; `headerLength` is given then. */
export interface InferReplyContent extends ReplyContent {
  readonly headerLength?: number;
}

export function inferReply(
  reply: TensorReply,
  { id, isBinary }: Pick<InferBody, 'id' | 'isBinary'>,
): InferReplyContent {
  const blobs: Buffer[] = [];
  const outputs = reply.outputs.map(({ name, tensor }) => {
    const opening = `{"name":${JSON.stringify(name)},"shape":[${tensor.dims.join(',')}],"datatype":"${datatypeOf(tensor.type)}"`;
    if (!isBinary(name)) return `${opening},"data":${toJsonList(tensor)}}`;
    const blob = toBinary(tensor);
    blobs.push(blob);
    return `${opening},"parameters":{"binary_data_size":${blob.length}}}`;
  });
  const head = { model_name: reply.modelId, model_version: reply.modelVersion, ...(id !== undefined && { id }) };
  const json = `${JSON.stringify(head).slice(0, -1)},"outputs":[${outputs.join(',')}]}`;
  if (blobs.length === 0) return { status: 200, contentType: jsonContentType, body: json };
  const bytes = Buffer.from(json);
  const body = Buffer.concat([bytes, ...blobs]);
  return { status: 200, contentType: 'application/octet-stream', body, headerLength: bytes.length };
}
