/**
 * The commands on key-value state that have come to the worker thread. What comes in while a transaction is under way
 * is carried out in the next one together, and synced to the disk once.
 */
import { asFabricError, type FabricError } from '../../model/error.ts';
import type { KvCommand, KvReply } from '../../model/kv-command.ts';
import type { Clock } from '../../ports/clock.ts';
import type { SqliteDatabase } from './sqlite-database.ts';
import { SqliteKvTable } from './sqlite-kv-table.ts';

interface LaneDeps {
  readonly database: SqliteDatabase;
  readonly clock: Clock;
  /** Takes what has come in meanwhile. */
  readonly receive: () => void;
  readonly answer: (replies: readonly KvReply[]) => void;
  readonly reject: (commands: number, error: FabricError) => void;
}

/** A transaction takes no more groups from this on. */
const commandsPerTransaction = 1000;

export class SqliteKvLane {
  readonly #deps: LaneDeps;
  #table: SqliteKvTable | undefined;
  #groups: (readonly KvCommand[])[] = [];
  #running: Promise<void> | undefined;

  constructor(deps: LaneDeps) {
    this.#deps = deps;
  }

  /** Commands that are carried out together. Answered in order. */
  add(commands: readonly KvCommand[]): void {
    this.#groups.push(commands);
    this.#running ??= this.#run();
  }

  /** Resolves when everything is answered. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#groups.length > 0) await this.#round();
    this.#running = undefined;
  }

  async #round(): Promise<void> {
    const { database, clock, receive, answer, reject } = this.#deps;
    let commands: readonly KvCommand[] = [];
    try {
      const replies = await database.exclusively((connection) => {
        this.#table ??= new SqliteKvTable(connection);
        receive();
        commands = this.#take();
        return this.#table.carryOut(commands, clock.now());
      });
      answer(replies);
    } catch (thrown) {
      if (commands.length === 0) commands = this.#take();
      reject(commands.length, asFabricError(thrown));
    }
  }

  #take(): readonly KvCommand[] {
    let count = 0;
    let groups = 0;
    for (const group of this.#groups) {
      if (count >= commandsPerTransaction) break;
      count += group.length;
      groups += 1;
    }
    return this.#groups.splice(0, groups).flat();
  }
}
