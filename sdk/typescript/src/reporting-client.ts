import { Kv } from './kv.ts';
import type { Link } from './link.ts';
import type { ProgressReport } from './progress.ts';
import { PublishingClient } from './publishing-client.ts';
import { reportProgress, type WaitOptions } from './sending.ts';

/** A principal that also reports how far its work is. */
export class ReportingClient extends PublishingClient {
  /** State shared through the fabric, and of this principal's own. */
  readonly kv: Kv;
  readonly #link: Link;

  constructor(link: Link) {
    super(link);
    this.#link = link;
    this.kv = new Kv(link);
  }

  /** Tells who watches the workspace, or the recipient named, how far work is. Waits as `send` does. */
  reportProgress(report: ProgressReport, options: WaitOptions = {}): Promise<void> {
    return reportProgress(this.#link, report, options);
  }
}
