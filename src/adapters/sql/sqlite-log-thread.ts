/**
 * The worker thread as the log sees it. Groups of entries go in without waiting; what became of them is told to the
 * listener in the same order. Once the thread has ended it stays so until the log is opened again.
 */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { FabricError } from '../../model/error.ts';
import type {
  EntryGroup,
  Failure,
  FromLogWorker,
  LogPage,
  LogWorkerSettings,
  OpenedLog,
  ToLogWorker,
} from './sqlite-log-messages.ts';

export interface LogThreadListener {
  /** The oldest groups are durable; the disk took `commitMs` for it. */
  committed(groups: number, commitMs: number): void;
  /** The oldest groups are not in the log and will not be. */
  rejected(groups: number, error: FabricError): void;
  /** The thread has ended: nothing is known of the groups that are left, and no more can be added. */
  ended(error: FabricError): void;
}

/** With the extension of this file: TypeScript in development, JavaScript once built. */
const program = new URL(`./sqlite-log-worker${extname(import.meta.url)}`, import.meta.url);

export class LogThread implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #opened = Promise.withResolvers<OpenedLog>();
  readonly #exited = Promise.withResolvers<void>();
  readonly #pages: PromiseWithResolvers<LogPage>[] = [];
  #listener: LogThreadListener | undefined;
  #end: FabricError | undefined;

  static async open(settings: LogWorkerSettings): Promise<readonly [LogThread, OpenedLog]> {
    const thread = new LogThread(settings);
    try {
      return [thread, await thread.#opened.promise];
    } catch (thrown) {
      await thread.#exited.promise;
      throw thrown;
    }
  }

  private constructor(settings: LogWorkerSettings) {
    this.#worker = new Worker(program, { workerData: settings, name: 'aether-log' });
    this.#worker.on('message', (message: FromLogWorker) => this.#hear(message));
    this.#worker.on('error', (cause) => this.#ended(unexpectedEnd(cause)));
    this.#worker.on('exit', (code) => {
      this.#ended(unexpectedEnd(new Error(`exit code ${code}`)));
      this.#exited.resolve();
    });
  }

  listen(listener: LogThreadListener): void {
    this.#listener = listener;
  }

  /** Takes the memory of `bodies` away: it belongs to the thread from now on. */
  append(group: EntryGroup): void {
    this.#worker.postMessage({ kind: 'append', group } satisfies ToLogWorker, [group.bodies.buffer]);
  }

  page(partition: number, from: number): Promise<LogPage> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    const page = Promise.withResolvers<LogPage>();
    this.#pages.push(page);
    this.#post({ kind: 'page', partition, from });
    return page.promise;
  }

  retain(nowMs: number): void {
    this.#post({ kind: 'retain', nowMs });
  }

  /** Resolves once everything that went in before is committed and the file is closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#post({ kind: 'close' });
    await this.#exited.promise;
  }

  #post(message: ToLogWorker): void {
    this.#worker.postMessage(message, []);
  }

  #hear(message: FromLogWorker): void {
    switch (message.kind) {
      case 'opened':
        return this.#opened.resolve(message.opened);
      case 'committed':
        return this.#listener?.committed(message.groups, message.commitMs);
      case 'rejected':
        return this.#listener?.rejected(message.groups, toError(message.failure));
      case 'page':
        return this.#pages.shift()?.resolve(message.page);
      case 'failed':
        return this.#ended(toError(message.failure));
    }
  }

  #ended(error: FabricError): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    this.#opened.reject(error);
    for (const page of this.#pages.splice(0)) page.reject(error);
    this.#listener?.ended(error);
  }
}

const toError = ({ reason, message, cause }: Failure): FabricError => new FabricError(reason, message, { cause });

const unexpectedEnd = (cause: unknown): FabricError =>
  new FabricError('STORE_UNAVAILABLE', 'the thread of the message log has ended: start this process again', { cause });
