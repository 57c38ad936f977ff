import type { Fields, Log } from '../../src/ports/log.ts';
import type { Trace } from './trace.ts';

/** What a gateway logs, as lines of the trace. */
export class TraceLog implements Log {
  readonly #trace: Trace;
  readonly #who: string;
  readonly #onError: (what: string) => void;

  constructor(trace: Trace, who: string, onError: (what: string) => void) {
    this.#trace = trace;
    this.#who = who;
    this.#onError = onError;
  }

  debug(event: string, fields: Fields = {}): void {
    this.#say('', event, fields);
  }

  info(event: string, fields: Fields = {}): void {
    this.#say('', event, fields);
  }

  warn(event: string, fields: Fields = {}): void {
    this.#say('! ', event, fields);
  }

  error(event: string, fields: Fields = {}): void {
    this.#onError(this.#say('!! ', event, fields));
  }

  child(): Log {
    return this;
  }

  #say(level: string, event: string, fields: Fields): string {
    const shown = Object.entries(fields).map(([name, value]) => ` ${name}=${textOf(value)}`);
    const what = `${level}${event}${shown.join('')}`;
    this.#trace.say(this.#who, what);
    return what;
  }
}

/** With the first line of where an error nobody foresaw came from. */
const textOf = (value: unknown): string => {
  if (!(value instanceof Error)) return String(value);
  return value.cause instanceof Error ? `${value.message} (${value.cause.message})` : value.message;
};
