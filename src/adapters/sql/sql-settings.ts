import type { SqlDatabase } from './sql-database.ts';

/** Writes `value` down unless the setting has one already; answers with the one that stands. The first of all wins. */
export const settleSetting = async ({ queries }: SqlDatabase, name: string, value: string): Promise<string> => {
  await queries
    .insertInto('aether_fabric_setting')
    .values({ name, value })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const stored = await queries
    .selectFrom('aether_fabric_setting')
    .select('value')
    .where('name', '=', name)
    .executeTakeFirstOrThrow();
  return stored.value;
};
