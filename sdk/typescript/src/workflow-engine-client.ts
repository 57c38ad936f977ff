import { Kv } from './kv.ts';
import type { Link } from './link.ts';
import { PublishingClient } from './publishing-client.ts';

/** The workflow engine; one in the whole fabric. Its messages are the events of every workspace. */
export class WorkflowEngineClient extends PublishingClient {
  /** State shared through the fabric. */
  readonly kv: Kv;

  constructor(link: Link) {
    super(link);
    this.kv = new Kv(link);
  }
}
