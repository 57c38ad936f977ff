/**
 * Who is online, across all gateways. An identity is online while its lease is held and its gateway's lease is too.
 */
import { pageSizeMax, separator } from '../model/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { LeaseRecord, LeaseStore } from '../ports/lease-store.ts';
import { keeperLeaseName } from './gateway-lease.ts';
import type { Online, SessionNote } from './session.ts';

interface DirectoryDeps {
  readonly leaseStore: LeaseStore;
  readonly clock: Clock;
}

/** How long the instances of a service are remembered; a message to one that has gone waits for its return. */
const servicesFreshMs = 1000;
const servicesRememberedMax = 1000;
/** The first segments of all identities. */
const prefixes = ['ag', 'br', 'metrics', 'orc', 'sv', 'ta', 'tu', 'us', 'wfe'];

export class Directory {
  readonly #deps: DirectoryDeps;
  readonly #services = new Map<string, { readonly identities: readonly string[]; readonly untilMs: number }>();

  constructor(deps: DirectoryDeps) {
    this.#deps = deps;
  }

  async find(identity: string): Promise<Online | undefined> {
    const [record] = await this.#deps.leaseStore.current([identity]);
    const [online] = await this.#whoIsOnline(record === undefined ? [] : [record]);
    return online;
  }

  /** Everyone online whose identity starts with `prefix`, in name order within each type. */
  async *list(prefix: string): AsyncGenerator<Online> {
    for (const first of prefixes) {
      const start = first + separator;
      if (!start.startsWith(prefix) && !prefix.startsWith(start)) continue;
      yield* this.#listPages(prefix.length > start.length ? prefix : start);
    }
  }

  /** Instances of a service that are online, at most a second out of date. */
  async instancesOf(implementation: string): Promise<readonly string[]> {
    const nowMs = this.#deps.clock.monotonic();
    const known = this.#services.get(implementation);
    if (known !== undefined && known.untilMs > nowMs) return known.identities;
    const identities: string[] = [];
    for await (const { identity } of this.list(`sv${separator}${implementation}${separator}`))
      identities.push(identity);
    if (this.#services.size >= servicesRememberedMax) this.#services.clear();
    if (identities.length > 0) this.#services.set(implementation, { identities, untilMs: nowMs + servicesFreshMs });
    return identities;
  }

  async *#listPages(prefix: string): AsyncGenerator<Online> {
    for (let after: string | undefined = ''; after !== undefined; ) {
      const page = await this.#deps.leaseStore.list(prefix, after, pageSizeMax);
      yield* await this.#whoIsOnline(page.records);
      after = page.next;
    }
  }

  async #whoIsOnline(records: readonly LeaseRecord[]): Promise<readonly Online[]> {
    const held = records.filter((record) => record.state === 'held');
    const keepers = [...new Set(held.map((record) => record.keeper))];
    const leases = await this.#deps.leaseStore.current(keepers.map(keeperLeaseName));
    const alive = new Set(keepers.filter((_, index) => leases[index] !== undefined));
    return held.filter((record) => alive.has(record.keeper)).map(toOnline);
  }
}

const toOnline = (record: LeaseRecord): Online => ({
  ...readNote(record.note),
  identity: record.name,
  sessionId: record.holder,
  epoch: record.epoch,
  firstConnectedAtMs: record.firstGrantedAtMs,
  resumes: record.resumes,
});

export const writeNote = (note: SessionNote): string => JSON.stringify(note);

const readNote = (text: string): SessionNote => {
  const note: Partial<SessionNote> = JSON.parse(text);
  return {
    gatewayId: note.gatewayId ?? '',
    client: note.client ?? '',
    remoteAddress: note.remoteAddress ?? '',
    connectedAtMs: note.connectedAtMs ?? 0,
    workspace: note.workspace ?? '',
  };
};
