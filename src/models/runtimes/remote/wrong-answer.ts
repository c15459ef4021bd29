/** An answer that is no prediction of this model, in words. */
export class WrongAnswer extends Error {
  override readonly name = 'WrongAnswer';
}
