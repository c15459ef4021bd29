import { pino, type DestinationStream, type Logger as PinoLogger, type LoggerOptions } from 'pino';
import { isoTimestamp } from '../shared/timestamp.js';
import { redactFacts, redactValue } from './redaction.js';
import { redactText } from './redacted-text.js';

export const logLevels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const;
export type LogLevel = (typeof logLevels)[number];

export type Logger = PinoLogger;

/** Where finished lines go, and what makes sure that they arrive. */
export interface LogDestination extends DestinationStream {
  flushSync(): void;
}

/** A destination that holds lines back for a moment, so that many go out in one write; drops lines, counted, when its reader stands still. */
export function createLogDestination(onDrop: () => void, flushEveryMs = 20): LogDestination {
  const destination = pino.destination({ dest: 1, sync: false, minLength: 8192, maxLength: 8_388_608 });
  destination.on('drop', onDrop);
  setInterval(() => destination.flush(), flushEveryMs).unref();
  return destination;
}

/**
 * JSON lines in the specification's shape: timestamp, level in capitals, message, then the event's own fields. Secrets are taken out of
 * facts and texts alike, whoever logs them.
 */
export function createLogger(level: LogLevel, destination: DestinationStream): Logger {
  return pino(
    {
      level: level.toLowerCase(),
      base: null,
      messageKey: 'message',
      timestamp: () => `,"timestamp":"${isoTimestamp(Date.now())}"`,
      formatters: { level: (label) => ({ level: label.toUpperCase() }) },
      hooks: {
        logMethod(args, method) {
          method.apply(this, redactArguments(args));
        },
      },
    },
    destination,
  );
}

type LogArguments = Parameters<NonNullable<NonNullable<LoggerOptions['hooks']>['logMethod']>>[0];

function redactArguments([first, ...rest]: LogArguments): LogArguments {
  const facts: unknown = first;
  const texts = rest.map((text: unknown) => redactValue(text)) as string[];
  if (typeof facts === 'string') return [redactText(facts), ...texts];
  if (facts instanceof Error && texts.length === 0) texts.push(redactText(facts.message));
  return [redactFacts(Object(facts) as object), ...texts] as unknown as LogArguments;
}
