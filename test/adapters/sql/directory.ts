import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TestDirectory extends Disposable {
  readonly path: string;
  file(name: string): string;
}

/** An empty directory, deleted when disposed. */
export const createTestDirectory = (): TestDirectory => {
  const path = mkdtempSync(join(tmpdir(), 'aether-sql-'));
  return {
    path,
    file: (name) => join(path, name),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
};
