/**
 * The door of quotas: how much each session may send, how many connections a workspace has, how many keys a space, and
 * the limits of all of them, which operators change while the fabric runs.
 */
import type { Permit } from '../acl/authorizer.ts';
import { FabricError } from '../model/error.ts';
import { identityOf, parseIdentity, workspaceOf } from '../model/principal.ts';
import {
  isFor,
  isLimitName,
  type LimitChanges,
  type LimitName,
  type Limits,
  limitFault,
  parseSubject,
  type QuotaSubject,
  rateOf,
} from '../model/quota.ts';
import { untilAborted } from '../model/until-aborted.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { QuotaOverride } from '../ports/quota-override-store.ts';
import { IdentityRates } from './identity-rates.ts';
import { Meter } from './meter.ts';
import { Overrides, type OverridesDeps } from './overrides.ts';
import { reportEveryMs, WorkspaceConnections } from './workspace-connections.ts';
import { WorkspaceRates, type WorkspaceRatesDeps } from './workspace-rates.ts';

export type QuotaPermit = Permit<{ readonly action: 'manage_quotas' }>;

export interface QuotasDeps extends OverridesDeps, WorkspaceRatesDeps {
  readonly entropy: Entropy;
}

/** What one session may send, for as long as it is open. */
export interface Metering extends Disposable {
  readonly meter: Meter;
  /** It goes on in another workspace, or in none. */
  enter(workspace: string | undefined): void;
}

interface Session extends Metering {
  readonly identity: string;
  workspace: string | undefined;
}

export interface SubjectLimits {
  readonly limits: Limits;
  /** Of those, what has been changed for this very subject. */
  readonly changes: LimitChanges;
}

export class Quotas implements AsyncDisposable {
  readonly #deps: QuotasDeps;
  readonly #overrides: Overrides;
  readonly #identities = new IdentityRates();
  readonly #workspaces: WorkspaceRates;
  readonly #connections: WorkspaceConnections;
  readonly #sessions = new Set<Session>();
  readonly #closing = new AbortController();
  readonly #reporting: Promise<void>;

  static async open(configured: Limits, deps: QuotasDeps): Promise<Quotas> {
    const adopting: { adopt?: () => void } = {};
    const overrides = await Overrides.open(configured, deps, () => adopting.adopt?.());
    const quotas = new Quotas(overrides, deps);
    adopting.adopt = () => quotas.#adopt();
    return quotas;
  }

