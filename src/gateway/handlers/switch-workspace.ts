import type { SwitchWorkspace } from '../../gen/aether/v1/connection.ts';
import { asFabricError, FabricError } from '../../model/error.ts';
import { identifierFault } from '../../model/identifier.ts';
import type { Principal } from '../../model/principal.ts';
import type { ClientSession } from '../client-session.ts';
import { workspaceWishesOf } from '../subscriptions.ts';

/** Moves a person's window to another workspace, or out of any. Answers only when it refuses. */
export const handleSwitchWorkspace = async (client: ClientSession, request: SwitchWorkspace): Promise<void> => {
  const { principal } = client;
  if (principal.kind !== 'user')
    return client.refuse(new FabricError('ERR_INVALID_PRINCIPAL', 'only users can switch workspaces'));
  const wanted = request.newWorkspaceId === '' ? undefined : request.newWorkspaceId;
  if (wanted === client.workspace) return;
  const refusal = (await refusalOf(client, wanted)) ?? (await fullness(client, wanted));
  if (refusal !== undefined) return client.refuse(refusal);
  await move(client, principal, wanted);
};

/** Takes a place among the workspace's connections, or says why there is none. */
const fullness = async ({ deps }: ClientSession, wanted: string | undefined): Promise<FabricError | undefined> => {
  if (wanted === undefined) return undefined;
  try {
    await deps.quotas.enter(wanted);
    return undefined;
  } catch (thrown) {
    const cause = asFabricError(thrown);
    return new FabricError('ERR_WORKSPACE_SWITCH_FAILED', cause.message, { cause });
  }
};

const refusalOf = async (client: ClientSession, wanted: string | undefined): Promise<FabricError | undefined> => {
  const fault = wanted === undefined ? undefined : identifierFault(wanted);
  if (fault !== undefined) return new FabricError('ERR_INVALID_ARGUMENT', `workspace ${fault}`);
  const verdict = await client.permit({ action: 'connect', workspace: wanted });
  if ('permit' in verdict) return undefined;
  return new FabricError(
    'ERR_PERMISSION_DENIED',
    `not authorized to access workspace ${wanted}: ${verdict.denial.because}`,
  );
};

/** Joins the new before leaving the old, so that a failure leaves everything as it was. */
const move = async (
  client: ClientSession,
  { userId }: Extract<Principal, { kind: 'user' }>,
  wanted: string | undefined,
): Promise<void> => {
  const joined = wanted === undefined ? [] : workspaceWishesOf(userId, wanted);
  const left = client.workspace === undefined ? [] : workspaceWishesOf(userId, client.workspace);
  try {
    for (const { topic, mode } of joined)
      if (mode !== 'work') await client.deps.router.subscribe(client.recipient, topic, mode);
  } catch (cause) {
    for (const { topic } of joined) client.deps.router.unsubscribe(client.recipient, topic);
    if (wanted !== undefined) client.deps.quotas.leave(wanted);
    return client.refuse(
      new FabricError('ERR_WORKSPACE_SWITCH_FAILED', `could not enter workspace ${wanted}`, { cause }),
    );
  }
  for (const { topic } of left) client.deps.router.unsubscribe(client.recipient, topic);
  if (client.workspace !== undefined) client.deps.quotas.leave(client.workspace);
  client.enter(wanted);
};
