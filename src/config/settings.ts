import { z } from 'zod';
import { configSchema, type SettingMeta } from './schema.ts';

/** One setting as found in the schema. */
export interface Setting extends SettingMeta {
  /** Keys from the top of the file. */
  readonly path: readonly string[];
  /** Whether its flag stands alone. */
  readonly isToggle: boolean;
}

const isMeta = (value: unknown): value is SettingMeta =>
  typeof value === 'object' && value !== null && 'about' in value;

/** Looks through defaults for what a schema is about. */
const inner = (schema: unknown): unknown =>
  schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault ? inner(schema.unwrap()) : schema;

const walk = (schema: unknown, path: readonly string[]): readonly Setting[] => {
  const bare = inner(schema);
  if (bare instanceof z.ZodObject)
    return Object.entries(bare.shape).flatMap(([key, value]) => walk(value, [...path, key]));
  const meta: unknown = schema instanceof z.ZodType ? schema.meta() : undefined;
  if (!isMeta(meta)) throw new TypeError(`setting ${path.join('.')} is not described`);
  return [{ ...meta, path, isToggle: isToggle(bare) }];
};

const isToggle = (schema: unknown): boolean =>
  schema instanceof z.ZodType && schema.safeParse(true).success && !schema.safeParse('7').success;

/** Every setting, in the order of the schema. */
export const settings: readonly Setting[] = walk(configSchema, []);
