/** A file for explanations that cannot be used. The message says why and where; the version serves without it. */
export class ExplanationFault extends Error {
  override readonly name = 'ExplanationFault';
  /** Name within the version's folder. */
  readonly file: string;

  constructor(file: string, message: string) {
    super(message);
    this.file = file;
  }
}
