import { WebSocket } from 'undici';

const LIMIT_MS = 60_000;

/** What a process holds when it has just collected its garbage. */
export interface Held {
  readonly heapMb: number;
  /** What keeps the event loop alive by kind, less what comes and goes by itself (timers, single file calls). */
  readonly handles: Readonly<Record<string, number>>;
  /** Listeners on all event emitters that are reachable. */
  readonly listeners: number;
}

interface Reply {
  readonly id?: number;
  readonly error?: { readonly message: string };
  readonly result?: Record<string, unknown>;
}
interface RemoteObject {
  readonly objectId?: string;
  readonly value?: unknown;
}

/** The address that Node prints when it is started with --inspect. */
export function inspectorAddress(stderr: string): string {
  const address = /^Debugger listening on (ws:\S+)$/m.exec(stderr)?.[1];
  if (address === undefined) throw new Error('the service printed no address of its inspector');
  return address;
}

/**
 * Collects the garbage of the process behind a Node inspector and counts what is left. The inspector is attached for that moment only:
 * the program itself runs unchanged, and what it counts are live objects, not what awaits collection.
 */
export async function sampleHeld(address: string): Promise<Held> {
  const inspector = await Inspector.attach(address);
  try {
    // What is freed by a finalizer goes with the next collection.
    for (let round = 0; round < 3; round++) await inspector.call('HeapProfiler.collectGarbage');
    const { value } = await inspector.evaluate(
      `({ heap: process.memoryUsage().heapUsed, resources: process.getActiveResourcesInfo() })`,
    );
    const { heap, resources } = value as { heap: number; resources: string[] };
    return { heapMb: heap / 2 ** 20, handles: countHandles(resources), listeners: await inspector.countListeners() };
  } finally {
    inspector.detach();
  }
}

const passing = /^(Timeout|Immediate|FSReq|GetAddrInfo|GetNameInfo|TCPConnect|.*(Write|Shutdown)Wrap)/;

function countHandles(resources: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of resources) if (!passing.test(kind)) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #calls = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      const reply = JSON.parse(String(data)) as Reply;
      if (reply.id !== undefined) this.#waiting.get(reply.id)?.(reply);
    });
  }

  static async attach(address: string): Promise<Inspector> {
    const socket = new WebSocket(address);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => resolve());
      socket.addEventListener('error', () => reject(new Error(`no inspector at ${address}`)));
    });
    return new Inspector(socket);
  }

  detach(): void {
    this.#socket.close();
  }

  async call(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++this.#calls;
    const reply = await new Promise<Reply>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the inspector did not answer ${method}`)), LIMIT_MS);
      this.#waiting.set(id, (answer) => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        resolve(answer);
      });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
    if (reply.error !== undefined) throw new Error(`${method}: ${reply.error.message}`);
    return reply.result ?? {};
  }

  async evaluate(expression: string, returnByValue = true): Promise<RemoteObject> {
    return (await this.call('Runtime.evaluate', { expression, returnByValue }))['result'] as RemoteObject;
  }

  async countListeners(): Promise<number> {
    // Of process, of the class process, of EventEmitter: what all emitters inherit from.
    const prototype = await this.evaluate('Object.getPrototypeOf(Object.getPrototypeOf(process))', false);
    const { objects } = await this.call('Runtime.queryObjects', { prototypeObjectId: prototype.objectId });
    const { objectId } = objects as RemoteObject;
    const functionDeclaration = `function () {
      let count = 0;
      for (const emitter of this)
        if (emitter._events) for (const name of emitter.eventNames()) count += emitter.listenerCount(name);
      return count;
    }`;
    const { result } = await this.call('Runtime.callFunctionOn', { objectId, functionDeclaration });
    await this.call('Runtime.releaseObject', { objectId });
    return (result as RemoteObject).value as number;
  }
}
