/** Where a profile says the time went: its functions by their own time, and by the file they are in. */
import type { CpuProfile, ProfileNode } from './inspector.ts';

const functionsShown = 40;

export const summarise = ({ nodes, samples, timeDeltas }: CpuProfile): string => {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const byFunction = new Map<string, number>();
  const byFile = new Map<string, number>();
  let totalUs = 0;
  let idleUs = 0;
  for (const [index, id] of samples.entries()) {
    const node = byId.get(id);
    const us = timeDeltas[index] ?? 0;
    if (node === undefined) continue;
    totalUs += us;
    if (node.callFrame.functionName === '(idle)') idleUs += us;
    else {
      add(byFunction, placeOf(node), us);
      add(byFile, fileOf(node), us);
    }
  }
  const busyUs = totalUs - idleUs;
  return [
    `busy ${percent(busyUs, totalUs)} of ${(totalUs / 1e6).toFixed(2)} s; shares are of the busy time`,
    '',
    ...shares(byFile, busyUs),
    '',
    ...shares(byFunction, busyUs).slice(0, functionsShown),
    '',
  ].join('\n');
};

const add = (into: Map<string, number>, key: string, us: number): void => {
  into.set(key, (into.get(key) ?? 0) + us);
};

const percent = (part: number, whole: number): string => `${((part / whole) * 100).toFixed(1)} %`;

const shares = (us: ReadonlyMap<string, number>, busyUs: number): string[] =>
  [...us]
    .toSorted(([, one], [, other]) => other - one)
    .map(([key, value]) => `${percent(value, busyUs).padStart(7)}  ${key}`);

const fileOf = ({ callFrame: { url, functionName } }: ProfileNode): string => {
  if (url === '') return functionName.startsWith('(') ? functionName : '(native)';
  if (url.startsWith('node:')) return url.split('/').slice(0, 3).join('/');
  const modules = url.lastIndexOf('node_modules/');
  if (modules >= 0) return url.slice(modules);
  return url.replace(/^.*\/(src|bench|sdk)\//, '$1/');
};

const placeOf = (node: ProfileNode): string => {
  const { functionName, lineNumber } = node.callFrame;
  const name = functionName === '' ? '(anonymous)' : functionName;
  return node.callFrame.url === '' ? name : `${name}  ${fileOf(node)}:${lineNumber + 1}`;
};
