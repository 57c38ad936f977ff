import { once } from 'node:events';
import type { Message } from '#sdk';
import { FabricError } from '../model/error.ts';
import { type ClientOptions, connectAs } from './client.ts';

interface TailOptions extends ClientOptions {
  readonly workspace?: string;
  readonly count?: string;
}

/** Prints what an identity receives until it is stopped, or has so many. */
export const tail = async (identity: string, options: TailOptions): Promise<void> => {
  const count = options.count === undefined ? Infinity : Number(options.count);
  if (!(count > 0)) throw new FabricError('CONFIG_INVALID', `--count is a number of messages, not "${options.count}"`);
  await using client = await connectAs(identity, options);
  if (options.workspace !== undefined && 'switchWorkspace' in client) await client.switchWorkspace(options.workspace);
  const stopped = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]).then(() => undefined);
  if (options.json !== true)
    console.error(`connected as ${client.identity} (session ${client.session.id}); Ctrl-C stops`);
  let left = count;
  const messages = client.messages();
  while (left > 0) {
    const next = await Promise.race([messages.next(), stopped]);
    if (next === undefined || next.done === true) break;
    console.log(options.json === true ? toJson(next.value) : toLine(next.value));
    left -= 1;
  }
};

const toLine = (message: Message): string =>
  `${message.source || '(no topic)'}  ${message.type}  ${printable(message)}`;

const toJson = (message: Message): string =>
  JSON.stringify({
    source: message.source,
    type: message.type,
    workspace: message.workspace ?? '',
    ...(isText(message.payload)
      ? { text: message.text() }
      : { base64: Buffer.from(message.payload).toString('base64') }),
  });

const printable = (message: Message): string =>
  isText(message.payload)
    ? message.text()
    : `${message.payload.byteLength} bytes: ${Buffer.from(message.payload).toString('hex', 0, 64)}`;

const isText = (payload: Uint8Array): boolean => {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(payload);
    return true;
  } catch {
    return false;
  }
};
