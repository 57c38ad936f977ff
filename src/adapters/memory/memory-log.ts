import type { Fields, Log } from '../../ports/log.ts';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly event: string;
  readonly fields: Fields;
}

/** A log that can be read back. */
export class MemoryLog implements Log {
  readonly lines: LogLine[];
  readonly #fields: Fields;

  constructor(lines: LogLine[] = [], fields: Fields = {}) {
    this.lines = lines;
    this.#fields = fields;
  }

  debug(event: string, fields?: Fields): void {
    this.#write('debug', event, fields);
  }

  info(event: string, fields?: Fields): void {
    this.#write('info', event, fields);
  }

  warn(event: string, fields?: Fields): void {
    this.#write('warn', event, fields);
  }

  error(event: string, fields?: Fields): void {
    this.#write('error', event, fields);
  }

  child(fields: Fields): Log {
    return new MemoryLog(this.lines, { ...this.#fields, ...fields });
  }

  #write(level: LogLine['level'], event: string, fields: Fields = {}): void {
    this.lines.push({ level, event, fields: { ...this.#fields, ...fields } });
  }
}
