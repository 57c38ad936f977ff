import { failure, messageOf } from './error.ts';
import type { Feed, HandleOptions, Handler } from './feed.ts';
import type { Link } from './link.ts';

/**
 * Calls a handler for what a feed brings, one call after the other unless said otherwise. A call that fails becomes an
 * error of the client; one that fails for such an error is printed, or it would go round for ever.
 */
export const handle = <T extends object>(
  link: Link,
  feed: Feed<T>,
  handler: Handler<T>,
  options: HandleOptions = {},
): (() => void) => {
  if (typeof handler !== 'function') throw failure('INVALID_ARGUMENT', 'the handler is not a function');
  const { concurrency = 1 } = options;
  if (!Number.isInteger(concurrency) || concurrency < 1)
    throw failure('INVALID_ARGUMENT', `concurrency is ${concurrency}, it must be a whole number from 1`);
  const onFailure = (cause: unknown): void => {
    const error = failure('HANDLER_FAILED', `a handler failed: ${messageOf(cause)}`, { cause });
    if (Object.is(feed, link.reception.errors)) link.reception.warn(error);
    else link.reception.tell(error);
  };
  return feed.handle(handler, onFailure, { concurrency });
};
