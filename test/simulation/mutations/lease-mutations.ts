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
      presence("session.lose(leaseLost('the gateway lost its own lease'));", 'session.isCurrent();'),
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
      {
        file: 'src/presence/hearing.ts',
        find: 'if (session?.epoch === epoch) void this.#explain(session);',
        replace: 'if (session?.epoch === 0n) void this.#explain(session);',
      },
      presence('session?.lose(superseded());\n    const doubted', 'const doubted'),
      fencedIsIgnored,
    ],
  },
  {
    name: 'successor-does-not-wait',
    breaks: 'a session acts before what its predecessor left on its way has landed',
    edits: [presence('return { alone, heard };', 'return { alone: alone && undefined, heard };')],
  },
  {
    name: 'successor-does-not-listen',
    breaks: 'a session is acknowledged while its predecessor still gets deliveries',
    edits: [
      {
        file: 'src/gateway/connection.ts',
        find: 'if (heard !== undefined) await this.#unlessOver(heard);',
        replace: 'void heard;',
      },
    ],
  },
  {
    name: 'deaf-gateway-delivers',
    breaks: 'a gateway that cannot hear of a successor goes on delivering',
    edits: [
      {
        file: 'src/presence/session.ts',
        find: 'return !this.#isSuspended && this.isCurrent() && this.#hears();',
        replace: 'return this.#isSuspended || this.isCurrent() || this.#hears();',
      },
    ],
  },
  {
    name: 'nothing-is-fenced-off',
    breaks: 'what a gateway that is gone has left on its way to the log still lands there',
    edits: [
      {
        file: 'src/presence/fencing.ts',
        find: 'messageLog.fence(keeper, { signal }).then(resolve,',
        replace: 'void messageLog;\n    Promise.resolve().then(resolve,',
      },
    ],
  },
  {
    name: 'fenced-counts-as-durable',
    breaks: 'what was dropped at a fence is told to be durable',
    edits: [
      {
        file: 'src/router/partition-writer.ts',
        find: 'if (!writer.isCurrent()) throw',
        replace: 'if (writer.name === "") throw',
      },
    ],
  },
  {
    name: 'empty-store-grants-at-once',
    breaks: 'a store that has lost its data grants what others still trust to hold',
    edits: [
      {
        file: 'src/presence/gateway-lease.ts',
        find: 'if (waitMs > 0) await',
        replace: 'if (waitMs > 1e9) await',
      },
      // Who is missing since is looked for, and waited for as well.
      presence('this.#census?.fencing,', 'undefined,'),
    ],
  },
  {
    name: 'grants-in-an-empty-store-count',
    breaks: 'a gateway takes an identity though the store has lost the lease it takes it under',
    edits: [presence('gateway?.keeper === keeper && (await gateway.isKnown())', 'gateway?.keeper === keeper')],
  },
  {
    name: 'lost-lease-is-a-gone-one',
    breaks: 'a gateway whose lease the store has lost is fenced off while it trusts it',
    edits: [
      {
        file: 'src/presence/keepers.ts',
        find: 'return lease === undefined && (await leaseStore.age()) >= ttlMs;',
        replace: 'return lease === undefined && (await leaseStore.age()) >= 0 * ttlMs;',
      },
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
