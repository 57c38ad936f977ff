/** A simulated world: stores, gateways and clients of a plan under one scheduler, run to its end and judged. */
import type { Clock } from '../../src/ports/clock.ts';
import { inflict, mend } from './faults.ts';
import { judgeWorld } from './judge.ts';
import { type Breach, Ledger } from './ledger.ts';
import type { Plan } from './plan.ts';
import { Random } from './random.ts';
import { Scheduler } from './scheduler.ts';
import { SimClient } from './sim-client.ts';
import { type GatewayBugs, SimGateway } from './sim-gateway.ts';
import { ProcessClock, SimProcess } from './sim-process.ts';
import { type StoreBugs, Stores } from './stores.ts';
import { Trace } from './trace.ts';

/** What is wrong with this world on purpose. */
export interface Bugs {
  readonly stores?: StoreBugs;
  readonly gateways?: GatewayBugs;
}

export interface RunOptions {
  readonly bugs: Bugs;
  readonly keepsTrace: boolean;
}

export interface Outcome {
  readonly breaches: readonly Breach[];
  /** Of the whole trace. */
  readonly hash: string;
  readonly trace: readonly string[];
  readonly events: number;
  readonly messages: number;
}

/** How long everybody has, once nothing is wrong any more, to get what is theirs. */
const settlingMs = 600_000;
/** For so long single answers, hints and notices still get lost. */
const restlessMs = 60_000;
const lookEveryMs = 100;
/** Late consequences of what went wrong before come within this time. */
const quietForMs = 600;
/** More than any plan posts. */
const lettersMax = 1000;
const startWallMs = 1_790_000_000_000;

export class World {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly ledger: Ledger;
  readonly stores: Stores;
  readonly gateways: readonly [SimGateway, ...SimGateway[]];
  readonly clients: readonly SimClient[];
  readonly #random: Random;
  readonly #bugs: Bugs;

  constructor(plan: Plan, { bugs, keepsTrace }: RunOptions) {
    this.plan = plan;
    this.#bugs = bugs;
    this.#random = new Random(plan.seed, 'world');
    this.scheduler = new Scheduler(this.#random.fork('order'));
    this.trace = new Trace(this.scheduler, { keeps: keepsTrace });
    this.ledger = new Ledger(this.scheduler, this.trace, plan.presence);
    this.stores = this.#createStores();
    const [first, ...others] = Array.from({ length: plan.gateways }, (_, index) => this.#createGateway(index));
    if (first === undefined) throw new RangeError('a world needs a gateway');
    this.gateways = [first, ...others];
    this.clients = this.#createClients();
  }

  async run(): Promise<Outcome> {
    for (const gateway of this.gateways) gateway.start();
    for (const client of this.clients) client.start();
    for (const fault of this.plan.faults) this.scheduler.at(fault.atMs, () => inflict(this, fault));
    await this.scheduler.passUntil(this.plan.durationMs);
    await this.#settle();
    await this.#noteLetters();
    judgeWorld(this);
    const { breaches, events } = this.ledger;
    const messages = events.filter(({ e }) => e === 'delivered').length;
    return { breaches, hash: this.trace.hash, trace: this.trace.lines, events: this.scheduler.events, messages };
  }

  /** Whether everybody has everything that is theirs. */
  get isSettled(): boolean {
    const areDone = this.clients.every(({ isDone }) => isDone);
    const isEverybodyBack = this.clients.every((client) => client.isTwin || client.isOnline);
    return (
      isEverybodyBack && this.ledger.records.undelivered().length === 0 && this.ledger.undone().length === 0 && areDone
    );
  }

  async #settle(): Promise<void> {
    this.trace.say('world', 'nothing is wrong any more');
    mend(this);
    this.ledger.isFinishing = true;
    for (const client of this.clients) client.finish();
    const untilMs = this.scheduler.nowMs + settlingMs;
    for (let quietMs = 0; quietMs < quietForMs && this.scheduler.nowMs < untilMs; ) {
      await this.scheduler.passUntil(this.scheduler.nowMs + lookEveryMs);
      if (this.ledger.breaches.length > 0) return;
      this.ledger.isQuiet ||= this.scheduler.nowMs > this.plan.durationMs + restlessMs;
      quietMs = this.isSettled ? quietMs + lookEveryMs : 0;
    }
  }

  async #noteLetters(): Promise<void> {
    const { letters } = await this.stores.deadLetters.list('', '', lettersMax);
    for (const { recipient: who, messageId: id, attempts } of letters)
      this.ledger.write({ e: 'buried', at: this.ledger.nowMs, who, id, attempts });
  }

  #createStores(): Stores {
    const process = new SimProcess('store', this.scheduler);
    const clock: Clock = new ProcessClock(process, { drift: 0, wallMs: startWallMs });
    const layout = { partitions: this.plan.partitions, spread: this.plan.partitions };
    return new Stores({ clock, layout, ledger: this.ledger, bugs: this.#bugs.stores ?? {} });
  }

  #createGateway(index: number): SimGateway {
    const { scheduler, stores, ledger, trace, plan } = this;
    const name = `gw${index}`;
    const random = this.#random.fork(name);
    const settings = {
      ...plan,
      drift: random.between(-maxDrift, maxDrift),
      logSlowness: random.chance(0.3) ? 8 : 2,
    };
    return new SimGateway({
      name,
      scheduler,
      stores,
      ledger,
      trace,
      random,
      settings,
      bugs: this.#bugs.gateways ?? {},
    });
  }

  #createClients(): readonly SimClient[] {
    const { scheduler, gateways, ledger, trace, plan } = this;
    const { identityTtlMs } = plan.presence;
    return plan.clients.map((client) => {
      const random = this.#random.fork(client.name);
      const isAlone = plan.clients.filter(({ identity }) => identity === client.identity).length === 1;
      return new SimClient({ plan: client, scheduler, gateways, ledger, trace, random, identityTtlMs, isAlone });
    });
  }
}

/** Of a gateway's clock against the store's. */
const maxDrift = 0.005;
