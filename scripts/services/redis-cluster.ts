import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { clusterAddresses } from './addresses.ts';
import type { LocalSetting } from './local-setting.ts';
import { holdsWithin } from './poll.ts';
import { localRedis, redisReply } from './redis.ts';
import type { RedisClusterService, RedisNode, Service, Waiting } from './service.ts';

const run = promisify(execFile);
const joinMsMax = 30_000;
const nodeLines = `\
cluster-enabled yes
cluster-node-timeout 5000
cluster-announce-ip 127.0.0.1
`;

/** Three masters without replicas. */
export function redisCluster(setting: LocalSetting): RedisClusterService {
  const nodes = setting.ports.cluster.map((port, index) =>
    localRedis(`cluster-${index + 1}`, port, nodeLines, setting),
  );
  const { addresses } = clusterAddresses(setting.ports);
  const each = async (act: (node: Service) => Promise<void>) => void (await Promise.all(nodes.map(act)));
  return {
    addresses,
    nodes,
    processIds: () => nodes.flatMap((node) => node.processIds()),
    start: async (options) => {
      await each((node) => node.start(options));
      await form(setting.programs.pathOf('redis-cli'), nodes, options);
    },
    stop: (options) => each((node) => node.stop(options)),
    kill: (options) => each((node) => node.kill(options)),
    pause: (options) => each((node) => node.pause(options)),
    resume: (options) => each((node) => node.resume(options)),
  };
}

async function form(redisCli: string, nodes: readonly RedisNode[], { signal }: Waiting = {}): Promise<void> {
  const addresses = nodes.map(({ address }) => address);
  if (!(await everyNode(nodes, 'cluster_slots_assigned:16384')))
    await run(redisCli, ['--cluster', 'create', ...addresses, '--cluster-yes'], { signal });
  if (await holdsWithin(joinMsMax, () => everyNode(nodes, 'cluster_state:ok'), signal)) return;
  throw new Error(`the nodes of the Redis cluster do not agree within ${joinMsMax / 1000} s: ${addresses.join(', ')}`);
}

async function everyNode(nodes: readonly RedisNode[], fact: string): Promise<boolean> {
  const replies = await Promise.all(nodes.map(({ port }) => redisReply(port, 'CLUSTER INFO')));
  return replies.every((reply) => reply.includes(fact));
}
