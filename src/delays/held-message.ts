/** What is stored of a delayed message: u32 head bytes, big-endian | head, JSON | the recipient's frame. */
import { FabricError } from '../model/error.ts';
import { parseTopic, type Topic } from '../model/topic.ts';
import type { OutgoingMessage } from '../router/router.ts';

interface Head {
  readonly topic: string;
  readonly source: string;
  /** Beyond what JSON's readers take for whole numbers. */
  readonly epoch: string;
  readonly tracked: OutgoingMessage['tracked'];
}

export const writeHeld = (topic: string, { frame, sender, tracked }: OutgoingMessage): Uint8Array => {
  const { source, epoch } = sender;
  const head = Buffer.from(JSON.stringify({ topic, source, epoch: String(epoch), tracked } satisfies Head));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(head.byteLength);
  return Buffer.concat([length, head, frame]);
};

export const readHeld = (body: Uint8Array): { readonly topic: Topic; readonly message: OutgoingMessage } => {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const frameAt = 4 + bytes.readUInt32BE(0);
  const { topic: text, source, epoch, tracked }: Head = JSON.parse(bytes.toString('utf8', 4, frameAt));
  const parsed = parseTopic(text);
  if ('fault' in parsed) throw new FabricError('ERR_INTERNAL', `a delayed message is for "${text}", which is no topic`);
  return {
    topic: parsed.topic,
    message: { frame: bytes.subarray(frameAt), sender: { source, epoch: BigInt(epoch) }, tracked },
  };
};
