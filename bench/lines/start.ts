/** From starting the embedded fabric on an empty folder to serving, and its memory when nobody is there. */
import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Figure } from '../harness/figures.ts';
import { type Origin, repository } from '../harness/gateway-process.ts';
import { residentBytesOf } from '../harness/process-usage.ts';
import type { Servers, Setting } from '../harness/setting.ts';

interface Started {
  readonly ms: number;
  readonly megabytes: number;
}

const settleMs = 1000;
const origins: readonly Origin[] = ['source', 'dist'];
const names: Readonly<Record<Origin, string>> = { source: 'from source', dist: 'as published (dist)' };

export const start = async (setting: Setting): Promise<readonly Figure[]> => {
  const { rounds, progress } = setting.options;
  // What lies there may be of another day.
  progress('start: building what is published');
  await promisify(execFile)('npm', ['run', 'build'], { cwd: repository });
  const bare: Started[] = [];
  const ours = new Map<Origin, Started[]>(origins.map((origin) => [origin, []]));
  for (let round = 0; round < rounds; round += 1) {
    progress(`start: round ${round + 1} of ${rounds}`);
    bare.push(await look(await setting.bare()));
    for (const origin of origins) ours.get(origin)?.push(await look(await setting.embedded(origin)));
  }
  return [...ours].flatMap(([origin, started]) => figuresOf(origin, started, bare));
};

const look = async (opening: Servers): Promise<Started> => {
  await using servers = opening;
  await delay(settleMs);
  const [contender] = servers.contenders;
  if (contender === undefined) throw new Error('nothing was started');
  return { ms: contender.startMs, megabytes: residentBytesOf(contender.pid) / 1e6 };
};

const figuresOf = (origin: Origin, ours: readonly Started[], bare: readonly Started[]): readonly Figure[] => {
  const shared = { line: 'start', composition: 'embedded', ceilingName: 'bare server, from source' } as const;
  return [
    {
      ...shared,
      what: `${names[origin]}, to serving`,
      unit: 'ms',
      ours: ours.map(({ ms }) => ms),
      ceiling: bare.map(({ ms }) => ms),
      budgets: [{ of: 'value', bound: 'at most', limit: 1000 }],
    },
    {
      ...shared,
      what: `${names[origin]}, idle memory`,
      unit: 'MB',
      ours: ours.map(({ megabytes }) => megabytes),
      ceiling: bare.map(({ megabytes }) => megabytes),
      budgets: [{ of: 'value', bound: 'at most', limit: 120 }],
    },
  ];
};
