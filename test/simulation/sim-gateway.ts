/**
 * One gateway of the simulated world, through its lives: the parts the program is made of, on ports that lead to the
 * shared stores. A crash drops everything that life had; the next one starts from nothing.
 */
import { defaultCheckpointSettings } from '../../src/checkpoints/checkpoints.ts';
import { type FabricParts, openFabricParts, type Ports } from '../../src/compose/fabric.ts';
import { defaultKvSettings } from '../../src/kv/kv.ts';
import { noLimits } from '../../src/model/quota.ts';
import type { PresenceSettings } from '../../src/presence/presence.ts';
import type { Ledger } from './ledger.ts';
import { type Cut, Link } from './link.ts';
import { noMetrics } from './no-metrics.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import { type ConnectionListener, SimConnection } from './sim-connection.ts';
import { ProcessClock, SimProcess } from './sim-process.ts';
import { viewCalls, viewCursors, viewHints, viewLeases, viewLog, viewWork } from './store-views.ts';
import type { Stores } from './stores.ts';
import type { Trace } from './trace.ts';
import { TraceLog } from './trace-log.ts';

export const serverNames = ['redis', 'log', 'work'] as const;
export type ServerName = (typeof serverNames)[number];

export interface GatewaySettings {
  readonly presence: Omit<PresenceSettings, 'gatewayId'>;
  readonly slowConsumerMs: number;
  readonly storeLatencyMs: number;
  /** Of the log against the other stores. */
  readonly logSlowness: number;
  readonly clientLatencyMs: number;
  readonly windowBytes: number;
  readonly lossRate: number;
  readonly stallRate: number;
  readonly gossipLossRate: number;
  readonly drift: number;
}

export interface GatewayDeps {
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly stores: Stores;
  readonly ledger: Ledger;
  readonly trace: Trace;
  readonly random: Random;
  readonly settings: GatewaySettings;
  readonly bugs: GatewayBugs;
}

/** Planted bugs in what a gateway is given. */
export interface GatewayBugs {
  readonly ports?: (ports: Ports) => Ports;
  readonly stream?: (stream: SimConnection['server']) => SimConnection['server'];
}

interface Life {
  readonly process: SimProcess;
  readonly clock: ProcessClock;
  readonly links: Readonly<Record<ServerName, Link>>;
  readonly connections: Set<SimConnection>;
  readonly ports: Ports;
  parts: FabricParts | undefined;
}

/** How long a planned stop waits for what is under way. */
const drainMs = 5000;
/** How long an answer is waited for. An append goes on being sent for longer, as with RabbitMQ. */
const patienceMs = { redis: 1000, log: 3000, work: 1000 } as const;
const acks = { timeoutMs: 1500, attemptsMax: 3, outstandingMax: 256, outstandingBytesMax: 1024 * 1024 };
const startWallMs = 1_790_000_000_000;

