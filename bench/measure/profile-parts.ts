/** V8's CPU profile: samples of nodes of a call tree. Times in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly children?: readonly number[];
  }[];
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface PartShare {
  readonly part: string;
  /** Of the time in which the thread did something. */
  readonly share: number;
}

/** The first rule that a frame fits says what it belongs to; asked from the innermost frame outwards. */
const rules: readonly (readonly [part: string, frame: RegExp])[] = [
  ['garbage collection', /^\(garbage collector\)/],
  ['write to the socket (kernel)', /^(writev|writeUtf8String|writeLatin1String) /],
  ['express lane: framing', /dist\/http\/express-lane\//],
  ['event file', /dist\/events\/(file|disk)/],
  ['text of event and reply', /dist\/(events\/|shared\/json-text|http\/prediction-reply-json)/],
  ['HTTP steps and reply headers', /dist\/http\//],
  ['key, rate limit', /dist\/access\//],
  ['admission', /dist\/overload\//],
  ['reading the body', /dist\/prediction\/body\//],
  ['pipeline: features, reply', /dist\/(prediction|shared)\//],
  ['model', /dist\/models\//],
  ['log', /dist\/observability\/(log|prediction-line)|sonic-boom/],
  ['metrics', /dist\/observability\//],
  ['routing and hooks (Fastify)', /node_modules\/(fastify|find-my-way|@fastify)/],
  ['HTTP and sockets (Node)', /node:(_http|net|internal\/(streams|stream_base|http)|events|buffer)/],
  ['outside JavaScript: poll, read, native', /^\(program\)/],
];

/** What part of the last `seconds` with work went where, largest first. */
export function attribute(profile: CpuProfile, seconds: number): PartShare[] {
  const parts = partOfNodes(profile);
  const idle = new Set(
    profile.nodes.filter(({ callFrame }) => callFrame.functionName === '(idle)').map(({ id }) => id),
  );
  const ends = endsOf(profile);
  const lastWork = ends.findLast((_, index) => parts.get(profile.samples[index] ?? 0) === 'model') ?? 0;
  const times = new Map<string, number>();
  let total = 0;
  profile.samples.forEach((id, index) => {
    const end = ends[index] ?? 0;
    if (idle.has(id) || end > lastWork || end < lastWork - seconds * 1e6) return;
    const delta = profile.timeDeltas[index] ?? 0;
    const part = parts.get(id) ?? 'other';
    times.set(part, (times.get(part) ?? 0) + delta);
    total += delta;
  });
  return [...times].map(([part, time]) => ({ part, share: time / total })).sort((a, b) => b.share - a.share);
}

function endsOf({ startTime, timeDeltas }: CpuProfile): number[] {
  let at = startTime;
  return timeDeltas.map((delta) => (at += delta));
}

function partOfNodes({ nodes }: CpuProfile): Map<number, string> {
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const own = new Map(nodes.map(({ id, callFrame }) => [id, ruleFor(`${callFrame.functionName} ${callFrame.url}`)]));
  return new Map(
    nodes.map(({ id }) => {
      let at: number | undefined = id;
      while (at !== undefined && own.get(at) === undefined) at = parents.get(at);
      return [id, (at === undefined ? undefined : own.get(at)) ?? 'other'];
    }),
  );
}

function ruleFor(frame: string): string | undefined {
  return rules.find(([, pattern]) => pattern.test(frame))?.[0];
}
