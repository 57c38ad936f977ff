/** Fabrics of gateways in processes of their own, on either composition. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CompositionName } from '../flows/fabric.ts';
import { stackEnvironment, unique } from '../flows/fabric.ts';
import { GatewayProcess } from './gateway-process.ts';

export class ProcessFabric implements AsyncDisposable {
  readonly composition: CompositionName;
  readonly #directory = mkdtempSync(join(tmpdir(), 'aether-fault-'));
  readonly #env: Readonly<Record<string, string>>;
  readonly #gateways: GatewayProcess[] = [];

  constructor(composition: CompositionName) {
    this.composition = composition;
    this.#env = composition === 'stack' ? stackEnvironment(unique('fault')) : {};
  }

  /** Starts a gateway: another one on the stack, the one on the same data embedded. */
  async start(flags: Readonly<Record<string, string | number>> = {}): Promise<GatewayProcess> {
    const gateway = await GatewayProcess.start(
      this.composition === 'stack'
        ? { command: 'gateway', env: this.#env, flags }
        : { command: 'up', flags: { 'data-dir': this.#directory, ...flags } },
    );
    this.#gateways.push(gateway);
    return gateway;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#gateways.map((gateway) => gateway.end('SIGKILL')));
    rmSync(this.#directory, { recursive: true });
  }
}
