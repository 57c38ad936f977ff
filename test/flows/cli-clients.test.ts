/** `aether send`, `tail` and `who` against a gateway in another process. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AetherCommand, aether, type CommandOptions } from './aether-command.ts';
import { unique } from './fabric.ts';
import { Folder, type Serving, serve } from './serving.ts';

const folder = new Folder();
let gateway: Serving;
beforeAll(async () => {
  gateway = await serve(['up', '--data-dir', folder.file('data')]);
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const at = () => ['--address', gateway.announcement.grpc];
const run = (args: readonly string[], options?: CommandOptions) => aether([...args, ...at()], options);

/** Tails as the identity; resolves when it is connected. */
const tailing = async (identity: string, ...flags: readonly string[]): Promise<AetherCommand> => {
  const tail = new AetherCommand(['tail', identity, ...flags, ...at()]);
  await tail.logged(`connected as ${identity}`);
  return tail;
};

describe('aether send and aether tail', () => {
  test('carry a message from one to the other, readably', async () => {
    const identity = `ag::${unique('w')}::i::s`;
    await using tail = await tailing(identity, '--count', '1');
    const sent = await run(['send', identity, 'grüße', '--as', 'sv::cli::me', '--type', 'chat']);
    expect(sent).toEqual({ code: 0, stdout: `durable: 7 bytes to ${identity}`, stderr: '' });
    expect(await tail.ended).toMatchObject({ code: 0, stdout: 'sv::cli::me  chat  grüße' });
  });

  test('and as one JSON object a line', async () => {
    const workspace = unique('w');
    const identity = `ag::${workspace}::i::s`;
    const sent = await run(['send', identity, 'hello', '--as', 'sv::cli::me', '--json']);
    expect(JSON.parse(sent.stdout)).toEqual({ event: 'durable', topic: identity, bytes: 5 });
    const { code, stdout, stderr } = await run(['tail', identity, '--count', '1', '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ source: 'sv::cli::me', type: 'opaque', workspace: '', text: 'hello' });
  });

  test('what nobody was there for is kept for the tail that comes, in order', async () => {
    const identity = `ag::${unique('w')}::i::late`;
    for (const body of ['one', 'two', 'three']) expect((await run(['send', identity, body])).code).toBe(0);
    const { stdout } = await run(['tail', identity, '--count', '3', '--json']);
    const texts = stdout.split('\n').map((line) => (JSON.parse(line) as { text: string }).text);
    expect(texts).toEqual(['one', 'two', 'three']);
  });

  test('the payload may come from standard input', async () => {
    const identity = `ag::${unique('w')}::i::s`;
    expect((await run(['send', identity], { stdin: 'line one\nline two\n' })).stdout).toContain('18 bytes');
    const { stdout } = await run(['tail', identity, '--count', '1', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ text: 'line one\nline two\n' });
  });

  test('a person in a workspace hears what is said to all in it', async () => {
    const workspace = unique('w');
    await using tail = await tailing(`us::${unique('ann')}::1`, '--workspace', workspace, '--count', '1');
    expect((await run(['send', `gu::${workspace}`, 'to all', '--workspace', workspace])).code).toBe(0);
    expect((await tail.ended).stdout).toMatch(/opaque {2}to all$/);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s stops a tail, which exits with 0 and gives its identity up',
    async (signal) => {
      const identity = `ag::${unique('w')}::i::s`;
      await using tail = await tailing(identity);
      tail.signal(signal);
      expect((await tail.ended).code).toBe(0);
      await using again = await tailing(identity);
      again.signal(signal);
      await again.ended;
    },
  );

  test.each([
    [['send', 'nonsense', 'x'], 1, '"nonsense" is not a topic'],
    [['send', 'ag::a::i::s', 'x', '--as', 'ag::b::i::s'], 1, 'not authorized to send to topic ag::a::i::s'],
    [['send', 'ag::a::i::s', 'x', '--as', 'nobody'], 2, '"nobody" is no identity to connect as'],
    [['send', 'ag::a::i::s', 'x', '--type', 'weird'], 2, '--type is one of opaque, chat'],
    [['send', 'sv::nobody-here', 'x'], 1, 'no instance of sv::nobody-here is connected'],
    [['tail', 'ag::a::i::s', '--count', 'many'], 2, '--count is a number of messages'],
    [['tail', 'gu::a'], 2, '"gu::a" is no identity to connect as'],
    [['send', 'ag::a::i::s', 'x', '--tls-ca', '/no/such.pem'], 2, 'cannot read /no/such.pem'],
  ])('%j is refused in one line', async (args, code, said) => {
    const outcome = await run(args);
    expect(outcome).toMatchObject({ code, stdout: '' });
    expect(outcome.stderr.split('\n')).toHaveLength(1);
    expect(outcome.stderr).toContain(said);
  });

  test('an identity somebody holds cannot be tailed', async () => {
    const identity = `ag::${unique('w')}::i::s`;
    await using _ = await tailing(identity);
    const { code, stderr } = await run(['tail', identity]);
    expect(code).toBe(1);
    expect(stderr).toContain(`identity (${identity}) already connected`);
  });

  test('a gateway that is not there is named', async () => {
    const { code, stderr } = await aether(['send', 'ag::w::i::s', 'x'], { env: { AETHER_ADDRESS: '127.0.0.1:1' } });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^aether: cannot connect to 127\.0\.0\.1:1: .*ECONNREFUSED 127\.0\.0\.1:1$/);
  });
});

describe('aether who', () => {
  test('lists who is there, but not itself; by prefix; as JSON', async () => {
    const workspace = unique('w');
    const nobody = await run(['who', `ag::${workspace}`]);
    expect(nobody).toEqual({ code: 0, stdout: 'nobody is connected', stderr: '' });
    await using _one = await tailing(`ag::${workspace}::i::one`);
    await using _two = await tailing(`ag::${workspace}::i::two`);
    const { stdout } = await run(['who', `ag::${workspace}`]);
    expect(stdout.split('\n').map((line) => line.split('  ')[0])).toEqual([
      `ag::${workspace}::i::one`,
      `ag::${workspace}::i::two`,
      '2 connected',
    ]);
    const all = (await run(['who', '--json'])).stdout.split('\n').map((line) => JSON.parse(line) as object);
    expect(all).toContainEqual(
      expect.objectContaining({ kind: 'agent', identity: `ag::${workspace}::i::one`, workspace, specifier: 'one' }),
    );
    expect(JSON.stringify(all)).not.toContain('sv::aether-cli');
  });
});
