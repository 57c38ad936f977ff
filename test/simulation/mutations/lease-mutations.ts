/** Bugs in who holds which identity: in the lease store, in the gateway's own lease, in asking whether a holder is there. */
import type { Mutation, SourceEdit } from './mutation.ts';

const store = (find: string, replace: string): SourceEdit => ({
  file: 'src/adapters/memory/memory-lease-store.ts',
  find,
  replace,
});
const presence = (find: string, replace: string): SourceEdit => ({ file: 'src/presence/presence.ts', find, replace });

/** Refused places tell a session that it is over, whatever else does not: what this would hide is planted with it. */
const fencedIsIgnored: SourceEdit = {
  file: 'src/router/cursors.ts',
  find: 'else recipient.onFenced();',
  replace: 'else this.#dirty.delete(recipient);',
};

export const leaseMutations: readonly Mutation[] = [
  {
    name: 'epoch-reused',
    breaks: 'an epoch is given again within the same second',
    edits: [
      store(
        'this.#lastEpoch = clockUs > this.#lastEpoch ? clockUs : this.#lastEpoch + 1n;',
        'this.#lastEpoch = clockUs / 1_000_000n;',
      ),
    ],
  },
  {
    name: 'held-is-granted',
    breaks: 'an identity that is held is granted to whoever asks',
    edits: [
      store(
        "if (before?.record.state === 'held' && !mayReplace",
        "if (before?.record.state === 'never' && !mayReplace",
      ),
    ],
  },
  {
    name: 'takeover-without-epoch',
    breaks: 'a takeover does not compare the epoch it saw',
    edits: [store('request.overEpoch === held.epoch', 'request.overEpoch !== undefined')],
  },
  {
    name: 'resume-with-any-id',
    breaks: 'any session id is good enough to resume',
    edits: [store("(request.resumes !== '' && request.resumes === held.holder)", "request.resumes !== ''")],
  },
  {
    name: 'renews-what-is-lost',
    breaks: 'a renewal does not compare the epoch, and refused places end nobody',
    edits: [
      store(
        "entry?.record.state !== 'held' || entry.record.epoch !== lease.epoch) return true",
        'entry === undefined) return true',
      ),
      fencedIsIgnored,
    ],
  },
  {
    name: 'releases-what-is-not-its-own',
    breaks: 'a release does not compare the epoch',
    edits: [
      store(
        "if (entry?.record.state !== 'held' || entry.record.epoch !== epoch) return Promise.resolve(false);",
        "if (entry?.record.state !== 'held') return Promise.resolve(false);",
      ),
    ],
  },
  {
    name: 'no-lingering',
    breaks: 'a session that was left cannot be resumed',
    edits: [store('if (lingerMs <= 0) this', 'if (lingerMs >= 0) this')],
  },
  {
    name: 'leases-do-not-run-out',
    breaks: 'what a dead gateway held stays held',
    edits: [store('entry.untilMs > this.#clock.monotonic()) return entry', 'entry.untilMs > 0) return entry')],
  },
  {
    name: 'gateway-lease-is-not-needed',
    breaks: 'a session is trusted when its gateway has lost its own lease',
    edits: [
      presence(
        '(gateway.keeper === keeper && gateway.isHeld() ? this.#deps.clock.monotonic() : Infinity)',
        'this.#deps.clock.monotonic()',
      ),
      presence(
        "session.lose(new FabricError('LEASE_LOST', 'the gateway lost its own lease'));",
        'session.isCurrent();',
      ),
    ],
  },
  {
    name: 'sessions-are-always-current',
    breaks: 'a session does not stop at the end of its lease (I2 off)',
    edits: [
      {
        file: 'src/presence/session.ts',
        find: 'return !this.#losing.signal.aborted && this.#now() < this.#trustedUntilMs;',
        replace: 'return this.#now() === this.#now() && this.#trustedUntilMs > 0;',
      },
    ],
  },
  {
    name: 'superseded-is-not-told',
    breaks: 'a session that was taken over hears of it neither from the store nor from its successor or its cursors',
    edits: [
      presence(
        'if (session?.epoch === epoch) await this.#explainLoss(session);',
        'if (session?.epoch === 0n) await this.#explainLoss(session);',
      ),
      presence('session?.lose(superseded());\n    void Promise', 'void Promise'),
      fencedIsIgnored,
    ],
  },
  {
    name: 'successor-does-not-wait',
    breaks: 'a session acts before what its predecessor left on its way has landed',
    edits: [
      presence(
        'return waits.length === 0 ? undefined : Promise.all(waits).then(() => undefined);',
        'return waits.length < 0 ? Promise.resolve() : undefined;',
      ),
    ],
  },
  {
    name: 'silence-means-gone',
    breaks: 'a hint that does not come at once is taken for the truth',
    edits: [
      {
        file: 'src/presence/probing.ts',
        find: 'if (heard !== undefined) return heard;',
        replace: 'return heard ?? false;',
      },
    ],
  },
  {
    name: 'asked-means-gone',
    breaks: 'a gateway that is asked for a session says it is gone',
    edits: [
      presence(
        "publish({ kind: 'presence', probe: hint.probe, alive })",
        "publish({ kind: 'presence', probe: hint.probe, alive: false && alive })",
      ),
    ],
  },
  {
    name: 'own-holder-is-not-asked',
    breaks: 'a newcomer on the same gateway replaces a holder that is there',
    edits: [presence('return session.peer.isThere();', 'return (await session.peer.isThere()) && false;')],
  },
  {
    name: 'never-resumable',
    breaks: 'a broken transport ends the session for good',
    edits: [
      {
        file: 'src/gateway/connection.ts',
        find: "ending.how === 'gone' ||",
        replace: "ending.how === 'half_closed' ||",
      },
    ],
  },
];
