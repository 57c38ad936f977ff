import { z } from 'zod';

const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const byteUnits = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 } as const;

const quantity = (units: Readonly<Record<string, number>>, example: string) => {
  const pattern = new RegExp(`^(\\d+(?:\\.\\d+)?)\\s*(${Object.keys(units).join('|')})$`);
  return z.union([z.string(), z.number()]).transform((value, context): number => {
    const [, amount, unit] = typeof value === 'string' ? (pattern.exec(value.trim()) ?? []) : [];
    const factor = unit === undefined ? undefined : units[unit];
    if (amount !== undefined && factor !== undefined) return Math.round(Number(amount) * factor);
    context.addIssue({
      code: 'custom',
      message: `expected an amount with a unit, such as ${example}, not ${JSON.stringify(value)}`,
    });
    return z.NEVER;
  });
};

/** `250ms`, `10s`, `5m`, `1h`, `7d`; milliseconds inside. */
export const duration = () => quantity(durationUnits, '30s or 500ms');

/** `512B`, `64KiB`, `10GiB`; bytes inside. */
export const bytes = () => quantity(byteUnits, '64KiB or 10GiB');