export class SimGateway {
  readonly name: string;
  readonly #deps: GatewayDeps;
  #lives = 0;
  #life: Life | undefined;
  #cuts = new Map<ServerName, Cut>();
  /** It was to start while it was still stopping: it does when it has stopped. */
  #startsAgain = false;

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
    this.name = deps.name;
  }

  get isServing(): boolean {
    const life = this.#life;
    return life?.parts?.gateway.isServing === true && life.process.isRunning && life.parts.presence.isReady();
  }

  start(): void {
    this.#startsAgain = this.#life !== undefined;
    if (this.#life !== undefined) return;
    const life = this.#createLife();
    this.#life = life;
    this.#say('starts');
    void this.#open(life);
  }

  crash({ silently }: { readonly silently: boolean }): void {
    const life = this.#end('is killed');
    if (life === undefined) return;
    const noticedMs = silently ? this.#deps.random.between(1000, 4000) : this.#deps.random.between(1, 20);
    for (const connection of life.connections) connection.gatewayDied(noticedMs);
    this.#bury(life);
  }

  /** A planned stop, as a signal to the program begins it. */
  drain(): void {
    const life = this.#life;
    const { parts } = life ?? {};
    if (life === undefined || parts === undefined) return this.crash({ silently: false });
    this.#say('drains');
    this.#startsAgain = false;
    const patience = new AbortController();
    life.clock.schedule(drainMs, () => patience.abort());
    void this.#drainAndBury(life, parts, patience.signal);
  }

  async #drainAndBury(life: Life, parts: FabricParts, signal: AbortSignal): Promise<void> {
    await parts.gateway.drain({ signal });
    await parts[Symbol.asyncDispose]();
    if (this.#life !== life) return;
    this.#end('has stopped');
    for (const connection of life.connections) connection.gatewayDied(5);
    this.#bury(life);
    if (this.#startsAgain) this.start();
  }

  stop(): void {
    this.#say('stands still');
    this.#life?.process.stop();
  }

  resume(timersFirst: boolean): void {
    if (this.#life?.process.isDead === false && !this.#life.process.isRunning) this.#say('goes on');
    this.#life?.process.resume({ timersFirst });
  }

  jump(ms: number): void {
    this.#life?.clock.jump(ms);
  }

  cut(server: ServerName, cut: Cut): void {
    this.#say(`loses ${server} (${cut})`);
    this.#cuts.set(server, cut);
    this.#life?.links[server].cut(cut);
  }

  heal(server: ServerName): void {
    if (this.#cuts.delete(server)) this.#say(`has ${server} again`);
    this.#life?.links[server].heal();
  }

  slowDown(server: ServerName, factor: number): void {
    this.#life?.links[server].slowDown(factor);
  }

  /** What it sends there from now on arrives so much later. */
  holdUp(server: ServerName, ms: number): void {
    this.#say(`is ${ms.toFixed(0)} ms away from ${server}`);
    this.#life?.links[server].holdUp(ms);
  }

  /** Breaks every connection it has. */
  resetConnections(): void {
    this.#say('loses its connections');
    for (const connection of this.#life?.connections ?? []) connection.reset();
    this.#life?.connections.clear();
  }

  /** `undefined` where nobody listens. */
  connect(client: SimProcess, listener: ConnectionListener): SimConnection | undefined {
    const life = this.#life;
    if (life?.parts === undefined) return undefined;
    const { settings, bugs } = this.#deps;
    const connection = new SimConnection({
      gateway: life,
      client,
      random: this.#deps.random.fork(`${client.name}/${this.#deps.scheduler.nowMs}`),
      latencyMs: settings.clientLatencyMs,
      windowBytes: settings.windowBytes,
      listener,
    });
    life.connections.add(connection);
    connection.server.gone.addEventListener('abort', () => life.connections.delete(connection));
    const stream = bugs.stream?.(connection.server) ?? connection.server;
    const { gateway } = life.parts;
    life.process.after(settings.clientLatencyMs, () => void gateway.serve(stream));
    return connection;
  }

  async #open(life: Life): Promise<void> {
    const { presence, slowConsumerMs } = this.#deps.settings;
    const settings = {
      version: 'sim',
      slowConsumerMs,
      presence: { ...presence, gatewayId: this.name },
      acks,
      delayMaxMs: 3_600_000,
      kv: defaultKvSettings,
      checkpoints: defaultCheckpointSettings,
      quotas: noLimits,
    };
    try {
      life.parts = await openFabricParts(life.ports, settings);
    } catch {
      if (this.#life !== life) return;
      // As a supervisor would: it starts again a little later.
      this.#end('cannot start');
      this.#bury(life);
      this.#deps.scheduler.at(this.#deps.scheduler.nowMs + 300, () => this.start());
    }
  }

  #createLife(): Life {
    const { name, scheduler, random, settings } = this.#deps;
    this.#lives += 1;
    const process = new SimProcess(name, scheduler);
    const clock = new ProcessClock(process, { drift: settings.drift, wallMs: startWallMs });
    const links = {
      redis: this.#link('redis', process, clock),
      log: this.#link('log', process, clock),
      work: this.#link('work', process, clock),
    };
    for (const [server, cut] of this.#cuts) links[server].cut(cut);
    const entropy = random.fork(`entropy/${this.#lives}`);
    const ports = this.#portsOf(links, {
      clock,
      entropy: {
        uuid: () => entropy.uuid(),
        random: () => entropy.next(),
        bytes: (count) => Uint8Array.from({ length: count }, () => entropy.int(0, 255)),
      },
    });
    return { process, clock, links, connections: new Set(), ports, parts: undefined };
  }

  #portsOf(links: Life['links'], given: Pick<Ports, 'clock' | 'entropy'>): Ports {
    const { name, random, stores, trace, settings, ledger, bugs } = this.#deps;
    const gossip = {
      random: random.fork(`gossip/${this.#lives}`),
      lossRate: () => (ledger.isQuiet ? 0 : settings.gossipLossRate),
    };
    const ports = {
      ...given,
      log: new TraceLog(trace, name, (what) => ledger.breach('I9', `${name} did what nobody foresaw: ${what}`, [name])),
      metrics: noMetrics,
      leaseStore: viewLeases(stores, links.redis, gossip),
      hints: viewHints(stores, links.redis, gossip),
      cursorStore: viewCursors(stores, links.redis),
      topicIndex: viewCalls(() => stores.topicIndex, links.redis, 'index'),
      receiptStore: viewCalls(() => stores.receipts, links.redis, 'receipts'),
      deadLetterStore: viewCalls(() => stores.deadLetters, links.redis, 'dead letters'),
      delayStore: viewCalls(() => stores.delays, links.redis, 'delays'),
      kvStore: viewCalls(() => stores.kv, links.redis, 'kv'),
      checkpointStore: viewCalls(() => stores.checkpoints, links.redis, 'checkpoints'),
      messageLog: viewLog(stores, links.log),
      workQueue: viewWork(stores, links.work),
      quotaLedger: stores.quotaLedger,
      quotaOverrideStore: stores.quotaOverrides,
    };
    return bugs.ports?.(ports) ?? ports;
  }

  #link(server: ServerName, process: SimProcess, clock: ProcessClock): Link {
    const { trace, random, settings, ledger } = this.#deps;
    return new Link({
      name: server,
      process,
      clock,
      trace,
      random: random.fork(`${server}/${this.#lives}`),
      latencyMs: settings.storeLatencyMs * (server === 'log' ? settings.logSlowness : 1),
      lossRate: () => (ledger.isQuiet ? 0 : settings.lossRate),
      stallRate: () => (ledger.isQuiet ? 0 : settings.stallRate),
      patienceMs: patienceMs[server],
      onTrouble: () => ledger.trouble(),
    });
  }

  #end(how: string): Life | undefined {
    const life = this.#life;
    this.#life = undefined;
    if (life !== undefined) this.#say(how);
    return life;
  }

  #bury(life: Life): void {
    life.process.kill();
    for (const server of serverNames) life.links[server].close();
    life.connections.clear();
  }

  #say(what: string): void {
    this.#deps.trace.say(this.name, what);
  }
}
