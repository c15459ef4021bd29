import { describe, expect, it } from 'vitest';
import { call, iris, json } from '../../test/support/cli.js';

describe('models', () => {
  it('lists and shows', async () => {
    expect((await call('models list')).out).toMatch(
      /iris +1 +ready +@production answers\niris +2 +failed +model\.onnx is cut short/,
    );
    expect(json((await call('models list --json')).out)).toEqual([iris]);
    expect((await call('models show iris')).out).toContain('width                    {"type":"number"}');
    expect(json((await call('models show iris --json')).out)).toEqual(iris);
  });

  it('fails a check where a version cannot serve', async () => {
    const { code, out, err } = await call('models check iris');
    expect(code).toBe(1);
    expect(out).toContain(
      'iris 1: good\n  3 golden rows agree\niris 2: cannot serve\n  problem: model.onnx is cut short\n',
    );
    expect(err).toBe('inference: 1 of 2 checked versions cannot serve\n');
    expect((await call('models check none')).err).toBe('inference: there is no such model or version\n');
  });

  it('imports, promotes, retires', async () => {
    const imported = await call('models import m.onnx --id iris --version 1 --columns a,b');
    expect(imported.out).toContain('Wrote models/iris/1/model.yaml\niris 1: good');
    expect(imported.operations.models.import.mock.calls[0]?.at(1)).toEqual({
      file: 'm.onnx',
      modelId: 'iris',
      version: '1',
      columns: ['a', 'b'],
    });
    expect(json((await call('models import m.onnx --id iris --version 1 --json')).out)).toMatchObject({ ok: true });
    expect((await call('models promote iris 2')).out).toBe('iris@production is 2, was 1\n');
    expect(json((await call('models promote iris 2 --alias canary --json')).out)).toMatchObject({
      alias: 'canary',
      before: '1',
    });
    expect((await call('models retire iris 2 --force')).out).toContain('models/.retired/iris/2; removed: @canary\n');
    const retired = await call('models retire iris 2 --json');
    expect(json(retired.out)).toMatchObject({ version: '2', aliases_removed: ['canary'] });
    expect((retired.operations.models.retire.mock.calls as unknown[][])[0]?.slice(1)).toEqual([
      { modelId: 'iris', version: '2' },
      false,
    ]);
  });
});

describe('features', () => {
  it('imports all rows or none', async () => {
    const imported = await call('features import a.csv --view person');
    expect(imported.out).toBe('2 rows imported into person\n');
    expect(imported.err).toContain('left out: note');
    expect(json((await call('features import a.csv --view person --json')).out)).toMatchObject({ rows: 2 });
    const bad = await call('features import bad.csv --view person');
    expect(bad).toMatchObject({ code: 1, out: '' });
    expect(bad.err).toContain('line 3: age is not an integer\n  and 3 more');
  });

  it('gets and verifies', async () => {
    expect((await call('features get person A-1')).out).toMatch(/age +3/);
    expect((await call('features get person A-1')).out).toContain(
      'updated at 2026-01-01T00:00:00.000Z, older than its view allows',
    );
    expect(json((await call('features get person A-1 --json')).out)).toMatchObject({
      features: { age: 3 },
      stale: true,
    });
    expect((await call('features get person B-2')).err).toBe('inference: person has no row for B-2\n');
    expect(await call('features verify')).toMatchObject({ code: 1, out: 'person: column age is missing\n' });
    expect(json((await call('features verify --json')).out)).toEqual([
      { view: 'person', problems: ['column age is missing'] },
    ]);
  });
});

describe('events', () => {
  it('tails and counts', async () => {
    const tail = await call('events tail -n 2');
    expect(tail.out).toBe('{"id":"1"}\n{"id":"2"}\n');
    expect((tail.operations.events.tail.mock.calls as unknown[][])[0]?.[1]).toMatchObject({ count: 2, follow: false });
    expect((await call('events tail -n x')).code).toBe(2);
    const { out } = await call('events stats');
    expect(out).toMatch(/iris +success +2/);
    expect(out).toContain('2 events in the files that are kept\n3 wait in the journal (900 bytes), the oldest of 2026');
    expect(out).toContain('1 lines are no events');
    expect(json((await call('events stats --json')).out)).toMatchObject({
      events: 2,
      counts: [{ model_id: 'iris', status: 'success', error_code: null, events: 2 }],
      unreadable_lines: 1,
    });
  });
});

describe('keys', () => {
  it('creates with what was asked, and shows the secret once', async () => {
    const made = await call(
      'keys create --label shop --scope predict:a --scope models:read --requests-per-minute 5 --expires 30d',
    );
    expect(made.out).toBe('inf_secret\n');
    expect(made.keys.create.mock.calls[0]?.at(0)).toMatchObject({
      label: 'shop',
      scopes: ['predict:a', 'models:read'],
      requestsPerMinute: 5,
    });
    expect(made.keys.close).toHaveBeenCalledOnce();
    const plain = await call('keys create --label shop --requests-per-minute unlimited --json');
    expect(json(plain.out)).toEqual({ id: 'k1', secret: 'inf_secret' });
    expect(plain.keys.create.mock.calls[0]?.at(0)).toEqual({
      label: 'shop',
      scopes: ['predict:*', 'models:read'],
      requestsPerMinute: null,
    });
  });

  it('prints an entry and stores nothing with --hash-only', async () => {
    const made = await call('keys create --label shop --hash-only');
    expect(made.out).toBe('- {label: shop, sha256: abc}\n');
    expect(made.err).toContain('inf_hashed');
    expect(made.keys.create).not.toHaveBeenCalled();
  });

  it.each(['--expires yesterday', '--expires 2020-01-01', '--requests-per-minute 0'])('refuses %s', async (option) => {
    expect((await call(`keys create --label shop ${option}`)).code).toBe(2);
  });

  it('lists, rotates, revokes', async () => {
    expect((await call('keys list')).out).toMatch(/k1 +shop +active +2026-01-01 +never +predict:\*/);
    expect(json((await call('keys list --json')).out)).toHaveLength(1);
    const rotated = await call('keys rotate k1 --overlap 60');
    expect(rotated.out).toBe('inf_new\n');
    expect(rotated.keys.rotate).toHaveBeenCalledWith('k1', 60);
    expect((await call('keys rotate k1 --overlap soon')).code).toBe(2);
    expect((await call('keys revoke k1')).out).toBe('Key k1 is revoked.\n');
    expect(json((await call('keys revoke k1 --json')).out)).toEqual({ id: 'k1', revoked: true });
    expect(await call('keys revoke k9')).toMatchObject({ code: 1, err: 'inference: there is no key k9\n' });
  });
});

describe('database', () => {
  it('migrates, and says what was made', async () => {
    expect(await call('database migrate')).toMatchObject({
      code: 0,
      out: 'made api keys; schema inference is at version 2 of 2\n',
    });
    expect(json((await call('database migrate --json')).out)).toMatchObject({ version: 2, applied: ['api keys'] });
  });

  it('fails where something is missing, with the command to run', async () => {
    const status = await call('database status');
    expect([status.code, status.out]).toEqual([1, 'schema inference is at version 1 of 2\n']);
    expect(status.err).toContain('it lacks api keys; run: bin/inference database migrate');
    expect(json((await call('database status --json')).out)).toMatchObject({ pending: ['api keys'] });
  });
});
