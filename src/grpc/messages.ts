/** Messages of proto/open-inference.proto as proto-loader gives them: 64-bit integers as text, absent fields filled in. */
export interface TensorMessage {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly string[];
  readonly contents: TensorContents | null;
}

export interface TensorContents {
  readonly bool_contents: readonly boolean[];
  readonly int_contents: readonly number[];
  readonly int64_contents: readonly string[];
  readonly uint_contents: readonly number[];
  readonly uint64_contents: readonly string[];
  readonly fp32_contents: readonly number[];
  readonly fp64_contents: readonly number[];
  readonly bytes_contents: readonly Uint8Array[];
}

export interface ModelMessage {
  readonly name: string;
  readonly version: string;
}

export interface InferMessage {
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string;
  readonly parameters: Readonly<Record<string, { readonly int64_param?: string; readonly uint64_param?: string }>>;
  readonly inputs: readonly TensorMessage[];
  readonly outputs: readonly { readonly name: string }[];
  readonly raw_input_contents: readonly Uint8Array[];
}

export interface RepositoryIndexMessage {
  readonly repository_name: string;
  readonly ready: boolean;
}

/** Of RepositoryModelLoad and RepositoryModelUnload. */
export interface RepositoryChangeMessage {
  readonly repository_name: string;
  readonly model_name: string;
  readonly parameters: Readonly<Record<string, object>>;
}
