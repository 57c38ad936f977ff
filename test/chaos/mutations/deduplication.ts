import type { Mutation } from './mutation.ts';

/**
 * Publishers without a name: the broker cannot know what it is sent again after a broken connection. The name is the
 * first thing the composition asks entropy for.
 */
export const deduplication: Mutation = {
  given: (given) => {
    let isAsked = false;
    const uuid = (): string => {
      if (isAsked) return given.entropy.uuid();
      isAsked = true;
      return '';
    };
    const { entropy } = given;
    return { ...given, entropy: { uuid, random: () => entropy.random(), bytes: (count) => entropy.bytes(count) } };
  },
};
