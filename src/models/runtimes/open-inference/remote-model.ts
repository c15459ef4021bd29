import type { RemoteSource } from '../../runtime-loader.js';

/** A model on a model server. */
export interface RemoteModel {
  /** http(s)://host:port, with a prefix of the path if need be. */
  readonly url: string;
  /** Below the URL: /v2/models/iris or /v2/models/iris/versions/3. */
  readonly path: string;
}

export function remoteModel({ url, model, version }: RemoteSource): RemoteModel {
  const path = `/v2/models/${encodeURIComponent(model)}`;
  return { url, path: version === undefined ? path : `${path}/versions/${encodeURIComponent(version)}` };
}
