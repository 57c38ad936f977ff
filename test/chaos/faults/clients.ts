/** Ways between clients and a gateway that break, and recipients that stand still. */
import { type Fault, gatewayNames, gatewayOf } from '../stage.ts';
import { slowDown, swallowOneWay } from './links.ts';

const slowMs = 100;

const clientsCut: Fault = {
  kind: 'clients-cut',
  track: 'clients',
  targets: gatewayNames,
  lastsMs: [0, 3000],
  inject: async (stage, target, lasting) => {
    const { clients } = gatewayOf(stage, target);
    clients.cut();
    await lasting();
  },
};

const clientsSlow: Fault = {
  kind: 'clients-slow',
  track: 'clients',
  targets: gatewayNames,
  lastsMs: [1000, 4000],
  inject: (stage, target, lasting) => slowDown(gatewayOf(stage, target).clients, slowMs, lasting),
};

const oneWay = (kind: string, direction: 'up' | 'down'): Fault => ({
  kind,
  track: 'clients',
  targets: gatewayNames,
  lastsMs: [500, 5000],
  inject: (stage, target, lasting) => swallowOneWay(gatewayOf(stage, target).clients, direction, lasting),
});

/** Everybody comes back at once, again and again. */
const storm: Fault = {
  kind: 'storm',
  track: 'clients',
  targets: () => ['all'],
  lastsMs: [500, 1500],
  inject: async ({ gateways }, _target, lasting) => {
    for (let round = 0; round < 3; round += 1) {
      for (const { clients } of gateways) clients.cut();
      await lasting();
    }
  },
};

const readersStall: Fault = {
  kind: 'readers-stall',
  track: 'clients',
  targets: ({ crowd }) => crowd.readers,
  lastsMs: [500, 6000],
  inject: async ({ crowd }, target, lasting) => {
    crowd.pauseReaders(target);
    await lasting();
    crowd.resumeReaders(target);
  },
};

export const clientFaults: readonly Fault[] = [
  clientsCut,
  clientsSlow,
  oneWay('clients-unheard', 'up'),
  oneWay('clients-deaf', 'down'),
  storm,
  readersStall,
];
