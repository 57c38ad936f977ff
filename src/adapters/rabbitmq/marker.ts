/**
 * Markers are entries that only say where a partition's end was when they were appended. A confirm carries no offset
 * and a quiet stream says nothing of its end, so who wants to read from the end appends one and looks where it comes out.
 * They are never given to readers. Record batches start with their version, which will not reach 0xff.
 */
const head = Buffer.from('\xffmark:', 'latin1');
const nonceChars = 36;

export const createMarker = (uuid: string): Buffer => Buffer.concat([head, Buffer.from(uuid, 'latin1')]);

export const isMarker = (batch: Uint8Array): boolean =>
  batch[0] === 0xff && batch.byteLength === head.length + nonceChars && head.equals(batch.subarray(0, head.length));
