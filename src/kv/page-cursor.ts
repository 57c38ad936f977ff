/** Where a page of a listing ends, as text that means nothing to clients: the last key, behind a version. */
import { FabricError } from '../model/error.ts';
import { keyFault } from './faults.ts';

const version = 'k1.';

export const pageCursorOf = (lastKey: string): string => version + Buffer.from(lastKey).toString('base64url');

/** The key after which the page starts; empty for the first. Only cursors of a listing with the same prefix are good. */
export const readPageCursor = (cursor: string, prefix: string): string | FabricError => {
  if (cursor === '') return '';
  const text = cursor.startsWith(version) ? Buffer.from(cursor.slice(version.length), 'base64url').toString() : '';
  const isGood = pageCursorOf(text) === cursor && keyFault(text) === undefined && text.startsWith(prefix);
  return isGood ? text : new FabricError('ERR_INVALID_ARGUMENT', 'cursor is not one of a listing with this prefix');
};
