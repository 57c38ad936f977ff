import { platform } from 'node:os';
import type { NegotiatedExtension } from '../gen/aether/v1/connection.ts';
import type { KvScope } from '../model/kv-scope.ts';
import { snapshotBytesMax, snapshotKeysMax } from '../model/limits.ts';
import type { ClientSession } from './client-session.ts';
import type { Who } from './handshake.ts';

interface Acknowledgement {
  readonly who: Who;
  readonly negotiated: readonly NegotiatedExtension[];
  readonly offered: readonly string[];
}

/** The first frame a client receives. */
export const acknowledge = (client: ClientSession, { who, negotiated, offered }: Acknowledgement): void => {
  const { session, principal, deps } = client;
  client.reply({
    $case: 'connectionAck',
    value: {
      sessionId: session.sessionId,
      resumed: session.resumed,
      assignedId: who.isNew && 'specifier' in principal ? principal.specifier : '',
      negotiatedExtensions: [...negotiated],
      serverSupportedExtensions: [...offered],
      serverVersion: deps.settings.version,
      serverBuildInfo: {
        commit: '',
        builtAt: '',
        runtime: `node ${process.version}`,
        os: `${platform()}/${process.arch}`,
      },
      initialConnectionUnixMs: BigInt(Math.floor(session.firstConnectedAtMs)),
      reconnectionCount: session.resumes,
    },
  });
};

/** What agents and tasks get right after: their own exclusive keys. */
export const greet = async (client: ClientSession): Promise<void> => {
  const { principal } = client;
  if (principal.kind !== 'agent' && principal.kind !== 'task') return;
  const [workspaceExclusiveKv, globalExclusiveKv] = await Promise.all([
    snapshotOf(client, { kind: 'workspace_exclusive', workspace: principal.workspace }),
    snapshotOf(client, { kind: 'global_exclusive' }),
  ]);
  client.reply({
    $case: 'config',
    value: {
      kv: new Map(),
      globalKv: new Map(),
      taskContext: new Map(),
      workspaceExclusiveKv,
      globalExclusiveKv,
    },
  });
};

const snapshotOf = async (client: ClientSession, scope: KvScope): Promise<Map<string, Uint8Array>> => {
  const verdict = await client.permit({ action: 'read_kv', scope, key: '' });
  if ('denial' in verdict) return new Map();
  const limits = { keysMax: snapshotKeysMax, bytesMax: snapshotBytesMax };
  return new Map(await client.deps.kv.snapshot(verdict.permit, limits));
};
