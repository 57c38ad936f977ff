import { afterEach, describe, expect, test, vi } from 'vitest';
import { MemoryHints } from '../adapters/memory/memory-hints.ts';
import { MemoryLeaseStore } from '../adapters/memory/memory-lease-store.ts';
import { MemoryLog } from '../adapters/memory/memory-log.ts';
import { MemoryMessageLog } from '../adapters/memory/memory-message-log.ts';
import { VirtualClock } from '../adapters/memory/virtual-clock.ts';
import { systemEntropy } from '../adapters/system/system-entropy.ts';
import { FabricError } from '../model/error.ts';
import type { Hints } from '../ports/hints.ts';
import type { LeaseStore } from '../ports/lease-store.ts';
import { Presence, type SessionRequest } from './presence.ts';
import type { Online, Session } from './session.ts';

const settings = (gatewayId: string) => ({
  gatewayId,
  identityTtlMs: 30_000,
  identityRenewEveryMs: 10_000,
  gatewayTtlMs: 2500,
  gatewayRenewEveryMs: 800,
  marginMs: 500,
});

const asking = (identity: string, changes: Partial<SessionRequest> = {}): SessionRequest => ({
  identity,
  sessionId: systemEntropy.uuid(),
  resumes: '',
  note: { client: 'test', remoteAddress: '127.0.0.1:1', workspace: '' },
  peer: { isThere: () => Promise.resolve(true) },
  ...changes,
});

/** A gateway's connections to store and hints, which can be cut. */
class Breakable {
  broken = false;
  /** Hints are lost, both ways. */
  isDeaf = false;
  /** Grants are given, and their answers lost. */
  losesGrants = false;
  readonly store: LeaseStore;
  readonly hints: Hints;

  constructor(inner: LeaseStore, hints: Hints) {
    this.hints = {
      publish: (hint) => {
        if (!this.broken && !this.isDeaf) hints.publish(hint);
      },
      subscribe: (listener, options) =>
        hints.subscribe((hint) => {
          if (!this.isDeaf) listener(hint);
        }, options),
    };
    const guard = <Call extends (...args: never[]) => Promise<unknown>>(call: Call): Call =>
      ((...args: never[]) =>
        this.broken ? Promise.reject(new FabricError('STORE_UNAVAILABLE', 'cut off')) : call(...args)) as Call;
    this.store = {
      acquire: guard(async (request) => {
        const answer = await inner.acquire(request);
        if (this.losesGrants) throw new FabricError('STORE_UNAVAILABLE', 'the answer was lost');
        return answer;
      }),
      renew: guard((leases, ttlMs) => inner.renew(leases, ttlMs)),
      release: guard((lease, lingerMs) => inner.release(lease, lingerMs)),
      current: guard((names) => inner.current(names)),
      list: guard((prefix, after, limit) => inner.list(prefix, after, limit)),
      losses: (keeper, options) => inner.losses(keeper, options),
      isHeard: (keeper) => inner.isHeard(keeper),
      age: () => inner.age(),
    };
  }
}

const opened: { presence: Presence; clock: VirtualClock }[] = [];
afterEach(async () => {
  for (const { presence, clock } of opened.splice(0)) {
    const disposed = presence[Symbol.asyncDispose]();
    await clock.pass(1);
    await disposed;
  }
});

const fabric = () => {
  const clock = new VirtualClock();
  const leases = new MemoryLeaseStore(clock);
  const hints = new MemoryHints();
  const messageLog = new MemoryMessageLog({ partitions: 1, spread: 1 });
  const gateway = async (gatewayId: string) => {
    const breakable = new Breakable(leases, hints);
    const presence = await Presence.open(settings(gatewayId), {
      leaseStore: breakable.store,
      hints: breakable.hints,
      messageLog,
      clock,
      entropy: systemEntropy,
      log: new MemoryLog(),
    });
    opened.push({ presence, clock });
    return { presence, breakable };
  };
  return { clock, leases, hints, gateway };
};

const agent = 'ag::w::i::s';
const outcome = (opening: Promise<unknown>): Promise<string> =>
  opening.then(
    () => 'open',
    (error: FabricError) => error.reason,
  );
