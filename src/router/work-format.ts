/**
 * The body of a competing message. A plain one is the recipient's frame with its gRPC prefix, which begins with 0. A
 * tracked one has a head before that, big-endian: u8 1 | u8 flags | f64 expires at | u8 bytes | id | u16 bytes | owner.
 * It is stored, so a change is a new first byte.
 */
import { possibleDuplicate, type Tracked } from './batch-format.ts';

const trackedMark = 1;
const fixedBytes = 13;

export interface Work {
  readonly frame: Uint8Array;
  readonly tracked: Tracked | undefined;
}

export const toWork = (frame: Uint8Array, tracked: Tracked | undefined): readonly Uint8Array[] => {
  if (tracked === undefined) return [frame];
  const { owner, id, expiresAtMs, isPossibleDuplicate } = tracked;
  const head = Buffer.alloc(fixedBytes + Buffer.byteLength(id) + Buffer.byteLength(owner));
  head[0] = trackedMark;
  head[1] = isPossibleDuplicate ? possibleDuplicate : 0;
  head.writeDoubleBE(expiresAtMs, 2);
  head[10] = head.write(id, 11);
  const ownerAt = 11 + Buffer.byteLength(id);
  head.writeUInt16BE(head.write(owner, ownerAt + 2), ownerAt);
  return [head, frame];
};

export const readWork = (body: Uint8Array): Work => {
  if (body[0] !== trackedMark) return { frame: body, tracked: undefined };
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const idEnd = 11 + bytes.readUInt8(10);
  const ownerEnd = idEnd + 2 + bytes.readUInt16BE(idEnd);
  const tracked = {
    owner: bytes.toString('utf8', idEnd + 2, ownerEnd),
    id: bytes.toString('utf8', 11, idEnd),
    expiresAtMs: bytes.readDoubleBE(2),
    isPossibleDuplicate: (bytes.readUInt8(1) & possibleDuplicate) !== 0,
  };
  return { frame: bytes.subarray(ownerEnd), tracked };
};
