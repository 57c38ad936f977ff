import type { SessionSummary } from '#sdk';
import { pageSizeMax } from '../model/limits.ts';
import { type ClientOptions, connectAs, ownIdentity } from './client.ts';

/** Lists the sessions of all gateways. */
export const who = async (prefix: string, options: ClientOptions): Promise<void> => {
  await using client = await connectAs(ownIdentity(), options);
  const found: SessionSummary[] = [];
  for (let offset = 0, total = 1; offset < total; offset += pageSizeMax) {
    const page = await client.sessions.list({ limit: pageSizeMax, offset });
    total = page.total;
    found.push(
      ...page.sessions.filter((session) => session.identity.startsWith(prefix) && session.identity !== client.identity),
    );
  }
  if (options.json === true) for (const session of found) console.log(JSON.stringify(session));
  else console.log(table(found));
};

const table = (sessions: readonly SessionSummary[]): string => {
  if (sessions.length === 0) return 'nobody is connected';
  const width = Math.max(...sessions.map(({ identity }) => identity.length));
  const rows = sessions.map(
    ({ identity, connectedAt, remoteAddress, sessionId }) =>
      `${identity.padEnd(width)}  since ${connectedAt.toISOString()}  ${remoteAddress}  ${sessionId}`,
  );
  return [...rows, `${sessions.length} connected`].join('\n');
};
