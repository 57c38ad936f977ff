import { createHash } from 'node:crypto';

/** Lua that Redis runs as one atomic step. It is sent by its digest, and in full where Redis does not know it yet. */
export interface Script {
  readonly text: string;
  readonly digest: string;
}

export const script = (text: string): Script => ({ text, digest: createHash('sha1').update(text).digest('hex') });
