/** Gateways that are killed, stopped in good order, or stand still for longer than their lease. */
import { type Fault, gatewayNames, gatewayOf } from '../stage.ts';

export const gatewayKill: Fault = {
  kind: 'gateway-kill',
  track: 'gateways',
  weight: 3,
  targets: gatewayNames,
  lastsMs: [0, 4000],
  inject: async (stage, target, lasting) => {
    const gateway = gatewayOf(stage, target);
    await gateway.kill();
    await lasting();
    await gateway.start();
  },
};

export const gatewayRestart: Fault = {
  kind: 'gateway-restart',
  track: 'gateways',
  weight: 2,
  targets: gatewayNames,
  lastsMs: [0, 1000],
  inject: async (stage, target, lasting) => {
    const gateway = gatewayOf(stage, target);
    await gateway.stop();
    await lasting();
    await gateway.start();
  },
};

export const gatewayPause: Fault = {
  kind: 'gateway-pause',
  track: 'gateways',
  weight: 3,
  targets: gatewayNames,
  lastsMs: [3000, 8000],
  inject: async (stage, target, lasting) => {
    const gateway = gatewayOf(stage, target);
    gateway.pause();
    await lasting();
    gateway.resume();
  },
};
