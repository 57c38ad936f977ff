import { destination, type Logger, pino, stdTimeFunctions } from 'pino';
import type { Fields, Log } from '../../ports/log.ts';
import { readableStream } from './readable-stream.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/**
 * Structured logging: one JSON object a line, or, for people at a terminal, one readable line. To standard error, so
 * that a command's own output stays clean.
 */
export const openLog = ({ level, format }: { readonly level: LogLevel; readonly format: 'json' | 'text' }): Log => {
  const options = { level, base: null, messageKey: 'event', timestamp: stdTimeFunctions.isoTime };
  return new PinoLog(
    pino(options, format === 'json' ? destination({ fd: 2, sync: true }) : readableStream(process.stderr)),
  );
};

class PinoLog implements Log {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  debug(event: string, fields: Fields = {}): void {
    this.#logger.debug(plain(fields), event);
  }

  info(event: string, fields: Fields = {}): void {
    this.#logger.info(plain(fields), event);
  }

  warn(event: string, fields: Fields = {}): void {
    this.#logger.warn(plain(fields), event);
  }

  error(event: string, fields: Fields = {}): void {
    this.#logger.error(plain(fields), event);
  }

  child(fields: Fields): Log {
    return new PinoLog(this.#logger.child(plain(fields)));
  }
}

/** Errors become their chain of messages, innermost last; the stack goes along only where nobody foresaw the error. */
const plain = (fields: Fields): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, value instanceof Error ? describe(value) : value]),
  );

const describe = (error: Error): { readonly message: string; readonly stack?: string } => {
  const messages: string[] = [];
  let innermost = error;
  for (let at: unknown = error; at instanceof Error && messages.length < causesMax; at = at.cause) {
    messages.push(at.message);
    innermost = at;
  }
  const message = messages.join(': ');
  return innermost.name === 'FabricError' || innermost.stack === undefined
    ? { message }
    : { message, stack: innermost.stack };
};

const causesMax = 8;
