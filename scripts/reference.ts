/** Writes what is derived from the configuration schema: the reference page and the example files. */
import { writeFileSync } from 'node:fs';
import { exampleFile, referencePage } from '../src/config/reference.ts';

const root = new URL('../', import.meta.url);

writeFileSync(new URL('docs/configuration.md', root), referencePage());
for (const mode of ['embedded', 'stack'] as const)
  writeFileSync(new URL(`configs/${mode}.yaml`, root), exampleFile(mode));
