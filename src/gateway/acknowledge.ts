import { platform } from 'node:os';
import type { NegotiatedExtension } from '../gen/aether/v1/connection.ts';
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

/** What agents and tasks get right after: their own exclusive keys. There are none yet. */
export const greet = (client: ClientSession): void => {
  if (client.principal.kind !== 'agent' && client.principal.kind !== 'task') return;
  client.reply({
    $case: 'config',
    value: {
      kv: new Map(),
      globalKv: new Map(),
      taskContext: new Map(),
      workspaceExclusiveKv: new Map(),
      globalExclusiveKv: new Map(),
    },
  });
};
