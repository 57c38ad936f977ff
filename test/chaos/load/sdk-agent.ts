import type { AgentOptions } from '../../../sdk/typescript/src/index.ts';
import { implementation, type Place } from './place.ts';

/** How agents of the load that are on the SDK connect: to any gateway, and again for as long as it takes. */
export const agentOptions = (who: string, { gateways, workspace }: Place): AgentOptions => ({
  address: gateways.map(({ address }) => address),
  workspace,
  implementation,
  specifier: who,
  waitForGateway: true,
  reconnect: { retryDuplicate: true, maxBackoffMs: 500 },
  keepalive: { everyMs: 10_000, timeoutMs: 8000 },
});
