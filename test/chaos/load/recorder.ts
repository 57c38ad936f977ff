/**
 * Writes a history, one JSON value a line. Time is the system's monotonic clock, which all processes of a machine share.
 * Deliveries with numbers in a row become one event.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Delivered, HistoryEvent } from '../../history/event.ts';

/** Events come without their time: it is now. */
export type Unstamped = HistoryEvent extends infer Event
  ? Event extends HistoryEvent
    ? Omit<Event, 'at'>
    : never
  : never;

type Message = Pick<Delivered, 'who' | 'session' | 'from'>;

export interface Counts {
  /** Messages. */
  readonly sent: number;
  /** Messages, repetitions included. */
  readonly delivered: number;
  /** Messages with a name, and those of them whose end was told. */
  readonly named: number;
  readonly told: number;
  /** Sessions that continue another. */
  readonly resumptions: number;
  /** Bursts that were acknowledged. */
  readonly acknowledgements: number;
}

const flushEveryMs = 100;

export const nowMs = (): number => Number(process.hrtime.bigint() / 1000n) / 1000;

export class Recorder implements Disposable {
  readonly #file: number;
  readonly #onDelivery: ((message: Message) => void) | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #counts = { sent: 0, delivered: 0, named: 0, told: 0, resumptions: 0, acknowledgements: 0 };
  #lines: string[] = [];
  #run: Delivered | undefined;

  constructor(path: string, onDelivery?: (message: Message) => void) {
    this.#onDelivery = onDelivery;
    this.#file = openSync(path, 'a');
    this.#timer = setInterval(() => this.flush(), flushEveryMs);
  }

  /** So far. */
  get counts(): Counts {
    return this.#counts;
  }

  write(event: Unstamped): void {
    if (event.e === 'sent') this.#counts.sent += event.count;
    if (event.e === 'posted') this.#counts.named += 1;
    if (event.e === 'told') this.#counts.told += 1;
    if (event.e === 'connected' && event.resumed) this.#counts.resumptions += 1;
    if (event.e === 'acknowledged') this.#counts.acknowledgements += 1;
    this.#closeRun();
    this.#lines.push(JSON.stringify({ ...event, at: nowMs() }));
  }

  deliver(message: Message, number: number): void {
    this.#onDelivery?.(message);
    this.#counts.delivered += 1;
    const run = this.#run;
    if (
      run !== undefined &&
      run.first + run.count === number &&
      run.from === message.from &&
      run.who === message.who &&
      run.session === message.session
    ) {
      this.#run = { ...run, count: run.count + 1 };
      return;
    }
    this.#closeRun();
    this.#run = { e: 'delivered', at: nowMs(), ...message, first: number, count: 1 };
  }

  flush(): void {
    this.#closeRun();
    if (this.#lines.length === 0) return;
    writeSync(this.#file, `${this.#lines.join('\n')}\n`);
    this.#lines = [];
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.flush();
    closeSync(this.#file);
  }

  #closeRun(): void {
    if (this.#run !== undefined) this.#lines.push(JSON.stringify(this.#run));
    this.#run = undefined;
  }
}
