/** What is wrong with what was asked, if anything. Pure. */
import { FabricError } from '../model/error.ts';
import { kvKeyBytesMax, ttlMsMax } from '../model/limits.ts';

const invalid = (message: string): FabricError => new FabricError('ERR_INVALID_ARGUMENT', message);

/** Any text of 1 to 256 bytes, but not what a decoder puts in place of broken UTF-8: two keys would be one. */
export const keyFault = (key: string): FabricError | undefined => {
  if (key === '') return invalid('key is empty');
  return prefixFault(key, 'key');
};

export const prefixFault = (prefix: string, name = 'prefix'): FabricError | undefined => {
  if (prefix.length > kvKeyBytesMax || Buffer.byteLength(prefix) > kvKeyBytesMax)
    return invalid(`${name} is longer than ${kvKeyBytesMax} bytes`);
  return prefix.includes('\ufffd') ? invalid(`${name} is not UTF-8`) : undefined;
};

export interface TtlSettings {
  /** For keys without one; 0 for never. */
  readonly defaultTtlMs: number;
  /** How long keys may live; 0 for ever. */
  readonly maxTtlMs: number;
}

/** Milliseconds to live, `undefined` for ever. */
export const ttlOf = (
  seconds: bigint,
  { defaultTtlMs, maxTtlMs }: TtlSettings,
): { readonly ttlMs: number | undefined } | FabricError => {
  if (seconds < 0n) return invalid(`ttl is negative: ${seconds}`);
  if (seconds === 0n) return { ttlMs: defaultTtlMs || maxTtlMs || undefined };
  const most = BigInt(maxTtlMs || ttlMsMax);
  if (seconds * 1000n > most) return invalid(`ttl is longer than ${most / 1000n} seconds`);
  return { ttlMs: Number(seconds) * 1000 };
};

/** A counter's step: 0 means 1. */
export const stepOf = (delta: bigint): { readonly step: bigint } | FabricError =>
  delta < 0n ? invalid(`delta_value is negative: ${delta}`) : { step: delta === 0n ? 1n : delta };
