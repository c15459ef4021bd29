import { readFileSync } from 'node:fs';
import { dataOf, withoutRepeats, type Consumed } from './kafka.js';
import { get, post, type Service } from './service.js';

const request = JSON.parse(readFileSync('examples/requests/mortgage_denial.json', 'utf8')) as {
  readonly model_id: string;
  readonly features: Readonly<Record<string, unknown>>;
};
const stored = ['consumer_credit_score', 'mortgage_credit_score', 'public_bad_credit_record'];
const features = Object.fromEntries(Object.entries(request.features).filter(([name]) => !stored.includes(name)));

/** A request whose credit history is looked up, so that its event has the applicant as its key. */
export const bodyFor = (applicant: string) => ({
  model_id: request.model_id,
  features,
  entities: { applicant_id: applicant },
});

/** Environment of a service whose events go to `topic`. */
export const kafkaEnv = (port: number, topic: string, settings: Readonly<Record<string, string>> = {}) => ({
  KAFKA_BOOTSTRAP_SERVERS: `127.0.0.1:${port}`,
  INFERENCE_SERVICE__KAFKA__TOPIC: topic,
  ...settings,
});

/** A metric of the service; the sum over its labels. */
export async function metric(service: Service, name: string): Promise<number> {
  const { body } = await get(`${service.url}/metrics`);
  const lines = String(body['text']).split('\n');
  const values = lines.filter((one) => one.startsWith(`${name} `) || one.startsWith(`${name}{`));
  return values.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** The publisher's accounts, read at one time. */
export async function accounts(service: Service) {
  const text = String((await get(`${service.url}/metrics`)).body['text']);
  const value = (name: string) => Number(new RegExp(`^inference_events_${name} (.*)$`, 'm').exec(text)?.[1]);
  return {
    offered: value('offered_total'),
    delivered: value('delivered_total'),
    dropped: value('dropped_total'),
    journaled: value('journaled'),
    inMemory: value('in_memory'),
  };
}

export async function allDelivered(service: Service): Promise<boolean> {
  const { offered, delivered, dropped } = await accounts(service);
  return delivered + dropped === offered;
}

export async function eventStream(service: Service): Promise<unknown> {
  return ((await get(`${service.url}/ready`)).body['checks'] as Record<string, unknown>)['event_stream'];
}

export interface Answered {
  readonly requestId: string;
  readonly applicant: string;
  readonly status: number;
  readonly milliseconds: number;
}

/** Predictions for twenty applicants, one after another for each of them, so that each one's order is known. */
export class Load {
  readonly answers: Answered[] = [];
  readonly #url: string;
  #isRunning = true;
  readonly #callers: Promise<void>[];

  constructor(service: Service) {
    this.#url = service.url;
    this.#callers = Array.from({ length: 4 }, (_, caller) => this.#call(caller));
  }

  /** Those that were predictions; the others were refused by admission, as the machine was busy. */
  get predicted(): Answered[] {
    return this.answers.filter(({ status }) => status === 200);
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await Promise.all(this.#callers);
  }

  async #call(caller: number): Promise<void> {
    for (let number = 0; this.#isRunning; number++) {
      const applicant = `A-${1 + caller * 5 + (number % 5)}`;
      const requestId = `${caller}-${number}`;
      const start = performance.now();
      const { status } = await post(`${this.#url}/v1/predict`, bodyFor(applicant), { 'x-request-id': requestId });
      this.answers.push({ requestId, applicant, status, milliseconds: performance.now() - start });
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
  }
}

export function percentile(answers: readonly Answered[], share: number): number {
  const sorted = answers.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * share)] ?? 0;
}

/** By applicant, the requests in the order in which they were answered. */
export function requestsByApplicant(answers: readonly Answered[]): Record<string, string[]> {
  const requests: Record<string, string[]> = {};
  for (const { applicant, requestId } of answers) (requests[applicant] ??= []).push(requestId);
  return requests;
}

/** The same of what a consumer read that drops repeats. */
export function eventsByApplicant(messages: readonly Consumed[]): Record<string, string[]> {
  const requests: Record<string, string[]> = {};
  for (const message of withoutRepeats(messages).unique) {
    (requests[message.key] ??= []).push(String(dataOf(message)['request_id']));
  }
  return requests;
}
