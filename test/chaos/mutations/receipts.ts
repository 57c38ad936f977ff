import type { Composition } from '../../../src/compose/composition.ts';
import { type ReceiptStep, stepOf } from '../../../src/model/receipt.ts';
import { altered, type Mutation } from './mutation.ts';

const steps = (change: (step: ReceiptStep) => readonly ReceiptStep[]): Mutation => ({
  composition: (composition: Composition) => {
    const { receiptStore } = composition.ports;
    const advance: typeof receiptStore.advance = (given) => receiptStore.advance(given.flatMap(change));
    return { ...composition, ports: { ...composition.ports, receiptStore: altered(receiptStore, { advance }) } };
  },
});

/** What recipients acknowledge is done, and its sender is not told. */
export const forgottenReceipts: Mutation = steps((step) => (step.state === 'acked' ? [] : [step]));

/** A receipt is written before its effect: acknowledged when the recipient's transport has it. */
export const earlyReceipts: Mutation = steps((step) =>
  step.state === 'delivered' ? [stepOf(step.owner, { ...step, state: 'acked' })] : [step],
);

/** A dead letter is told of before it is there, and then it is not. */
export const lostLetters: Mutation = {
  composition: (composition) => {
    const { deadLetterStore } = composition.ports;
    const add = (): Promise<void> => Promise.resolve();
    const ports = { ...composition.ports, deadLetterStore: altered(deadLetterStore, { add }) };
    return { ...composition, ports };
  },
};
