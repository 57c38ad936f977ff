import { altered, type Mutation } from './mutation.ts';

/** A message is accepted when it is on its way to the log, not when the log has it (I4). */
export const confirms: Mutation = {
  composition: (composition) => {
    const { messageLog } = composition.ports;
    const append: typeof messageLog.append = (partition, parts, writer) => {
      messageLog.append(partition, parts, writer).catch(() => undefined);
      return Promise.resolve();
    };
    const ports = { ...composition.ports, messageLog: altered(messageLog, { append }) };
    return { ...composition, ports };
  },
};
