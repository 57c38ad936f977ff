import { judge, type RequestOptions } from './ask.ts';
import { failure } from './error.ts';
import type { HandleOptions, Handler, IterateOptions } from './feed.ts';
import { handle } from './handling.ts';
import { identifierFault } from './identifier.ts';
import type { Link } from './link.ts';
import { MessagingClient } from './messaging-client.ts';
import type { ProgressUpdate } from './progress.ts';
import type { Upstream } from './wire.ts';

/** One window of a person. */
export class UserClient extends MessagingClient {
  readonly userId: string;
  readonly #link: Link;

  constructor(link: Link, { userId }: { readonly userId: string }) {
    super(link);
    this.#link = link;
    this.userId = userId;
  }

  /** The workspace the window is in, if any. */
  get workspace(): string | undefined {
    return this.#link.workspace;
  }

  /**
   * Moves the window to another workspace, or out of any. Resolves when it is in force, rejects where the gateway
   * refuses. The client enters the workspace again whenever it reconnects.
   */
  async switchWorkspace(workspace: string | undefined, options: RequestOptions = {}): Promise<void> {
    const fault = workspace === undefined ? undefined : identifierFault(workspace);
    if (fault !== undefined) throw failure('INVALID_ARGUMENT', `workspace ${fault}`);
    const frame: Upstream = { $case: 'switchWorkspace', value: { newWorkspaceId: workspace ?? '' } };
    await judge(this.#link, [frame], options);
    this.#link.enter(workspace, workspace === undefined ? [] : [frame]);
  }

  /** Progress meant for this user or of the workspace, from the first `next()` on; while nobody asks, it goes by. */
  progress(options?: IterateOptions): AsyncIterableIterator<ProgressUpdate> {
    return this.#link.reception.progress.iterate(options);
  }

  onProgress(handler: Handler<ProgressUpdate>, options?: HandleOptions): () => void {
    return handle(this.#link, this.#link.reception.progress, handler, options);
  }
}
