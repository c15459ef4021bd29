import { Type, type Static } from '@sinclair/typebox';

export const eventStreamOptions = Type.Object(
  {
    enabled: Type.Boolean({ default: true, description: 'Leave an event for each prediction.' }),
    buffer_size: Type.Integer({
      default: 1000,
      minimum: 1,
      maximum: 1_000_000,
      description:
        'Events held in memory at most; beyond it they go to the disk, or the oldest are dropped and counted.',
    }),
    flush_interval_ms: Type.Integer({
      default: 100,
      minimum: 1,
      maximum: 60_000,
      description:
        'Longest wait before waiting events are sent to Kafka (at 500 they are sent at once). Without Kafka, and with durability memory: before they are written to the event file.',
    }),
  },
  { description: 'Event delivery.' },
);
export type EventStreamOptions = Static<typeof eventStreamOptions>;

const either = <const T extends string>(values: readonly T[], rest: { default: T; description: string }) =>
  Type.Unsafe<T>({ type: 'string', enum: [...values], ...rest });

export const eventsOptions = Type.Object(
  {
    durability: either(['journal', 'memory'], {
      default: 'journal',
      description:
        'journal: written before the reply, none lost when the process dies. memory: what waits in memory is lost then.',
    }),
    journal_fsync: either(['never', 'interval', 'always'], {
      default: 'interval',
      description:
        'What a crash of the machine costs, of the journal or the event file: never: the page cache; interval: up to one second; always: nothing.',
    }),
    journal_max_bytes: Type.Integer({
      default: 1_073_741_824,
      minimum: 1_048_576,
      description:
        'With Kafka: size of the journal of one worker. Beyond it events wait in memory (buffer_size); beyond that, new ones are dropped and counted.',
    }),
    file_max_bytes: Type.Integer({
      default: 134_217_728,
      minimum: 65_536,
      description: 'Without Kafka: the event file is rotated at this size.',
    }),
    file_keep: Type.Integer({
      default: 8,
      minimum: 1,
      maximum: 10_000,
      description: 'Rotated event files that are kept.',
    }),
    pii_key: Type.Optional(
      Type.String({
        minLength: 16,
        description:
          'Secret: key of the HMAC-SHA-256 that stands for personal values in events. Without it they are left out.',
      }),
    ),
    source: Type.String({ default: '/inference-service', description: 'CloudEvents source.' }),
  },
  { description: 'Events, their journal (with Kafka) and their file (without).' },
);
export type EventsOptions = Static<typeof eventsOptions>;

const broker = '(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?';

export const kafkaOptions = Type.Object(
  {
    bootstrap_servers: Type.Optional(
      Type.String({
        pattern: `^\\s*${broker}\\s*(,\\s*${broker}\\s*)*$`,
        description:
          'Comma-separated Kafka brokers, host:port (9092 when left out). Unset: events go to a file in the data folder.',
      }),
    ),
    topic: Type.String({
      default: 'inference-events',
      pattern: '^[A-Za-z0-9._-]{1,249}$',
      description: 'Topic of the events. Made on first use where the brokers do that.',
    }),
    mode: either(['binary', 'structured'], {
      default: 'binary',
      description:
        'CloudEvents content mode. binary: attributes are headers (ce_id, …), the value is the data. structured: the value is the whole event.',
    }),
    compression: either(['none', 'gzip', 'snappy', 'lz4'], {
      default: 'lz4',
      description: 'Compression of the batches. lz4 and snappy are native code; gzip works on every platform.',
    }),
    sasl: Type.Optional(
      Type.Object(
        {
          mechanism: either(['plain', 'scram-sha-256', 'scram-sha-512'], {
            default: 'scram-sha-512',
            description: 'SASL mechanism. plain shows the password to whoever sees the connection: only with TLS.',
          }),
          username: Type.String({ minLength: 1, description: 'Name of the user.' }),
          password: Type.String({ minLength: 1, description: 'Secret: password of the user.' }),
        },
        { description: 'Authentication by SASL.' },
      ),
    ),
    tls: Type.Object(
      {
        enabled: Type.Boolean({ default: false, description: 'Encrypt, and check the certificate of the brokers.' }),
        ca_file: Type.Optional(
          Type.String({
            minLength: 1,
            description: "PEM file of the brokers' authority. Unset: those that Node.js knows.",
          }),
        ),
        cert_file: Type.Optional(Type.String({ minLength: 1, description: 'PEM file of a client certificate.' })),
        key_file: Type.Optional(Type.String({ minLength: 1, description: 'PEM file of its private key.' })),
      },
      { description: 'TLS to the brokers. Files are read again for each new connection after a failure.' },
    ),
  },
  { description: 'Kafka: events of several instances.' },
);
export type KafkaOptions = Static<typeof kafkaOptions>;
