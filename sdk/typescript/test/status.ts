import type { Client, ConnectionStatus } from '../src/index.ts';

type Of<State extends ConnectionStatus['state']> = Extract<ConnectionStatus, { state: State }>;

/** The client's next status of this kind; start waiting before causing it. */
export const nextStatus = async <State extends ConnectionStatus['state']>(
  client: Client,
  state: State,
): Promise<Of<State>> => {
  let isFirst = true;
  for await (const status of client.status()) {
    const isWanted = isState(status, state) && !isFirst;
    isFirst = false;
    if (isWanted) return status;
  }
  throw new Error(`closed without having been ${state}`);
};

const isState = <State extends ConnectionStatus['state']>(
  status: ConnectionStatus,
  state: State,
): status is Of<State> => status.state === state;
