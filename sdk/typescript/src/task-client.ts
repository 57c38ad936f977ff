import { type Config, toConfig } from './config.ts';
import type { IterateOptions } from './feed.ts';
import type { Link } from './link.ts';
import { ReportingClient } from './reporting-client.ts';
import { parseTopic } from './topic.ts';
import { untilAborted } from './until-aborted.ts';

/** A worker that lives as long as one piece of work. */
export class TaskClient extends ReportingClient {
  readonly workspace: string;
  readonly #link: Link;

  constructor(link: Link, { workspace }: { readonly workspace: string }) {
    super(link);
    this.#link = link;
    this.workspace = workspace;
  }

  /** Its own, or the one the gateway made up for it, which another may follow if the session cannot be resumed. */
  get specifier(): string {
    const parsed = parseTopic(this.topic);
    return parsed?.kind === 'task' ? parsed.specifier : '';
  }

  /** What the gateway gave this worker when it connected last. */
  async config({ signal }: IterateOptions = {}): Promise<Config> {
    return toConfig(await untilAborted(this.#link.config(), signal));
  }
}
