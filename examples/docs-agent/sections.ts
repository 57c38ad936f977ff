/**
 * Markdown into sections, and a section into passages: paragraphs, items of a list, rows of a table, blocks of code.
 * What looks like a heading inside a code fence is code. Headings underlined with === or --- are taken for text.
 */

export interface Section {
  /** The file it is from, as it should be shown. */
  readonly file: string;
  /** The headings it stands under, from the outermost: `Architecture › Promises`. */
  readonly heading: string;
  readonly passages: readonly string[];
}

export const sectionsOf = (file: string, markdown: string): Section[] => {
  const sections: Section[] = [];
  const path: string[] = [];
  let passages: string[] = [];
  const endSection = (): void => {
    if (passages.length > 0) sections.push({ file, heading: path.filter(Boolean).join(' › ') || file, passages });
    passages = [];
  };
  for (const block of blocksOf(markdown)) {
    const heading = headingOf(block);
    if (heading === undefined) {
      passages.push(...(isTable(block) ? rowsOf(block) : [block]));
      continue;
    }
    endSection();
    path.length = heading.level - 1;
    path[heading.level - 1] = heading.title;
  }
  endSection();
  return sections;
};

/** Headings, items and fenced code each on their own; everything else as blank lines divide it. */
const blocksOf = (markdown: string): string[] => {
  const blocks: string[] = [];
  let lines: string[] = [];
  const endBlock = (): void => {
    const block = lines.join('\n');
    if (/[\p{L}\p{N}]/u.test(block)) blocks.push(block);
    lines = [];
  };
  let fence: string | undefined;
  for (const line of markdown.split(/\r?\n/)) {
    if (fence !== undefined) {
      lines.push(line);
      if (!closes(fence, line)) continue;
      fence = undefined;
      endBlock();
      continue;
    }
    fence = fenceOf(line);
    const isHeading = headingOf(line) !== undefined;
    const isBlank = line.trim() === '';
    if (fence !== undefined || isHeading || isItem(line) || isBlank) endBlock();
    if (!isBlank) lines.push(line);
    if (isHeading) endBlock();
  }
  endBlock();
  return blocks;
};

const fenceOf = (line: string): string | undefined => /^\s*(`{3,}|~{3,})/.exec(line)?.[1];

const closes = (fence: string, line: string): boolean => {
  const mark = line.trim();
  return mark.startsWith(fence) && mark === fence.charAt(0).repeat(mark.length);
};

const headingOf = (block: string): { readonly level: number; readonly title: string } | undefined => {
  const [, marks, title] = /^(#{1,6})\s+(.+?)\s*#*$/.exec(block) ?? [];
  return marks === undefined || title === undefined ? undefined : { level: marks.length, title };
};

const isItem = (line: string): boolean => /^([-*+]|\d+[.)])\s/.test(line);

const isTable = (block: string): boolean => /^\s*\|.*\|\s*\n\s*\|[-:|\s]+\|\s*(\n|$)/.test(block);

/** Rows that can be read alone: each cell behind the name of its column. */
const rowsOf = (table: string): string[] => {
  const [columns = [], , ...rows] = table.split('\n').map(cellsOf);
  return rows.map((cells) =>
    cells
      .flatMap((cell, index) => (cell === '' ? [] : [columns[index] ? `${columns[index]}: ${cell}` : cell]))
      .join('; '),
  );
};

/** A pipe after a backslash is not the end of a cell. */
const cellsOf = (row: string): string[] =>
  row
    .trim()
    .replace(/^\|/, '')
    .replace(/\|$/, '')
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());
