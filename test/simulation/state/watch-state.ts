/** Says in the trace what the stores of keys and checkpoints do, when they do it. */
import type { KvCommand, KvReply } from '../../../src/model/kv-command.ts';
import type { CheckpointStore } from '../../../src/ports/checkpoint-store.ts';
import type { KvStore } from '../../../src/ports/kv-store.ts';
import type { Ledger } from '../ledger.ts';

export const watchKv = (store: KvStore, ledger: Ledger): KvStore => ({
  open: (owner, epoch) => store.open(owner, epoch),
  run: async (command) => {
    const reply = await store.run(command);
    if (command.kind !== 'get') ledger.say(doneText(command, reply));
    return reply;
  },
  list: (space, request) => store.list(space, request),
  purge: async (owner, epoch) => {
    const count = await store.purge(owner, epoch);
    ledger.say(`purge ${owner} under ${epoch}: ${count ?? 'fenced'}`);
    return count;
  },
});

const doneText = ({ kind, place: { space, key }, ...rest }: KvCommand, reply: KvReply): string => {
  const epoch = 'epoch' in rest && rest.epoch !== undefined ? ` under ${rest.epoch}` : '';
  return `${kind} ${space.owner}/${space.name}/${key}${epoch}: ${reply.refused ?? `${reply.applied} ${reply.count ?? ''}`}`;
};

export const watchCheckpoints = (store: CheckpointStore, ledger: Ledger): CheckpointStore => ({
  open: (owner, epoch) => store.open(owner, epoch),
  save: async (writer, save) => {
    const saved = await store.save(writer, save);
    ledger.say(`save ${writer.owner}/checkpoints/${save.name} under ${writer.epoch}: ${saved.outcome}`);
    return saved;
  },
  load: (owner, name) => store.load(owner, name),
  delete: async (writer, name) => {
    const isDeleted = await store.delete(writer, name);
    ledger.say(`delete ${writer.owner}/checkpoints/${name} under ${writer.epoch}: ${isDeleted}`);
    return isDeleted;
  },
  list: (owner) => store.list(owner),
});
