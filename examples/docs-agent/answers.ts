/**
 * Answers from documents. There is no language model here: an answer is made of the passages that share most with the
 * question, word by word, rare words counting more. Where they share too little, the documents do not say.
 */
import MiniSearch from 'minisearch';
import type { Answer, Source } from './conversation.ts';
import type { Section } from './sections.ts';

/** How much of the question a passage must hold to be an answer. */
const scoreMin = 0.5;
/** How close to the best passage another must come to be told as well. */
const rankMin = 0.6;
const passagesMax = 3;
const textLengthMax = 900;

interface Passage {
  readonly section: Section;
  readonly text: string;
}

interface Found extends Passage {
  readonly score: number;
  /** Decides between passages: it also counts how often and how densely they use the words. */
  readonly rank: number;
}

export class Answers {
  readonly #passages: readonly Passage[];
  readonly #index: MiniSearch;

  constructor(sections: readonly Section[]) {
    this.#passages = sections.flatMap((section) => section.passages.map((text) => ({ section, text })));
    this.#index = new MiniSearch({
      fields: ['heading', 'text'],
      tokenize: wordsOf,
      processTerm: toTerm,
      searchOptions: { boost: { heading: 1.5 }, prefix: (term) => term.length > 3, weights: { prefix: 0.4, fuzzy: 0 } },
    });
    this.#index.addAll(this.#passages.map(({ section, text }, id) => ({ id, heading: section.heading, text })));
  }

  /** How many passages there are. */
  get size(): number {
    return this.#passages.length;
  }

  answer(question: string): Answer {
    const found = this.#search(question);
    const [best] = found;
    if (best === undefined || best.score < scoreMin)
      return { question, text: 'I do not know: these documents do not seem to say.', sources: [] };
    const told = found.filter(({ rank }) => rank >= best.rank * rankMin).slice(0, passagesMax);
    return { question, text: shorten(told.map(({ text }) => text).join('\n\n')), sources: sourcesOf(told) };
  }

  /** The best first. */
  #search(question: string): Found[] {
    const weights = this.#weightsOf(question);
    const whole = sum([...weights.values()]);
    return this.#index
      .search(question)
      .flatMap((result) => {
        const passage = this.#passages[Number(result.id)];
        if (passage === undefined || isQuoted(question, passage)) return [];
        const score = sum(result.queryTerms.map((term) => weights.get(term) ?? 0)) / whole;
        return [{ ...passage, score, rank: result.score * score }];
      })
      .toSorted((one, other) => other.rank - one.rank);
  }

  /** A word weighs more the fewer passages have it, and most if none has it. */
  #weightsOf(question: string): Map<string, number> {
    const terms = wordsOf(question).flatMap((word) => toTerm(word) ?? []);
    return new Map(
      terms.map((term) => {
        const passagesWithIt = this.#index.search(term).length;
        return [term, Math.log(1 + this.#passages.length / (1 + passagesWithIt))];
      }),
    );
  }
}

/** Documents that tell what can be asked do not answer it. */
const isQuoted = (question: string, { text }: Passage): boolean => question.endsWith('?') && text.includes(question);

const sourcesOf = (found: readonly Found[]): Source[] => {
  const sources = new Map<Section, Source>();
  for (const { section, score } of found)
    if (!sources.has(section)) sources.set(section, { file: section.file, heading: section.heading, score });
  return [...sources.values()];
};

/** Cut where a sentence or a line ends, if one does. */
const shorten = (text: string): string => {
  if (text.length <= textLengthMax) return text;
  const start = text.slice(0, textLengthMax);
  const end = Math.max(start.lastIndexOf('. ') + 1, start.lastIndexOf('\n'));
  return `${start.slice(0, end > 0 ? end : textLengthMax)} …`;
};

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

const wordsOf = (text: string): string[] => text.match(/[\p{L}\p{N}]+/gu) ?? [];

/** Words of questions that say nothing about the subject. */
const emptyWords = new Set(
  wordsOf(
    'a about after all an and any are as at be been but by can could did do does else for from get had has have how i if ' +
      'in into is it its may me mean much must my no not of on one or our out please shall should so tell than that the ' +
      'their them then there these they this those to up us was we were what when where which who whom whose why will ' +
      'with would you your',
  ),
);

/** Endings are cut, so that `messages` finds `message` and `listens` finds `listening`. */
const toTerm = (word: string): string | undefined => {
  const lower = word.toLowerCase();
  if (emptyWords.has(lower)) return undefined;
  return lower.length < 5 ? lower : lower.replace(/ies$/, 'y').replace(/(ing|ed|s)$/, '');
};
