/** The bytes are not a model that this reader understands. The message says what is wrong, for the person who made the file. */
export class OnnxFormatError extends Error {
  override readonly name = 'OnnxFormatError';
}
