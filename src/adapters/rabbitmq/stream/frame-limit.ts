/**
 * `stream.frame_max`. Brokers before 4.3.5 announce it and take and send larger frames all the same; from 4.3.5 on they
 * close a connection over which a larger frame comes or would have to go, and a chunk goes in one frame.
 */
import type { Log } from '../../../ports/log.ts';
import type { BrokerFacts } from './handshake.ts';

const enforcedSince = [4, 3, 5] as const;
/** A largest entry with room for what shares its chunk. */
const comfortableBytes = 4 * 1024 * 1024;

export const mendOfFrameMax = 'stream.frame_max = 33554432 in rabbitmq.conf';

/** The largest frame this broker lets pass. */
export const frameBytesMaxOf = ({ version, frameMaxBytes }: BrokerFacts): number =>
  frameMaxBytes > 0 && isEnforced(version) ? frameMaxBytes : Number.POSITIVE_INFINITY;

/** Whether large entries pass, but not for sure or not all. */
export const isTight = (broker: BrokerFacts): boolean => frameBytesMaxOf(broker) < comfortableBytes;

const isEnforced = (version: string): boolean => {
  const numbers = version.split(/[.\-+]/, 3).map(Number);
  for (const [index, least] of enforcedSince.entries()) {
    const number = numbers[index] ?? 0;
    if (number !== least) return number > least;
  }
  return true;
};

/** Says once that a broker's limit is too low. */
export class FrameLimit {
  readonly #log: Log;
  #isSaid = false;

  constructor(log: Log) {
    this.#log = log;
  }

  check(broker: BrokerFacts): void {
    if (this.#isSaid || !isTight(broker)) return;
    this.#isSaid = true;
    const { version, frameMaxBytes } = broker;
    this.#log.warn('rabbitmq refuses large stream frames', { version, frameMaxBytes, mend: mendOfFrameMax });
  }
}
