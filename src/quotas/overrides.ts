/**
 * Which limits hold for whom: those of the gateway's configuration, over them what operators have changed for the
 * workspace, over them what they have changed for the identity. The store is the truth; it is read at start, when a hint
 * says that something has changed, and every now and then.
 */
import { Circuit, type CircuitDeps } from '../circuits/circuit.ts';
import { asFabricError } from '../model/error.ts';
import { changed, type LimitChanges, type Limits } from '../model/quota.ts';
import { untilAborted } from '../model/until-aborted.ts';
import type { Hints } from '../ports/hints.ts';
import type { QuotaOverride, QuotaOverrideStore } from '../ports/quota-override-store.ts';

export interface OverridesDeps extends CircuitDeps {
  readonly quotaOverrideStore: QuotaOverrideStore;
  readonly hints: Hints;
}

const readEveryMs = 15_000;

export class Overrides implements AsyncDisposable {
  readonly #deps: OverridesDeps;
  readonly #configured: Limits;
  readonly #onChange: () => void;
  readonly #circuit: Circuit;
  readonly #closing = new AbortController();
  #changes: ReadonlyMap<string, LimitChanges> = new Map();
  #text = '';
  #reading: Promise<void> = Promise.resolve();
  #running: Promise<void> = Promise.resolve();

  static async open(configured: Limits, deps: OverridesDeps, onChange: () => void): Promise<Overrides> {
    const overrides = new Overrides(configured, deps, onChange);
    const { signal } = overrides.#closing;
    const hear = ({ kind }: { readonly kind: string }): void => {
      if (kind === 'quotas') void overrides.read().catch(overrides.#tell);
    };
    await deps.hints.subscribe(hear, { signal });
    try {
      await overrides.read();
    } catch (thrown) {
      overrides.#closing.abort();
      throw thrown;
    }
    overrides.#running = overrides.#repeat();
    return overrides;
  }

  private constructor(configured: Limits, deps: OverridesDeps, onChange: () => void) {
    this.#configured = configured;
    this.#deps = deps;
    this.#onChange = onChange;
    this.#circuit = new Circuit('changed quotas', deps);
  }

  /** For an identity, an exclusive space or a workspace; empty for none. */
  limitsOf(identity: string, workspace: string): Limits {
    if (this.#changes.size === 0) return this.#configured;
    return changed(changed(this.#configured, this.#changes.get(workspace)), this.#changes.get(identity));
  }

  /** For operators: `ERR_CIRCUIT_OPEN` while the store is down. */
  list(): Promise<readonly QuotaOverride[]> {
    return this.#circuit.run(() => this.#deps.quotaOverrideStore.list());
  }

  async put(override: QuotaOverride): Promise<void> {
    await this.#deps.quotaOverrideStore.put(override);
    await this.#announce();
  }

  async remove(subject: string): Promise<boolean> {
    const wasThere = await this.#deps.quotaOverrideStore.remove(subject);
    await this.#announce();
    return wasThere;
  }

  /** One reading after the other: an older one must not come last. */
  read(): Promise<void> {
    this.#reading = this.#reading.catch(() => undefined).then(() => this.#read());
    return this.#reading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
    await this.#reading.catch(() => undefined);
  }

  /** It holds here when the operator is answered, and elsewhere soon after. */
  async #announce(): Promise<void> {
    await this.read();
    this.#deps.hints.publish({ kind: 'quotas' });
  }

  async #read(): Promise<void> {
    const found = await this.#deps.quotaOverrideStore.list();
    const text = JSON.stringify(found);
    if (text === this.#text) return;
    this.#text = text;
    this.#changes = new Map(found.map(({ subject, limits }) => [subject, limits]));
    this.#onChange();
  }

  #repeat(): Promise<void> {
    const { clock } = this.#deps;
    const { signal } = this.#closing;
    return untilAborted({ clock, signal, pauseMs: readEveryMs, onFailure: this.#tell }, () => this.read());
  }

  readonly #tell = (cause: unknown): void =>
    this.#deps.log.warn('overrides of quotas could not be read', { cause: asFabricError(cause) });
}
