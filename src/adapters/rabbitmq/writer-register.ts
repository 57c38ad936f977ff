/**
 * Who has ever appended and is not fenced off, in a stream of its own: one line for each writer that enters and one for
 * each that was fenced off. Whoever enters reads all lines up to its own, so of two that enter one knows of the other.
 */
import type { LogReading } from '../../ports/message-log.ts';
import { unavailable } from './errors.ts';

type Line = { readonly id: string } & ({ readonly entered: string } | { readonly fenced: string });

/** About fifty thousand lines: whoever is dropped from the far end of it has been gone for years. */
export const registerRetention = { 'max-length-bytes': '8000000', 'stream-max-segment-size-bytes': '1000000' } as const;

interface RegisterDeps {
  readonly append: (line: Uint8Array) => Promise<void>;
  /** From the oldest line on. */
  readonly read: (signal: AbortSignal) => Promise<LogReading>;
  /** Never the same twice. */
  readonly createId: () => string;
}

export class WriterRegister {
  readonly #deps: RegisterDeps;

  constructor(deps: RegisterDeps) {
    this.#deps = deps;
  }

  /** Answers with all that are entered and not fenced off. */
  async enter(writer: string, signal: AbortSignal): Promise<ReadonlySet<string>> {
    const own = this.#deps.createId();
    await this.#write({ id: own, entered: writer });
    await using reading = await this.#deps.read(signal);
    const entered = new Set<string>();
    for await (const entries of reading.entries)
      for (const { batch } of entries) {
        const line: Line = JSON.parse(Buffer.from(batch).toString());
        if ('entered' in line) entered.add(line.entered);
        else entered.delete(line.fenced);
        if (line.id === own) return entered;
      }
    throw unavailable('the register of writers could not be read to its end');
  }

  /** It is fenced off. */
  strike(writer: string): Promise<void> {
    return this.#write({ id: this.#deps.createId(), fenced: writer });
  }

  #write(line: Line): Promise<void> {
    return this.#deps.append(Buffer.from(JSON.stringify(line)));
  }
}
