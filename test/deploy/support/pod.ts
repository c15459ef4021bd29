import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Container, type ContainerOptions } from './container.js';
import type { ContainerSpec, Item, PodSpec, Volume } from './kubernetes.js';

/** What a cluster has beside the resources of the chart. */
export interface Cluster {
  /** Secret or ConfigMap → entry → content. */
  readonly secrets: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly configMaps: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Claim → folder of this machine. */
  readonly claims: Readonly<Record<string, string>>;
  /** Instead of the image that the pod names. */
  readonly image: string;
}

/** A pod's specification run on this machine: its init containers to their end, then its container. What it mounts is made as Kubernetes would. */
export class Pod {
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'pod-'));
  readonly #spec: PodSpec;
  readonly #cluster: Cluster;
  readonly #volumes = new Map<string, string>();
  container: Container | undefined;

  constructor(spec: PodSpec, cluster: Cluster) {
    this.#spec = spec;
    this.#cluster = cluster;
    chmodSync(this.#folder, 0o755);
    for (const volume of spec.volumes) this.#volumes.set(volume.name, this.#makeVolume(volume));
  }

  /** @returns exit code and words of each init container, in order. */
  async runInitContainers(): Promise<readonly { status: number; text: string }[]> {
    const answers = [];
    for (const container of this.#spec.initContainers ?? [])
      answers.push(await Container.run(this.#options(container, `init-${process.pid}-${container.name}`)));
    return answers;
  }

  async start(): Promise<Container> {
    const [container] = this.#spec.containers;
    this.container = await Container.start(this.#options(container, `pod-${process.pid}-${container.name}`));
    return this.container;
  }

  async remove(): Promise<void> {
    await this.container?.remove();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #options(container: ContainerSpec, name: string): ContainerOptions {
    return {
      name,
      image: this.#cluster.image,
      command: container.command,
      args: container.args,
      env: Object.fromEntries((container.env ?? []).map(({ name: variable, value }) => [variable, value])),
      mounts: container.volumeMounts.map((mount) => ({
        source: path.join(this.#volumes.get(mount.name) ?? '', mount.subPath ?? ''),
        target: mount.mountPath,
        readOnly: mount.readOnly === true,
      })),
    };
  }

  #makeVolume(volume: Volume): string {
    const { name, configMap, secret, projected, emptyDir, persistentVolumeClaim: claim } = volume;
    if (claim !== undefined) return this.#cluster.claims[claim.claimName] ?? '';
    const folder = path.join(this.#folder, name);
    mkdirSync(folder);
    const { fsGroup } = this.#spec.securityContext;
    // As the kubelet leaves them: an emptyDir belongs to root, and anyone may write to it.
    chownSync(folder, 0, fsGroup);
    chmodSync(folder, emptyDir === undefined ? 0o755 : 0o2777);
    const write = (file: string, content: string) => {
      writeFileSync(path.join(folder, file), content);
      chmodSync(path.join(folder, file), 0o440);
      chownSync(path.join(folder, file), 0, fsGroup);
    };
    const writeAll = (contents: Readonly<Record<string, string>> | undefined, items?: readonly Item[]) => {
      if (contents === undefined) throw new Error(`The cluster has nothing for the volume ${name}`);
      const wanted = items ?? Object.keys(contents).map((key) => ({ key, path: key }));
      for (const item of wanted) write(item.path, contents[item.key] ?? '');
    };
    if (configMap !== undefined) writeAll(this.#cluster.configMaps[configMap.name]);
    if (secret !== undefined) writeAll(this.#cluster.secrets[secret.secretName], secret.items);
    for (const source of projected?.sources ?? [])
      writeAll(this.#cluster.secrets[source.secret.name], source.secret.items);
    return folder;
  }
}
