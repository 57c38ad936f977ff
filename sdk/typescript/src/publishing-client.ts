import { failure } from './error.ts';
import type { Link } from './link.ts';
import type { SendOptions } from './message.ts';
import { MessagingClient } from './messaging-client.ts';
import { encodeMetric, type Metric } from './metric.ts';
import { send, toJson, type WaitOptions } from './sending.ts';
import { eventTopic, metricTopic } from './topic.ts';

export interface PublishOptions extends WaitOptions {
  /** The workspace it happened in, where it is not the sender's. */
  readonly workspace?: string | undefined;
}

/** A principal that also tells what has happened and what it measured. */
export class PublishingClient extends MessagingClient {
  readonly #link: Link;

  constructor(link: Link) {
    super(link);
    this.#link = link;
  }

  /** Tells the workflow engine that something has happened, by one name or several, with data JSON can say. */
  async sendEvent(name: string | readonly string[], data: unknown = {}, options: PublishOptions = {}): Promise<void> {
    const names = typeof name === 'string' ? [name] : name;
    if (names.length === 0 || names.includes('')) throw failure('INVALID_ARGUMENT', 'an event needs a name');
    const workspace = options.workspace ?? this.#link.workspace ?? '';
    const event = { source_agent: this.topic, workspace, event_names: names, data };
    await this.#publish(eventTopic(options.workspace), toJson(event), { ...options, type: 'event' });
  }

  /** Hands measurements to the metrics bridge. */
  async sendMetric(metric: Metric, options: PublishOptions = {}): Promise<void> {
    await this.#publish(metricTopic(options.workspace), encodeMetric(metric), { ...options, type: 'metric' });
  }

  async #publish(topic: string, payload: string | Uint8Array, { type, signal, timeoutMs }: SendOptions): Promise<void> {
    await send(this.#link, topic, payload, { type, signal, timeoutMs });
  }
}
