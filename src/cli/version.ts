import { readFileSync } from 'node:fs';

const read = (): string => {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const found: unknown =
    typeof manifest === 'object' && manifest !== null ? Reflect.get(manifest, 'version') : undefined;
  return typeof found === 'string' ? found : '0.0.0';
};

/** Of this program, from its package. */
export const version = read();
