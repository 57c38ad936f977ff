/** Opens a database, writes a setting and keeps it. Argument: its address. */
import { settleSetting } from '../../../../src/adapters/sql/sql-settings.ts';
import { openAt } from '../open-at.ts';
import { print } from './print.ts';

await using database = await openAt(process.argv[2] ?? '');
await settleSetting(database, 'held', 'by the other');
await print('open');
await new Promise((resolve) => setInterval(resolve, 60_000));
