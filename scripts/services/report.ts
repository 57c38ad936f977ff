/** What a state file says, held against the processes there are. */
import { conditionOf } from './process.ts';
import type { Condition } from './process-table.ts';
import type { State } from './state.ts';

export interface Report {
  readonly directory: string;
  /** Where Docker runs them: `docker compose --project-name …` tells more. */
  readonly project?: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly readyMs: Readonly<Record<string, number>>;
  readonly processes: readonly ReportedProcess[];
}

interface ReportedProcess {
  readonly unit: string;
  readonly role: string;
  readonly pid: number;
  readonly condition: Condition;
}

export function reportOf(directory: string, { project, environment, readyMs, units }: State): Report {
  const processes = Object.entries(units).flatMap(([unit, { processes: records }]) =>
    records.map((record) => ({ unit, role: record.role, pid: record.pid, condition: conditionOf(record) })),
  );
  return { directory, project, environment, readyMs, processes };
}

export const isWell = ({ processes }: Report): boolean => processes.every(({ condition }) => condition === 'running');

export const textOf = ({ directory, project, environment, processes }: Report): string =>
  [
    `in ${directory}${project === undefined ? '' : `, by Docker in project ${project}`}`,
    ...Object.entries(environment).map(([name, value]) => `  ${name.padEnd(28)} ${value}`),
    ...processes.map(
      ({ unit, role, pid, condition }) => `  ${unit.padEnd(12)} ${role.padEnd(15)} ${condition.padEnd(8)} ${pid}`,
    ),
  ].join('\n');

/** For a shell's `eval`. */
export const exportLinesOf = ({ environment }: Pick<Report, 'environment'>): string =>
  Object.entries(environment)
    .map(([name, value]) => `export ${name}=${value}`)
    .join('\n');
