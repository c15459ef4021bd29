import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const command = path.resolve('bin/inference');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'configuration-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function serve(env: Record<string, string>, args: readonly string[] = []) {
  const begun = performance.now();
  const ended = spawnSync(process.execPath, [command, 'serve', '--port', '0', ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    cwd: folder,
    encoding: 'utf8',
    timeout: 20_000,
  });
  return { code: ended.status, err: ended.stderr, out: ended.stdout, milliseconds: performance.now() - begun };
}

/** Milliseconds that a Node which does nothing takes here and now: about 40 on an idle machine. */
function emptyNodeMs(): number {
  const started = performance.now();
  spawnSync(process.execPath, ['-e', '0']);
  return performance.now() - started;
}

describe('demand 35: a configuration that is wrong in five places', () => {
  const wrong = {
    REDIS_PORT: 'six',
    INFERENCE_SERVICE__EVENTS__PII_KEY: 'hunter2',
    INFERENCE_SERVICE__CACHE__TTL_SECONDS: '-1',
    INFERENCE_SERVICE__HTTP__DOCS: 'yes',
    INFERENCE_SERVICE__WORKERS: '1.5',
    INFERENCE_SERVICE__CACHE__TTL_SECOND: '5',
  };

  it('stops the start at once, and names all five', () => {
    const { code, err, out, milliseconds } = serve(wrong);
    expect(code).toBe(1);
    expect(out).toBe('');
    expect(err).toContain('5 problems');
    for (const name of Object.keys(wrong).slice(0, 5)) expect(err).toContain(`variable ${name}`);
    expect(err).toContain('expected  integer, 1 to 65535\n    got       "six"');
    expect(err).toContain('got       ********');
    expect(err).not.toContain('hunter2');
    // Under a second, on a machine that has nothing else to do: what an empty Node takes tells how busy it is.
    const fastest = Math.min(milliseconds, serve(wrong).milliseconds, serve(wrong).milliseconds);
    const empty = Math.min(...[1, 2, 3].map(emptyNodeMs));
    expect(fastest).toBeLessThan(Math.max(1000, 25 * empty));
  });

  it('warns of a variable that sets nothing', () => {
    const { err } = serve({ INFERENCE_SERVICE__CACHE__TTL_SECOND: '5' }, ['--host', '0.0.0.0']);
    expect(err).toContain('did you mean INFERENCE_SERVICE__CACHE__TTL_SECONDS?');
  });
});

describe('production', () => {
  it('refuses to be open, and following what it says leads to an authenticated prediction over TLS', async () => {
    // The message speaks of `bin/inference` and `examples`, as in a clone.
    for (const name of ['bin', 'dist', 'examples', 'config', 'node_modules', 'package.json', 'docs'])
      symlinkSync(path.resolve(name), path.join(folder, name));
    const refused = serve({ ENVIRONMENT: 'production' });
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('3 problems');
    // The secret is printed once: what a person would copy is kept in a variable.
    const ways = firstWays(refused.err).map((line) =>
      line.startsWith('bin/inference keys') ? `KEY=$(${line})` : line,
    );
    const script = `set -euo pipefail
${ways.join('\n')}
ENVIRONMENT=production bin/inference serve --port 0 --workers 1 > log 2>&1 &
trap "kill $! 2>/dev/null; wait" EXIT
for _ in $(seq 100); do grep -q 'curl -s' log && break; sleep 0.1; done
eval "$(grep -o 'curl -s .*' log | sed "s/YOUR-KEY/$KEY/")"
echo
eval "$(grep -o 'curl -s .*' log) -o /dev/null -w '%{http_code}'"`;
    mkdirSync(path.join(folder, 'home'));
    const env = { PATH: process.env['PATH'] ?? '', HOME: path.join(folder, 'home') };
    const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: folder, env });
    const [answer, withoutKey] = stdout.trim().split('\n');
    expect(JSON.parse(answer ?? '')).toMatchObject({
      prediction: { denial_probability: expect.any(Number) as number },
    });
    expect(withoutKey).toBe('401');
  });
});

/** The commands of the first way out of each problem. */
function firstWays(report: string): string[] {
  return report.split('\n\n').flatMap((paragraph) => {
    const lines = paragraph.split('\n');
    const mend = lines.findIndex((line) => line.startsWith('    mend '));
    if (mend < 0) return [];
    const rest = lines.slice(mend + 1);
    const end = rest.findIndex((line) => !line.startsWith(' '.repeat(16)));
    return (end < 0 ? rest : rest.slice(0, end)).map((line) => line.trim());
  });
}
