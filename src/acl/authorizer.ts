/**
 * The door of access control. Everything with an effect takes a permit, and only this file can make one, so a handler
 * that forgot to ask does not compile (I8).
 */
import { type Access, type Actor, decide } from './decide.ts';

declare const issued: unique symbol;

/** Proof, within the process, that `actor` may do `access`. */
export interface Permit<Of extends Access = Access> {
  readonly [issued]: true;
  readonly actor: Actor;
  readonly access: Of;
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one place that may call something a permit
const issue = <Of extends Access>(actor: Actor, access: Of): Permit<Of> => ({ actor, access }) as Permit<Of>;

/** Allows one message to, or progress on, the topic in it. */
export type PublishPermit = Permit<Extract<Access, { action: 'send' | 'report_progress' }>>;

/** Allows to read, or to write, the key in it; of a listing, the keys that begin so. */
export type KvPermit<Action extends 'read_kv' | 'write_kv' = 'read_kv' | 'write_kv'> = Permit<
  Extract<Access, { action: 'read_kv' | 'write_kv' }> & { readonly action: Action }
>;

/** Allows to delete all exclusive keys of the identity in it. */
export type PurgePermit = Permit<Extract<Access, { action: 'purge_kv' }>>;

/** Allows to read and write the actor's own checkpoints. */
export type CheckpointPermit = Permit<Extract<Access, { action: 'keep_checkpoints' }>>;

export interface Denial {
  /** For the audit log and, since it names nothing the actor did not name, for the actor. */
  readonly because: string;
}

export type Verdict<Of extends Access> = { readonly permit: Permit<Of> } | { readonly denial: Denial };

export class Authorizer {
  /**
   * Decides, and answers with a permit or with why not: at once, unless something has to be looked up for it. A permit
   * may be kept for as long as `revision` stays the same.
   */
  permit<Of extends Access>(actor: Actor, access: Of): Verdict<Of> | Promise<Verdict<Of>> {
    const decision = decide(actor, access);
    return decision.allowed ? { permit: issue(actor, access) } : { denial: { because: decision.because } };
  }

  /** Changes whenever a permit given before might not be given now. */
  get revision(): number {
    return 0;
  }
}
