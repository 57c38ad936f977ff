import type { Fault } from '../stage.ts';
import { clientFaults } from './clients.ts';
import { gatewayKill, gatewayPause, gatewayRestart } from './gateway-process.ts';
import { linkFaults } from './links.ts';
import { serviceFaults } from './services.ts';

export const allFaults: readonly Fault[] = [
  gatewayKill,
  gatewayPause,
  gatewayRestart,
  ...serviceFaults,
  ...linkFaults,
  ...clientFaults,
];
