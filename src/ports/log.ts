export type Fields = Readonly<Record<string, unknown>>;

/** Structured logging. `event` is a short constant text; what varies goes into `fields`. No secrets (I12). */
export interface Log {
  debug(event: string, fields?: Fields): void;
  info(event: string, fields?: Fields): void;
  warn(event: string, fields?: Fields): void;
  error(event: string, fields?: Fields): void;
  /** A log that adds `fields` to everything it writes. */
  child(fields: Fields): Log;
}
