import { ReportingClient } from './reporting-client.ts';

/** A shared backend, in no workspace. */
export class ServiceClient extends ReportingClient {}
