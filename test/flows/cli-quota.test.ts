/** `aether quota`, as operators type it. */
import { expect, test } from 'vitest';
import { aether } from './aether-command.ts';
import { onEachComposition, unique } from './fabric.ts';

onEachComposition((fabric) => {
  const quota = (gateway: number, ...args: string[]) =>
    aether(['quota', ...args, '--address', fabric().address(gateway)]);

  test('sets, shows, lists and clears limits, which hold on the other gateway too, and are written down', async () => {
    const workspace = unique('limits');
    const set = await quota(0, 'set', workspace, 'session_rate=50', 'workspace_connections=7');
    expect(set).toMatchObject({ code: 0, stderr: '' });
    expect(set.stdout).toMatch(/^session_rate +50 messages\/s {2}\(changed here\)$/m);
    expect(set.stdout).toMatch(/^session_burst +twice the rate$/m);
    expect(set.stdout).toMatch(/^workspace_rate +no limit$/m);
    const shown = await quota(1, 'get', workspace, '--json');
    expect(JSON.parse(shown.stdout)).toMatchObject({
      subject: workspace,
      limits: { session_rate: 50, workspace_connections: 7, kv_keys: 100_000 },
      changed: { session_rate: 50, workspace_connections: 7 },
    });
    expect((await quota(1, 'list', workspace)).stdout).toBe(`${workspace}  session_rate=50 workspace_connections=7`);
    expect((await quota(1, 'clear', workspace, 'session_rate')).code).toBe(0);
    expect((await quota(0, 'list', workspace)).stdout).toBe(`${workspace}  workspace_connections=7`);
    expect((await quota(0, 'clear', workspace)).code).toBe(0);
    expect((await quota(1, 'list', workspace)).stdout).toBe('nothing has been changed');
    const told = fabric().log.lines.filter(
      ({ event, fields }) => event === 'quota changed' && fields['subject'] === workspace,
    );
    expect(told).toHaveLength(3);
    expect(told[0]?.fields).toMatchObject({ limits: { session_rate: 50, workspace_connections: 7 } });
  });

  test.each([
    ['a negative limit', ['set', 'w', 'session_rate=-1'], 2, 'limits are session_rate'],
    ['half a limit', ['set', 'w', 'session_rate'], 2, 'limits are session_rate'],
    ['an unknown limit', ['set', 'w', 'rate=1'], 2, 'limits are session_rate'],
    ['no limit', ['set', 'w'], 2, 'missing required argument'],
    ['more than can be', ['set', 'w', 'session_rate=1000000001'], 1, 'must be a whole number from 0 to'],
    ['a limit of workspaces for an identity', ['set', 'ag::w::i::s', 'workspace_rate=1'], 1, 'is an identity'],
    ['a workspace that cannot be', ['get', 'a b'], 1, 'contains white space'],
    ['an identity that cannot be', ['get', 'ag::w'], 1, 'is no identity'],
    ['clearing what has not been changed', ['clear', 'nobody-changed-this'], 1, 'no limit has been changed'],
  ])('says what is wrong with %s', async (_, args, code, message) => {
    const run = await quota(0, ...args);
    expect(run.code).toBe(code);
    expect(run.stderr).toContain(message);
  });
});
