import type { Config } from '../config/schema.ts';
import { FabricError } from '../model/error.ts';

const loopback = /^(localhost|127(\.\d{1,3}){3}|::1)$/;

/** Without access control a gateway must not be found by others by accident. */
export const refuseOpenListening = ({ gateway: { host, insecure } }: Config): void => {
  if (insecure || loopback.test(host)) return;
  throw new FabricError(
    'CONFIG_INVALID',
    `refusing to listen on ${host}: there is no access control yet, so anybody who reaches this address could be anyone. ` +
      'Listen on 127.0.0.1, or say --insecure where the network keeps strangers out.',
  );
};
