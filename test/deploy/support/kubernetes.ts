/** What the tests read of resources; Kubernetes' own schemas check the rest. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: unknown;
  readonly data?: Readonly<Record<string, string>>;
}

export interface PodSpec {
  readonly securityContext: { readonly runAsUser: number; readonly fsGroup: number };
  readonly automountServiceAccountToken?: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly initContainers?: readonly ContainerSpec[];
  readonly containers: readonly [ContainerSpec];
  readonly volumes: readonly Volume[];
}

export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts: readonly VolumeMount[];
  readonly securityContext: object;
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly lifecycle?: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
}

export interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string | number; readonly scheme?: string };
}

export interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
  readonly subPath?: string;
  readonly readOnly?: boolean;
}

export interface Item {
  readonly key: string;
  readonly path: string;
}

export interface Volume {
  readonly name: string;
  readonly configMap?: { readonly name: string };
  readonly secret?: { readonly secretName: string; readonly items?: readonly Item[] };
  readonly projected?: {
    readonly sources: readonly { readonly secret: { readonly name: string; readonly items: readonly Item[] } }[];
  };
  readonly emptyDir?: object;
  readonly persistentVolumeClaim?: { readonly claimName: string };
}
