import { FabricError } from '../../model/error.ts';
import { batchMessagesMax } from '../../model/limits.ts';
import type { ClientSession } from '../client-session.ts';
import type { UpstreamBatch } from '../codec/upstream.ts';
import { handleSend, refuseSend } from './send.ts';

/** Handles the messages of one frame in order, each accepted or refused by itself, as if it had come alone. */
export const handleSendBatch = async (client: ClientSession, batch: UpstreamBatch): Promise<void> => {
  const fault = faultOf(client, batch);
  if (fault !== undefined) return client.refuse(fault);
  let place = 0;
  for (const send of batch.messages) {
    if (send === undefined) refuseSend(client, damaged, { place, id: '' });
    else {
      const wait = handleSend(client, send, place);
      if (wait !== undefined) await wait;
    }
    // A client that does not read what is refused must not make the gateway keep it.
    const { room } = client.outbox;
    if (room !== undefined) await room;
    place += 1;
  }
};

const damaged = new FabricError('ERR_INVALID_ARGUMENT', 'it is not a SendMessage');

const faultOf = (client: ClientSession, { count }: UpstreamBatch): FabricError | undefined => {
  const needed = client.missing('batch');
  if (needed !== undefined) return needed;
  if (count <= batchMessagesMax) return undefined;
  return new FabricError('ERR_INVALID_ARGUMENT', `${count} messages in one frame, at most ${batchMessagesMax}`);
};