const all = async (listing: AsyncIterable<Online>): Promise<string[]> => {
  const found: string[] = [];
  for await (const { identity } of listing) found.push(identity);
  return found;
};

describe('an identity', () => {
  test('is held by one session at a time, on whichever gateway', async () => {
    const { gateway, clock } = fabric();
    const [one, two] = [await gateway('one'), await gateway('two')];
    const first = await one.presence.open(asking(agent));
    expect(first).toMatchObject({ identity: agent, resumed: false, resumes: 0 });
    expect(await outcome(one.presence.open(asking(agent)))).toBe('DUPLICATE_IDENTITY');
    const elsewhere = outcome(two.presence.open(asking(agent)));
    await clock.pass(200);
    expect(await elsewhere).toBe('DUPLICATE_IDENTITY');
    expect(first.isCurrent()).toBe(true);
  });

  test('is not taken from one whose grant is still being confirmed', async () => {
    const { gateway } = fabric();
    const { presence } = await gateway('one');
    const both = [presence.open(asking(agent)), presence.open(asking(agent))];
    expect(await Promise.all(both.map(outcome))).toEqual(['open', 'DUPLICATE_IDENTITY']);
  });

  test('is free again once its session was closed', async () => {
    const { gateway } = fabric();
    const [one, two] = [await gateway('one'), await gateway('two')];
    await one.presence.close(await one.presence.open(asking(agent)), { resumable: false });
    expect(await two.presence.open(asking(agent))).toMatchObject({ resumed: false });
  });

  test('is resumed elsewhere by its session id at once; the old session is over and its successor has a higher epoch', async () => {
    const { gateway, clock } = fabric();
    const [one, two] = [await gateway('one'), await gateway('two')];
    const first = await one.presence.open(asking(agent));
    const second = await two.presence.open(asking(agent, { resumes: first.sessionId }));
    expect(second).toMatchObject({ resumed: true, resumes: 1, firstConnectedAtMs: first.firstConnectedAtMs });
    expect(second.epoch).toBeGreaterThan(first.epoch);
    await clock.pass(10);
    expect(first.lost.reason).toMatchObject({ reason: 'SESSION_SUPERSEDED' });
    expect(first.isCurrent()).toBe(false);
  });

  test('can be resumed after its transport was lost, unless somebody took it', async () => {
    const { gateway } = fabric();
    const { presence } = await gateway('one');
    const first = await presence.open(asking(agent));
    await presence.close(first, { resumable: true });
    const second = await presence.open(asking(agent, { resumes: first.sessionId }));
    expect(second).toMatchObject({ resumed: true, resumes: 1 });
    await presence.close(second, { resumable: true });
    expect(await presence.open(asking(agent))).toMatchObject({ resumed: false, resumes: 0 });
  });

  test('is taken from a holder whose peer no longer answers, here and elsewhere', async () => {
    const { gateway, clock } = fabric();
    const [one, two] = [await gateway('one'), await gateway('two')];
    const gone = { isThere: () => Promise.resolve(false) };
    const first = await one.presence.open(asking(agent, { peer: gone }));
    const second = await one.presence.open(asking(agent, { peer: gone }));
    expect(first.lost.aborted).toBe(true);
    const third = two.presence.open(asking(agent));
    await clock.pass(200);
    expect(await third).toMatchObject({ resumed: false });
    expect(second.lost.aborted).toBe(true);
  });
});

