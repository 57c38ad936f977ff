/** What a principal receives, by what it is. Clients do not subscribe; the gateway does it for them. */
import { ownTopicOf, type Principal } from '../model/principal.ts';
import {
  agentsTopic,
  progressTopic,
  type Topic,
  topic,
  userProgressTopic,
  usersTopic,
  userTopic,
  userWorkspaceTopic,
  workersTopic,
} from '../model/topic.ts';
import type { SubscriptionMode } from '../router/router.ts';

export type Wish =
  | { readonly topic: Topic; readonly mode: SubscriptionMode }
  /** A share of a competing topic. */
  | { readonly topic: Topic; readonly mode: 'work' };

const wish = (text: string, mode: Wish['mode']): Wish => ({ topic: topic(text), mode });

/** From the connection's start. `isNew` where the identity was made up for it. */
export const wishesOf = (principal: Principal, { isNew }: { readonly isNew: boolean }): readonly Wish[] => {
  const own = ownTopicOf(principal);
  const ownWish = own === undefined ? [] : [wish(own, isNew ? 'fresh' : 'durable')];
  switch (principal.kind) {
    case 'agent':
      return [
        ...ownWish,
        wish(agentsTopic(principal.workspace), 'live'),
        wish(progressTopic(principal.workspace), 'resume_or_tail'),
      ];
    case 'task':
      return principal.unique
        ? ownWish
        : [...ownWish, wish(workersTopic(principal.workspace, principal.implementation), 'work')];
    case 'user':
      return [
        ...ownWish,
        wish(userProgressTopic(principal.userId), 'resume_or_tail'),
        wish(userTopic(principal.userId), 'resume_or_tail'),
      ];
    default:
      return ownWish;
  }
};

/** What a person receives while in a workspace. */
export const workspaceWishesOf = (user: string, workspace: string): readonly Wish[] => [
  wish(usersTopic(workspace), 'resume_or_tail'),
  wish(userWorkspaceTopic(user, workspace), 'resume_or_tail'),
  wish(progressTopic(workspace), 'resume_or_tail'),
];
