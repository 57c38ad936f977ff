/** What goes wrong in a world, and how it is put right again. */
import type { Fault } from './plan.ts';
import { serverNames } from './sim-gateway.ts';
import type { World } from './world.ts';

// oxlint-disable-next-line complexity -- one line for each kind of fault
export const inflict = (world: World, fault: Fault): void => {
  world.ledger.trouble();
  const gateway = ('gateway' in fault ? world.gateways[fault.gateway] : undefined) ?? world.gateways[0];
  const later = (ms: number, run: () => void): void => {
    world.scheduler.at(world.scheduler.nowMs + ms, () => {
      world.ledger.trouble();
      run();
    });
  };
  switch (fault.kind) {
    case 'crash':
      gateway.crash(fault);
      return later(fault.forMs, () => gateway.start());
    case 'drain':
      gateway.drain();
      return later(fault.forMs, () => gateway.start());
    case 'stop':
      gateway.stop();
      return later(fault.forMs, () => gateway.resume(fault.timersFirst));
    case 'cut':
      gateway.cut(fault.server, fault.cut);
      return later(fault.forMs, () => gateway.heal(fault.server));
    case 'slow':
      gateway.slowDown(fault.server, fault.factor);
      return later(fault.forMs, () => gateway.heal(fault.server));
    case 'isolate':
      return isolate(world, fault, later);
    case 'lag':
      return lag(world, fault, later);
    case 'outage':
      return breakDown(world, fault, later);
    case 'reset':
      return gateway.resetConnections();
    case 'jump':
      return gateway.jump(fault.byMs);
  }
};

const isolate = (
  { gateways, stores }: World,
  { gateway, forMs, lateMs, wipes }: Extract<Fault, { kind: 'isolate' }>,
  later: (ms: number, run: () => void) => void,
): void => {
  const isolated = gateways[gateway] ?? gateways[0];
  isolated.cut('redis', 'both');
  isolated.holdUp('log', lateMs);
  later(forMs, () => {
    isolated.heal('redis');
    isolated.heal('log');
  });
  if (!wipes) return;
  const others = gateways.filter((one) => one !== isolated);
  for (const other of others) other.cut('redis', 'both');
  later(restartMs, () => {
    stores.wipe();
    for (const other of others) other.heal('redis');
  });
};

const lag = (
  { clients }: World,
  { client, forMs, lateMs }: Extract<Fault, { kind: 'lag' }>,
  later: (ms: number, run: () => void) => void,
): void => {
  const lagging = clients.find(({ name }) => name === client)?.gateway;
  lagging?.holdUp('redis', lateMs);
  later(forMs, () => lagging?.heal('redis'));
};

/** Of a store that comes back at once. */
const restartMs = 5;

const breakDown = (
  { gateways, stores }: World,
  { server, forMs, wipes }: Extract<Fault, { kind: 'outage' }>,
  later: (ms: number, run: () => void) => void,
): void => {
  for (const gateway of gateways) gateway.cut(server, 'both');
  later(forMs, () => {
    if (wipes) stores.wipe();
    for (const gateway of gateways) gateway.heal(server);
  });
};

/** Everything runs and everything reaches everything. */
export const mend = ({ gateways }: World): void => {
  for (const gateway of gateways) {
    for (const server of serverNames) gateway.heal(server);
    gateway.resume(true);
    gateway.start();
  }
};
