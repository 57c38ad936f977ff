/**
 * The place of one gateway: the addresses its clients know, and its own ways to the services, all of them through
 * proxies, stay the same whatever becomes of the process.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Services } from '../../scripts/services/services.ts';
import { TcpProxy } from '../adapters/rabbitmq/tcp-proxy.ts';
import { GatewayHungError, GatewayProcess } from '../faults/gateway-process.ts';
import { stackSettings } from '../flows/stack-settings.ts';
import { within } from './load/within.ts';

export type ChaosServices = Services<'redis' | 'rabbitmq' | 'postgres'>;

export const linkNames = ['redis', 'stream', 'amqp', 'postgres'] as const;
export type LinkName = (typeof linkNames)[number];

export interface SeatOptions {
  readonly name: string;
  /** Of all that the fabric keeps in the services. */
  readonly prefix: string;
  readonly services: ChaosServices;
  /** A promise its gateways break (`mutations/`); none for the program as it is. */
  readonly mutation?: string | undefined;
  /** How long a delivery may go without an answer. */
  readonly ackTimeout?: string | undefined;
  /** Where its gateways' warnings are kept. */
  readonly logFile?: string | undefined;
}

const host = '127.0.0.1';
const mutant = 'test/chaos/programs/mutant-gateway.ts';
/** More than a gateway takes to drain, whatever is broken. */
const stopPatienceMs = 60_000;
const startPatienceMs = 120_000;
const startAgainAfterMs = 250;

export class GatewaySeat implements AsyncDisposable {
  readonly name: string;
  readonly clients: TcpProxy;
  readonly links: Readonly<Record<LinkName, TcpProxy>>;
  readonly #options: SeatOptions;
  readonly #directory = mkdtempSync(join(tmpdir(), 'aether-chaos-'));
  #process: GatewayProcess | undefined;
  /** Ends that nobody here asked for, and ends or starts that never came, with what the process had to say. */
  readonly crashes: string[] = [];

  static async open(options: SeatOptions): Promise<GatewaySeat> {
    const { redis, rabbitmq, postgres } = options.services;
    const to = (port: number): Promise<TcpProxy> => TcpProxy.open({ host, port });
    const links = {
      redis: await to(redis.port),
      stream: await to(rabbitmq.streamPort),
      amqp: await to(rabbitmq.amqpPort),
      postgres: await to(postgres.port),
    };
    const clients = await to(0);
    clients.isDown = true;
    const seat = new GatewaySeat(options, clients, links);
    await seat.start();
    return seat;
  }

  private constructor(options: SeatOptions, clients: TcpProxy, links: Readonly<Record<LinkName, TcpProxy>>) {
    this.name = options.name;
    this.clients = clients;
    this.links = links;
    this.#options = options;
  }

  get address(): string {
    return `${host}:${this.clients.port}`;
  }

  /** Tries until it serves: a gateway that finds no services ends, and whoever runs it starts it again. */
  async start(): Promise<void> {
    const untilMs = performance.now() + startPatienceMs;
    for (;;) {
      try {
        return this.#serve(await this.#spawn());
      } catch (cause) {
        if (cause instanceof GatewayHungError) this.crashes.push(cause.message);
        if (performance.now() > untilMs) throw new Error(`${this.name} cannot be started`, { cause });
        await delay(startAgainAfterMs);
      }
    }
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Lets it drain. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  pause(): void {
    this.#process?.pause();
  }

  resume(): void {
    this.#process?.resume();
  }

  async metric(name: string): Promise<number> {
    return (await this.#process?.metric(name)) ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Promise.all([this.clients, ...Object.values(this.links)].map((proxy) => proxy[Symbol.asyncDispose]()));
    rmSync(this.#directory, { recursive: true });
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const ending = this.#process;
    this.#process = undefined;
    if (ending !== undefined && (await within(stopPatienceMs, ending.end(signal))) === undefined) {
      this.crashes.push(`did not stop: ${ending.log.slice(-4000)}`);
      await ending.end('SIGKILL');
    }
    this.clients.isDown = true;
    this.clients.cut();
  }

  #serve(started: GatewayProcess): void {
    this.#process = started;
    this.clients.target = { host, port: started.port };
    this.clients.isDown = false;
    void this.#watch(started);
  }

  async #watch(started: GatewayProcess): Promise<void> {
    await started.ended;
    if (this.#process === started) this.crashes.push(started.log.slice(-4000));
  }

  #spawn(): Promise<GatewayProcess> {
    const { name, prefix, services, mutation, ackTimeout = '30s', logFile } = this.#options;
    const { redis, stream, amqp, postgres } = this.links;
    const at = (url: string, { port }: TcpProxy): string => {
      const moved = new URL(url);
      moved.port = String(port);
      return moved.href;
    };
    const config = join(this.#directory, 'settings.yaml');
    writeFileSync(
      config,
      JSON.stringify({
        mode: 'stack',
        gateway: { id: name },
        rabbitmq: { via_configured_address: true },
        acks: { timeout: ackTimeout },
      }),
    );
    const env = stackSettings(prefix, {
      AETHER_TEST_REDIS: `${host}:${redis.port}`,
      AETHER_TEST_RABBITMQ_STREAM: at(services.rabbitmq.streamUrl, stream),
      AETHER_TEST_RABBITMQ_AMQP: at(services.rabbitmq.amqpUrl, amqp),
      AETHER_TEST_POSTGRES: at(services.postgres.url, postgres),
    });
    if (mutation === undefined) return GatewayProcess.start({ command: 'gateway', env, logFile, flags: { config } });
    return GatewayProcess.start({ program: mutant, command: 'gateway', env, logFile, flags: { config, mutation } });
  }
}
