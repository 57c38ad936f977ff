/** Spreads seeds, or mutations, over several processes, each of which runs this same program on its share. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { SeedRange } from './campaign.ts';

const program = fileURLToPath(new URL('main.ts', import.meta.url));

/** Runs the program with these arguments and reads what it prints. Its progress goes where ours goes. */
export const runJob = async (args: readonly string[], jobs = 1): Promise<unknown> => {
  const child = spawn(process.execPath, [...process.execArgv, program, ...args, '--json', '--jobs', `${jobs}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const output = await text(child.stdout);
  return JSON.parse(output);
};

/** As many ranges as there are jobs, one behind the other. */
export const split = ({ first, last }: SeedRange, jobs: number): readonly SeedRange[] => {
  const each = Math.ceil((last - first + 1) / jobs);
  return Array.from({ length: jobs }, (_, job) => ({
    first: first + job * each,
    last: Math.min(last, first + (job + 1) * each - 1),
  })).filter((range) => range.first <= range.last);
};