  private constructor(overrides: Overrides, deps: QuotasDeps) {
    this.#deps = deps;
    this.#overrides = overrides;
    this.#workspaces = new WorkspaceRates(deps);
    this.#connections = new WorkspaceConnections({
      ...deps,
      holder: deps.entropy.uuid(),
      maxOf: (workspace) => overrides.limitsOf('', workspace).workspace_connections,
    });
    const { clock } = deps;
    const { signal } = this.#closing;
    const onFailure = (cause: unknown): void => deps.log.warn('connections could not be reported', { cause });
    this.#reporting = untilAborted({ clock, signal, pauseMs: reportEveryMs, onFailure }, () =>
      this.#connections.report(),
    );
  }

  /** Of an identity in a workspace; either may be empty. */
  limitsOf(identity: string, workspace: string | undefined): Limits {
    return this.#overrides.limitsOf(identity, workspace ?? '');
  }

  /** Begins to meter a session, until it is disposed. */
  meter(identity: string, workspace: string | undefined): Metering {
    const { clock } = this.#deps;
    const limits = this.limitsOf(identity, workspace);
    const nowMs = Math.floor(clock.monotonic());
    const parts = {
      identity: this.#identities.open(identity, rateOf(limits, 'identity'), nowMs),
      workspace: this.#workspaces.open(workspace, rateOf(limits, 'workspace')),
    };
    const session: Session = {
      identity,
      workspace,
      meter: new Meter({ clock, limits, ...parts }),
      enter: (next) => this.#move(session, next),
      [Symbol.dispose]: () => this.#end(session),
    };
    this.#sessions.add(session);
    return session;
  }

  /** One connection more in the workspace. Throws `CONNECTION_QUOTA` where it is full. */
  enter(workspace: string): Promise<void> {
    return this.#connections.enter(workspace);
  }

  leave(workspace: string): void {
    this.#connections.leave(workspace);
  }

  /** What operators have changed for the subjects that begin so and come after one, in their order, by their bytes. */
  async list(
    _permit: QuotaPermit,
    { prefix, after }: { readonly prefix: string; readonly after: string },
  ): Promise<readonly QuotaOverride[]> {
    const last = Buffer.from(after);
    const isBehind = (subject: string): boolean => Buffer.compare(Buffer.from(subject), last) > 0;
    return (await this.#overrides.list()).filter(
      ({ subject }) => subject.startsWith(prefix) && (after === '' || isBehind(subject)),
    );
  }

  /** What holds for a workspace or an identity. */
  async get(_permit: QuotaPermit, text: string): Promise<SubjectLimits> {
    const subject = subjectOf(text);
    const changes = (await this.#overrides.list()).find((override) => override.subject === text)?.limits ?? {};
    await this.#overrides.read();
    return { limits: this.#limitsOf(subject), changes };
  }

  /** Changes limits of a workspace or an identity; those not named stay as they are. */
  async set({ actor }: QuotaPermit, text: string, changes: ReadonlyMap<string, number>): Promise<SubjectLimits> {
    const subject = subjectOf(text);
    const checked = changesOf(subject, changes);
    const before = (await this.#overrides.list()).find((override) => override.subject === text)?.limits;
    const limits = { ...before, ...checked };
    await this.#overrides.put({ subject: text, limits });
    this.#deps.log.info('quota changed', { by: identityOf(actor.principal), subject: text, limits: checked });
    return { limits: this.#limitsOf(subject), changes: limits };
  }

  /** Takes changes back, all where none are named. Throws `ERR_QUOTA_UNKNOWN` where there is nothing to take back. */
  async clear({ actor }: QuotaPermit, text: string, names: readonly string[]): Promise<SubjectLimits> {
    const subject = subjectOf(text);
    const before = (await this.#overrides.list()).find((override) => override.subject === text)?.limits ?? {};
    const left = without(before, names.map(nameOf), text);
    if (Object.keys(left).length > 0) await this.#overrides.put({ subject: text, limits: left });
    else await this.#overrides.remove(text);
    this.#deps.log.info('quota changed', { by: identityOf(actor.principal), subject: text, cleared: names });
    return { limits: this.#limitsOf(subject), changes: left };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#reporting;
    await this.#connections.close();
    await this.#overrides[Symbol.asyncDispose]();
  }

  #limitsOf({ kind, name }: QuotaSubject): Limits {
    return kind === 'workspace' ? this.limitsOf('', name) : this.limitsOf(name, workspaceOfIdentity(name));
  }

  /** Every session goes on under what holds for it now. */
  #adopt(): void {
    const nowMs = Math.floor(this.#deps.clock.monotonic());
    for (const { identity, workspace, meter } of this.#sessions) {
      const limits = this.limitsOf(identity, workspace);
      meter.settle();
      this.#identities.adopt(identity, rateOf(limits, 'identity'), nowMs);
      meter.adopt(limits, this.#workspaces.adopt(workspace, rateOf(limits, 'workspace')));
    }
    void this.#connections.report();
  }

  #end(session: Session): void {
    if (!this.#sessions.delete(session)) return;
    session.meter.settle();
    this.#identities.close(session.identity, Math.floor(this.#deps.clock.monotonic()));
    this.#workspaces.close(session.workspace);
  }

  #move(session: Session, workspace: string | undefined): void {
    const limits = this.limitsOf(session.identity, workspace);
    session.meter.settle();
    this.#workspaces.close(session.workspace);
    session.workspace = workspace;
    this.#identities.adopt(session.identity, rateOf(limits, 'identity'), Math.floor(this.#deps.clock.monotonic()));
    session.meter.adopt(limits, this.#workspaces.open(workspace, rateOf(limits, 'workspace')));
  }
}

const workspaceOfIdentity = (identity: string): string | undefined => {
  const principal = parseIdentity(identity);
  return principal && workspaceOf(principal);
};

const invalid = (message: string): FabricError => new FabricError('ERR_INVALID_ARGUMENT', message);

const subjectOf = (text: string): QuotaSubject => {
  const parsed = parseSubject(text);
  if ('fault' in parsed) throw invalid(`no quota for this: ${parsed.fault}`);
  return parsed;
};

const nameOf = (name: string): LimitName => {
  if (isLimitName(name)) return name;
  throw invalid(`there is no limit "${name.slice(0, 64)}"`);
};

const changesOf = (subject: QuotaSubject, changes: ReadonlyMap<string, number>): LimitChanges => {
  if (changes.size === 0) throw invalid('no limit is named');
  const checked: Partial<Record<LimitName, number>> = {};
  for (const [text, value] of changes) {
    const name = nameOf(text);
    const fault = limitFault(name, value);
    if (fault !== undefined) throw invalid(fault);
    if (!isFor(name, subject)) throw invalid(`${name} is a workspace's, and ${subject.name} is an identity`);
    checked[name] = value;
  }
  return checked;
};

const without = (before: LimitChanges, names: readonly LimitName[], subject: string): LimitChanges => {
  const there = Object.keys(before).filter(isLimitName);
  const missing = names.find((name) => before[name] === undefined);
  if (there.length === 0) throw new FabricError('ERR_QUOTA_UNKNOWN', `no limit has been changed for ${subject}`);
  if (missing !== undefined)
    throw new FabricError('ERR_QUOTA_UNKNOWN', `${missing} has not been changed for ${subject}`);
  const left = names.length === 0 ? [] : there.filter((name) => !names.includes(name));
  return Object.fromEntries(left.map((name) => [name, before[name]]));
};
