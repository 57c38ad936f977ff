/** A private Python with the published client in it, made once and again when the requirements or the Python change. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lastLines, runApart } from '../services/command.ts';
import { canInstall, installPackages } from '../services/packages.ts';

export interface PythonOptions {
  /** Made if it is not there; it is this function's alone. */
  readonly directory: string;
  readonly requirements: string;
  readonly log: (line: string) => void;
}

/** Answers with the interpreter. */
export async function openPython({ directory, requirements, log }: PythonOptions): Promise<string> {
  const interpreter = join(directory, 'bin', 'python');
  const wanted = createHash('sha256')
    .update(await systemPython(log))
    .update(readFileSync(requirements))
    .digest('hex');
  if (isMade(directory, wanted)) return interpreter;
  log(`installing ${requirements} into ${directory}`);
  rmSync(directory, { recursive: true, force: true });
  const environment = process.env;
  await runApart('python3', ['-m', 'venv', directory], { environment });
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '-r', requirements];
  await runApart(interpreter, pip, { environment });
  await runApart(interpreter, ['-m', 'pip', 'check', '--disable-pip-version-check'], { environment });
  writeFileSync(join(directory, madeOf), wanted);
  return interpreter;
}

/** Written when all else is there, so that an interrupted installation is begun anew. */
const madeOf = 'made-of';

const isMade = (directory: string, wanted: string): boolean => {
  const file = join(directory, madeOf);
  return existsSync(file) && readFileSync(file, 'utf8') === wanted;
};

/** Which Python there is, as text; installed where that is possible, or a reason why there is none. */
async function systemPython(log: (line: string) => void): Promise<string> {
  const found = probe();
  if ('is' in found) return found.is;
  if (!canInstall()) throw new Error(`${found.fault}. Install Python 3.10 or newer with its venv module:\n${howTo}`);
  await installPackages(['python3', 'python3-venv'], log);
  const installed = probe();
  if ('is' in installed) return installed.is;
  throw new Error(`${installed.fault}, even with python3 and python3-venv installed`);
}

const howTo = `\
  Debian, Ubuntu  sudo apt-get install python3 python3-venv   (as root this command does so itself)
  Fedora          sudo dnf install python3
  macOS           brew install python3`;

/** `ensurepip` is what Debian leaves out of its `venv`. */
const program = `
import sys, venv, ensurepip
if sys.version_info < (3, 10): sys.exit("python3 is " + sys.version.split()[0])
print(sys.executable, sys.version)
`;

function probe(): { readonly is: string } | { readonly fault: string } {
  const { status, stdout, stderr } = spawnSync('python3', ['-c', program], { encoding: 'utf8' });
  if (status === 0) return { is: stdout };
  if (status === null) return { fault: 'there is no python3' };
  return { fault: lastLines(stderr).split('\n').at(-1) ?? 'python3 does not work' };
}
