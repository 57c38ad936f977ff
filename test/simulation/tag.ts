/**
 * What every simulated message says about itself, so that it is known again wherever it turns up: its lane (sender and
 * recipient) and its number there.
 */
import { DownstreamMessage } from '../../src/gen/aether/v1/gateway.ts';

export interface Tag {
  readonly from: string;
  readonly to: string;
  readonly number: number;
}

export const keyOf = ({ from, to, number }: Tag): string => `${from}>${to}#${number}`;

/** A payload of about that many bytes. */
export const writeTag = (tag: Tag, bytes: number): Buffer => {
  const text = `${keyOf(tag)}\n`;
  const payload = Buffer.alloc(Math.max(bytes, text.length));
  payload.write(text, 'latin1');
  return payload;
};

export const readTag = (payload: Uint8Array): Tag => {
  const end = payload.indexOf(10);
  const [lane = '', number = ''] = Buffer.from(payload.buffer, payload.byteOffset, end).toString('latin1').split('#');
  const [from = '', to = ''] = lane.split('>');
  return { from, to, number: Number(number) };
};

/** Letters have names of their own, and what is in them is an errand. */
const isLetter = ([first]: Uint8Array): boolean => first === 0x7b;

/** The tag in a recipient's frame; `undefined` if it is no message, or a letter. */
export const tagOfFrame = (frame: Uint8Array | undefined): Tag | undefined => {
  const payload = frame === undefined ? undefined : DownstreamMessage.decode(frame).payload;
  return payload?.$case === 'msg' && !isLetter(payload.value.payload) ? readTag(payload.value.payload) : undefined;
};
