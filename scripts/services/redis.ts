import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { redisAddress } from './addresses.ts';
import { LocalService } from './local-service.ts';
import type { LocalSetting } from './local-setting.ts';
import type { Program } from './process.ts';
import { childEnvironment } from './programs.ts';
import type { RedisNode, RedisService } from './service.ts';

export function redis(setting: LocalSetting): RedisService {
  const service = localRedis('redis', setting.ports.redis, '', setting);
  const wipe: RedisService['wipe'] = async (options) => {
    await service.stop(options);
    rmSync(dataOf(service.folder), { recursive: true });
    await service.start(options);
  };
  return Object.assign(service, { wipe });
}

/** One Redis server with an append-only file: what it has answered survives its death. */
export function localRedis(
  name: string,
  port: number,
  extraLines: string,
  { programs, state }: LocalSetting,
): LocalService & RedisNode {
  const prepare = (folder: string): Program[] => {
    mkdirSync(dataOf(folder), { recursive: true });
    const file = join(folder, 'redis.conf');
    writeFileSync(file, configuration(port, dataOf(folder)) + extraLines);
    return [{ ...programIn(folder), command: programs.pathOf('redis-server'), args: [file] }];
  };
  const isReady = async () => (await redisReply(port, 'PING')) === '+PONG\r\n';
  return Object.assign(new LocalService({ name, prepare, isReady }, state), redisAddress(port));
}

const dataOf = (folder: string): string => join(folder, 'data');

/** While it syncs, Redis puts off writing, and what it answered for would go with a kill: the system's cache outlives one. */
const configuration = (port: number, data: string): string => `\
bind 127.0.0.1
port ${port}
dir ${JSON.stringify(data)}
appendonly yes
appendfsync no
save ""
`;

const programIn = (folder: string): Omit<Program, 'command' | 'args'> => ({
  role: 'redis-server',
  environment: childEnvironment(),
  folder,
  log: join(folder, 'log'),
  stopSignal: 'SIGTERM',
  endSignal: 'SIGKILL',
});

/** What a Redis answers to an inline command, as it stands on the wire; empty if it does not listen. */
export function redisReply(port: number, command: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect(port, '127.0.0.1');
  let reply = '';
  socket.setEncoding('utf8').setTimeout(1000);
  socket.on('data', (text) => {
    reply += String(text);
  });
  // It answers the first command and closes on the second, so the end of the answer needs no parsing.
  socket.once('connect', () => socket.write(`${command}\r\nQUIT\r\n`));
  socket.once('timeout', () => socket.destroy());
  socket.once('error', () => undefined);
  socket.once('close', () => resolve(reply.replace(/\+OK\r\n$/, '')));
  return promise;
}
