import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { call, json, TextSink } from '../../test/support/cli.js';
import { createProgram } from './index.js';

describe('every command', () => {
  const context = {
    io: { stdin: Readable.from([]), stdout: new TextSink(), stderr: new TextSink(), cwd: '.' },
    operations: () => Promise.reject(new Error('not used')),
    stop: new AbortController().signal,
  };
  const leaves = createProgram(context).commands.flatMap((command) =>
    command.commands.length === 0
      ? [command.name()]
      : command.commands.map((child) => `${command.name()} ${child.name()}`),
  );

  it.each(leaves)('%s has --help with an example, exit code 0', async (name) => {
    const { code, out } = await call(`${name} --help`);
    expect(code).toBe(0);
    expect(out).toContain(`Example: `);
    expect(out).toMatch(new RegExp(`bin/inference ${name}`));
    expect(out).not.toContain('npx');
  });

  it.each(leaves.filter((name) => name !== 'serve' && name !== 'model-server'))('%s has --json', async (name) => {
    expect((await call(`${name} --help`)).out).toContain('--json');
  });

  it.each([
    '',
    'nonsense',
    'serve --nonsense',
    'models import x.onnx',
    'models show',
    'predict --model a --format xml',
  ])('used wrongly (%s) gives exit code 2 and words on standard error', async (line) => {
    const { code, out, err } = await call(line);
    expect([code, out]).toEqual([2, '']);
    expect(err).not.toBe('');
  });

  it('failing for another reason gives exit code 1 without a stack', async () => {
    const { code, err } = await call('models show irs');
    expect(code).toBe(1);
    expect(err).toBe('inference: there is no model irs in examples/models; did you mean iris?\n');
  });
});

describe('serve', () => {
  it('says where it listens, what it serves, and a curl line; then stops when told', async () => {
    const { code, out, err, service } = await call('serve --models src');
    expect([code, out]).toEqual([0, '']);
    expect(err).toContain('Listening on http://127.0.0.1:8123\nDocumentation: http://127.0.0.1:8123/docs\n');
    expect(err).toContain('Model iris: 1, 2 (failed); 1 answers');
    expect(err).toContain('2: model.onnx is cut short');
    expect(err).toContain(
      `curl -s http://127.0.0.1:8123/v1/predict -H 'content-type: application/json' -d '{"model_id":"iris","features":{"width":1,"kind":"it'\\''s"}}'`,
    );
    expect(service.stop).toHaveBeenCalledOnce();
  });

  it('hands over what the flags say', async () => {
    const { operations } = await call('serve --models src --port 0 --workers 2 --data /d --log-level warn');
    const config = operations.createService.mock.calls[0]?.at(0) as unknown as { inference_service: unknown };
    expect(config.inference_service).toMatchObject({ port: 0, workers: 2, data: '/d', log_level: 'WARN' });
  });

  it('refuses a wrong configuration before anything is opened', async () => {
    const { code, err, operations } = await call('serve --port x --workers 0');
    expect(code).toBe(1);
    expect(err).toContain('2 problems');
    expect(err).toContain('flag --port');
    expect(operations.createService).not.toHaveBeenCalled();
  });

  it('refuses to be open, with the mend', async () => {
    const { code, err } = await call('serve --models src --host 0.0.0.0');
    expect(code).toBe(1);
    expect(err).toContain('INFERENCE_SERVICE__AUTH__ALLOW_ANONYMOUS=true');
  });
});

describe('config', () => {
  it('shows each value and where it came from', async () => {
    const { out } = await call('config show --port 9');
    expect(out).toMatch(/inference_service\.port +9 +flag --port/);
    expect(out).toMatch(/inference_service\.host +"127\.0\.0\.1" +config\/development\.yaml:\d+/);
    expect(out).toMatch(/inference_service\.redis\.host +unset/);
    const values = json((await call('config show --port 9 --json')).out) as Record<string, unknown>;
    expect(values['inference_service.port']).toEqual({ value: 9, source: 'flag --port' });
  });

  it('checks', async () => {
    expect(await call('config check --models src')).toMatchObject({ code: 0, out: 'The configuration is good.\n' });
    expect(json((await call('config check --models src --json')).out)).toEqual({ ok: true, problems: [] });
    const bad = await call('config check --models src --host :: --json');
    expect(bad.code).toBe(1);
    expect(json(bad.out)).toMatchObject({ ok: false, problems: [{ key: 'inference_service.auth.mode' }] });
  });

  it('reads the file of --config', async () => {
    const { code, err } = await call('config check --config test/fixtures/config/five-mistakes.yaml');
    expect(code).toBe(1);
    expect(err).toContain('5 problems');
    expect(err).toContain('test/fixtures/config/five-mistakes.yaml:3');
  });
});
