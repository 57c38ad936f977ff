/** The Markdown files the agent answers from. */
import { glob, readFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Section, sectionsOf } from './sections.ts';

export interface Documents {
  readonly folder: string;
  /** Which files of the folder, as glob patterns. */
  readonly patterns: readonly string[];
}

/** What this project says about itself. */
export const ownDocuments: Documents = {
  folder: fileURLToPath(new URL('../..', import.meta.url)),
  patterns: ['*.md', 'docs/**/*.md', 'sdk/typescript/README.md'],
};

export const documentsIn = (folder: string): Documents => ({ folder, patterns: ['**/*.md'] });

/** Their names within the folder. */
export const filesOf = async ({ folder, patterns }: Documents): Promise<string[]> => {
  const files: string[] = [];
  const found = glob([...patterns], { cwd: folder, exclude: ['**/node_modules/**', '**/.*/**'] });
  for await (const file of found) files.push(file);
  return files.toSorted();
};

export const readSections = async (folder: string, files: readonly string[]): Promise<Section[]> => {
  const read = files.map(async (file) =>
    sectionsOf(file.replaceAll(sep, '/'), await readFile(join(folder, file), 'utf8')),
  );
  return (await Promise.all(read)).flat();
};
