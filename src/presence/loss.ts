/** Why a session is lost, as its client is told. */
import { FabricError } from '../model/error.ts';

export const superseded = (): FabricError =>
  new FabricError('SESSION_SUPERSEDED', 'the identity was taken over by a newer session');

export const kicked = (reason: string): FabricError => new FabricError('SESSION_KICKED', reason);

export const leaseLost = (message: string): FabricError => new FabricError('LEASE_LOST', message);
