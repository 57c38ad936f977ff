/** The fabric through its own client library. */
import { agentTopic, connectAgent } from '#sdk';
import type { Pair, System } from './system.ts';

const implementation = 'compare';

/**
 * With `confirms` each message is named, its sender is told when it is durable, and its recipient acknowledges it. Without,
 * a send is over when the transport has taken it, as with clients of the published protocol.
 */
export const openAether = (address: string, { confirms }: { readonly confirms: boolean }): System => {
  const opened = new AsyncDisposableStack();
  return {
    openPair: async (name, onMessage): Promise<Pair> => {
      const identity = { address, workspace: name, implementation };
      const recipient = opened.use(await connectAgent({ ...identity, specifier: 'r', acks: confirms }));
      recipient.onMessage((message) => {
        onMessage();
        if (confirms) message.ack();
      });
      const sender = opened.use(await connectAgent({ ...identity, specifier: 's', receipts: confirms }));
      const topic = agentTopic(name, implementation, 'r');
      return {
        publish: async (payload) => {
          const sent = await sender.send(topic, payload);
          if (confirms) await sent.durable();
        },
      };
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
};
