import { randomInt } from 'node:crypto';
import type { Clock } from '../../shared/clock.js';
import type { CacheEntry, FeatureCache } from '../feature-cache.js';
import type { FeaturesObserver } from '../observer.js';
import { HashIndex } from './hash-index.js';
import { KeyDigest } from './key-digest.js';
import { Segment } from './segment.js';

export interface MemoryCacheOptions {
  /** Bounds all memory of the cache: keys, values, headers and index. From 1 MiB to 16 GiB. */
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly observer: Pick<FeaturesObserver, 'cacheEvicted' | 'cacheTrouble'>;
}

const segmentBytes = 256 * 1024;
/** A place is counted in steps of 8 bytes: 17 bits of segment number and 15 of offset, together 32 GiB. */
const stepShift = 3;
const segmentShift = 15;
const mostBytes = 16 * 1024 ** 3;

/**
 * Packed rows in this process's memory. Entries lie end to end in segments of 256 KiB outside the JavaScript heap, found by a
 * typed-array index, so that millions of them give the garbage collector nothing to do; see docs/adr/0004.
 *
 * When memory is used up, the oldest segment is emptied: entries read since they were written are kept (CLOCK, second chance),
 * to at most half a segment, the others are dropped. One segment is emptied at a time: well under a millisecond.
 */
export class MemoryCache implements FeatureCache {
  readonly #clock: Clock;
  readonly #observer: MemoryCacheOptions['observer'];
  readonly #maxSegments: number;
  readonly #index: HashIndex;
  readonly #digest = new KeyDigest(randomInt(0xffffffff));
  #segments: Segment[] = [];
  /** Numbers of segments with entries, oldest first; the last one is written to. */
  #order: number[] = [];
  #free: number[] = [];
  readonly #matchesDigest = (place: number): boolean =>
    this.#segmentOf(place).keyEquals(offsetOf(place), this.#digest.bytes, this.#digest.length);

  constructor({ maxBytes, clock, observer }: MemoryCacheOptions) {
    this.#clock = clock;
    this.#observer = observer;
    const bound = Math.min(maxBytes, mostBytes);
    this.#index = new HashIndex(2 ** Math.floor(Math.log2(bound / 64)));
    this.#maxSegments = Math.max(3, Math.floor((bound - this.#index.byteLength) / segmentBytes));
  }

  get entries(): number {
    return this.#index.count;
  }

  /** Memory held, whether entries lie in it or not; at most the maxBytes given. */
  get bytes(): number {
    return this.#segments.length * segmentBytes + this.#index.byteLength;
  }

  getMany(keys: readonly string[]): (Buffer | undefined)[] {
    return keys.map((key) => this.get(key));
  }

  get(key: string): Buffer | undefined {
    this.#digest.take(key);
    const place = this.#index.find(this.#digest.hash, this.#matchesDigest);
    if (place === -1) return undefined;
    const segment = this.#segmentOf(place);
    const at = offsetOf(place);
    if (segment.expiresAt(at) <= this.#clock.monotonic()) {
      this.#index.remove(this.#digest.hash, place);
      return undefined;
    }
    segment.markUsed(at);
    return segment.valueAt(at);
  }

  setMany(entries: readonly CacheEntry[]): void {
    for (const entry of entries) this.set(entry);
  }

  /** A row that does not fit into one segment is not kept; what was kept under its key is forgotten. */
  set({ key, value, ttlMs }: CacheEntry): void {
    this.#digest.take(key);
    const { hash, length: keyLength } = this.#digest;
    const old = this.#index.find(hash, this.#matchesDigest);
    if (old !== -1) this.#index.remove(hash, old);
    const size = Segment.sizeOf(keyLength, value.length);
    if (size > segmentBytes / 2) return this.#observer.cacheTrouble({ kind: 'too_large' });
    this.#makeRoom(size);
    const number = this.#order.at(-1)!;
    const header = { hash, expiresAt: this.#clock.monotonic() + ttlMs, keyLength, valueLength: value.length };
    const at = this.#segments[number]!.append(header, this.#digest.bytes, value);
    this.#index.add(hash, placeOf(number, at));
  }

  clear(): void {
    this.#index.clear();
    this.#free.push(...this.#order);
    this.#order = [];
  }

  close(): Promise<void> {
    this.#index.clear();
    this.#segments = [];
    this.#order = [];
    this.#free = [];
    return Promise.resolve();
  }

  #segmentOf(place: number): Segment {
    return this.#segments[place >>> segmentShift]!;
  }

  /** Leaves the last segment with room for `size` bytes, and the index with room for one more. */
  #makeRoom(size: number): void {
    while (this.#index.full && this.#order.length > 1) this.#emptyOldest();
    while (!(this.#order.length > 0 && this.#segments[this.#order.at(-1)!]!.fits(size))) {
      // One segment is always kept free for what survives an emptying.
      if (this.#order.length >= this.#maxSegments - 1) this.#emptyOldest();
      else this.#openSegment();
    }
  }

  #openSegment(): void {
    const number = this.#free.pop() ?? this.#segments.push(new Segment(segmentBytes)) - 1;
    this.#segments[number]!.end = 0;
    this.#order.push(number);
  }

  #emptyOldest(): void {
    const oldest = this.#order.shift()!;
    this.#openSegment();
    const evicted = this.#moveSurvivors(oldest, this.#order.at(-1)!);
    this.#free.push(oldest);
    if (evicted > 0) this.#observer.cacheEvicted({ entries: evicted });
  }

  /** Returns how many were dropped that could still have been read. */
  #moveSurvivors(from: number, to: number): number {
    const source = this.#segments[from]!;
    const target = this.#segments[to]!;
    const now = this.#clock.monotonic();
    let evicted = 0;
    for (let at = 0; at < source.end; at += source.sizeAt(at)) {
      const hash = source.hashAt(at);
      const place = placeOf(from, at);
      if (!this.#index.has(hash, place)) continue;
      const alive = source.expiresAt(at) > now;
      if (alive && source.usedAt(at) && target.end + source.sizeAt(at) <= segmentBytes / 2) {
        this.#index.move(hash, place, placeOf(to, target.appendFrom(source, at)));
        continue;
      }
      this.#index.remove(hash, place);
      if (alive) evicted++;
    }
    return evicted;
  }
}

function placeOf(segment: number, offset: number): number {
  return ((segment << segmentShift) | (offset >> stepShift)) >>> 0;
}

function offsetOf(place: number): number {
  return (place & ((1 << segmentShift) - 1)) << stepShift;
}
