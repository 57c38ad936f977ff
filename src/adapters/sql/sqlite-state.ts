/** Key-value state and checkpoints of a single process, in one SQLite file that a worker thread has for itself. */
import type { FabricError } from '../../model/error.ts';
import type { KvCommand, KvReply, KvSpace } from '../../model/kv-command.ts';
import type {
  Checkpoint,
  CheckpointSave,
  CheckpointSaved,
  CheckpointStore,
  CheckpointWriter,
} from '../../ports/checkpoint-store.ts';
import type { KvPage, KvPageRequest, KvStore } from '../../ports/kv-store.ts';
import type { StateWorkerSettings } from './sqlite-state-messages.ts';
import { StateThread } from './sqlite-state-thread.ts';

export class SqliteState implements AsyncDisposable {
  readonly kvStore: KvStore;
  readonly checkpointStore: CheckpointStore;
  readonly #thread: StateThread;

  /** Refused where another process has the file. */
  static async open(settings: StateWorkerSettings): Promise<SqliteState> {
    return new SqliteState(await StateThread.open(settings));
  }

  private constructor(thread: StateThread) {
    this.#thread = thread;
    this.kvStore = new ThreadKvStore(thread);
    this.checkpointStore = new ThreadCheckpointStore(thread);
  }

  /** Why nothing can be read or written any more, if it cannot: it stays so until it is opened again. */
  get failure(): FabricError | undefined {
    return this.#thread.failure;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#thread[Symbol.asyncDispose]();
  }
}

class ThreadKvStore implements KvStore {
  readonly #thread: StateThread;

  constructor(thread: StateThread) {
    this.#thread = thread;
  }

  open(owner: string, epoch: bigint): Promise<boolean> {
    return this.#thread.call({ store: 'kv', call: { method: 'open', args: [owner, epoch] } });
  }

  run(command: KvCommand): Promise<KvReply> {
    return this.#thread.run(command);
  }

  list(space: KvSpace, request: KvPageRequest): Promise<KvPage> {
    return this.#thread.call({ store: 'kv', call: { method: 'list', args: [space, request] } });
  }

  purge(owner: string, epoch: bigint | undefined): Promise<number | undefined> {
    return this.#thread.call({ store: 'kv', call: { method: 'purge', args: [owner, epoch] } });
  }
}

class ThreadCheckpointStore implements CheckpointStore {
  readonly #thread: StateThread;

  constructor(thread: StateThread) {
    this.#thread = thread;
  }

  open(owner: string, epoch: bigint): Promise<boolean> {
    return this.#thread.call({ store: 'checkpoints', call: { method: 'open', args: [owner, epoch] } });
  }

  save(writer: CheckpointWriter, save: CheckpointSave): Promise<CheckpointSaved> {
    const args = [writer, { ...save, data: new Uint8Array(save.data) }] as const;
    return this.#thread.call({ store: 'checkpoints', call: { method: 'save', args: [...args] } });
  }

  load(owner: string, name: string): Promise<Checkpoint | undefined> {
    return this.#thread.call({ store: 'checkpoints', call: { method: 'load', args: [owner, name] } });
  }

  delete(writer: CheckpointWriter, name: string): Promise<boolean> {
    return this.#thread.call({ store: 'checkpoints', call: { method: 'delete', args: [writer, name] } });
  }

  list(owner: string): Promise<readonly string[]> {
    return this.#thread.call({ store: 'checkpoints', call: { method: 'list', args: [owner] } });
  }
}
