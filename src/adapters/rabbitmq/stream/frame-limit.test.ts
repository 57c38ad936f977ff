import { describe, expect, test } from 'vitest';
import type { Log } from '../../../ports/log.ts';
import { FrameLimit, frameBytesMaxOf, isTight } from './frame-limit.ts';
import type { BrokerFacts } from './handshake.ts';

const broker = (version: string, frameMaxBytes: number): BrokerFacts => ({
  product: 'RabbitMQ',
  version,
  frameMaxBytes,
  heartbeatMs: 1000,
  advertised: undefined,
});

const ignore = (): void => undefined;

describe('frame_max', () => {
  test('counts from 4.3.5 on', () => {
    for (const version of ['3.10.8', '3.13.7', '4.0.9', '4.2.11', '4.3.4', '4.3', '', 'x'])
      expect(frameBytesMaxOf(broker(version, 1024))).toBe(Number.POSITIVE_INFINITY);
    for (const version of ['4.3.5', '4.3.5-rc.1', '4.3.10', '4.4.0', '4.10.0+1', '5.0.0'])
      expect(frameBytesMaxOf(broker(version, 1024))).toBe(1024);
    expect(frameBytesMaxOf(broker('4.4.0', 0))).toBe(Number.POSITIVE_INFINITY);
  });

  test('a limit that is too low is said once, with the mend', () => {
    const said: unknown[] = [];
    const log: Log = {
      debug: ignore,
      info: ignore,
      warn: (event, fields) => said.push([event, fields]),
      error: ignore,
      child: () => log,
    };
    const limit = new FrameLimit(log);
    limit.check(broker('3.10.8', 1024 * 1024));
    limit.check(broker('4.3.5', 20 * 1024 * 1024));
    expect(said).toEqual([]);
    limit.check(broker('4.3.5', 1024 * 1024));
    limit.check(broker('4.3.5', 1024 * 1024));
    expect(said).toEqual([
      [
        'rabbitmq refuses large stream frames',
        { version: '4.3.5', frameMaxBytes: 1024 * 1024, mend: 'stream.frame_max = 33554432 in rabbitmq.conf' },
      ],
    ]);
    expect(isTight(broker('4.3.5', 1024 * 1024))).toBe(true);
    expect(isTight(broker('4.3.5', 0))).toBe(false);
  });
});
