import type { Fields, Log } from '../../../src/ports/log.ts';

export interface Line extends Fields {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly event: string;
}

/** A log that keeps what is written, for tests to look at. */
export class KeptLog implements Log {
  readonly lines: Line[];
  readonly #fields: Fields;

  constructor(lines: Line[] = [], fields: Fields = {}) {
    this.lines = lines;
    this.#fields = fields;
  }

  debug(event: string, fields: Fields = {}): void {
    this.#keep('debug', event, fields);
  }

  info(event: string, fields: Fields = {}): void {
    this.#keep('info', event, fields);
  }

  warn(event: string, fields: Fields = {}): void {
    this.#keep('warn', event, fields);
  }

  error(event: string, fields: Fields = {}): void {
    this.#keep('error', event, fields);
  }

  child(fields: Fields): Log {
    return new KeptLog(this.lines, { ...this.#fields, ...fields });
  }

  /** Events of this level and above debug, in order. */
  events(...levels: readonly Line['level'][]): string[] {
    return this.lines.filter(({ level }) => levels.includes(level)).map(({ event }) => event);
  }

  #keep(level: Line['level'], event: string, fields: Fields): void {
    this.lines.push({ ...this.#fields, ...fields, level, event });
  }
}
