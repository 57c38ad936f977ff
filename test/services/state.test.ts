import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { endServices, openInstance } from '../../scripts/services/instance.ts';
import { ownIdentity } from '../../scripts/services/process.ts';
import { readState, type State, StateFile } from '../../scripts/services/state.ts';
import { makeDirectory, removeDirectory } from './directory.ts';

const own = { ...ownIdentity(), role: 'test', endSignal: 'SIGKILL' } as const;

/** What is left of this very test's process id when a machine has started anew. */
const ofAnotherBoot = { ...own, started: `another-boot ${own.started}` };

let directory: string;

beforeEach(() => {
  directory = makeDirectory();
  onTestFinished(() => removeDirectory(directory));
});

const leave = (change: Partial<State>): void => new StateFile(directory).set(change);

describe('the state file', () => {
  it('reads as it was written', () => {
    const file = new StateFile(directory);
    file.set({ environment: { AETHER_TEST_REDIS: '127.0.0.1:17001' }, readyMs: { redis: 20 } });
    file.setUnit('postgres', { outside: '/tmp/aether-services-x' });
    file.setUnit('postgres', { processes: [own] });
    expect(readState(directory)).toEqual(file.state);
    expect(file.unit('postgres')).toEqual({ outside: '/tmp/aether-services-x', processes: [own] });
    expect(file.state.owner).toEqual(ownIdentity());
  });

  it('is not there before it is written', () => {
    expect(readState(directory)).toBeUndefined();
  });

  it('goes to one of two that want the directory', () => {
    leave({});
    expect(() => new StateFile(directory)).toThrow('EEXIST');
  });

  it('is refused when it is not ours', () => {
    writeFileSync(join(directory, 'state.json'), '{"units":{"../..":{"processes":[]}}}');
    expect(() => readState(directory)).toThrow('not a state file of ours');
  });
});

describe('claiming a directory', () => {
  it('refuses one that holds other things', async () => {
    writeFileSync(join(directory, 'thesis.txt'), '');
    await expect(openInstance(directory)).rejects.toThrow('not empty');
    expect(readdirSync(directory)).toEqual(['thesis.txt']);
  });

  it('refuses one in use', async () => {
    leave({});
    await expect(openInstance(directory)).rejects.toThrow(`in use by process ${process.pid}`);
    await expect(endServices(directory)).rejects.toThrow('in use');
  });

  it('refuses one whose services are up', async () => {
    leave({ owner: undefined, units: { redis: { processes: [own] } } });
    await expect(openInstance(directory)).rejects.toThrow('up in');
  });

  it('takes over what was left before a reboot, and signals nobody', async () => {
    leave({ owner: ofAnotherBoot, units: { redis: { processes: [ofAnotherBoot] } } });
    const instance = await openInstance(directory);
    expect(readState(directory)).toEqual(instance.state.state);
    expect(instance.state.state.units).toEqual({});
    await instance.close({ keep: false });
    expect(existsSync(directory)).toBe(false);
  });
});

describe('ending services', () => {
  it('does nothing where nothing is up', async () => {
    expect(await endServices(directory)).toBe(false);
  });

  it('deletes the folders of its units and no others', async () => {
    leave({ owner: undefined, units: { redis: { processes: [ofAnotherBoot], outside: directory } } });
    writeFileSync(join(directory, 'notes'), '');
    writeFileSync(join(directory, 'redis'), '');
    expect(await endServices(directory)).toBe(true);
    expect(readdirSync(directory)).toEqual(['notes']);
  });
});
