/** First in, first out, in constant time at both ends (Array.shift is linear in a long array). */
export class EventQueue<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** The first `count` items, which stay. */
  first(count: number): T[] {
    return this.#items.slice(this.#head, this.#head + count) as T[];
  }

  /** Takes the first `count` items away. */
  remove(count: number): void {
    const end = this.#head + Math.min(count, this.length);
    this.#items.fill(undefined, this.#head, end);
    this.#head = end;
    if (this.#head * 2 >= this.#items.length) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
  }

  removeAt(index: number): void {
    this.#items.splice(this.#head + index, 1);
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}
