/** The clients of a run: programs of their own, each with a history. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endWithUs } from '../faults/end-with-us.ts';
import type { Place } from './load/place.ts';
import type { ProgramSettings, Said, Told } from './load/program.ts';
import type { Counts } from './load/recorder.ts';

export interface CrowdSize {
  readonly plainSenders: number;
  readonly sdkSenders: number;
  readonly plainRecipients: number;
  readonly sdkRecipients: number;
  /** Senders that name their messages, and recipients that acknowledge those. */
  readonly namingSenders: number;
  readonly ackingRecipients: number;
  /** Of all who name them. */
  readonly namedPerSecond: number;
  /** How long senders wait at the end for what they named. */
  readonly endPatienceMs: number;
  /** In bursts, of all senders. */
  readonly messagesPerSecond: number;
  /** To each recipient, one by one. */
  readonly pulsesPerSecond: number;
  readonly burst: { readonly least: number; readonly most: number };
  readonly stayMs: number;
  /** Processes the recipients are in; with two, half of them can be stopped. */
  readonly recipientPrograms: number;
}

export interface CrowdOptions {
  readonly place: Place;
  readonly size: CrowdSize;
  readonly seed: number;
  /** Where histories go. */
  readonly directory: string;
}

const names = (letter: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${letter}${index + 1}`);

export class Crowd implements AsyncDisposable {
  readonly recipients: readonly string[];
  readonly histories: string[] = [];
  readonly #progress = new Map<ChildProcess, Counts>();
  #progressed = Promise.withResolvers<void>();
  readonly #haveLast = new Set<string>();
  readonly #complete = Promise.withResolvers<void>();
  readonly #senders: ChildProcess;
  readonly #readers: readonly ChildProcess[];

  constructor(options: CrowdOptions) {
    const { size } = options;
    const plain = names('r', size.plainRecipients);
    const sdk = names('q', size.sdkRecipients);
    const naming = names('n', size.namingSenders);
    const acking = names('k', size.ackingRecipients);
    this.recipients = [...plain, ...sdk];
    const share = (all: readonly string[], program: number): string[] =>
      all.filter((_, index) => index % size.recipientPrograms === program);
    this.#readers = Array.from({ length: size.recipientPrograms }, (_, program) =>
      this.#start(
        'recipients',
        {
          plain: share(plain, program),
          sdk: share(sdk, program),
          naming,
          acking: share(acking, program),
          others: plain,
        },
        options,
      ),
    );
    const senders = { plain: names('s', size.plainSenders), sdk: names('t', size.sdkSenders) };
    this.#senders = this.#start('senders', { ...senders, naming, acking, others: this.recipients }, options);
  }

  get progress(): Counts {
    const all = [...this.#progress.values()];
    const sum = (name: keyof Counts): number => all.reduce((total, counts) => total + counts[name], 0);
    return {
      sent: sum('sent'),
      delivered: sum('delivered'),
      named: sum('named'),
      told: sum('told'),
      resumptions: sum('resumptions'),
      acknowledgements: sum('acknowledgements'),
    };
  }

  /** Resolves when there is something new about it. */
  progressed(): Promise<void> {
    return this.#progressed.promise;
  }

  /** Resolves when every recipient has the last message. */
  get complete(): Promise<void> {
    return this.#complete.promise;
  }

  /** Recipients without the last message. */
  get incomplete(): readonly string[] {
    return this.recipients.filter((name) => !this.#haveLast.has(name));
  }

  /** Resolves when the senders have an answer to everything, or have given up waiting. */
  async stopSending(): Promise<void> {
    await stop(this.#senders);
  }

  async stopReceiving(): Promise<void> {
    await Promise.all(this.#readers.map(stop));
  }

  /** Of the programs of recipients. */
  get readers(): readonly string[] {
    return this.#readers.map((_, index) => `readers-${index + 1}`);
  }

  pauseReaders(name: string): void {
    this.#readers[this.readers.indexOf(name)]?.kill('SIGSTOP');
  }

  resumeReaders(name: string): void {
    this.#readers[this.readers.indexOf(name)]?.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      [this.#senders, ...this.#readers].map(async (child) => {
        if (hasEnded(child)) return;
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      }),
    );
  }

  #start(
    program: 'senders' | 'recipients',
    clients: Pick<ProgramSettings, 'plain' | 'sdk' | 'naming' | 'acking' | 'others'>,
    { place, size, seed, directory }: CrowdOptions,
  ): ChildProcess {
    const number = this.histories.length;
    const history = join(directory, `${program}-${number + 1}.jsonl`);
    this.histories.push(history);
    const { messagesPerSecond, namedPerSecond, endPatienceMs, pulsesPerSecond, burst, stayMs } = size;
    const settings: ProgramSettings = {
      place,
      history,
      seed: seed + number * 104_729,
      messagesPerSecond,
      namedPerSecond,
      endPatienceMs,
      pulsesPerSecond,
      burst,
      stayMs,
      ...clients,
    };
    const child = fork(fileURLToPath(new URL(`programs/${program}.ts`, import.meta.url)), [JSON.stringify(settings)], {
      execArgv: ['--conditions=source', '--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    endWithUs(child);
    child.on('message', (said: Said) => this.#hear(child, said));
    return child;
  }

  #hear(child: ChildProcess, said: Said): void {
    if ('hasLast' in said) this.#haveLast.add(said.hasLast);
    else this.#progress.set(child, said);
    if (this.incomplete.length === 0) this.#complete.resolve();
    this.#progressed.resolve();
    this.#progressed = Promise.withResolvers();
  }
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

const stop = async (child: ChildProcess): Promise<void> => {
  if (!hasEnded(child)) {
    const ended = once(child, 'exit');
    const told: Told = 'stop';
    child.send(told);
    await ended;
  }
  if (child.exitCode !== 0) throw new Error(`a program of the load failed (${child.signalCode ?? child.exitCode})`);
};
