/** Where `got` is not `want` by the tolerance rule |got − want| ≤ tolerance × max(1, |want|); empty when it is everywhere. */
export function differences(got: unknown, want: unknown, tolerance: number, at = ''): string[] {
  if (typeof want === 'number' && typeof got === 'number') {
    const fits = Math.abs(got - want) <= tolerance * Math.max(1, Math.abs(want));
    return fits ? [] : [`${at}: got ${got}, want ${want}`];
  }
  if (typeof want === 'object' && want !== null && typeof got === 'object' && got !== null) {
    const keys = new Set([...Object.keys(want), ...Object.keys(got)]);
    return [...keys].flatMap((key) =>
      differences(
        (got as Record<string, unknown>)[key],
        (want as Record<string, unknown>)[key],
        tolerance,
        `${at}/${key}`,
      ),
    );
  }
  return got === want ? [] : [`${at}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`];
}
