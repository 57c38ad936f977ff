/** The sessions of all gateways: for operators. The gateway decides who may. */
import { ask, type RequestOptions } from './ask.ts';
import { failure } from './error.ts';
import {
  type ConnectionInfo,
  SessionOperation_OpType as Op,
  type SessionOperation,
  type SessionOperationResponse,
} from './gen/aether/v1/admin.ts';
import { PrincipalType } from './gen/aether/v1/principal.ts';
import type { PrincipalKind } from './identity.ts';
import type { Link } from './link.ts';
import { inverse } from './words.ts';

const types: Readonly<Record<PrincipalKind, PrincipalType>> = {
  agent: PrincipalType.PRINCIPAL_AGENT,
  task: PrincipalType.PRINCIPAL_TASK,
  user: PrincipalType.PRINCIPAL_USER,
  orchestrator: PrincipalType.PRINCIPAL_ORCHESTRATOR,
  workflowEngine: PrincipalType.PRINCIPAL_WORKFLOW_ENGINE,
  metricsBridge: PrincipalType.PRINCIPAL_METRICS_BRIDGE,
  bridge: PrincipalType.PRINCIPAL_BRIDGE,
  service: PrincipalType.PRINCIPAL_SERVICE,
};

const kinds: ReadonlyMap<PrincipalType, PrincipalKind> = inverse(types);

export interface SessionSummary {
  readonly sessionId: string;
  readonly kind: PrincipalKind | undefined;
  readonly identity: string;
  readonly workspace: string | undefined;
  readonly implementation: string | undefined;
  readonly specifier: string | undefined;
  readonly connectedAt: Date;
  /** Address of the peer, which may be a proxy. */
  readonly remoteAddress: string;
}

export interface ListSessionsOptions extends RequestOptions {
  readonly kind?: PrincipalKind | undefined;
  readonly workspace?: string | undefined;
  /** Sessions a page; 100 by default. */
  readonly limit?: number | undefined;
  readonly offset?: number | undefined;
}

export interface DisconnectOptions extends RequestOptions {
  /** For the client and the audit log. */
  readonly reason?: string | undefined;
}

export class Sessions {
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  /** One page, and how many match over all pages. */
  async list(options: ListSessionsOptions = {}): Promise<{ sessions: readonly SessionSummary[]; total: number }> {
    const { kind, workspace = '', limit = 0, offset = 0 } = options;
    const type = kind === undefined ? PrincipalType.UNSPECIFIED : types[kind];
    const answer = await this.#ask({ op: Op.LIST, filter: { type, workspace, limit, offset } }, options);
    return { sessions: answer.connections.map(toSummary), total: answer.totalCount };
  }

  /** Rejects where there is none of this id. */
  async get(sessionId: string, options: RequestOptions = {}): Promise<SessionSummary> {
    const { connection } = await this.#ask({ op: Op.GET, sessionId }, options);
    if (connection === undefined) throw failure('INVALID_FRAME', `the gateway did not describe session ${sessionId}`);
    return toSummary(connection);
  }

  /** Ends a session for good: its client does not come back. Rejects where there is none of this id. */
  async disconnect(sessionId: string, options: DisconnectOptions = {}): Promise<void> {
    await this.#ask({ op: Op.DISCONNECT, sessionId, reason: options.reason ?? '' }, options);
  }

  #ask(operation: Partial<SessionOperation>, options: RequestOptions): Promise<SessionOperationResponse> {
    return ask(
      this.#link,
      {
        what: 'session operation',
        build: (requestId) => ({ $case: 'sessionOp', value: { ...nothing, ...operation, requestId } }),
        pick: (payload) => (payload.$case === 'sessionResponse' ? payload.value : undefined),
      },
      options,
    );
  }
}

const nothing: SessionOperation = {
  op: Op.LIST,
  sessionId: '',
  reason: '',
  requestId: '',
  filter: undefined,
  authorization: undefined,
};

const toSummary = (info: ConnectionInfo): SessionSummary => ({
  sessionId: info.sessionId,
  kind: kinds.get(info.type),
  identity: info.identity,
  workspace: info.workspace || undefined,
  implementation: info.implementation || undefined,
  specifier: info.specifier || undefined,
  connectedAt: new Date(Number(info.connectedAt) * 1000),
  remoteAddress: info.remoteAddr,
});
