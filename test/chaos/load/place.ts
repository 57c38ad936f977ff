/** What a program of the load is told. */
export interface GatewayAddress {
  readonly name: string;
  readonly address: string;
}

export interface Place {
  readonly workspace: string;
  readonly gateways: readonly GatewayAddress[];
}

export const implementation = 'chaos';

export const topicOf = ({ workspace }: Pick<Place, 'workspace'>, who: string): string =>
  `ag::${workspace}::${implementation}::${who}`;

/** The name of whoever has this topic. */
export const nameOf = (topic: string): string => topic.slice(topic.lastIndexOf('::') + 2);
