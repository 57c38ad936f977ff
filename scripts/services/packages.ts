/** Installs Debian's packages of the servers without starting the system instances they bring. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { runApart } from './command.ts';

const aptGet = '/usr/bin/apt-get';

/** Packages ask this program whether they may start a service; 101 is no. */
const policyFile = '/usr/sbin/policy-rc.d';
const policy = '#!/bin/sh\n# Of "npm run services", for the time of an installation; may be deleted.\nexit 101\n';

export const canInstall = (): boolean => process.getuid?.() === 0 && existsSync(aptGet);

/** Takes no signal: an interrupted dpkg leaves packages half configured, which costs more than the wait. */
export async function installPackages(packages: readonly string[], log: (line: string) => void): Promise<void> {
  log('apt-get update');
  await apt('update');
  log(`apt-get install ${packages.join(' ')}`);
  await withoutStarts(() => apt('install', '--yes', '--no-install-recommends', ...packages));
}

async function apt(...args: string[]): Promise<void> {
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  // Another run may be installing the same.
  await runApart(aptGet, ['-q', '-o', 'DPkg::Lock::Timeout=300', ...args], { environment });
}

async function withoutStarts(install: () => Promise<void>): Promise<void> {
  const isOurs = !existsSync(policyFile);
  if (isOurs) writeFileSync(policyFile, policy, { mode: 0o755, flag: 'wx' });
  try {
    await install();
  } finally {
    if (isOurs) rmSync(policyFile);
  }
}
