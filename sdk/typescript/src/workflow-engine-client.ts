import { PublishingClient } from './publishing-client.ts';

/** The workflow engine; one in the whole fabric. Its messages are the events of every workspace. */
export class WorkflowEngineClient extends PublishingClient {}
