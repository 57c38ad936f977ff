/** One page of metrics from those of several processes, in Prometheus' text format. */

export interface MetricsPage {
  /** What each of its samples is marked with. */
  readonly worker: number;
  readonly text: string;
}

interface Family {
  readonly head: readonly string[];
  readonly samples: string[];
}

/**
 * Each sample gets a label `worker`, and none are added up: a counter that fell because one worker began anew would look
 * like a restart of all. What is said of a metric is said once, and its samples stay together, as the format wants it.
 */
export const mergeMetrics = (pages: readonly MetricsPage[]): string => {
  const families = new Map<string, Family>();
  for (const { worker, text } of pages)
    for (const { head, samples } of familiesOf(text)) {
      const name = head[0] ?? '';
      const family = families.get(name) ?? { head, samples: [] };
      families.set(name, family);
      family.samples.push(...samples.map((sample) => marked(sample, worker)));
    }
  return [...families.values()].flatMap(({ head, samples }) => [...head, ...samples, '']).join('\n');
};

/** A family begins with its help. */
const familiesOf = (text: string): readonly { readonly head: readonly string[]; readonly samples: string[] }[] => {
  const found: { head: string[]; samples: string[] }[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    if (line.startsWith('# HELP ')) found.push({ head: [line], samples: [] });
    else if (line.startsWith('#')) found.at(-1)?.head.push(line);
    else found.at(-1)?.samples.push(line);
  }
  return found;
};

const marked = (sample: string, worker: number): string => {
  const label = `worker="${worker}"`;
  const brace = sample.indexOf('{');
  if (brace < 0) return sample.replace(' ', `{${label}} `);
  return `${sample.slice(0, brace + 1)}${label},${sample.slice(brace + 1)}`;
};
