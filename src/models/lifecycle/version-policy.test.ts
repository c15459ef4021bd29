import { describe, expect, it } from 'vitest';
import { decide, highestReady, resolveAlias, type VersionSnapshot } from './version-policy.js';

const snapshot = (facts: Partial<VersionSnapshot>): VersionSnapshot => ({
  version: '1.0.0',
  state: 'ready',
  present: true,
  stable: true,
  changed: false,
  mayRetry: false,
  held: false,
  ...facts,
});
const next = (facts: Partial<VersionSnapshot>, room = true) =>
  decide([snapshot(facts)], new Set(), room).map(({ action }) => action);

describe('the version policy', () => {
  it.each<[Partial<VersionSnapshot>, string[]]>([
    [{ state: 'discovered' }, ['load']],
    [{ state: 'discovered', stable: false }, []],
    [{ state: 'discovered', present: false }, ['forget']],
    [{ state: 'loading', present: false }, []],
    [{ state: 'warming', changed: true }, []],
    [{ state: 'ready' }, []],
    [{ state: 'ready', changed: true }, ['report_changed']],
    [{ state: 'ready', present: false }, ['retire']],
    [{ state: 'draining', present: false }, []],
    [{ state: 'failed' }, []],
    [{ state: 'failed', changed: true }, ['load']],
    [{ state: 'failed', changed: true, stable: false }, []],
    [{ state: 'failed', mayRetry: true }, ['load']],
    [{ state: 'failed', present: false }, ['forget']],
  ])('for %j says %j', (facts, actions) => {
    expect(next(facts)).toEqual(actions);
  });

  it('leaves what was crowded out alone while there is no room', () => {
    expect(next({ state: 'failed', mayRetry: true }, false)).toEqual([]);
  });

  it('loads alias targets first, then from the highest down, pre-releases last', () => {
    const versions = ['1.0.0', '1.10.0', '1.9.0', '2.0.0-rc.1'].map((version) =>
      snapshot({ version, state: 'discovered' }),
    );
    const order = decide(versions, new Set(['1.0.0']), true).map(({ version }) => version);
    expect(order).toEqual(['1.0.0', '1.10.0', '1.9.0', '2.0.0-rc.1']);
  });

  it('retires nothing while a successor may come', () => {
    const versions = [snapshot({ present: false }), snapshot({ version: '2.0.0', state: 'loading' })];
    expect(decide(versions, new Set(), true)).toEqual([]);
  });

  it('keeps an alias on a ready version only until its target has settled', () => {
    const states = new Map([
      ['1', 'ready' as const],
      ['2', 'warming' as const],
      ['3', 'failed' as const],
    ]);
    const stateOf = (version: string) => states.get(version);
    expect(resolveAlias('2', '1', stateOf)).toBe('1');
    expect(resolveAlias('3', '1', stateOf)).toBe('3');
    expect(resolveAlias('2', null, stateOf)).toBe('2');
    expect(resolveAlias('2', '1', (version) => (version === '2' ? 'passing' : 'ready'))).toBe('1');
  });

  it('takes the highest ready release', () => {
    expect(
      highestReady([
        { version: '1.0.0', state: 'ready' },
        { version: '3.0.0', state: 'failed' },
        { version: '2.0.0-a', state: 'ready' },
      ]),
    ).toBe('1.0.0');
    expect(highestReady([])).toBeNull();
  });
});
