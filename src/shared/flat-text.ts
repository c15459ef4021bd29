/**
 * `text` in one piece of memory. V8 keeps what was joined as a tree, and walks it once more in each text that it becomes a part of: worth it
 * for a part of many.
 */
export function flatText(text: string): string {
  return Buffer.from(text).toString();
}

/** Makes the text of two values, flat, and again only when one of them differs from the last time: consecutive predictions share most. */
export function lastText<A, B = undefined>(make: (first: A, second: B) => string): (first: A, second: B) => string {
  let last: { readonly first: A; readonly second: B; readonly text: string } | undefined;
  return (first, second) => {
    if (last === undefined || last.first !== first || last.second !== second)
      last = { first, second, text: flatText(make(first, second)) };
    return last.text;
  };
}
