/**
 * The fabric for stories: each is told on both compositions, embedded and on the real stack. On the stack there are two
 * gateways; `address(1)` is another gateway there, and the same one embedded.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, inject } from 'vitest';
import { MemoryLog } from '../../src/adapters/memory/memory-log.ts';
import { type FabricServer, openServer } from '../../src/compose/server.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/schema.ts';
import { stackSettings } from './stack-settings.ts';

export type CompositionName = Config['mode'];

export interface StoryFabric {
  readonly composition: CompositionName;
  /** Of a gateway; wraps around. */
  address(gateway?: number): string;
  opsUrl(gateway?: number): string;
  /** What the gateways logged. */
  readonly log: MemoryLog;
}

let serial = 0;
/** A name nothing else in this run has. */
export const unique = (label: string): string => `${label}-${process.pid}-${(serial += 1)}`;

const servicesEnvironment = (): Readonly<Record<string, string>> => {
  const services = inject('services');
  if (services === undefined) throw new Error('no services: run the flows project, whose set-up starts them');
  return services;
};

/** Tests are faster than any client should be. */
export const withoutRates: Readonly<Record<string, string>> = { AETHER_SESSION_RATE: '0', AETHER_IDENTITY_RATE: '0' };

/** Settings of the stack on the private services of this run, or on others, with names of their own. */
export const stackEnvironment = (prefix: string, services = servicesEnvironment()): Readonly<Record<string, string>> =>
  stackSettings(prefix, services);

export interface OpenOptions {
  readonly gateways?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly flags?: Readonly<Record<string, string | boolean>>;
}

/** Gateways of one fabric, and everything they need. */
export const openStoryFabric = async (
  composition: CompositionName,
  options: OpenOptions = {},
): Promise<StoryFabric & AsyncDisposable> => {
  const directory = mkdtempSync(join(tmpdir(), 'aether-story-'));
  const log = new MemoryLog();
  const env = {
    ...withoutRates,
    ...(composition === 'stack' ? stackEnvironment(unique('story')) : {}),
    ...options.env,
  };
  const flags = { port: '0', 'ops-port': '0', 'data-dir': directory, ...options.flags };
  const config = loadConfig({ env, flags, defaultMode: composition });
  const count = composition === 'stack' ? (options.gateways ?? 2) : 1;
  const servers: FabricServer[] = [];
  for (let index = 0; index < count; index += 1) {
    const named = { ...config, gateway: { ...config.gateway, id: `story-${index}` } };
    servers.push(await openServer(named, { version: 'test', log }));
  }
  const at = (gateway: number): FabricServer => {
    const server = servers[gateway % servers.length];
    if (server === undefined) throw new Error('no gateway');
    return server;
  };
  return {
    composition,
    log,
    address: (gateway = 0) => `127.0.0.1:${at(gateway).grpcPort}`,
    opsUrl: (gateway = 0) => `http://127.0.0.1:${at(gateway).opsPort}`,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
      rmSync(directory, { recursive: true });
    },
  };
};

/** Tells the stories on each composition, on a fabric all of them share. */
export const onEachComposition = (stories: (fabric: () => StoryFabric) => void, options: OpenOptions = {}): void => {
  for (const composition of ['embedded', 'stack'] as const)
    describe(composition, () => {
      let opened: (StoryFabric & AsyncDisposable) | undefined;
      beforeAll(async () => {
        opened = await openStoryFabric(composition, options);
      });
      afterAll(async () => {
        await opened?.[Symbol.asyncDispose]();
      });
      stories(() => {
        if (opened === undefined) throw new Error('the fabric did not open');
        return opened;
      });
    });
};
