import type { Channel } from 'amqplib';
import { AmqpLink, type LinkDeps, type LinkSettings } from './amqp-link.ts';

/** Channels a connection takes before another is opened. Brokers allow 2047 by default, and each costs memory there. */
const channelsPerLinkMax = 1000;

/** As many connections as it takes to give everybody a channel. */
export class LinkGroup {
  readonly #settings: LinkSettings;
  readonly #deps: LinkDeps;
  readonly #links: { readonly link: AmqpLink; channels: number }[] = [];
  readonly first: AmqpLink;

  constructor(settings: LinkSettings, deps: LinkDeps) {
    this.#settings = settings;
    this.#deps = deps;
    this.first = this.#add().link;
  }

  async channel(): Promise<Channel> {
    const place = this.#links.find(({ channels }) => channels < channelsPerLinkMax) ?? this.#add();
    place.channels += 1;
    try {
      const channel = await place.link.channel();
      channel.on('close', () => (place.channels -= 1));
      return channel;
    } catch (thrown) {
      place.channels -= 1;
      throw thrown;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#links.map(({ link }) => link.close()));
  }

  #add(): { readonly link: AmqpLink; channels: number } {
    const clientName = `${this.#settings.clientName} consume ${this.#links.length}`;
    const place = { link: new AmqpLink({ ...this.#settings, clientName }, this.#deps), channels: 0 };
    this.#links.push(place);
    return place;
  }
}
