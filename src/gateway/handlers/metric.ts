import { MessageType, Metric, type SendMessage } from '../../gen/aether/v1/message.ts';
import { FabricError } from '../../model/error.ts';
import { metricEntriesMax, metricMetadataMax } from '../../model/limits.ts';

/** What is wrong with a metric, if anything: only well-formed ones reach the metrics bridge. */
export const checkMetric = (send: SendMessage): FabricError | undefined => {
  if (send.messageType !== MessageType.METRIC)
    return new FabricError('ERR_METRIC_INVALID', 'messages to metric topics must be of type METRIC');
  const metric = decode(send.payload);
  if (metric === undefined) return new FabricError('ERR_METRIC_INVALID', 'payload is not a Metric');
  if (metric.metadata.size > metricMetadataMax)
    return new FabricError('ERR_METRIC_INVALID', `${metric.metadata.size} metadata keys, at most ${metricMetadataMax}`);
  const count = metric.entries.length;
  if (count === 0 || count > metricEntriesMax)
    return new FabricError('ERR_METRIC_EMPTY', `${count} entries, must be 1 to ${metricEntriesMax}`);
  return checkEntries(metric);
};

const checkEntries = ({ entries }: Metric): FabricError | undefined => {
  for (const [index, { name, qty }] of entries.entries()) {
    if (name === '') return new FabricError('ERR_METRIC_INVALID_ENTRY', `entry ${index + 1} has no name`);
    if (!Number.isFinite(qty))
      return new FabricError('ERR_METRIC_INVALID_ENTRY', `entry ${name} is not a finite number`);
    if (qty < 0)
      return new FabricError('ERR_METRIC_NEGATIVE_FORBIDDEN', `entry ${name} is negative, which is not granted`);
  }
  return undefined;
};

const decode = (payload: Uint8Array): Metric | undefined => {
  try {
    return Metric.decode(payload);
  } catch {
    return undefined;
  }
};
