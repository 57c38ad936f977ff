/** The same work on one system after the other: pairs that publish and consume, both in this process. */
import { setTimeout as delay } from 'node:timers/promises';
import { openAether } from '../compare/aether.ts';
import { openJetStream } from '../compare/jetstream.ts';
import { openQuorumQueues } from '../compare/quorum-queues.ts';
import { openRabbitStreams } from '../compare/rabbit-streams.ts';
import { openRedisStreams } from '../compare/redis-streams.ts';
import type { Pair, System, SystemTarget } from '../compare/system.ts';
import { percentile } from '../harness/statistics.ts';

export interface ComparisonRun {
  readonly seconds: number;
}

export interface ComparisonDelays {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Running {
  readonly pair: Pair;
  /** When those that are on their way were sent; they arrive in order. */
  readonly sentMs: number[];
}

const payload = Buffer.alloc(256, 7);
/** Unconfirmed of one sender. */
const outstanding = 64;
const arrivalMs = 60_000;

const open = async (target: SystemTarget): Promise<System> => {
  switch (target.kind) {
    case 'aether':
      return openAether(target.address, target);
    case 'rabbit-streams':
      return openRabbitStreams(target.url);
    case 'quorum-queues':
      return openQuorumQueues(target.url);
    case 'redis-streams':
      return openRedisStreams(target.address);
    case 'jetstream':
      return openJetStream(target.port);
  }
};

export class Comparison {
  #system: System | undefined;
  #pairs: readonly Running[] = [];
  #sent = 0;
  #received = 0;
  #delaysMs: number[] = [];
  #arrived: PromiseWithResolvers<void> | undefined;

  async open({ target, name, pairs }: OpenComparison): Promise<void> {
    this.#system = await open(target);
    const opened: Running[] = [];
    for (let index = 0; index < pairs; index += 1) {
      const sentMs: number[] = [];
      const pair = await this.#system.openPair(`${name}.${index}`, () => this.#take(sentMs));
      opened.push({ pair, sentMs });
    }
    this.#pairs = opened;
  }

  /** Messages a second, from the first sent to the last confirmed and received. */
  async throughput({ seconds }: ComparisonRun): Promise<{ readonly messagesPerSecond: number }> {
    const before = this.#sent;
    const startedMs = performance.now();
    const untilMs = startedMs + seconds * 1000;
    const one = async (running: Running): Promise<void> => {
      while (performance.now() < untilMs) await this.#publish(running);
    };
    await Promise.all(this.#pairs.flatMap((running) => Array.from({ length: outstanding }, () => one(running))));
    await this.#allArrived();
    return { messagesPerSecond: ((this.#sent - before) * 1000) / (performance.now() - startedMs) };
  }

  /** At a pace that waits for nobody. */
  async pace({ perSecond, seconds }: ComparisonRun & { readonly perSecond: number }): Promise<ComparisonDelays> {
    this.#delaysMs = [];
    const startedMs = performance.now();
    const total = Math.max(1, Math.round(perSecond * seconds));
    const confirmed: Promise<void>[] = [];
    for (let sent = 0; sent < total; ) {
      const due = Math.min(total, 1 + Math.floor(((performance.now() - startedMs) * perSecond) / 1000));
      for (; sent < due; sent += 1) {
        const running = this.#pairs[sent % this.#pairs.length];
        if (running !== undefined) confirmed.push(this.#publish(running));
      }
      await delay(Math.max(1, startedMs + (sent * 1000) / perSecond - performance.now()));
    }
    await Promise.all(confirmed);
    await this.#allArrived();
    return { p50Ms: percentile(this.#delaysMs, 0.5), p99Ms: percentile(this.#delaysMs, 0.99) };
  }

  async close(): Promise<void> {
    await this.#system?.[Symbol.asyncDispose]();
    this.#pairs = [];
  }

  #publish({ pair, sentMs }: Running): Promise<void> {
    this.#sent += 1;
    sentMs.push(performance.now());
    return pair.publish(payload);
  }

  #take(sentMs: number[]): void {
    this.#received += 1;
    const sent = sentMs.shift();
    if (sent !== undefined) this.#delaysMs.push(performance.now() - sent);
    if (this.#received >= this.#sent) this.#arrived?.resolve();
  }

  /** Throws where some do not come, or more than were sent. */
  async #allArrived(): Promise<void> {
    const arrived = Promise.withResolvers<void>();
    this.#arrived = arrived;
    const missing = (): Error => new Error(`${this.#received} of ${this.#sent} came within ${arrivalMs} ms`);
    const late = setTimeout(() => arrived.reject(missing()), arrivalMs);
    if (this.#received < this.#sent) await arrived.promise;
    clearTimeout(late);
    if (this.#received > this.#sent) throw new Error(`${this.#received} came, ${this.#sent} were sent`);
  }
}

export interface OpenComparison {
  readonly target: SystemTarget;
  readonly name: string;
  readonly pairs: number;
}
