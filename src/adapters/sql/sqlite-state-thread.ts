/**
 * The worker thread as its stores see it. What is asked in one turn goes there as one message; answers come back by
 * number. Once the thread has ended it stays so until it is opened again.
 */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { FabricError } from '../../model/error.ts';
import type { KvCommand, KvReply } from '../../model/kv-command.ts';
import { PacedBatch } from '../paced-batch.ts';
import { TurnBatch } from '../turn-batch.ts';
import type {
  Failure,
  FromStateWorker,
  StateAnswer,
  StateCall,
  StateWorkerSettings,
  ToStateWorker,
} from './sqlite-state-messages.ts';
import { readReplies, type Words, writeCommands } from './sqlite-state-words.ts';

/** With the extension of this file: TypeScript in development, JavaScript once built. */
const program = new URL(`./sqlite-state-worker${extname(import.meta.url)}`, import.meta.url);

interface Asked {
  readonly call: StateCall;
  readonly settled: PromiseWithResolvers<unknown>;
}

interface Commanded {
  readonly command: KvCommand;
  readonly settled: PromiseWithResolvers<KvReply>;
}

/** One that is carried out and one that waits for it, so that the thread need not wait for us. */
const messagesUnderWayMax = 2;

export class StateThread implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #opened = Promise.withResolvers<void>();
  readonly #exited = Promise.withResolvers<void>();
  readonly #asked = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #batch = new TurnBatch<Asked>((asked) => this.#send(asked));
  readonly #commands = new PacedBatch<Commanded>({
    underWayMax: messagesUnderWayMax,
    carryOut: (commanded) => this.#sendCommands(commanded),
  });
  /** Sent and not answered, in the order they were sent. */
  #commanded: Commanded[] = [];
  #next = 0;
  #end: FabricError | undefined;

  static async open(settings: StateWorkerSettings): Promise<StateThread> {
    const thread = new StateThread(settings);
    try {
      await thread.#opened.promise;
      return thread;
    } catch (thrown) {
      await thread.#exited.promise;
      throw thrown;
    }
  }

  private constructor(settings: StateWorkerSettings) {
    this.#worker = new Worker(program, { workerData: settings, name: 'aether-state' });
    this.#worker.on('message', (message: FromStateWorker) => this.#hear(message));
    this.#worker.on('error', (cause) => this.#ended(unexpectedEnd(cause)));
    this.#worker.on('exit', (code) => {
      this.#ended(unexpectedEnd(new Error(`exit code ${code}`)));
      this.#exited.resolve();
    });
  }

  /** Why it answers nothing more, if it does not. */
  get failure(): FabricError | undefined {
    return this.#end;
  }

  call<Result>(call: StateCall): Promise<Result> {
    const settled = Promise.withResolvers<unknown>();
    this.#batch.add({ call, settled });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the worker answers as the method it calls does
    return settled.promise as Promise<Result>;
  }

  run(command: KvCommand): Promise<KvReply> {
    const settled = Promise.withResolvers<KvReply>();
    this.#commands.add({ command, settled });
    return settled.promise;
  }

  /** Resolves once everything that was asked before is answered and the file is closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#commands.idle();
    // After what was asked in this turn.
    this.#batch.afterwards(() => this.#post({ kind: 'close' }));
    await this.#exited.promise;
  }

  #send(asked: readonly Asked[]): void {
    if (this.#end !== undefined) {
      for (const { settled } of asked) settled.reject(this.#end);
      return;
    }
    const first = this.#next;
    for (const { settled } of asked) {
      this.#asked.set(this.#next, settled);
      this.#next += 1;
    }
    this.#post({ kind: 'calls', first, calls: asked.map(({ call }) => call) });
  }

  /** Resolves when they are answered, which they are in order. */
  #sendCommands(commanded: readonly Commanded[]): Promise<unknown> {
    if (this.#end === undefined) {
      for (const one of commanded) this.#commanded.push(one);
      const commands = writeCommands(commanded.map(({ command }) => command));
      this.#post({ kind: 'commands', commands }, [commands.bytes.buffer]);
    } else for (const { settled } of commanded) settled.reject(this.#end);
    return Promise.allSettled([commanded.at(-1)?.settled.promise]);
  }

  #post(message: ToStateWorker, handedOver: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, handedOver);
  }

  #hear(message: FromStateWorker): void {
    switch (message.kind) {
      case 'opened':
        return this.#opened.resolve();
      case 'answers':
        return message.answers.forEach((answer) => this.#settle(answer));
      case 'replies':
        return this.#takeReplies(message.replies);
      case 'rejected':
        return this.#reject(message.commands, toError(message.failure));
      case 'failed':
        return this.#ended(toError(message.failure));
    }
  }

  #takeReplies(replies: Words): void {
    const answered = this.#commanded.splice(0, replies.count);
    for (const [index, reply] of readReplies(replies).entries()) answered[index]?.settled.resolve(reply);
  }

  #reject(commands: number, error: FabricError): void {
    for (const { settled } of this.#commanded.splice(0, commands)) settled.reject(error);
  }

  #settle(answer: StateAnswer): void {
    const settled = this.#asked.get(answer.number);
    this.#asked.delete(answer.number);
    if ('failure' in answer) settled?.reject(toError(answer.failure));
    else settled?.resolve(answer.result);
  }

  #ended(error: FabricError): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    this.#opened.reject(error);
    for (const settled of this.#asked.values()) settled.reject(error);
    this.#asked.clear();
    this.#reject(this.#commanded.length, error);
  }
}

const toError = ({ reason, message, cause }: Failure): FabricError => new FabricError(reason, message, { cause });

const unexpectedEnd = (cause: unknown): FabricError =>
  new FabricError('STORE_UNAVAILABLE', 'the thread of key-value state has ended: start this process again', { cause });
