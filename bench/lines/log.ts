/** The message log without a gateway: records published, confirmed and read back, beside what the store itself can do. */
import { join } from 'node:path';
import { Child } from '../harness/child.ts';
import type { Budget, Figure } from '../harness/figures.ts';
import { inspectArgv } from '../harness/inspector.ts';
import { profileOf } from '../harness/profile.ts';
import type { Composition, Setting } from '../harness/setting.ts';
import type { AdapterLog, LogRate } from '../programs/adapter-log.ts';
import type { BareLog } from '../programs/bare-log.ts';

const recordBytes = 256;
/** What SQLite's log commits at once when it is busy. */
const bytesAtOnce = 1024 * 1024;
/** Where the broker is fastest, and as many as the log has partitions. */
const fewStreams = 4;
const manyStreams = 16;

/** A ceiling answers with records a second, told how large the entries were that the adapter wrote. */
interface Ceiling {
  readonly name: string;
  readonly measure: (ours: LogRate) => Promise<number>;
}

interface Programs {
  readonly ours: Child<AdapterLog>;
  readonly bare: Child<BareLog>;
}

export const log = async (setting: Setting): Promise<readonly Figure[]> => {
  const figures: Figure[] = [];
  for (const composition of setting.options.compositions) {
    await using ours = Child.spawn('adapter-log', setting.options.profile === undefined ? [] : inspectArgv);
    await using bare = Child.spawn('bare-log');
    const open = composition === 'stack' ? openRabbit : openSqlite;
    const ceilings = await open(setting, { ours, bare });
    figures.push(...(await measure(setting, { composition, ours, ceilings })));
  }
  return figures;
};

const openRabbit = async (setting: Setting, { ours, bare }: Programs): Promise<readonly Ceiling[]> => {
  const { streamUrl: url } = (await setting.services()).rabbitmq;
  const { seconds } = setting.options;
  await ours.call('openRabbit', { url, prefix: setting.unique('log') });
  const publish = async (entryBytes: number, streams: number): Promise<number> => {
    const run = { url, prefix: setting.unique('bare'), streams, entryBytes, seconds };
    return (await bare.call('publish', run)).entriesPerSecond;
  };
  return [
    { name: 'bare client, a record an entry', measure: () => publish(recordBytes, fewStreams) },
    {
      name: 'bare client, entries like ours',
      measure: async ({ entryBytes, recordsPerEntry }) => recordsPerEntry * (await publish(entryBytes, manyStreams)),
    },
  ];
};

const openSqlite = async (setting: Setting, { ours, bare }: Programs): Promise<readonly Ceiling[]> => {
  const directory = await setting.directory();
  const { seconds } = setting.options;
  await ours.call('openSqlite', { path: join(directory, 'log.db') });
  const append = async ({ entryBytes, recordsPerEntry }: LogRate): Promise<number> => {
    const run = { path: join(directory, 'bare'), bytesAtOnce, seconds };
    return ((await bare.call('append', run)).bytesPerSecond * recordsPerEntry) / entryBytes;
  };
  return [{ name: 'file, append and sync of 1 MiB', measure: append }];
};

const measure = async (
  setting: Setting,
  { composition, ours, ceilings }: { composition: Composition; ours: Child<AdapterLog>; ceilings: readonly Ceiling[] },
): Promise<readonly Figure[]> => {
  const { rounds, seconds, progress } = setting.options;
  await ours.call('run', { seconds: seconds / 2, recordBytes });
  const rates: LogRate[] = [];
  const beside: number[][] = ceilings.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    progress(`log, ${composition}: round ${round + 1} of ${rounds}`);
    const rate = await ours.call('run', { seconds, recordBytes });
    rates.push(rate);
    for (const [index, ceiling] of ceilings.entries()) beside[index]?.push(await ceiling.measure(rate));
  }
  const run = (): Promise<LogRate> => ours.call('run', { seconds, recordBytes });
  await profileOf({ name: composition, errors: () => ours.errors }, { setting, what: 'log', run });
  const last = rates.at(-1);
  return ceilings.map(({ name }, index) => ({
    line: 'log',
    what: 'records of 256 B',
    composition,
    unit: 'records/s',
    ours: rates.map(({ recordsPerSecond }) => recordsPerSecond),
    ceiling: beside[index] ?? [],
    ceilingName: name,
    budgets: index === 0 ? budgets[composition] : [],
    note: `${Math.round(last?.recordsPerEntry ?? 0)} records in an entry`,
  }));
};

const budgets: Readonly<Record<Composition, readonly Budget[]>> = {
  embedded: [],
  stack: [{ of: 'value', bound: 'at least', limit: 300_000 }],
};
