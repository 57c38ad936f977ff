/** The claim of an `InitConnection` in the fabric's own terms. */
import type { InitConnection } from '../../gen/aether/v1/connection.ts';
import { FabricError } from '../../model/error.ts';
import { identifierFault } from '../../model/identifier.ts';
import type { Principal } from '../../model/principal.ts';

/** Who a client says it is. A task without a specifier is not unique and gets one. */
export type Claim =
  | { readonly kind: 'principal'; readonly principal: Principal }
  | { readonly kind: 'new_task'; readonly workspace: string; readonly implementation: string }
  | { readonly kind: 'new_orchestrator'; readonly implementation: string };

const checked = (parts: Readonly<Record<string, string>>): void => {
  for (const [name, text] of Object.entries(parts)) {
    const fault = identifierFault(text);
    if (fault !== undefined) throw new FabricError('INVALID_IDENTITY', `invalid identity: ${name} ${fault}`);
  }
};

const principal = (value: Principal): Claim => ({ kind: 'principal', principal: value });

/** Reads and checks the identity. Throws `INVALID_IDENTITY` naming the part that is wrong. */
export const readClaim = (init: InitConnection): Claim => {
  const client = init.clientType;
  switch (client?.$case) {
    case undefined:
      throw new FabricError('INVALID_IDENTITY', 'invalid identity in InitConnection: no client type');
    case 'agent': {
      const { workspace, implementation, specifier } = client.value;
      checked({ workspace, implementation, specifier });
      return principal({ kind: 'agent', workspace, implementation, specifier });
    }
    case 'task':
      return readTask(client.value);
    case 'user':
      return readUser(client.value);
    case 'orchestrator':
      return readOrchestrator(client.value);
    case 'service':
    case 'bridge': {
      const { implementation, specifier } = client.value;
      checked({ implementation, specifier });
      return principal({ kind: client.$case, implementation, specifier });
    }
    case 'workflowEngine':
      return principal({ kind: 'workflow_engine' });
    case 'metricsBridge':
      return principal({ kind: 'metrics_bridge' });
  }
};

const readTask = (task: { workspace: string; implementation: string; uniqueSpecifier: string }): Claim => {
  const { workspace, implementation, uniqueSpecifier: specifier } = task;
  checked({ workspace, implementation });
  if (specifier === '') return { kind: 'new_task', workspace, implementation };
  checked({ specifier });
  return principal({ kind: 'task', workspace, implementation, specifier, unique: true });
};

const readUser = ({ userId, windowId }: { userId: string; windowId: string }): Claim => {
  checked(windowId === '' ? { user_id: userId } : { user_id: userId, window_id: windowId });
  return principal({ kind: 'user', userId, windowId });
};

const readOrchestrator = ({ implementation, specifier }: { implementation: string; specifier: string }): Claim => {
  checked({ implementation });
  if (specifier === '') return { kind: 'new_orchestrator', implementation };
  checked({ specifier });
  return principal({ kind: 'orchestrator', implementation, specifier });
};
