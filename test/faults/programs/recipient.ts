/** A client in a process of its own: prints its session and then each message it gets, one JSON value a line. */
import { connectAgent } from '../../../sdk/typescript/src/index.ts';

const [address = '', workspace = '', specifier = ''] = process.argv.slice(2);
const agent = await connectAgent({ address, workspace, implementation: 'raw', specifier });
process.stdout.write(`${JSON.stringify({ session: agent.session.id })}\n`);
agent.onMessage((message) => void process.stdout.write(`${JSON.stringify({ body: message.text() })}\n`));
