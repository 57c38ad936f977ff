/** What gateways stand on is killed, restarted, stands still, or forgets everything. */
import type { Fault, Stage } from '../stage.ts';

const services = ['redis', 'rabbitmq', 'postgres'] as const;
type ServiceName = (typeof services)[number];

const fault = (
  name: ServiceName,
  how: string,
  lastsMs: Fault['lastsMs'],
  inject: (service: Stage['services'][ServiceName], lasting: () => Promise<void>) => Promise<void>,
): Fault => ({
  kind: `${name}-${how}`,
  track: 'services',
  targets: () => [name],
  lastsMs,
  inject: (stage, _target, lasting) => inject(stage.services[name], lasting),
});

const faultsOf = (name: ServiceName): readonly Fault[] => [
  fault(name, 'kill', [0, 3000], async (service, lasting) => {
    await service.kill();
    await lasting();
    await service.start();
  }),
  fault(name, 'restart', [0, 1000], async (service, lasting) => {
    await service.stop();
    await lasting();
    await service.start();
  }),
  fault(name, 'pause', [1000, 7000], async (service, lasting) => {
    await service.pause();
    await lasting();
    await service.resume();
  }),
];

const redisWipe: Fault = {
  kind: 'redis-wipe',
  track: 'services',
  targets: () => ['redis'],
  lastsMs: [0, 0],
  inject: ({ services: { redis } }) => redis.wipe(),
};

export const serviceFaults: readonly Fault[] = [...services.flatMap(faultsOf), redisWipe];
