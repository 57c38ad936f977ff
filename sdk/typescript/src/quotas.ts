/** How much workspaces and identities may use: for operators. The gateway decides who may. */
import { ask, type RequestOptions } from './ask.ts';
import { failure } from './error.ts';
import {
  QuotaOperation_Op as Op,
  type QuotaEntry,
  type QuotaOperation,
  type QuotaResponse,
} from './gen/aether/v1/fabric.ts';
import type { Link } from './link.ts';

/**
 * By name: `session_rate`, `session_burst`, `identity_rate`, `identity_burst`, `workspace_rate`, `workspace_burst`,
 * `workspace_connections`, `kv_keys`, `kv_value_size`. 0 is no limit; for a burst it is twice the rate.
 */
export type QuotaLimits = Readonly<Record<string, number>>;

export interface Quota {
  /** The name of a workspace, or an identity. */
  readonly subject: string;
  /** All that holds for it. */
  readonly limits: QuotaLimits;
  /** Of that, what has been changed for it. */
  readonly changed: QuotaLimits;
}

export interface QuotaChanges {
  readonly subject: string;
  readonly changed: QuotaLimits;
}

export interface ClearQuotaOptions extends RequestOptions {
  /** Only these. */
  readonly names?: readonly string[] | undefined;
}

export class Quotas {
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  /** What has been changed, for the subjects that begin so. */
  async list(prefix = '', options: RequestOptions = {}): Promise<readonly QuotaChanges[]> {
    const found: QuotaChanges[] = [];
    let after = '';
    do {
      const { entries, next } = await this.#ask({ op: Op.LIST, subject: prefix, after }, options);
      for (const { subject, changed } of entries) found.push({ subject, changed: toLimits(changed) });
      after = next;
    } while (after !== '');
    return found;
  }

  /** What holds for a workspace or an identity. */
  get(subject: string, options: RequestOptions = {}): Promise<Quota> {
    return this.#askOne({ op: Op.GET, subject }, options);
  }

  /** Changes the limits named, on all gateways and for good. Rejects, and changes nothing, where one cannot be. */
  async set(subject: string, limits: QuotaLimits, options: RequestOptions = {}): Promise<Quota> {
    return await this.#askOne({ op: Op.SET, subject, limits: toWire(limits) }, options);
  }

  /** Takes changes back. Rejects where there are none. */
  clear(subject: string, { names = [], ...options }: ClearQuotaOptions = {}): Promise<Quota> {
    return this.#askOne({ op: Op.CLEAR, subject, names: [...names] }, options);
  }

  async #askOne(operation: Partial<QuotaOperation>, options: RequestOptions): Promise<Quota> {
    const [entry] = (await this.#ask(operation, options)).entries;
    if (entry === undefined) throw failure('INVALID_FRAME', 'the gateway did not describe the quota');
    return toQuota(entry);
  }

  #ask(operation: Partial<QuotaOperation>, options: RequestOptions): Promise<QuotaResponse> {
    return ask(
      this.#link,
      {
        what: 'quotas',
        build: (requestId) => ({ $case: 'quotaOp', value: { ...nothing(), ...operation, requestId } }),
        pick: (payload) => (payload.$case === 'quotaResponse' ? payload.value : undefined),
      },
      options,
    );
  }
}

const nothing = (): QuotaOperation => ({
  op: Op.LIST,
  subject: '',
  limits: new Map(),
  names: [],
  requestId: '',
  after: '',
});

const toLimits = (limits: ReadonlyMap<string, bigint>): QuotaLimits =>
  Object.fromEntries(Array.from(limits, ([name, value]) => [name, Number(value)]));

const toQuota = ({ subject, effective, changed }: QuotaEntry): Quota => ({
  subject,
  limits: toLimits(effective),
  changed: toLimits(changed),
});

const toWire = (limits: QuotaLimits): Map<string, bigint> =>
  new Map(Object.entries(limits).map(([name, value]) => [name, wholeOf(name, value)]));

const wholeOf = (name: string, value: number): bigint => {
  if (Number.isSafeInteger(value)) return BigInt(value);
  throw failure('INVALID_ARGUMENT', `${name} is ${value}, it must be a whole number`);
};
