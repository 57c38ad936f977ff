/** Figures for people and for programs. */
import { cpus } from 'node:os';
import type { Compared } from '../compare/comparison.ts';
import { type Budget, differenceOf, type Figure, isSteady, judge, ratioOf } from './figures.ts';
import { type Spread, spreadOf } from './statistics.ts';

export interface Report {
  readonly machine: string;
  readonly startedAt: string;
  /** Cores that others kept busy meanwhile. */
  readonly others: number;
  readonly seconds: number;
  readonly rounds: number;
  readonly figures: readonly Figure[];
  /** The same work on other systems, where it was asked for. */
  readonly compared: readonly Compared[];
}

export const machine = (): string => `${cpus().length} × ${cpus()[0]?.model ?? ''}, Node ${process.version}`;

/** With medians, spreads and verdicts beside the raw values. */
export const toJson = ({ figures, ...rest }: Report): string =>
  JSON.stringify({
    ...rest,
    figures: figures.map((figure) => ({
      ...figure,
      median: spreadOf(figure.ours).median,
      ceilingMedian: figure.ceiling.length === 0 ? undefined : spreadOf(figure.ceiling).median,
      ratio: figure.ceiling.length === 0 ? undefined : ratioOf(figure),
      verdicts: judge(figure),
    })),
  });

const heads = ['line', 'what', 'fabric', 'ours', 'ceiling', 'ratio', 'budget', ''] as const;

/** A table in Markdown, which is also readable as it is. */
export const toTable = (report: Report): string =>
  [
    `${report.machine}. ${report.startedAt}. Others kept ${report.others.toFixed(2)} cores busy meanwhile.`,
    `Medians of ${report.rounds} rounds of ${report.seconds} s; in brackets the least and the most of the rounds.`,
    ...(report.figures.length === 0 ? [] : ['', ...table(heads, report.figures.map(rowOf))]),
    ...(report.compared.length === 0 ? [] : ['', ...comparison(report.compared)]),
  ].join('\n');

const table = (titles: readonly string[], rows: readonly (readonly string[])[]): readonly string[] => {
  const widths = titles.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [line(titles), rule, ...rows.map(line)];
};

const comparison = (compared: readonly Compared[]): readonly string[] => [
  '10 pairs, 256 B, published one by one with up to 64 unconfirmed of a pair; all clients in one process.',
  '',
  ...table(
    ['system', 'messages/s', 'p50 at 1,000/s', 'p99 at 1,000/s', 'what it does for that'],
    compared.map(({ name, messagesPerSecond, p50Ms, p99Ms, note }) => [
      name,
      spread(spreadOf(messagesPerSecond)),
      `${spread(spreadOf(p50Ms))} ms`,
      `${spread(spreadOf(p99Ms))} ms`,
      note,
    ]),
  ),
];

const rowOf = (figure: Figure): readonly string[] => [
  figure.line,
  figure.what,
  figure.composition,
  `${spread(spreadOf(figure.ours))} ${figure.unit}`,
  figure.ceiling.length === 0 ? '—' : `${spread(spreadOf(figure.ceiling))} (${figure.ceilingName})`,
  ratioCell(figure),
  budgetCell(figure),
  figure.note ?? '',
];

const ratioCell = (figure: Figure): string => {
  if (figure.ceiling.length === 0) return '—';
  const ratio = ratioOf(figure);
  if (!Number.isFinite(ratio.median)) return '—';
  return `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})${isSteady(ratio) ? '' : ', unsteady'}`;
};

const budgetCell = (figure: Figure): string =>
  figure.budgets.length === 0
    ? '—'
    : judge(figure)
        .map(({ budget, verdict }) => `${budgetText(figure, budget)}: ${verdict}`)
        .join('; ');

const budgetText = (figure: Figure, { of, bound, limit }: Budget): string => {
  const sign = bound === 'at least' ? '≥' : '≤';
  switch (of) {
    case 'ratio':
      return `${sign} ${limit}`;
    case 'difference':
      return `${sign} ${limit} ${figure.unit} over it (${number(differenceOf(figure).median)})`;
    case 'value':
      return `${sign} ${number(limit)} ${figure.unit}`;
  }
};

const spread = ({ median, min, max }: Spread): string => `${number(median)} (${number(min)}–${number(max)})`;

/** Three digits that say something. */
const number = (value: number): string => {
  if (!Number.isFinite(value)) return '?';
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3;
  return value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: 0 });
};
