import { expect, test } from 'vitest';
import { IdentityRates } from './identity-rates.ts';

const rate = { perSecond: 10, burst: 20 };

test('who comes back finds what it left, filled up since, and not a new burst', () => {
  const identities = new IdentityRates();
  identities.open('a', rate, 0).take(20);
  identities.close('a', 0);
  expect(identities.open('a', rate, 500).available(500)).toBe(5);
  expect(identities.remembered).toBe(0);
});

test('two sessions of an identity share what it has', () => {
  const identities = new IdentityRates();
  const one = identities.open('a', rate, 0);
  const two = identities.open('a', rate, 0);
  one.take(15);
  expect(two.available(0)).toBe(5);
  identities.close('a', 0);
  expect(two.available(0)).toBe(5);
});

test('who would have all of it again is forgotten, at the latest when others leave', () => {
  const identities = new IdentityRates();
  identities.open('full', rate, 0);
  identities.close('full', 0);
  expect(identities.remembered).toBe(0);
  for (const name of ['a', 'b', 'c']) {
    identities.open(name, rate, 0).take(20);
    identities.close(name, 0);
  }
  expect(identities.remembered).toBe(3);
  identities.open('d', rate, 3000).take(1);
  identities.close('d', 3000);
  expect(identities.remembered).toBe(1);
});

test('of those away no more are remembered than there may be: the first to leave goes first', () => {
  const identities = new IdentityRates(2);
  for (const name of ['a', 'b', 'c']) {
    identities.open(name, rate, 0).take(20);
    identities.close(name, 0);
  }
  expect(identities.remembered).toBe(2);
  expect(identities.open('c', rate, 0).available(0)).toBe(0);
  expect(identities.open('a', rate, 0).available(0)).toBe(20);
});
