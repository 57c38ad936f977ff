import { text } from 'node:stream/consumers';
import type { MessageType } from '#sdk';
import { FabricError } from '../model/error.ts';
import { type ClientOptions, connectAs, ownIdentity } from './client.ts';

const types: readonly MessageType[] = ['opaque', 'chat', 'control', 'toolCall', 'event', 'metric'];

interface SendCommandOptions extends ClientOptions {
  readonly as?: string;
  readonly type: string;
  readonly workspace?: string;
}

/** Sends one message and returns when the gateway has it durably, or says why it has not. */
export const send = async (topic: string, payload: string | undefined, options: SendCommandOptions): Promise<void> => {
  const type = types.find((known) => known === options.type);
  if (type === undefined) throw new FabricError('CONFIG_INVALID', `--type is one of ${types.join(', ')}`);
  const body = payload ?? (await text(process.stdin));
  await using client = await connectAs(options.as ?? ownIdentity(), options);
  const refusals: Error[] = [];
  client.onError((error) => void refusals.push(error));
  const { workspace } = options;
  await client.send(topic, body, workspace === undefined ? { type } : { type, workspace });
  await client.close();
  const [refusal] = refusals;
  if (refusal !== undefined) throw new FabricError('ERR_INVALID_ARGUMENT', refusal.message, { cause: refusal });
  const bytes = Buffer.byteLength(body);
  console.log(
    options.json === true ? JSON.stringify({ event: 'durable', topic, bytes }) : `durable: ${bytes} bytes to ${topic}`,
  );
};
