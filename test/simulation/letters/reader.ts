/** A recipient that answers: it does with each letter what its author wants done. */
import { uriOf } from '../../../src/model/extension.ts';
import { answerTo, type Errand, readErrand } from '../../chaos/load/errand.ts';
import type { Ledger } from '../ledger.ts';
import type { SimProcess } from '../sim-process.ts';
import type { SimStream } from '../sim-stream.ts';
import type { Down, Duty } from './duty.ts';

interface ReaderDeps {
  readonly identity: string;
  readonly process: SimProcess;
  readonly ledger: Ledger;
}

type Delivery = Extract<Down, { $case: 'msg' }>['value'];

export class Reader implements Duty {
  readonly extensions = [uriOf('ack')];
  /** Authors know when it has done everything. */
  readonly isDone = true;
  readonly #deps: ReaderDeps;

  constructor(deps: ReaderDeps) {
    this.#deps = deps;
  }

  begin(): void {
    // What waits comes by itself.
  }

  hear(payload: Down, stream: SimStream): boolean {
    if (payload.$case === 'msg' && payload.value.messageId !== '') this.#take(payload.value, stream);
    else return false;
    return true;
  }

  #take(delivery: Delivery, stream: SimStream): void {
    const { identity: who, ledger, process } = this.#deps;
    const { messageId: id, attempt } = delivery;
    const session = stream.sessionId ?? '';
    ledger.write({ e: 'handed', at: ledger.nowMs, who, session, id, attempt });
    stream.note(`gets ${id}, attempt ${attempt}`);
    const errand = readErrand(Buffer.from(delivery.payload).toString());
    if (errand.does === 'deadly') return stream.leave('vanish', errand.takesMs);
    process.after(errand.takesMs, () => this.#answer(delivery, errand, stream));
  }

  #answer({ messageId: id, attempt, deliveryId }: Delivery, errand: Errand, stream: SimStream): void {
    const how = answerTo(errand, attempt);
    if (how === undefined || !stream.isOpen) return;
    const { identity: who, ledger } = this.#deps;
    stream.note(`has ${how} ${id}`);
    ledger.write({ e: 'answered', at: ledger.nowMs, who, session: stream.sessionId ?? '', id, how });
    const nacked = { deliveryId, redeliverAfterMs: BigInt(errand.takesMs) };
    const value =
      how === 'acked'
        ? { acked: [deliveryId], nacked: [], requestId: '' }
        : { acked: [], nacked: [nacked], requestId: '' };
    stream.say({ $case: 'ackDeliveries', value });
  }
}
