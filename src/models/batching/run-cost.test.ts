import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RunCostFit } from './run-cost.js';

describe('RunCostFit', () => {
  it('caps a run by its cost: at least one row, at most the limit', () => {
    const fit = new RunCostFit({ perRunUs: 100, perRowUs: 10 });
    expect(fit.rowsWithin(1000, 4096)).toBe(90);
    expect(fit.rowsWithin(1000, 8)).toBe(8);
    expect(new RunCostFit({ perRunUs: 10, perRowUs: 80 }).rowsWithin(50, 4096)).toBe(1);
    expect(new RunCostFit({ perRunUs: 5, perRowUs: 0 }).rowsWithin(1000, 4096)).toBe(4096);
    expect(new RunCostFit().rowsWithin(1000, 4096)).toBe(16);
  });

  it('joins rows also where the fixed cost takes all the time: up to as much again', () => {
    expect(new RunCostFit({ perRunUs: 100, perRowUs: 10 }).rowsWithin(50, 4096)).toBe(10);
    expect(new RunCostFit({ perRunUs: 100, perRowUs: 10 }).rowsWithin(150, 4096)).toBe(10);
    expect(new RunCostFit({ perRunUs: 100, perRowUs: 10 }).rowsWithin(210, 4096)).toBe(11);
  });

  it('does not stay with runs of one row because those take long', () => {
    const fit = new RunCostFit({ perRunUs: 3000, perRowUs: 400 });
    for (let run = 0; run < 200; run++) fit.observe(1, 14_000);
    expect(fit.rowsWithin(10_000, 4096)).toBeGreaterThan(10);
  });

  it('finds the line through runs of different sizes', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1, max: 500, noNaN: true }),
        fc.double({ min: 0.1, max: 50, noNaN: true }),
        (a, b) => {
          const fit = new RunCostFit({ perRunUs: a * 1.5, perRowUs: b * 0.7 });
          for (let run = 0; run < 600; run++) {
            const rows = 1 + (run % 13) * 3;
            fit.observe(rows, a + b * rows);
          }
          expect(fit.cost?.perRowUs).toBeCloseTo(b, 3);
          expect(fit.cost?.perRunUs).toBeCloseTo(a, 2);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('keeps the known cost of a row while all runs have one size', () => {
    const fit = new RunCostFit({ perRunUs: 10, perRowUs: 5 });
    for (let run = 0; run < 200; run++) fit.observe(1, 30);
    expect(fit.cost).toEqual({ perRowUs: 5, perRunUs: expect.closeTo(25, 5) });
  });

  it('takes a pause for what it is', () => {
    const fit = new RunCostFit({ perRunUs: 10, perRowUs: 5 });
    fit.observe(1, 15);
    fit.observe(1, 50_000);
    expect(fit.estimate(1)).toBeLessThan(20);
  });
});
