/**
 * `npm run check`: everything a commit must satisfy beside its tests. Each step is a command anyone can run alone; all of
 * them run, and the failures are listed at the end.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));

interface Step {
  readonly name: string;
  readonly command: readonly string[];
  /** Files and folders the command must leave as they are. */
  readonly keeps?: readonly string[];
}

const steps: readonly Step[] = [
  {
    name: 'generated code is current',
    command: ['npm', 'run', '--silent', 'gen'],
    keeps: ['src/gen', 'sdk/typescript/src/gen'],
  },
  {
    name: 'reference is current',
    command: ['npm', 'run', '--silent', 'reference'],
    keeps: ['docs/configuration.md', 'configs'],
  },
  { name: 'wire', command: ['npm', 'run', '--silent', 'wire'] },
  { name: 'format', command: ['biome', 'check'] },
  { name: 'lint', command: ['npm', 'run', '--silent', 'lint'] },
  { name: 'types', command: ['npm', 'run', '--silent', 'types'] },
  { name: 'build', command: ['npm', 'run', '--silent', 'build'] },
  { name: 'dead code', command: ['npm', 'run', '--silent', 'dead'] },
];

/** One hash over the files below the paths. */
const fingerprint = (paths: readonly string[]): string => {
  const hash = createHash('sha256');
  for (const path of paths)
    for (const file of filesBelow(path)) hash.update(file).update(readFileSync(`${root}${file}`));
  return hash.digest('hex');
};

const filesBelow = (path: string): readonly string[] => {
  if (!path.includes('.') || path.endsWith('/gen'))
    return readdirSync(`${root}${path}`, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.parentPath}/${entry.name}`.slice(root.length))
      .toSorted();
  return [path];
};

const passes = ({ name, command: [program = '', ...args], keeps = [] }: Step): boolean => {
  const startedMs = performance.now();
  const before = fingerprint(keeps);
  const { status } = spawnSync(program, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  const isKept = fingerprint(keeps) === before;
  if (!isKept) console.error(`${keeps.join(' and ')} changed: commit what this wrote`);
  const ok = status === 0 && isKept;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name} (${((performance.now() - startedMs) / 1000).toFixed(1)} s)`);
  return ok;
};

const failed = steps.filter((step) => !passes(step));
if (failed.length > 0) console.error(`\nfailed: ${failed.map(({ name }) => name).join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
