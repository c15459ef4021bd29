export type Labels = Readonly<Record<string, string>>;

/** One cell for each combination of label values. Whoever counts often keeps the cell, and spares the look-up. */
export class LabelCells<Cell> {
  readonly #names: readonly string[];
  readonly #make: () => Cell;
  readonly #cells = new Map<string, { readonly labels: Labels; readonly cell: Cell }>();

  constructor(names: readonly string[], make: () => Cell) {
    this.#names = names;
    this.#make = make;
    if (names.length === 0) this.of({});
  }

  /** @throws Error when a label is missing or not one of the metric's: a mistake of ours. */
  of(labels: Labels): Cell {
    let key = '';
    for (const name of this.#names) {
      const value = labels[name];
      if (value === undefined) throw new Error(`The label ${name} is missing`);
      key += value + '\u0000';
    }
    const known = this.#cells.get(key);
    if (known !== undefined) return known.cell;
    const unknown = Object.keys(labels).find((name) => !this.#names.includes(name));
    if (unknown !== undefined) throw new Error(`The metric has no label ${unknown}`);
    const cell = this.#make();
    this.#cells.set(key, { labels: { ...labels }, cell });
    return cell;
  }

  entries(): Iterable<{ readonly labels: Labels; readonly cell: Cell }> {
    return this.#cells.values();
  }
}
