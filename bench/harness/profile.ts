/** Where a server's time goes, written down for whoever wants to make it faster. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Inspector } from './inspector.ts';
import { summarise } from './profile-summary.ts';
import type { Contender, Setting } from './setting.ts';

/** Runs a load once more under the profiler, where profiles are wanted. */
export const profileOf = async (
  { name, errors }: Pick<Contender, 'name' | 'errors'>,
  { setting, what, run }: { readonly setting: Setting; readonly what: string; readonly run: () => Promise<unknown> },
): Promise<void> => {
  const { profile: directory, progress } = setting.options;
  if (directory === undefined) return;
  using inspector = await Inspector.connect(errors());
  const profile = await inspector.profile(run);
  mkdirSync(directory, { recursive: true });
  const path = join(directory, `${what} ${name}`.replaceAll(/\W+/g, '-'));
  writeFileSync(`${path}.cpuprofile`, JSON.stringify(profile));
  writeFileSync(`${path}.txt`, summarise(profile));
  progress(`profile in ${path}.txt`);
};
