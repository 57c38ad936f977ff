/** What every child process of a benchmark starts with: it answers calls to one of the programs. */
import type { ProgramName } from './harness/child.ts';

const programs: Readonly<Record<ProgramName, () => Promise<object>>> = {
  'adapter-log': async () => new (await import('./programs/adapter-log.ts')).AdapterLog(),
  'bare-log': async () => new (await import('./programs/bare-log.ts')).BareLog(),
  'bare-server': async () => new (await import('./programs/bare-server.ts')).BareServer(),
  comparison: async () => new (await import('./programs/comparison.ts')).Comparison(),
  connector: async () => new (await import('./programs/connector.ts')).Connector(),
  'kv-load': async () => new (await import('./programs/kv-load.ts')).KvLoad(),
  latency: async () => new (await import('./programs/latency.ts')).Latency(),
  load: async () => new (await import('./programs/load.ts')).Load(),
  returner: async () => new (await import('./programs/returner.ts')).Returner(),
  survivors: async () => new (await import('./programs/survivors.ts')).Survivors(),
  topics: async () => new (await import('./programs/topics.ts')).Topics(),
};

const isProgram = (name: string | undefined): name is ProgramName => name !== undefined && name in programs;

const answer = async (program: object, id: string, text: string): Promise<void> => {
  const [name, params]: [string, unknown] = JSON.parse(text);
  try {
    const method: unknown = Reflect.get(program, name);
    if (typeof method !== 'function') throw new Error(`no method ${name}`);
    const result: unknown = await Reflect.apply(method, program, [params]);
    process.send?.(`${id} ${JSON.stringify({ result })}`);
  } catch (thrown) {
    const error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    process.send?.(`${id} ${JSON.stringify({ error })}`);
  }
};

const name = process.argv[2];
if (!isProgram(name)) throw new Error(`no program ${name}`);
const program = await programs[name]();
process.on('message', (message) => {
  if (typeof message !== 'string') return;
  const space = message.indexOf(' ');
  void answer(program, message.slice(0, space), message.slice(space + 1));
});
process.once('disconnect', () => process.exit(0));
