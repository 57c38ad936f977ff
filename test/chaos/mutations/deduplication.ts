import type { LogWriter } from '../../../src/ports/message-log.ts';
import { altered, type Mutation } from './mutation.ts';

/** Publishers without a name: the broker cannot know what it is sent again after a broken connection. */
export const deduplication: Mutation = {
  composition: (composition) => {
    const { messageLog } = composition.ports;
    const nameless = new WeakMap<LogWriter, LogWriter>();
    const withoutName = (writer: LogWriter): LogWriter => {
      const known = nameless.get(writer) ?? { name: '', isCurrent: () => writer.isCurrent(), lost: writer.lost };
      nameless.set(writer, known);
      return known;
    };
    const append: typeof messageLog.append = (partition, parts, writer) =>
      messageLog.append(partition, parts, writer && withoutName(writer));
    const ports = { ...composition.ports, messageLog: altered(messageLog, { append }) };
    return { ...composition, ports };
  },
};
