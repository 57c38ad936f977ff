import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '');
const ours = files.filter((file) => /^(src|sdk\/typescript\/src)\/.*\.ts$/.test(file) && !file.includes('/gen/'));
const read = (file: string): string => readFileSync(`${root}${file}`, 'utf8');
const holding = (pattern: RegExp, among = ours): string[] => among.filter((file) => pattern.test(read(file)));

describe('house rules', () => {
  test('no bucket files', () => {
    expect(ours.filter((file) => /\/(utils?|helpers?|common|types|constants|interfaces)(\/|\.ts$)/.test(file))).toEqual(
      [],
    );
    expect(ours.filter((file) => file.endsWith('/index.ts') && file !== 'sdk/typescript/src/index.ts')).toEqual([]);
  });

  test('names say what things are', () => {
    expect(holding(/\b(class|interface) (I[A-Z]\w*|\w+(Manager|Helper|Util|Processor|Impl|Data|Info))\b/)).toEqual([]);
  });

  test('nothing below compose knows which composition it runs in', () => {
    const below = ours.filter(
      (file) =>
        /^src\/(model|ports|acl|presence|router|kv|checkpoints|gateway|admin|adapters)\//.test(file) &&
        !file.endsWith('.test.ts'),
    );
    expect(holding(/isEmbedded|mode === '(embedded|stack)'/, below)).toEqual([]);
  });

  test('only config and cli read the environment and arguments', () => {
    const others = ours.filter(
      (file) => file.startsWith('src/') && !/^src\/(config|cli)\//.test(file) && !file.endsWith('.test.ts'),
    );
    expect(holding(/process\.(env|argv)\b/, others)).toEqual([]);
  });

  test('only system adapters read a clock or make randomness', () => {
    const others = ours.filter(
      (file) =>
        /^src\/(model|ports|acl|presence|router|kv|checkpoints|gateway)\//.test(file) && !file.endsWith('.test.ts'),
    );
    expect(
      holding(/\bDate\.now\(|performance\.now\(|Math\.random\(|\bsetTimeout\(|\bsetInterval\(|new Date\(\)/, others),
    ).toEqual([]);
  });

  test('no path of a machine, host of a registry, or secret', () => {
    const text = files.filter((file) => !/\.(png|tsv)$/.test(file) && !file.startsWith('test/rules/'));
    expect(holding(/registry\.npmjs|\/work\/(main|shared)|pypi\.org|BEGIN (RSA |EC )?PRIVATE KEY-/, text)).toEqual([]);
  });

  test('no types switched off', () => {
    expect(holding(/\bas any\b|: any\s*[;,)>\]=|{]|<any>|as unknown as|@ts-(ignore|expect-error|nocheck)/)).toEqual([]);
  });
});
