import { pino, type DestinationStream, type Logger as PinoLogger, type LoggerOptions } from 'pino';
import { isoTimestamp } from '../shared/timestamp.js';
import { redactFacts, redactValue } from './redaction.js';
import { redactText } from './redacted-text.js';

export const logLevels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const;
export type LogLevel = (typeof logLevels)[number];

export type Logger = PinoLogger;

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