describe('a successor', () => {
  const isAlone = async (session: Session): Promise<boolean> => {
    let alone = session.alone === undefined;
    void session.alone?.then(() => (alone = true));
    await Promise.resolve();
    await Promise.resolve();
    return alone;
  };

  test('of nobody, or of one that was closed, is alone at once', async () => {
    const { gateway } = fabric();
    const { presence } = await gateway('one');
    const first = await presence.open(asking(agent));
    expect(first.alone).toBeUndefined();
    await presence.close(first, { resumable: true });
    expect((await presence.open(asking(agent, { resumes: first.sessionId }))).alone).toBeUndefined();
  });

  test.each(['one', 'two'])('on gateway %s is alone once its predecessor on one has been closed', async (on) => {
    const { gateway, clock } = fabric();
    const [one, two] = [await gateway('one'), await gateway('two')];
    const first = await one.presence.open(asking(agent));
    const second = await (on === 'one' ? one : two).presence.open(asking(agent, { resumes: first.sessionId }));
    await clock.pass(5000);
    expect(first.lost.aborted).toBe(true);
    expect(await isAlone(second)).toBe(false);
    await one.presence.close(first, { resumable: true });
    await clock.pass(200);
    expect(await isAlone(second)).toBe(true);
  });

  test.each(['two', 'three'])('on gateway %s waits for those before its predecessor on two too', async (on) => {
    const { gateway, clock } = fabric();
    const [one, two, three] = [await gateway('one'), await gateway('two'), await gateway('three')];
    const first = await one.presence.open(asking(agent));
    const second = await two.presence.open(asking(agent, { resumes: first.sessionId }));
    const closing = two.presence.close(second, { resumable: true });
    const third = await (on === 'two' ? two : three).presence.open(asking(agent, { resumes: second.sessionId }));
    await clock.pass(1000);
    expect(await isAlone(third)).toBe(false);
    await one.presence.close(first, { resumable: true });
    await clock.pass(500);
    expect(await isAlone(third)).toBe(true);
    await closing;
  });

  test.each(['two', 'three'])(
    'on gateway %s waits for one that a grant on two replaced of which no answer came',
    async (on) => {
      const { gateway, clock } = fabric();
      const [one, two, three] = [await gateway('one'), await gateway('two'), await gateway('three')];
      const first = await one.presence.open(asking(agent));
      two.breakable.losesGrants = true;
      const unheard = asking(agent, { resumes: first.sessionId });
      expect(await outcome(two.presence.open(unheard))).toBe('STORE_UNAVAILABLE');
      two.breakable.losesGrants = false;
      const again = asking(agent, { resumes: unheard.sessionId });
      const third = await (on === 'two' ? two : three).presence.open(again);
      await clock.pass(1000);
      expect(await isAlone(third)).toBe(false);
      await one.presence.close(first, { resumable: true });
      await clock.pass(500);
      expect(await isAlone(third)).toBe(true);
    },
  );

  test('is not acknowledged before the one before its predecessor has heard', async () => {
    const { gateway, clock } = fabric();
    const [one, two, three] = [await gateway('one'), await gateway('two'), await gateway('three')];
    const first = await one.presence.open(asking(agent));
    // It hears of nothing and says nothing, and Redis takes it for listening.
    one.breakable.isDeaf = true;
    const second = await two.presence.open(asking(agent, { resumes: first.sessionId }));
    const third = await three.presence.open(asking(agent, { resumes: second.sessionId }));
    const heard = vi.fn<() => void>();
    void third.heard?.then(heard);
    await clock.pass(1000);
    expect(heard).not.toHaveBeenCalled();
    one.breakable.isDeaf = false;
    await clock.pass(500);
    expect(heard).toHaveBeenCalled();
  });

  test('of one whose gateway died is alone when that gateway may no longer act', async () => {
    const { gateway, clock } = fabric();
    const [one, two] = [await gateway('one'), await gateway('two')];
    const first = await one.presence.open(asking(agent));
    one.breakable.broken = true;
    const second = await two.presence.open(asking(agent, { resumes: first.sessionId }));
    await clock.pass(1500);
    expect(await isAlone(second)).toBe(false);
    await clock.pass(1500);
    expect(await isAlone(second)).toBe(true);
  });
});

