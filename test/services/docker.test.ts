import { readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { dockerServices, endDockerServices } from '../../scripts/services/docker.ts';
import { makeDirectory, removeDirectory } from './directory.ts';

const ports = {
  redis: 17_001,
  cluster: [17_002, 17_003, 17_004],
  amqp: 17_005,
  stream: 17_006,
  erlang: 17_007,
  epmd: 17_008,
  postgres: 17_009,
} as const;

let calls: () => string[];

/** No engine runs here: a program of the same name notes what it is asked. */
beforeEach(() => {
  const folder = makeDirectory();
  onTestFinished(() => {
    vi.unstubAllEnvs();
    removeDirectory(folder);
  });
  const log = join(folder, 'log');
  const script = `#!/bin/sh\necho "$AETHER_SERVICES_REDIS_PORT $*" | sed 's| --file .*/| --file |' >> '${log}'\n`;
  writeFileSync(join(folder, 'docker'), script, { mode: 0o755 });
  vi.stubEnv('PATH', folder + delimiter + (process.env['PATH'] ?? ''));
  calls = () => readFileSync(log, 'utf8').trimEnd().split('\n');
});

const compose = 'compose --project-name p --file compose.services.yaml';

it('puts a service through faults', async () => {
  const { rabbitmq } = dockerServices('p', ports);
  await rabbitmq.start();
  await rabbitmq.kill();
  await rabbitmq.pause();
  await rabbitmq.resume();
  await rabbitmq.stop();
  const verbs = ['up --detach --wait', 'kill', 'pause', 'unpause', 'stop'];
  expect(calls()).toEqual(verbs.map((verb) => `17001 ${compose} ${verb} rabbitmq`));
});

it('wipes Redis by its volume', async () => {
  await dockerServices('p', ports).redis.wipe();
  expect(calls()).toEqual([
    `17001 ${compose} rm --stop --force --volumes redis`,
    `17001 ${compose} up --detach --wait redis`,
  ]);
});

it('ends a project without its ports', async () => {
  await endDockerServices('p');
  expect(calls()).toEqual([` ${compose} down --volumes --timeout 1`]);
});
