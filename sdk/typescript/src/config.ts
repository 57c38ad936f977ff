import type { ConfigSnapshot } from './gen/aether/v1/connection.ts';

/** What the gateway gives a starting worker, once per connection. */
export interface Config {
  /** For an agent started by a launch: what it was started for. Empty otherwise. */
  readonly taskContext: Readonly<Record<string, string>>;
  /** This identity's own keys in its workspace; the first 100. */
  readonly workspaceExclusive: ReadonlyMap<string, Uint8Array>;
  /** This identity's own keys in all workspaces; the first 100. */
  readonly globalExclusive: ReadonlyMap<string, Uint8Array>;
}

export const toConfig = (snapshot: ConfigSnapshot): Config => ({
  taskContext: Object.fromEntries(snapshot.taskContext),
  workspaceExclusive: snapshot.workspaceExclusiveKv,
  globalExclusive: snapshot.globalExclusiveKv,
});
