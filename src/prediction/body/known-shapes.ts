import type { RequestShape } from './request-shapes.js';

/** Shapes tried for a body, at most; a wrong one costs a comparison up to the first byte that differs. */
const mostShapes = 16;
/** After the first unknown bodies only one in so many is learned from, in place of the shape that fitted least: it costs a parse. */
const learnEach = 256;

/** The shapes of bodies that were read in the ordinary way, those that fit most often first. */
export class KnownShapes<Request> {
  readonly #shapes: RequestShape<Request>[] = [];
  #unknown = 0;

  /** The request of a body of a known shape. */
  read(body: Buffer): Request | undefined {
    for (let at = 0; at < this.#shapes.length; at++) {
      const request = this.#shapes[at]?.read(body);
      if (request === undefined) continue;
      if (at > 0) this.#promote(at);
      return request;
    }
    return undefined;
  }

  /** Remembers the shape of a body that `read` did not know, if it has one. */
  learn(make: () => RequestShape<Request> | undefined): void {
    this.#unknown++;
    if (this.#unknown > mostShapes && this.#unknown % learnEach > 0) return;
    const shape = make();
    if (shape === undefined) return;
    if (this.#shapes.length === mostShapes) this.#shapes.pop();
    this.#shapes.push(shape);
  }

  #promote(at: number): void {
    const [shape] = this.#shapes.splice(at, 1);
    if (shape !== undefined) this.#shapes.splice(at - 1, 0, shape);
  }
}
