import { execFile, spawnSync } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

export type ToolName = 'helm' | 'kubernetes-validate' | 'compose-config' | 'crds' | 'image' | 's3';

const script = (name: ToolName): string => path.resolve('test/deploy/tools', name);

/** Runs one of test/deploy/tools, which installs itself first where it is missing. @throws Error with what it wrote to standard error. */
export async function tool(name: ToolName, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const options = { env: { ...process.env, ...env }, maxBuffer: 1 << 26, timeout: 1_500_000 };
  const { stdout } = await promisify(execFile)(script(name), [...args], options);
  return stdout;
}

/** As `tool`, for a tool whose answer is a refusal. @returns exit code, and all that it wrote. */
export function toolAnswer(name: ToolName, args: readonly string[], input = ''): { status: number; text: string } {
  const ended = spawnSync(script(name), args, { input, encoding: 'utf8', timeout: 1_500_000 });
  return { status: ended.status ?? -1, text: ended.stdout + ended.stderr };
}
