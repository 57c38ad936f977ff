/** One worker: a gateway in a process of its own that is handed connections and asked how it is. */
import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { FabricError } from '../model/error.ts';
import type { Clock } from '../ports/clock.ts';
import type { Answers, FromWorker, Question, ToWorker } from './messages.ts';

export interface WorkerOptions {
  /** What the process runs. */
  readonly program: URL;
  /** From 1. */
  readonly number: number;
  readonly config: object;
  readonly clock: Clock;
}

export interface Serving {
  readonly gatewayId: string;
  readonly summary: string;
}

const answerTimeoutMs = 2500;

export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #opened = Promise.withResolvers<Serving>();
  readonly #asked = new Map<number, PromiseWithResolvers<Answers[Question]>>();
  #questions = 0;
  #onTaken: (() => void) | undefined;
  /** With what it ended by, in a few words. */
  readonly ended: Promise<string>;

  constructor({ program, number, config, clock }: WorkerOptions) {
    this.#clock = clock;
    this.#child = fork(fileURLToPath(program), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (message: FromWorker) => this.#hear(message));
    const { promise, resolve } = Promise.withResolvers<string>();
    this.ended = promise;
    const end = (why: string): void => {
      const gone = new FabricError('ERR_INTERNAL', `worker ${number} ended: ${why}`);
      this.#opened.reject(gone);
      for (const { reject } of this.#asked.values()) reject(gone);
      this.#asked.clear();
      resolve(why);
    };
    this.#child.once('exit', (code, signal) => end(signal ?? `exit code ${code}`));
    this.#child.once('error', (cause) => end(cause.message));
    // Whoever waits for it hears of it.
    this.#opened.promise.catch(() => undefined);
    this.#tell({ kind: 'start', number, config });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Rejects with what keeps it from starting. */
  get opened(): Promise<Serving> {
    return this.#opened.promise;
  }

  /** Whether a connection is on its way to it: for good where it stands still. */
  get isTaking(): boolean {
    return this.#onTaken !== undefined;
  }

  /** One at a time; calls back when it has arrived. */
  take(connection: Socket, onTaken: () => void): void {
    this.#onTaken = onTaken;
    // One that could not be handed over is closed with this process's end of it; its client comes again.
    this.#child.send({ kind: 'connection' } satisfies ToWorker, connection, {}, (error) => {
      if (error !== null) connection.destroy();
    });
  }

  /** Rejects where no answer comes in time. */
  async ask<Asked extends Question>(question: Asked): Promise<Answers[Asked]>;
  async ask(question: Question): Promise<Answers[Question]> {
    const id = (this.#questions += 1);
    const asked = Promise.withResolvers<Answers[Question]>();
    this.#asked.set(id, asked);
    const timer = this.#clock.schedule(answerTimeoutMs, () => asked.reject(new Error('no answer in time')));
    this.#tell({ kind: 'ask', id, question });
    try {
      return await asked.promise;
    } finally {
      timer.cancel();
      this.#asked.delete(id);
    }
  }

  drain(): void {
    this.#tell({ kind: 'drain' });
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #hear(message: FromWorker): void {
    switch (message.kind) {
      case 'serving':
        return this.#opened.resolve(message);
      case 'refused':
        return this.#opened.reject(new FabricError(message.reason, message.message));
      case 'taken':
        return this.#taken();
      case 'answer':
        return this.#asked.get(message.id)?.resolve(message.answer);
    }
  }

  #taken(): void {
    const onTaken = this.#onTaken;
    this.#onTaken = undefined;
    onTaken?.();
  }

  /** What cannot be said to it any more is answered by its end. */
  #tell(message: ToWorker): void {
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }
}
