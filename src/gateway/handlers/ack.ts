import type { AckDeliveries, Nack } from '../../gen/aether/v1/fabric.ts';
import { FabricError } from '../../model/error.ts';
import { redeliverAfterMsMax } from '../../model/limits.ts';
import type { ClientSession } from '../client-session.ts';

/** Takes the client's word on its deliveries, each by itself. Answers only what it refuses. */
export const handleAck = (client: ClientSession, { acked, nacked, requestId }: AckDeliveries): undefined => {
  const { acks } = client.recipient;
  const needed = client.missing('ack');
  if (needed !== undefined || acks === undefined) {
    if (needed !== undefined) client.refuse(needed, requestId);
    return;
  }
  const [bad, good] = [nacked.filter(isBad), nacked.filter((nack) => !isBad(nack))];
  const unknown = acks.settle({
    acked: acked.map(Number),
    nacked: good.map(({ deliveryId, redeliverAfterMs }) => ({
      deliveryId: Number(deliveryId),
      redeliverAfterMs: Number(redeliverAfterMs),
    })),
  });
  if (unknown.length > 0) client.refuse(unknownError(unknown), requestId);
  for (const { deliveryId, redeliverAfterMs } of bad.slice(0, 1))
    client.refuse(
      new FabricError(
        'ERR_INVALID_ARGUMENT',
        `redeliver_after_ms of delivery ${deliveryId} is ${redeliverAfterMs}, must be 0 to ${redeliverAfterMsMax}`,
      ),
      requestId,
    );
};

const isBad = ({ redeliverAfterMs }: Nack): boolean => redeliverAfterMs < 0n || redeliverAfterMs > redeliverAfterMsMax;

const namedMax = 5;

const unknownError = (ids: readonly number[]): FabricError =>
  new FabricError(
    'ERR_DELIVERY_UNKNOWN',
    `no delivery of this stream waits for an answer under ${ids.slice(0, namedMax).join(', ')}${ids.length > namedMax ? ` and ${ids.length - namedMax} more` : ''}`,
  );
