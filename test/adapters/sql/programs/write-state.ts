/** Writes keys and checkpoints without end and prints what has been acknowledged. Arguments: the file, an epoch. */
import { SqliteState } from '../../../../src/adapters/sql/sqlite-state.ts';
import { print } from './print.ts';

const [path = '', epochText = ''] = process.argv.slice(2);
const epoch = BigInt(epochText);
const owner = 'ag::w::i::s';
const lanes = 8;

await using state = await SqliteState.open({ path });
await state.kvStore.open(owner, epoch);
await state.checkpointStore.open(owner, epoch);

const lane = async (index: number): Promise<never> => {
  const place = { space: { owner, name: 'kv' }, key: `lane ${index}` };
  for (;;) {
    const bounds = { atLeast: undefined, atMost: undefined, ttlMs: undefined };
    const reply = await state.kvStore.run({ kind: 'add', place, amount: 1n, epoch, ...bounds });
    if (reply.refused !== undefined) throw new Error(reply.refused);
    await print(`kv ${index} ${reply.count}`);
    const data = Buffer.from(String(reply.count));
    await state.checkpointStore.save({ owner, epoch }, { name: `lane ${index}`, data, ttlMs: undefined });
    await print(`checkpoint ${index} ${reply.count}`);
  }
};

await Promise.all(Array.from({ length: lanes }, (_, index) => lane(index)));
