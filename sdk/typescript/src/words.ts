/** From the wire's numbers back to our words. */
export const inverse = <Word extends string, Value extends number>(
  values: Readonly<Record<Word, Value>>,
): ReadonlyMap<Value, Word> => {
  const words = new Map<Value, Word>();
  for (const word in values) words.set(values[word], word);
  return words;
};
