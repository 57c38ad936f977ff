import { type Config, toConfig } from './config.ts';
import type { HandleOptions, Handler, IterateOptions } from './feed.ts';
import { handle } from './handling.ts';
import type { Link } from './link.ts';
import type { ProgressUpdate } from './progress.ts';
import { ReportingClient } from './reporting-client.ts';
import { untilAborted } from './until-aborted.ts';

/** A long-running worker in one workspace. */
export class AgentClient extends ReportingClient {
  readonly workspace: string;
  readonly #link: Link;

  constructor(link: Link, { workspace }: { readonly workspace: string }) {
    super(link);
    this.#link = link;
    this.workspace = workspace;
  }

  /** What the gateway gave this worker when it connected last. */
  async config({ signal }: IterateOptions = {}): Promise<Config> {
    return toConfig(await untilAborted(this.#link.config(), signal));
  }

  /** Progress of others in the workspace, from the first `next()` on; while nobody asks, it goes by. */
  progress(options?: IterateOptions): AsyncIterableIterator<ProgressUpdate> {
    return this.#link.reception.progress.iterate(options);
  }

  onProgress(handler: Handler<ProgressUpdate>, options?: HandleOptions): () => void {
    return handle(this.#link, this.#link.reception.progress, handler, options);
  }
}
