/** Fabrics of gateways in processes of their own, on either composition. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OpenServices } from '../../scripts/services/services.ts';
import type { CompositionName } from '../flows/fabric.ts';
import { stackEnvironment, unique } from '../flows/fabric.ts';
import { GatewayProcess, type StartOptions } from './gateway-process.ts';

export class ProcessFabric implements AsyncDisposable {
  readonly composition: CompositionName;
  readonly #directory = mkdtempSync(join(tmpdir(), 'aether-fault-'));
  readonly #env: Readonly<Record<string, string>>;
  readonly #gateways: GatewayProcess[] = [];

  /** `services`: what the stack is to run on, if not what all tests of this run share. */
  constructor(composition: CompositionName, services?: OpenServices) {
    this.composition = composition;
    this.#env = composition === 'stack' ? stackEnvironment(unique('fault'), services?.environment) : {};
  }

  /** Of the embedded fabric. */
  get dataDirectory(): string {
    return join(this.#directory, 'data');
  }

  /** Starts a gateway: another one on the stack, the one on the same data embedded. */
  start(settings: object = {}): Promise<GatewayProcess> {
    return this.#start(settings, {});
  }

  /** Starts one that kills itself at a moment (`programs/dying-gateway.ts`). */
  startDying(dies: string): Promise<GatewayProcess> {
    return this.#start({}, { program: 'test/faults/programs/dying-gateway.ts', flags: { dies } });
  }

  async #start(
    settings: object,
    { program, flags = {} }: Pick<StartOptions, 'program' | 'flags'>,
  ): Promise<GatewayProcess> {
    const config = join(this.#directory, `settings-${this.#gateways.length}.yaml`);
    writeFileSync(config, JSON.stringify({ mode: this.composition, ...settings }));
    const gateway = await GatewayProcess.start(
      this.composition === 'stack'
        ? {
            command: 'gateway',
            env: this.#env,
            flags: { config, ...flags },
            ...(program === undefined ? {} : { program }),
          }
        : {
            command: 'up',
            flags: { config, 'data-dir': this.dataDirectory, ...flags },
            ...(program === undefined ? {} : { program }),
          },
    );
    this.#gateways.push(gateway);
    return gateway;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#gateways.map((gateway) => gateway.end('SIGKILL')));
    rmSync(this.#directory, { recursive: true });
  }
}
