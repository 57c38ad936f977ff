/** A stored delivery with what it says of itself to a client that acknowledges: its fields are put behind the stored. */
import { IncomingMessage } from '../../gen/aether/v1/message.ts';
import { FabricError } from '../../model/error.ts';
import type { DeliveryFacts } from '../../router/acknowledgements.ts';
import { varintBytes, writeVarint } from './varint.ts';
import { Walk } from './walk.ts';

const prefixBytes = 5;
const msgTag = 0x0a;
const nothing = IncomingMessage.decode(new Uint8Array());

/** Both frames have their gRPC prefix. */
export const annotate = (frame: Uint8Array, facts: DeliveryFacts): Uint8Array => {
  const walk = new Walk(frame, prefixBytes + 1);
  const stored = walk.slice();
  if (frame[prefixBytes] !== msgTag || !walk.isUsual) throw new FabricError('ERR_INTERNAL', 'not a stored delivery');
  const added = encodeFacts(facts);
  const inner = stored.byteLength + added.byteLength;
  const message = 1 + varintBytes(inner) + inner;
  const out = Buffer.allocUnsafe(prefixBytes + message);
  out[0] = 0;
  out.writeUInt32BE(message, 1);
  out[prefixBytes] = msgTag;
  const at = writeVarint(out, prefixBytes + 1, inner);
  out.set(stored, at);
  out.set(added, at + stored.byteLength);
  return out;
};

const encodeFacts = ({ deliveryId, attempt, position, tracked }: DeliveryFacts): Uint8Array =>
  IncomingMessage.encode({
    ...nothing,
    deliveryId: BigInt(deliveryId),
    attempt,
    messageId: tracked?.id ?? '',
    possibleDuplicate: tracked?.isPossibleDuplicate ?? false,
    offset: position?.offset ?? 0n,
    record: position?.index ?? 0,
  }).finish();
