import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An empty folder of its own for a test. */
export const makeDirectory = (): string => mkdtempSync(join(tmpdir(), 'aether-test-services-'));

export const removeDirectory = (directory: string): void => rmSync(directory, { recursive: true, force: true });
