import { Client } from './client.ts';
import { failure } from './error.ts';
import type { HandleOptions, Handler, IterateOptions } from './feed.ts';
import { handle } from './handling.ts';
import type { Link } from './link.ts';
import type { Message, MessageType, Payload, SendOptions } from './message.ts';
import { send, toJson } from './sending.ts';
import type { Sent } from './sent.ts';
import { agentTopic, taskTopic, taskWorkersTopic } from './topic.ts';

/** An agent, in the sender's workspace unless another is named. */
export interface AgentAddress {
  readonly workspace?: string | undefined;
  readonly implementation: string;
  readonly specifier: string;
}

/** A task; without a specifier, whichever worker of the implementation is free. */
export interface TaskAddress {
  readonly workspace?: string | undefined;
  readonly implementation: string;
  readonly specifier?: string | undefined;
}

/** A principal that sends messages and receives them. */
export class MessagingClient extends Client {
  readonly #link: Link;

  constructor(link: Link) {
    super(link);
    this.#link = link;
  }

  /** Where this principal is reached. */
  get topic(): string {
    return this.#link.topic ?? '';
  }

  /**
   * Sends a message. Resolves when it has been handed to the connection, waiting while there is none or it is behind:
   * awaiting it is all it takes to never send faster than the gateway accepts. Rejected, the message was not sent.
   * Resolved, it may still be lost if the connection breaks; `close()` says for certain. Refusals by the gateway come
   * through `errors()`.
   */
  send(topic: string, payload: Payload, options: SendOptions = {}): Promise<Sent> {
    return send(this.#link, topic, payload, options);
  }

  /** Sends anything JSON can say; `message.json()` reads it. */
  async sendJson(topic: string, value: unknown, options: SendOptions = {}): Promise<Sent> {
    return this.send(topic, toJson(value), options);
  }

  async sendToAgent(to: AgentAddress, payload: Payload, options: SendOptions = {}): Promise<Sent> {
    return this.send(agentTopic(this.#workspaceOf(to), to.implementation, to.specifier), payload, options);
  }

  async sendToTask(to: TaskAddress, payload: Payload, options: SendOptions = {}): Promise<Sent> {
    const workspace = this.#workspaceOf(to);
    const { implementation, specifier } = to;
    const topic =
      specifier === undefined
        ? taskWorkersTopic(workspace, implementation)
        : taskTopic(workspace, implementation, specifier);
    return this.send(topic, payload, options);
  }

  /** Answers a message: to its sender, with its type unless another is named. */
  async reply(message: Message, payload: Payload, options: SendOptions = {}): Promise<Sent> {
    if (message.source === '') throw failure('INVALID_TOPIC', 'an orchestrator sent this message: it has no topic');
    return this.send(message.source, payload, { type: replyType(message.type), ...options });
  }

  /**
   * Messages as they come, with those that waited. Taking them is what lets more come: while nobody does, they wait, in
   * bounds, here and at the gateway. Each iterator sees every message from its first `next()` on.
   */
  messages(options?: IterateOptions): AsyncIterableIterator<Message> {
    return this.#link.reception.messages.iterate(options);
  }

  /** Calls the handler with each message, one after the other: the next when its promise settles. Returns how to stop. */
  onMessage(handler: Handler<Message>, options?: HandleOptions): () => void {
    return handle(this.#link, this.#link.reception.messages, handler, options);
  }

  #workspaceOf({ workspace = this.#link.workspace }: { readonly workspace?: string | undefined }): string {
    if (workspace !== undefined) return workspace;
    throw failure('INVALID_ARGUMENT', 'name the workspace: this client is in none');
  }
}

const replyType = (type: MessageType): MessageType => (type === 'event' || type === 'metric' ? 'opaque' : type);
