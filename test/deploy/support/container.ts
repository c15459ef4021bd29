import { tool, toolAnswer } from './tool.js';

export interface Mount {
  /** Folder or file of this machine. */
  readonly source: string;
  /** Where it is in the container. */
  readonly target: string;
  readonly readOnly: boolean;
}

export interface ContainerOptions {
  readonly name: string;
  readonly image: string;
  /** Instead of the image's entry point. */
  readonly command?: readonly string[] | undefined;
  readonly args?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>>;
  readonly mounts?: readonly Mount[];
}

/** A container of podman on this machine's network, on a read-only root and without capabilities. */
export class Container {
  readonly #name: string;

  private constructor(name: string) {
    this.#name = name;
  }

  static async start(options: ContainerOptions): Promise<Container> {
    await tool('image', ['run', '--detach', ...runArguments(options)]);
    return new Container(options.name);
  }

  /** Runs it to its end. @returns exit code, and all that it wrote. */
  static async run(options: ContainerOptions): Promise<{ status: number; text: string }> {
    const container = await Container.start(options);
    const status = Number(await podman('wait', options.name));
    const text = container.logs();
    await container.remove();
    return { status, text };
  }

  exec(...command: readonly string[]): Promise<string> {
    return podman('exec', this.#name, ...command);
  }

  /** All that it has written, to standard output and standard error. */
  logs(): string {
    return toolAnswer('image', ['podman', 'logs', this.#name]).text;
  }

  /** SIGTERM to process 1. @returns its exit code; that of a kill where it takes longer. */
  async stop(limitSeconds: number): Promise<number> {
    await podman('stop', '--time', String(limitSeconds), this.#name);
    return Number(await podman('inspect', '--format', '{{.State.ExitCode}}', this.#name));
  }

  async remove(): Promise<void> {
    await podman('rm', '--force', '--volumes', this.#name);
  }
}

function podman(...args: readonly string[]): Promise<string> {
  return tool('image', ['podman', ...args]);
}

function runArguments({ name, image, command, args = [], env = {}, mounts = [] }: ContainerOptions): string[] {
  return [
    ...['--name', name],
    ...Object.entries(env).flatMap(([variable, value]) => ['--env', `${variable}=${value}`]),
    ...mounts.flatMap(({ source, target, readOnly }) => ['--volume', `${source}:${target}:${readOnly ? 'ro' : 'rw'}`]),
    ...(command === undefined ? [] : ['--entrypoint', JSON.stringify(command)]),
    image,
    ...args,
  ];
}
