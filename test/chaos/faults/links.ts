/** Ways between a gateway and a service that are cut, slow, or carry nothing in one direction. */
import type { Direction, TcpProxy } from '../../adapters/rabbitmq/tcp-proxy.ts';
import { type LinkName, linkNames } from '../gateway-seat.ts';
import { type Fault, gatewayOf, type Stage } from '../stage.ts';

const linkTargets = ({ gateways }: Stage): readonly string[] =>
  gateways.flatMap(({ name }) => linkNames.map((link) => `${name}/${link}`));

const linkOf = (stage: Stage, target: string): TcpProxy => {
  const [gateway = '', link = ''] = target.split('/');
  return gatewayOf(stage, gateway).links[link as LinkName];
};

const fault = (
  how: string,
  lastsMs: Fault['lastsMs'],
  inject: (link: TcpProxy, lasting: () => Promise<void>) => Promise<void>,
): Fault => ({
  kind: `link-${how}`,
  track: 'services',
  weight: 2,
  targets: linkTargets,
  lastsMs,
  inject: (stage, target, lasting) => inject(linkOf(stage, target), lasting),
});

/** What was swallowed is missing from the connection, so that has to end too. */
export const swallowOneWay = async (
  link: TcpProxy,
  direction: Direction,
  lasting: () => Promise<void>,
): Promise<void> => {
  link.treat(direction, { is: 'swallowing' });
  await lasting();
  link.treat(direction, { is: 'passing' });
  link.cut();
};

export const slowDown = async (link: TcpProxy, ms: number, lasting: () => Promise<void>): Promise<void> => {
  for (const direction of ['up', 'down'] as const) link.treat(direction, { is: 'delaying', ms });
  await lasting();
  for (const direction of ['up', 'down'] as const) link.treat(direction, { is: 'passing' });
};

const slowMs = 150;

export const linkFaults: readonly Fault[] = [
  fault('cut', [0, 5000], async (link, lasting) => {
    link.isDown = true;
    link.cut();
    await lasting();
    link.isDown = false;
  }),
  fault('slow', [2000, 6000], (link, lasting) => slowDown(link, slowMs, lasting)),
  fault('swallows-requests', [1000, 6000], (link, lasting) => swallowOneWay(link, 'up', lasting)),
  fault('swallows-answers', [1000, 6000], (link, lasting) => swallowOneWay(link, 'down', lasting)),
  fault('holds-requests', [1000, 6000], async (link, lasting) => {
    link.treat('up', { is: 'holding' });
    await lasting();
    link.release('up');
    link.treat('up', { is: 'passing' });
  }),
];
