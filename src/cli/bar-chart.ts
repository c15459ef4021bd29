import type { ContributionReply } from '../prediction/index.js';

/** Characters of the longest bar. */
const longest = 24;

/** One line a contribution: name, value and a bar, to the left of the middle for what lowers the score. */
export function barChart(contributions: readonly ContributionReply[]): string {
  const most = contributions.reduce((largest, { contribution }) => Math.max(largest, Math.abs(contribution)), 0);
  const widest = contributions.reduce((width, { feature }) => Math.max(width, feature.length), 0);
  return contributions
    .map(({ feature, contribution, standard_error }) => {
      const length = most === 0 ? 0 : Math.round((Math.abs(contribution) / most) * longest);
      const bar = '█'.repeat(length);
      const sides = contribution < 0 ? `${bar.padStart(longest)}│` : `${' '.repeat(longest)}│${bar}`;
      const value = `${contribution < 0 ? '-' : '+'}${Math.abs(contribution).toPrecision(4)}`;
      const doubt = standard_error === undefined ? '' : ` ± ${standard_error.toPrecision(2)}`;
      return `${feature.padEnd(widest)}  ${(value + doubt).padStart(standard_error === undefined ? 10 : 20)}  ${sides}\n`;
    })
    .join('');
}
