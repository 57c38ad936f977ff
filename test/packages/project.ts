/** An empty project of somebody who has nothing but Node and npm, with our packages installed. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { Command, type Ended, runCommand } from '../command.ts';
import { environmentOf } from './release.ts';

export interface ProjectOptions {
  readonly folder: string;
  readonly node: string;
  readonly tarballs: readonly string[];
}

export class Project {
  readonly folder: string;
  readonly #env: NodeJS.ProcessEnv;

  static async install({ folder, node, tarballs }: ProjectOptions): Promise<Project> {
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), '{}');
    const project = new Project(folder, node);
    const { exitCode, log } = await project.run(['npm', 'install', ...tarballs]);
    if (exitCode !== 0) throw new Error(log);
    return project;
  }

  private constructor(folder: string, node: string) {
    this.folder = folder;
    this.#env = environmentOf(node);
  }

  /** The files of a package, as installed. */
  filesOf(name: string): string[] {
    const folder = join(this.folder, 'node_modules', name);
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    return entries.map(({ parentPath, name: file }) =>
      join(parentPath, file)
        .slice(folder.length + 1)
        .replaceAll(sep, '/'),
    );
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  start([program = '', ...args]: readonly string[], env: NodeJS.ProcessEnv = {}): Command {
    return new Command(program, args, { cwd: this.folder, env: { ...this.#env, ...env } });
  }

  run([program = '', ...args]: readonly string[]): Promise<Ended> {
    return runCommand(program, args, { cwd: this.folder, env: this.#env });
  }
}