test('one that nobody has ever looked at is fenced off before a session says something where its lease was lost', async () => {
  const clock = new VirtualClock();
  const log = new MemoryMessageLog({ partitions: 1, spread: 1 });
  const fenced: string[] = [];
  const mayFence = Promise.withResolvers<void>();
  const messageLog: Pick<MemoryMessageLog, 'enter' | 'fence'> = {
    enter: (writer) => log.enter(writer),
    fence: async (writer) => {
      await mayFence.promise;
      fenced.push(writer);
    },
  };
  const openOn = async (gatewayId: string, store: MemoryLeaseStore) => {
    const breakable = new Breakable(store, new MemoryHints());
    const deps = { messageLog, clock, entropy: systemEntropy, log: new MemoryLog() };
    const ports = { leaseStore: breakable.store, hints: breakable.hints };
    const presence = await Presence.open(settings(gatewayId), { ...deps, ...ports });
    opened.push({ presence, clock });
    return { presence, breakable };
  };
  const one = await openOn('one', new MemoryLeaseStore(clock));
  await one.presence.open(asking(agent));
  await clock.pass(1);
  one.breakable.broken = true;
  const two = await openOn('two', new MemoryLeaseStore(clock, { lostDataAtMs: clock.monotonic() }));
  const opening = two.presence.open(asking(agent));
  await clock.pass(5000);
  const alone = vi.fn<() => void>();
  void (await opening).alone?.then(alone);
  await clock.pass(5000);
  expect(alone).not.toHaveBeenCalled();
  mayFence.resolve();
  await clock.pass(1);
  expect(alone).toHaveBeenCalled();
  expect(fenced).toContainEqual(expect.stringMatching(/^one\//));
});

describe('an identity that is given up while its session is being asked for', () => {
  test.each([true, false])('is granted, resumable: %s', async (resumable) => {
    const { gateway, clock } = fabric();
    const [one, two] = [await gateway('one'), await gateway('two')];
    const silent = { isThere: () => new Promise<boolean>(() => undefined) };
    const first = await one.presence.open(asking(agent, { peer: silent }));
    const second = two.presence.open(asking(agent));
    await clock.pass(10);
    await one.presence.close(first, { resumable });
    await clock.pass(200);
    expect(await second).toMatchObject({ resumed: false });
  });
});

test('a gateway that cannot take its lease leaves nothing running', async () => {
  const clock = new VirtualClock();
  let sleeping = 0;
  const sleep: VirtualClock['sleep'] = (ms, options) => {
    sleeping += 1;
    return clock.sleep(ms, options).finally(() => (sleeping -= 1));
  };
  const counting = Object.assign(Object.create(clock) as VirtualClock, {
    sleep,
    monotonic: () => clock.monotonic(),
    now: () => clock.now(),
    schedule: clock.schedule.bind(clock),
  });
  const breakable = new Breakable(new MemoryLeaseStore(clock), new MemoryHints());
  breakable.broken = true;
  const deps = {
    leaseStore: breakable.store,
    hints: breakable.hints,
    messageLog: new MemoryMessageLog({ partitions: 1, spread: 1 }),
    entropy: systemEntropy,
    log: new MemoryLog(),
  };
  await expect(Presence.open(settings('one'), { ...deps, clock: counting })).rejects.toThrow('cut off');
  expect(sleeping).toBe(0);
});

describe('a gateway that dies', () => {
  test('frees its identities as soon as its own short lease has run out', async () => {
    const { gateway, clock } = fabric();
    const [one, two] = [await gateway('one'), await gateway('two')];
    await one.presence.open(asking(agent));
    one.breakable.broken = true;
    const taking = outcome(two.presence.open(asking(agent)));
    await clock.pass(2600);
    expect(await taking).toBe('open');
  });

  test('trusts none of its sessions beyond its own lease, and goes on under a new one afterwards', async () => {
    const { gateway, clock } = fabric();
    const one = await gateway('one');
    const session = await one.presence.open(asking(agent));
    one.breakable.broken = true;
    await clock.pass(1900);
    expect(session.isCurrent()).toBe(true);
    await clock.pass(200);
    expect(session.isCurrent()).toBe(false);
    await clock.pass(1000);
    expect(session.lost.reason).toMatchObject({ reason: 'LEASE_LOST' });
    expect(one.presence.isReady()).toBe(false);
    expect(await outcome(one.presence.open(asking(agent)))).toBe('STORE_UNAVAILABLE');
    one.breakable.broken = false;
    await clock.pass(2000);
    expect(one.presence.isReady()).toBe(true);
    await one.presence.close(session, { resumable: true });
    const back = one.presence.open(asking(agent, { resumes: session.sessionId }));
    await clock.pass(500);
    expect(await back).toMatchObject({ resumed: true });
  });

  test('that was stopped and goes on finds its sessions over before it does anything with them', async () => {
    const { gateway, clock } = fabric();
    const { presence } = await gateway('one');
    const session = await presence.open(asking(agent));
    clock.jump(10_000);
    expect(session.isCurrent()).toBe(false);
    await clock.pass(1000);
    expect(session.lost.aborted).toBe(true);
  });
});

describe('leases are renewed', () => {
  test('for as long as the gateway lives', async () => {
    const { gateway, clock } = fabric();
    const { presence } = await gateway('one');
    const session = await presence.open(asking(agent));
    await clock.pass(300_000);
    expect(session.isCurrent()).toBe(true);
    expect(await presence.find(agent)).toMatchObject({ sessionId: session.sessionId, gatewayId: 'one' });
  });

  test('and a session whose lease is somebody else’s at renewal is over', async () => {
    const { gateway, clock, leases } = fabric();
    const { presence } = await gateway('one');
    const session = await presence.open(asking(agent));
    // The notice of this is lost: its keeper is not the one the gateway listens for.
    await leases.release({ name: agent, epoch: session.epoch }, 0);
    await clock.pass(11_000);
    expect(session.lost.aborted).toBe(true);
  });
});

describe('who is online', () => {
  test('is seen from every gateway, without those whose gateway died', async () => {
    const { gateway, clock } = fabric();
    const [one, two] = [await gateway('one'), await gateway('two')];
    await one.presence.open(asking('sv::mail::a'));
    await two.presence.open(asking('sv::mail::b'));
    await two.presence.open(asking('us::u::1'));
    expect(await all(one.presence.list('sv::mail::'))).toEqual(['sv::mail::a', 'sv::mail::b']);
    expect(await all(one.presence.list(''))).toEqual(['sv::mail::a', 'sv::mail::b', 'us::u::1']);
    two.breakable.broken = true;
    await clock.pass(3000);
    expect(await all(one.presence.list(''))).toEqual(['sv::mail::a']);
    expect(await one.presence.find('us::u::1')).toBeUndefined();
  });

  test('any instance of a service is one of one’s own gateway where there is one', async () => {
    const { gateway } = fabric();
    const [one, two] = [await gateway('one'), await gateway('two')];
    expect(await one.presence.anyInstanceOf('mail')).toBeUndefined();
    await two.presence.open(asking('sv::mail::b'));
    expect(await one.presence.anyInstanceOf('mail')).toBe('sv::mail::b');
    await one.presence.open(asking('sv::other::x'));
    await one.presence.open(asking('sv::pay::a'));
    await two.presence.open(asking('sv::pay::b'));
    for (let round = 0; round < 20; round += 1) expect(await one.presence.anyInstanceOf('pay')).toBe('sv::pay::a');
  });
});

describe('kicking', () => {
  test('ends a session on another gateway for good', async () => {
    const { gateway, clock } = fabric();
    const [one, two] = [await gateway('one'), await gateway('two')];
    const session = await two.presence.open(asking(agent));
    const kicking = one.presence.kick(session, 'enough');
    await clock.pass(100);
    await kicking;
    expect(session.lost.reason).toMatchObject({ reason: 'SESSION_KICKED', message: 'enough' });
    expect(await one.presence.find(agent)).toBeUndefined();
  });

  test('works without hints: the store is the truth', async () => {
    const { gateway, clock, hints } = fabric();
    const [one, two] = [await gateway('one'), await gateway('two')];
    const session = await two.presence.open(asking(agent));
    hints.publish = () => undefined;
    const kicking = one.presence.kick(session, 'enough');
    await clock.pass(2000);
    await kicking;
    await clock.pass(10);
    expect(session.lost.reason).toMatchObject({ reason: 'SESSION_KICKED' });
  });
});
