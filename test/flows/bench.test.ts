/** The benchmark is a tool that is rarely used: this keeps it working. It says nothing about speed. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const node = ['--conditions=source', '--disable-warning=ExperimentalWarning', 'bench/bench.ts'];
/** Those that need most of the parts; the rest would only take longer. */
const lines = ['relay', 'log', 'connect'];
const short = ['--seconds', '0.05', '--rounds', '1', '--connections', '20', '--composition', 'embedded', '--json'];

interface Report {
  readonly figures: readonly {
    readonly line: string;
    readonly what: string;
    readonly median: number;
    readonly ceilingMedian: number;
  }[];
}

test('the benchmark measures each line beside its ceiling', async () => {
  const args = [...node, '--only', lines.join(','), ...short];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
  const { figures } = JSON.parse(stdout) as Report;
  expect(new Set(figures.map(({ line }) => line))).toEqual(new Set(lines));
  // Of attempts that are refused there should be none.
  for (const figure of figures.filter(({ what }) => what !== 'attempts refused')) {
    expect(figure.median, JSON.stringify(figure)).toBeGreaterThan(0);
    expect(figure.ceilingMedian, JSON.stringify(figure)).toBeGreaterThan(0);
  }
});
