/**
 * The worker thread of the SQLite message log: it has the database, so that waiting for the disk holds up nobody else.
 * In each round it commits all groups that have come in as one transaction, then reads one page, then does one step of
 * retention; so appends wait for at most one of each.
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { asFabricError, type FabricError } from '../../model/error.ts';
import { giveBackSpareMemory } from '../system/spare-memory.ts';
import { systemClock } from '../system/system-clock.ts';
import { fromSqlite, isDiskFull } from './errors.ts';
import type { EntryGroup, Failure, FromLogWorker, LogWorkerSettings, ToLogWorker } from './sqlite-log-messages.ts';
import { retainStep } from './sqlite-log-retention.ts';
import { SqliteLogStore } from './sqlite-log-store.ts';

class LogWorker {
  readonly #port: MessagePort;
  readonly #settings: LogWorkerSettings;
  readonly #store: SqliteLogStore;
  #groups: EntryGroup[] = [];
  readonly #pages: { readonly partition: number; readonly from: number }[] = [];
  #retainNowMs: number | undefined;
  #isClosing = false;
  #isUsed = false;

  constructor(port: MessagePort, settings: LogWorkerSettings) {
    this.#port = port;
    this.#settings = settings;
    this.#store = SqliteLogStore.open(settings, systemClock);
  }

  listen(): void {
    this.#port.on('message', (message: ToLogWorker) => this.#wake(message));
    const { id, next } = this.#store;
    this.#post({ kind: 'opened', opened: { id, next } });
    giveBackSpareMemory(() => !this.#isUsed);
  }

  #wake(message: ToLogWorker): void {
    this.#take(message);
    try {
      while (this.#round()) continue;
      if (this.#isClosing) this.#close();
    } catch (thrown) {
      this.#fail(fromSqlite(thrown, this.#store.name));
    }
  }

  /** Answers whether there may be more to do. */
  #round(): boolean {
    this.#takeAll();
    this.#commit();
    this.#readPage();
    this.#retain();
    return this.#groups.length > 0 || this.#pages.length > 0 || this.#retainNowMs !== undefined;
  }

  #takeAll(): void {
    for (;;) {
      const received: { message: ToLogWorker } | undefined = receiveMessageOnPort(this.#port);
      if (received === undefined) return;
      this.#take(received.message);
    }
  }

  #take(message: ToLogWorker): void {
    switch (message.kind) {
      case 'append':
        this.#isUsed = true;
        this.#groups.push(message.group);
        break;
      case 'page':
        this.#pages.push(message);
        break;
      case 'retain':
        this.#retainNowMs = message.nowMs;
        break;
      case 'close':
        this.#isClosing = true;
        this.#retainNowMs = undefined;
        break;
    }
  }

  /** A full disk is no reason to end: there may be space again soon. */
  #commit(): void {
    const groups = this.#groups;
    if (groups.length === 0) return;
    this.#groups = [];
    try {
      const commitMs = this.#store.append(groups);
      this.#post({ kind: 'committed', groups: groups.length, commitMs });
    } catch (thrown) {
      if (!isDiskFull(thrown)) throw thrown;
      const failure = toFailure(fromSqlite(thrown, this.#store.name));
      this.#post({ kind: 'rejected', groups: groups.length, failure });
    } finally {
      for (const { bodies } of groups) free(bodies);
    }
  }

  #readPage(): void {
    const wanted = this.#pages.shift();
    if (wanted === undefined) return;
    const page = this.#store.page(wanted.partition, wanted.from);
    const memories = new Set(page.bodies.map(({ buffer }) => buffer));
    this.#port.postMessage({ kind: 'page', page } satisfies FromLogWorker, [...memories]);
  }

  #retain(): void {
    if (this.#retainNowMs === undefined) return;
    try {
      if (retainStep(this.#store, this.#settings.retention, this.#retainNowMs)) return;
    } catch (thrown) {
      if (!isDiskFull(thrown)) throw thrown;
    }
    this.#retainNowMs = undefined;
  }

  #close(): void {
    this.#store[Symbol.dispose]();
    this.#port.close();
  }

  /** With the thread ends its hold on the file. */
  #fail(error: FabricError): void {
    this.#post({ kind: 'failed', failure: toFailure(error) });
    this.#port.close();
  }

  #post(message: FromLogWorker): void {
    this.#port.postMessage(message, []);
  }
}

/** At once, and not when the collector comes to it: a busy log would hold tens of MiB of what it has stored. */
const free = ({ buffer }: Uint8Array<ArrayBuffer>): void => {
  buffer.transfer(0);
};

const toFailure = ({ reason, message, cause }: FabricError): Failure => ({
  reason,
  message,
  cause: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
});

const start = (port: MessagePort): void => {
  const settings: LogWorkerSettings = workerData;
  try {
    const worker = new LogWorker(port, settings);
    worker.listen();
  } catch (thrown) {
    port.postMessage({ kind: 'failed', failure: toFailure(asFabricError(thrown)) } satisfies FromLogWorker, []);
    port.close();
  }
};

if (parentPort !== null) start(parentPort);
