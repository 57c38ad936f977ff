import { openLog } from '../adapters/pino/pino-log.ts';
import type { Config } from '../config/schema.ts';
import type { Log } from '../ports/log.ts';

/** As configured; `auto` is for people on a terminal and for machines elsewhere. */
export const openProcessLog = ({ log_level: level, log_format: format }: Config): Log => {
  if (format !== 'auto') return openLog({ level, format });
  return openLog({ level, format: process.stderr.isTTY ? 'text' : 'json' });
};
