import type { ConnectionStatusRequest } from '../../gen/aether/v1/connection.ts';
import { parseIdentity } from '../../model/principal.ts';
import type { ClientSession } from '../client-session.ts';

/** Says whether a principal is connected, on whichever gateway. */
export const handleConnectionStatus = async (
  client: ClientSession,
  request: ConnectionStatusRequest,
): Promise<void> => {
  const answer = await look(client, request.principal?.principalId ?? '');
  client.reply({
    $case: 'connectionStatusResponse',
    value: {
      requestId: request.requestId,
      ok: answer.error === '',
      error: answer.error,
      connected: answer.connected,
      lastSeenAt: 0n,
    },
  });
};

const look = async (client: ClientSession, identity: string): Promise<{ error: string; connected: boolean }> => {
  const principal = parseIdentity(identity);
  if (principal === undefined) return { error: `"${identity}" is not an identity`, connected: false };
  const verdict = await client.permit({ action: 'see_connection', principal });
  if ('denial' in verdict) return { error: `permission denied: ${verdict.denial.because}`, connected: false };
  return { error: '', connected: (await client.deps.presence.find(identity)) !== undefined };
};
