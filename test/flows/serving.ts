/** Gateways as commands: where they serve, by the line they start with. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AetherCommand, type CommandOptions } from './aether-command.ts';

/** What `--json` says first. */
export interface Announcement {
  readonly event: 'up';
  readonly version: string;
  readonly mode: 'embedded' | 'stack';
  readonly gateway: string;
  readonly grpc: string;
  readonly ops: string;
  readonly pid: number;
}

export interface Serving extends AsyncDisposable {
  readonly command: AetherCommand;
  readonly announcement: Announcement;
}

/** A folder for the time of a test. */
export class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'aether-cli-'));

  file(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

/** Starts a gateway on free ports; resolves when it serves. */
export const serve = async (args: readonly string[], options?: CommandOptions): Promise<Serving> => {
  const command = new AetherCommand([...args, '--port', '0', '--ops-port', '0', '--json'], options);
  const announcement = JSON.parse(await command.line()) as Announcement;
  return { command, announcement, [Symbol.asyncDispose]: () => command[Symbol.asyncDispose]() };
};
