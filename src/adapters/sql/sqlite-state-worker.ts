/**
 * The worker thread of the embedded key-value state and checkpoints: it has the database, so that waiting for the disk
 * holds up nobody else.
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { asFabricError, type FabricError } from '../../model/error.ts';
import type { Scheduled } from '../../ports/clock.ts';
import { giveBackSpareMemory } from '../system/spare-memory.ts';
import { systemClock } from '../system/system-clock.ts';
import { TurnBatch } from '../turn-batch.ts';
import { SqlCheckpointStore } from './sql-checkpoint-store.ts';
import { SqlKvStore } from './sql-kv-store.ts';
import { openSqliteDatabase, type SqliteDatabase } from './sqlite-database.ts';
import { SqliteKvLane } from './sqlite-kv-lane.ts';
import type {
  CheckpointCall,
  Failure,
  FromStateWorker,
  KvCall,
  StateAnswer,
  StateCall,
  StateWorkerSettings,
  ToStateWorker,
} from './sqlite-state-messages.ts';
import { readCommands, type Words, writeReplies } from './sqlite-state-words.ts';

const sweepEveryMs = 10_000;

class StateWorker {
  readonly #port: MessagePort;
  readonly #database: SqliteDatabase;
  readonly #kv: SqlKvStore;
  readonly #checkpoints: SqlCheckpointStore;
  readonly #commands: SqliteKvLane;
  readonly #answers = new TurnBatch<StateAnswer>((answers) => this.#post({ kind: 'answers', answers }));
  readonly #open = new Set<Promise<void>>();
  #sweeping: Scheduled;

  constructor(port: MessagePort, database: SqliteDatabase) {
    this.#port = port;
    this.#database = database;
    this.#kv = new SqlKvStore({ database, clock: systemClock });
    this.#checkpoints = new SqlCheckpointStore({ database, clock: systemClock });
    this.#commands = new SqliteKvLane({
      database,
      clock: systemClock,
      receive: () => this.#receive(),
      answer: (replies) => this.#reply(writeReplies(replies)),
      reject: (commands, error) => this.#post({ kind: 'rejected', commands, failure: toFailure(error) }),
    });
    this.#sweeping = this.#scheduleSweep();
    port.on('message', (message: ToStateWorker) => this.#hear(message));
    this.#post({ kind: 'opened' });
    giveBackSpareMemory(() => this.#open.size === 0);
  }

  #hear(message: ToStateWorker): void {
    switch (message.kind) {
      case 'commands':
        return this.#commands.add(readCommands(message.commands));
      case 'calls':
        return message.calls.forEach((call, index) => this.#answer(message.first + index, call));
      case 'close':
        return void this.#close();
    }
  }

  /** What is in the mailbox already. */
  #receive(): void {
    for (;;) {
      const received: { message: ToStateWorker } | undefined = receiveMessageOnPort(this.#port);
      if (received === undefined) return;
      this.#hear(received.message);
    }
  }

  #answer(number: number, call: StateCall): void {
    const answered = this.#call(call).then(
      (result) => this.#answers.add({ number, result }),
      (thrown: unknown) => this.#answers.add({ number, failure: toFailure(asFabricError(thrown)) }),
    );
    this.#open.add(answered);
    void answered.then(() => this.#open.delete(answered));
  }

  #call({ store, call }: StateCall): Promise<unknown> {
    return store === 'kv' ? this.#callKv(call) : this.#callCheckpoints(call);
  }

  #callKv(call: KvCall): Promise<unknown> {
    switch (call.method) {
      case 'open':
        return this.#kv.open(...call.args);
      case 'list':
        return this.#kv.list(...call.args);
      case 'purge':
        return this.#kv.purge(...call.args);
    }
  }

  #callCheckpoints(call: CheckpointCall): Promise<unknown> {
    switch (call.method) {
      case 'open':
        return this.#checkpoints.open(...call.args);
      case 'save':
        return this.#checkpoints.save(...call.args);
      case 'load':
        return this.#checkpoints.load(...call.args);
      case 'delete':
        return this.#checkpoints.delete(...call.args);
      case 'list':
        return this.#checkpoints.list(...call.args);
    }
  }

  #scheduleSweep(): Scheduled {
    return systemClock.schedule(sweepEveryMs, () => {
      const swept = this.#sweep();
      this.#open.add(swept);
      void swept.then(() => this.#open.delete(swept));
    });
  }

  /** What fails here fails for those who ask, too, and they are told. */
  async #sweep(): Promise<void> {
    await Promise.allSettled([this.#kv.sweep(), this.#checkpoints.sweep()]);
    this.#sweeping = this.#scheduleSweep();
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#open, this.#commands.idle()]);
    this.#sweeping.cancel();
    await this.#database[Symbol.asyncDispose]();
    // The last answers go out at the end of a turn.
    systemClock.schedule(0, () => this.#port.close());
  }

  #reply(replies: Words): void {
    this.#post({ kind: 'replies', replies }, [replies.bytes.buffer]);
  }

  #post(message: FromStateWorker, handedOver: readonly ArrayBuffer[] = []): void {
    this.#port.postMessage(message, handedOver);
  }
}

const toFailure = ({ reason, message, cause }: FabricError): Failure => ({
  reason,
  message,
  cause: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
});

const start = async (port: MessagePort): Promise<void> => {
  const { path }: StateWorkerSettings = workerData;
  try {
    const worker = new StateWorker(port, await openSqliteDatabase({ path, synchronous: 'full' }));
    void worker;
  } catch (thrown) {
    port.postMessage({ kind: 'failed', failure: toFailure(asFabricError(thrown)) } satisfies FromStateWorker, []);
    port.close();
  }
};

if (parentPort !== null) await start(parentPort);
