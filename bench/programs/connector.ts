/** Clients that connect at once, are all cut off, come back, or stay and do nothing. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Agent, NotLetIn, openAgent, type ServerAddress } from '../wire/agent.ts';
import type { ClientKind } from '../wire/wire-client.ts';

export interface ConnectAll {
  readonly server: ServerAddress;
  readonly kind: ClientKind;
  readonly workspace: string;
  readonly clients: number;
  /** How many shake hands at a time. */
  readonly atOnce: number;
}

export interface Connected {
  /** From the first connection's start to the last acknowledgement. */
  readonly ms: number;
  /** Why attempts were turned away; each was repeated until it was let in. */
  readonly refusals: readonly string[];
}

const retryMs = 20;
const giveUpMs = 120_000;

export class Connector {
  readonly #workspaces = new Map<string, { readonly kind: ClientKind; readonly agents: Agent[] }>();

  async connect({ server, kind, workspace, clients, atOnce }: ConnectAll): Promise<Connected> {
    const agents: Agent[] = [];
    this.#workspaces.set(workspace, { kind, agents });
    return this.#all(
      { server, kind, workspace, agents },
      Array.from({ length: clients }, () => ''),
      atOnce,
    );
  }

  /** Cuts all connections of the workspace and lets each come back, as the session it was. */
  async reconnect({ server, workspace }: Pick<ConnectAll, 'server' | 'workspace'>): Promise<Connected> {
    const found = this.#workspaces.get(workspace);
    if (found === undefined) throw new Error(`no workspace ${workspace}`);
    const { agents, kind } = found;
    const sessions = agents.map(({ sessionId }) => sessionId);
    for (const { client } of agents.splice(0)) client.destroy();
    return this.#all({ server, kind, workspace, agents }, sessions, sessions.length);
  }

  close({ workspace }: { readonly workspace: string }): void {
    for (const { client } of this.#workspaces.get(workspace)?.agents ?? []) client.destroy();
    this.#workspaces.delete(workspace);
  }

  async #all(joining: Joining, sessions: readonly string[], atOnce: number): Promise<Connected> {
    const startedMs = performance.now();
    const left = sessions.entries();
    const refusals: string[] = [];
    const worker = async (): Promise<void> => {
      for (const [index, session] of left) await join({ ...joining, refusals }, index, session);
    };
    await Promise.all(Array.from({ length: Math.min(atOnce, sessions.length) }, worker));
    return { ms: performance.now() - startedMs, refusals };
  }
}

interface Joining {
  readonly server: ServerAddress;
  readonly kind: ClientKind;
  readonly workspace: string;
  readonly agents: Agent[];
}

const join = async (
  { server, kind, workspace, agents, refusals }: Joining & { readonly refusals: string[] },
  index: number,
  resumeSessionId: string,
): Promise<void> => {
  const specifier = `c${index}`;
  const route = { role: 'receive' as const, key: `${workspace} ${specifier}` };
  let said = '';
  const member = { name: { workspace, specifier }, route };
  const onRefusal = (text: string): void => void (said = text);
  const options = { kind, server, member, resumeSessionId, onRefusal };
  const untilMs = performance.now() + giveUpMs;
  for (;;)
    try {
      agents[index] = await openAgent(options);
      return;
    } catch (thrown) {
      if (!(thrown instanceof NotLetIn) || performance.now() > untilMs) throw thrown;
      refusals.push([thrown.message, said].join(' ').trim());
      await delay(retryMs);
    }
};
