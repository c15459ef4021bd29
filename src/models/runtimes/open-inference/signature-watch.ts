import { isPlainObject } from '../../../shared/json.js';
import type { Deadline } from '../../../shared/deadline.js';
import type { GraphSignature } from '../../runtime.js';
import type { ModelServersOptions, RemoteBackend } from '../remote/model-servers.js';
import type { ModelWatch } from '../remote/remote-protocol.js';
import { readRemoteSignature, signatureChange } from './remote-signature.js';
import { ServerFault, type ServerClient } from '../remote/server-client.js';
import type { RemoteModel } from './remote-model.js';

/** How long the last look at the metadata is trusted. */
const trustedMs = 10_000;
const maxMetadataBytes = 1 << 20;

/** Answer to a question for metadata; `undefined` where the server has no such model or gives no JSON. */
export async function fetchJson(
  client: ServerClient,
  path: string,
  limits: { readonly timeoutMs: number; readonly deadline?: Deadline },
): Promise<unknown> {
  const { status, body } = await client.call({ method: 'GET', path, maxBytes: maxMetadataBytes, ...limits });
  if (status !== 200) return undefined;
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    // What is no JSON says nothing about the model, as an error status does not.
    return undefined;
  }
}

/** Whether the server offers tensors in binary form. */
export async function offersBinary(client: ServerClient, timeoutMs: number): Promise<boolean> {
  const metadata = await fetchJson(client, '/v2', { timeoutMs });
  const extensions = isPlainObject(metadata) ? metadata['extensions'] : undefined;
  return Array.isArray(extensions) && extensions.includes('binary_tensor_data');
}

export function modelMetadata(
  client: ServerClient,
  remote: RemoteModel,
  limits: { readonly timeoutMs: number; readonly deadline?: Deadline },
): Promise<unknown> {
  return fetchJson(client, remote.path, limits);
}

export interface WatchedModel {
  readonly modelId: string;
  readonly remote: RemoteModel;
  readonly backend: RemoteBackend;
  /** As it was loaded. */
  readonly signature: GraphSignature;
  readonly options: Pick<ModelServersOptions, 'timeoutMs' | 'clock' | 'observer'>;
}

/**
 * Looks again, now and then, at the metadata that a loaded version was made from. A look that fails says nothing: the answers
 * themselves are checked too.
 */
export class SignatureWatch implements ModelWatch {
  change: string | undefined;
  readonly #parts: WatchedModel;
  #lookedAt: number;
  #looking: Promise<void> | undefined;
  #version: string | undefined;

  constructor(parts: WatchedModel) {
    this.#parts = parts;
    this.#lookedAt = parts.options.clock.monotonic();
  }

  keepUp(): void {
    if (this.#parts.options.clock.monotonic() - this.#lookedAt > trustedMs) void this.#look();
  }

  async heedVersion(version: string | undefined, deadline: Deadline): Promise<void> {
    const first = this.#version === undefined;
    if (version === this.#version) return;
    this.#version = version;
    if (!first) await this.lookWithin(deadline);
  }

  async lookWithin(deadline: Deadline): Promise<void> {
    if (deadline.isOver()) return;
    try {
      await deadline.race(this.#look(), 'model');
    } catch {
      // The deadline ended first; what is known stays known.
    }
  }

  #look(): Promise<void> {
    this.#looking ??= this.#lookOnce().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #lookOnce(): Promise<void> {
    const { backend, remote, options, signature, modelId } = this.#parts;
    this.#lookedAt = options.clock.monotonic();
    try {
      const { timeoutMs } = options;
      const found = readRemoteSignature(await modelMetadata(backend.client, remote, { timeoutMs }));
      if (found.signature === undefined) return;
      const change = signatureChange(signature, found.signature);
      if (change !== undefined && this.change === undefined) {
        options.observer.signatureChanged({ modelId, server: backend.client.server, change });
      }
      this.change = change;
    } catch (error) {
      if (!(error instanceof ServerFault)) throw error;
    }
  }
}
