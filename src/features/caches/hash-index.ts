/**
 * From hashes to places, in one typed array that is made once: nothing for the garbage collector to walk, no pause to grow.
 * Open addressing with linear probing; deletion moves later entries back, so there are no tombstones.
 */
export class HashIndex {
  /** Pairs: hash, place + 1; a place of 0 is an empty slot. */
  readonly #slots: Uint32Array;
  readonly #mask: number;
  #count = 0;

  /** `slots` is a power of two. */
  constructor(slots: number) {
    this.#slots = new Uint32Array(slots * 2);
    this.#mask = slots - 1;
  }

  get count(): number {
    return this.#count;
  }

  get byteLength(): number {
    return this.#slots.byteLength;
  }

  /** Three quarters taken: beyond it probing becomes slow. */
  get full(): boolean {
    return this.#count >= (this.#mask + 1) * 0.75;
  }

  /** The place under `hash` that `matches`, -1 when none does. */
  find(hash: number, matches: (place: number) => boolean): number {
    for (let slot = hash & this.#mask; this.#slots[slot * 2 + 1] !== 0; slot = (slot + 1) & this.#mask) {
      const place = this.#slots[slot * 2 + 1]! - 1;
      if (this.#slots[slot * 2] === hash && matches(place)) return place;
    }
    return -1;
  }

  /** The caller has made sure that the key is not there and that the index is not full. */
  add(hash: number, place: number): void {
    let slot = hash & this.#mask;
    while (this.#slots[slot * 2 + 1] !== 0) slot = (slot + 1) & this.#mask;
    this.#put(slot, hash, place + 1);
    this.#count++;
  }

  has(hash: number, place: number): boolean {
    return this.#slotOf(hash, place) !== -1;
  }

  move(hash: number, from: number, to: number): void {
    const slot = this.#slotOf(hash, from);
    if (slot !== -1) this.#put(slot, hash, to + 1);
  }

  remove(hash: number, place: number): void {
    const slot = this.#slotOf(hash, place);
    if (slot === -1) return;
    this.#count--;
    this.#closeGap(slot);
  }

  clear(): void {
    this.#slots.fill(0);
    this.#count = 0;
  }

  #slotOf(hash: number, place: number): number {
    for (let slot = hash & this.#mask; this.#slots[slot * 2 + 1] !== 0; slot = (slot + 1) & this.#mask)
      if (this.#slots[slot * 2 + 1] === place + 1) return slot;
    return -1;
  }

  /** Knuth, The Art of Computer Programming, volume 3, section 6.4, algorithm R. */
  #closeGap(start: number): void {
    let gap = start;
    for (let slot = (gap + 1) & this.#mask; this.#slots[slot * 2 + 1] !== 0; slot = (slot + 1) & this.#mask) {
      const home = this.#slots[slot * 2]! & this.#mask;
      const reachableFromHome = ((slot - home) & this.#mask) >= ((slot - gap) & this.#mask);
      if (!reachableFromHome) continue;
      this.#put(gap, this.#slots[slot * 2]!, this.#slots[slot * 2 + 1]!);
      gap = slot;
    }
    this.#put(gap, 0, 0);
  }

  #put(slot: number, hash: number, placeAndOne: number): void {
    this.#slots[slot * 2] = hash;
    this.#slots[slot * 2 + 1] = placeAndOne;
  }
}
